//! Registering, updating and forgetting clusters.

use slacktide_api::v1 as pb;
use tonic::{Code, Status};

use crate::kit::{Kit, fields, process, refused, simulated, spec};

async fn register(kit: &Kit, cluster: pb::ClusterSpec) -> Result<pb::Cluster, Status> {
    register_as(kit, cluster, "").await
}

async fn register_as(
    kit: &Kit,
    cluster: pb::ClusterSpec,
    request_id: &str,
) -> Result<pb::Cluster, Status> {
    let request = pb::RegisterClusterRequest {
        cluster: Some(cluster),
        request_id: request_id.to_owned(),
    };
    let answer = kit.clusters("mona").register_cluster(request).await?;
    Ok(answer.into_inner().cluster.unwrap())
}

async fn update(kit: &Kit, id: i64, cluster: pb::ClusterSpec) -> Result<pb::Cluster, Status> {
    let request = pb::UpdateClusterRequest {
        id,
        cluster: Some(cluster),
        request_id: String::new(),
    };
    let answer = kit.clusters("mona").update_cluster(request).await?;
    Ok(answer.into_inner().cluster.unwrap())
}

async fn unregister(kit: &Kit, id: i64, request_id: &str) -> Result<(), Status> {
    let request = pb::UnregisterClusterRequest {
        id,
        request_id: request_id.to_owned(),
    };
    let answer = kit.clusters("mona").unregister_cluster(request).await;
    answer.map(drop)
}

async fn get(kit: &Kit, id: i64) -> Result<pb::Cluster, Status> {
    let answer = kit
        .clusters("vera")
        .get_cluster(pb::GetClusterRequest { id })
        .await?;
    Ok(answer.into_inner().cluster.unwrap())
}

fn with_account(mut cluster: pb::ClusterSpec) -> pb::ClusterSpec {
    cluster.sql = Some(pb::SqlAccount {
        user: "root@sys".to_owned(),
        password: "deep".to_owned(),
    });
    cluster
}

#[tokio::test]
async fn a_registered_cluster_is_running_and_its_password_stays_inside() {
    let kit = Kit::new().await;
    let cluster = register(&kit, with_account(spec("ob_demo", 2, 2)))
        .await
        .unwrap();
    assert_eq!(cluster.status(), pb::ClusterStatus::Running);
    assert_eq!(
        (&*cluster.sql_user, &*cluster.creator),
        ("root@sys", "mona")
    );
    assert_eq!((cluster.active_task_id, cluster.generation), (None, 0));
    assert!(!format!("{cluster:?}").contains("deep"));
    let server = &cluster.zones[1].servers[1];
    assert_eq!(server.status(), pb::ServerStatus::Running);
    assert_eq!(server.driver, simulated());
    assert_eq!(get(&kit, cluster.id).await.unwrap(), cluster);
}

#[tokio::test]
async fn a_fault_names_its_field() {
    let kit = Kit::new().await;
    let mut cluster = spec("ob_demo", 2, 1);
    cluster.zones[1].servers[0].sql_port = 0;
    let answer = register(&kit, cluster).await;
    let message = answer.as_ref().unwrap_err().message().to_owned();
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    assert_eq!(fields(&details), ["cluster.zones[1].servers[0].sql_port"]);
    assert_eq!(
        message,
        "cluster.zones[1].servers[0].sql_port must be 1 to 65535, not 0"
    );
    let answer = kit
        .clusters("mona")
        .register_cluster(pb::RegisterClusterRequest::default())
        .await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    assert_eq!(fields(&details), ["cluster"]);
}

#[tokio::test]
async fn base_directories_on_this_host_are_looked_at() {
    let kit = Kit::new().await;
    let mut cluster = spec("ob_demo", 1, 3);
    let servers = &mut cluster.zones[0].servers;
    servers[0].driver = process("/data/ob1");
    servers[1].driver = process("/missing/ob2");
    let answer = register(&kit, cluster.clone()).await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    let base_dir = "cluster.zones[0].servers[1].driver.process.base_dir";
    assert_eq!(fields(&details), [base_dir]);
    let violation = &details.bad_request().unwrap().field_violations[0];
    assert_eq!(violation.description, "/missing/ob2 is not a directory");

    // Only the host's own executor can look.
    let elsewhere = pb::driver::Kind::Process(pb::ProcessDriver {
        base_dir: "/missing/ob2".to_owned(),
        executor_host: "host2".to_owned(),
    });
    cluster.zones[0].servers[1].driver = Some(pb::Driver {
        kind: Some(elsewhere.clone()),
    });
    let registered = register(&kit, cluster).await.unwrap();
    let drivers: Vec<_> = registered.zones[0]
        .servers
        .iter()
        .map(|s| s.driver.clone())
        .collect();
    let own = pb::driver::Kind::Process(pb::ProcessDriver {
        base_dir: "/data/ob1".to_owned(),
        executor_host: "host1".to_owned(),
    });
    assert_eq!(drivers[0], Some(pb::Driver { kind: Some(own) }));
    assert_eq!(
        drivers[1],
        Some(pb::Driver {
            kind: Some(elsewhere)
        })
    );
}

#[tokio::test]
async fn a_bug_is_told_by_its_trace_alone() {
    let kit = Kit::new().await;
    let mut cluster = spec("ob_demo", 1, 1);
    cluster.zones[0].servers[0].driver = process("/panic");
    let answer = register(&kit, cluster).await;
    let message = answer.as_ref().unwrap_err().message().to_owned();
    let details = refused(answer, Code::Internal, "INTERNAL", 0);
    let trace_id = &details.error_info().unwrap().metadata["trace_id"];
    assert_eq!(message, format!("internal error, trace {trace_id}"));
}

#[tokio::test]
async fn registering_the_same_topology_again_mends_it() {
    let kit = Kit::new().await;
    let first = register(&kit, spec("ob_demo", 1, 2)).await.unwrap();
    let task = kit.stop(first.id).await;

    let mut mended = with_account(spec("ob_demo", 1, 2));
    mended.zones[0].servers[1].driver = process("/data/ob2");
    let again = register(&kit, mended).await.unwrap();
    assert_eq!((again.id, &*again.sql_user), (first.id, "root@sys"));
    let own = pb::driver::Kind::Process(pb::ProcessDriver {
        base_dir: "/data/ob2".to_owned(),
        executor_host: "host1".to_owned(),
    });
    assert_eq!(
        again.zones[0].servers[1].driver,
        Some(pb::Driver { kind: Some(own) })
    );
    assert_eq!(again.active_task_id, Some(task.id), "while a task holds it");

    let bare = update(&kit, first.id, spec("ob_demo", 1, 2)).await.unwrap();
    assert_eq!(bare.sql_user, "", "the whole cluster as it should be");
    assert_eq!(bare.zones[0].servers[1].driver, simulated());
}

#[tokio::test]
async fn another_topology_is_another_cluster() {
    let kit = Kit::new().await;
    let first = register(&kit, spec("ob_demo", 2, 2)).await.unwrap();
    type Case = (fn(&mut pb::ClusterSpec), &'static str);
    let cases: [Case; 7] = [
        (|c| c.ob_cluster_id = 23, "cluster.ob_cluster_id"),
        (|c| c.zones.truncate(1), "cluster.zones"),
        (|c| c.zones.swap(0, 1), "cluster.zones[0].name"),
        (
            |c| c.zones[1].servers.truncate(1),
            "cluster.zones[1].servers",
        ),
        (
            |c| c.zones[1].servers.swap(0, 1),
            "cluster.zones[1].servers[0].ip",
        ),
        (
            |c| c.zones[0].servers[1].sql_port = 1,
            "cluster.zones[0].servers[1].sql_port",
        ),
        (
            |c| c.zones[0].servers[1].rpc_port = 1,
            "cluster.zones[0].servers[1].rpc_port",
        ),
    ];
    for (change, field) in cases {
        let mut other = spec("ob_demo", 2, 2);
        change(&mut other);
        let answer = register(&kit, other.clone()).await;
        let message = answer.as_ref().unwrap_err().message().to_owned();
        let details = refused(answer, Code::AlreadyExists, "CLUSTER_EXISTS", 1005);
        assert_eq!(fields(&details), ["cluster.name"]);
        assert!(message.contains(&format!("{field} must be ")), "{message}");

        let answer = update(&kit, first.id, other).await;
        let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
        assert_eq!(fields(&details), [field]);
    }
    let answer = update(&kit, first.id, spec("ob_new", 2, 2)).await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    assert_eq!(fields(&details), ["cluster.name"]);
    let answer = update(&kit, 7, spec("ob_demo", 2, 2)).await;
    refused(answer, Code::NotFound, "CLUSTER_NOT_FOUND", 11001);
    assert_eq!(get(&kit, first.id).await.unwrap(), first);
}

#[tokio::test]
async fn a_server_of_another_cluster_is_named() {
    let kit = Kit::new().await;
    let mut first = spec("ob_demo", 1, 1);
    first.zones[0].servers[0].driver = process("/data/ob1");
    let first = register(&kit, first).await.unwrap();
    let holder = format!("a server of cluster ob_demo (id {})", first.id);
    let taken = async |cluster: pb::ClusterSpec, field: &str| {
        let answer = register(&kit, cluster).await;
        let message = answer.as_ref().unwrap_err().message().to_owned();
        let details = refused(answer, Code::AlreadyExists, "SERVER_EXISTS", 1005);
        assert_eq!(
            fields(&details),
            [format!("cluster.zones[0].servers[1].{field}")]
        );
        assert!(message.contains(&holder), "{message}");
    };
    let mut other = spec("ob_other", 1, 2);
    let ip = first.zones[0].servers[0].ip.clone();
    let mut same_ports = other.clone();
    same_ports.zones[0].servers[1].ip.clone_from(&ip);
    taken(same_ports.clone(), "sql_port").await;
    // The same address in another spelling.
    let mut mapped = same_ports.clone();
    mapped.zones[0].servers[1].ip = format!("::ffff:{ip}");
    taken(mapped, "sql_port").await;
    same_ports.zones[0].servers[1].sql_port = 3881;
    taken(same_ports, "rpc_port").await;
    let mut same_dir = other.clone();
    same_dir.zones[0].servers[1].driver = process("/data/ob1/");
    taken(same_dir, "driver.process.base_dir").await;

    // Also by way of an update.
    let registered = register(&kit, other.clone()).await.unwrap();
    other.zones[0].servers[1].driver = process("/data/ob1");
    let answer = update(&kit, registered.id, other).await;
    refused(answer, Code::AlreadyExists, "SERVER_EXISTS", 1005);
}

#[tokio::test]
async fn base_directories_that_were_mixed_up_can_be_swapped() {
    let kit = Kit::new().await;
    let mut cluster = spec("ob_demo", 1, 2);
    cluster.zones[0].servers[0].driver = process("/data/ob2");
    cluster.zones[0].servers[1].driver = process("/data/ob1");
    let registered = register(&kit, cluster.clone()).await.unwrap();
    cluster.zones[0].servers[0].driver = process("/data/ob1");
    cluster.zones[0].servers[1].driver = process("/data/ob2");
    let mended = update(&kit, registered.id, cluster).await.unwrap();
    assert_ne!(mended.zones, registered.zones);
}

#[tokio::test]
async fn a_request_id_makes_a_registration_repeatable() {
    let kit = Kit::new().await;
    let first = register_as(&kit, spec("ob_demo", 1, 1), "once")
        .await
        .unwrap();
    let again = register_as(&kit, spec("ob_demo", 1, 1), "once")
        .await
        .unwrap();
    assert_eq!(again, first);
    let answer = register_as(&kit, spec("ob_other", 1, 1), "once").await;
    refused(answer, Code::AlreadyExists, "REQUEST_ID_REUSED", 1005);
}

#[tokio::test]
async fn a_forgotten_cluster_leaves_its_tasks_and_frees_its_addresses() {
    let kit = Kit::new().await;
    let cluster = register(&kit, spec("ob_demo", 1, 1)).await.unwrap();
    let task = kit.stop(cluster.id).await;
    kit.run(task.id, None).await;

    unregister(&kit, cluster.id, "once").await.unwrap();
    refused(
        get(&kit, cluster.id).await,
        Code::NotFound,
        "CLUSTER_NOT_FOUND",
        11001,
    );
    let read = kit
        .tasks("vera")
        .get_task(pb::GetTaskRequest {
            id: task.id,
            view: 0,
        })
        .await;
    assert_eq!(
        read.unwrap().into_inner().task.unwrap().status(),
        pb::TaskStatus::Successful
    );

    unregister(&kit, cluster.id, "once").await.unwrap();
    let answer = unregister(&kit, cluster.id, "").await;
    refused(answer, Code::NotFound, "CLUSTER_NOT_FOUND", 11001);
    let again = register(&kit, spec("ob_demo", 1, 1)).await.unwrap();
    assert_ne!(again.id, cluster.id);
}

#[tokio::test]
async fn a_selector_is_kept_and_can_be_mended() {
    let kit = Kit::new().await;
    let mut cluster = spec("ob_demo", 1, 1);
    cluster.selector = [("dc".to_owned(), "hangzhou".to_owned())].into();
    let registered = register(&kit, cluster.clone()).await.unwrap();
    assert_eq!(registered.selector, cluster.selector);
    assert_eq!(get(&kit, registered.id).await.unwrap(), registered);

    cluster.selector = [("dc".to_owned(), "elsewhere".to_owned())].into();
    let moved = update(&kit, registered.id, cluster.clone()).await.unwrap();
    assert_eq!(moved.selector, cluster.selector);
    // As a file does that is applied again, and says nothing of labels any more.
    let anywhere = pb::ClusterSpec {
        selector: [].into(),
        ..cluster.clone()
    };
    let freed = register(&kit, anywhere).await.unwrap();
    assert_eq!(freed.id, registered.id);
    assert!(freed.selector.is_empty());
    assert_eq!(get(&kit, registered.id).await.unwrap(), freed);

    cluster.selector = [("d c".to_owned(), "x".to_owned())].into();
    let details = refused(
        register(&kit, cluster).await,
        Code::InvalidArgument,
        "INVALID_ARGUMENT",
        0,
    );
    assert_eq!(fields(&details), ["cluster.selector"]);
}
