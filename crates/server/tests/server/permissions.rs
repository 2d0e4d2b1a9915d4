//! Every RPC that there is, called by who may not.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::header::AUTHORIZATION;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use slacktide_api::v1 as pb;
use tonic::{Code, Status, body::Body};
use tower::ServiceExt as _;

use crate::kit::{Kit, PASSWORD};

/// Who is signed in may make these.
const FOR_ALL: [&str; 2] = ["GetInfo", "ChangePassword"];

/// Paths and names of the methods of `slacktide.v1`.
fn methods() -> Vec<(String, String)> {
    let files = FileDescriptorSet::decode(slacktide_api::FILE_DESCRIPTOR_SET).unwrap();
    let ours = files
        .file
        .iter()
        .filter(|file| file.package() == "slacktide.v1");
    let services = ours.flat_map(|file| &file.service);
    services
        .flat_map(|service| {
            service.method.iter().map(|method| {
                let name = method.name().to_owned();
                (format!("/slacktide.v1.{}/{name}", service.name()), name)
            })
        })
        .collect()
}

/// Calls a method with a message, as bytes.
async fn call(kit: &Kit, user: &str, path: &str, message: &[u8]) -> Code {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = [&[0], &length[..], message].concat();
    let pair = STANDARD.encode(format!("{user}:{PASSWORD}"));
    let request = http::Request::post(path)
        .header("content-type", "application/grpc")
        .header(AUTHORIZATION, format!("Basic {pair}"))
        .body(Body::new(http_body_util::Full::from(body)))
        .unwrap();
    let answer = kit.server.service().oneshot(request).await.unwrap();
    let status = Status::from_header_map(answer.headers());
    status.map_or(Code::Ok, |status| status.code())
}

#[tokio::test]
async fn who_has_no_role_may_do_nothing() {
    let kit = Kit::new().await;
    let mut denied = 0;
    for (path, name) in methods() {
        let code = call(&kit, "nora", &path, &[]).await;
        if FOR_ALL.contains(&&*name) {
            assert_ne!(code, Code::PermissionDenied, "{path}");
        } else {
            assert_eq!(code, Code::PermissionDenied, "{path}");
            denied += 1;
        }
    }
    assert_eq!(denied + FOR_ALL.len(), methods().len());
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    let seen = async || {
        let cluster = kit
            .store
            .cluster(slacktide_engine::id::ClusterId(cluster.id));
        let task = kit.store.task(slacktide_engine::id::TaskId(task.id), true);
        let users = kit.store.users().await.unwrap();
        let roles = kit.store.roles().await.unwrap();
        (cluster.await.unwrap(), task.await.unwrap(), users, roles)
    };
    let before = seen().await;
    let reads = ["Get", "List", "Watch", "Download"];
    let mut denied = 0;
    for (path, name) in methods() {
        let is_read = reads.iter().any(|verb| name.starts_with(verb));
        if is_read || FOR_ALL.contains(&&*name) {
            continue;
        }
        // Of nothing, and of what is there: the first field is the id of the cluster or the task.
        let id = u8::try_from(if path.contains("Task") {
            task.id
        } else {
            cluster.id
        })
        .unwrap();
        let with_id = path.contains("IamService") || name == "RegisterCluster";
        let messages = if with_id {
            vec![vec![]]
        } else {
            vec![vec![], vec![8, id]]
        };
        for message in messages {
            let code = call(&kit, "vera", &path, &message).await;
            assert_eq!(code, Code::PermissionDenied, "{path} {message:?}");
            denied += 1;
        }
    }
    assert!(denied > 40, "{denied} calls");
    assert_eq!(seen().await, before);
}

#[tokio::test]
async fn a_task_viewer_reads_tasks_and_no_clusters() {
    let kit = Kit::new().await;
    let roles = ["TASK_VIEWER".to_owned()];
    let hash = kit.store.user("vera").await.unwrap().unwrap().password_hash;
    kit.store.add_user("tess", &hash, &roles).await.unwrap();
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;

    let request = pb::GetTaskRequest {
        id: task.id,
        view: 0,
    };
    kit.tasks("tess").get_task(request).await.unwrap();
    let listed = kit
        .tasks("tess")
        .list_tasks(pb::ListTasksRequest::default())
        .await;
    assert_eq!(listed.unwrap().into_inner().total_size, 1);
    let cancel = pb::CancelTaskRequest {
        id: task.id,
        ..Default::default()
    };
    let refused = kit.tasks("tess").cancel_task(cancel).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let listed = kit
        .clusters("tess")
        .list_clusters(pb::ListClustersRequest::default())
        .await;
    assert_eq!(listed.unwrap_err().code(), Code::PermissionDenied);
}
