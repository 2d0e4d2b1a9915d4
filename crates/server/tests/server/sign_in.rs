//! Who is let in, and who may do what.

use std::time::Instant;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use slacktide_api::v1 as pb;
use slacktide_server::{
    bootstrap::{PASSWORD_FILE, ensure_admin},
    password,
    roles::Role,
    users,
};
use tonic::Code;

use crate::kit::{Credentials, Kit, PASSWORD, refused, spec};

fn verified(given: &str, hash: &str) -> bool {
    password::verify(given, hash, &mut password::Memory::default())
}

#[tokio::test]
async fn only_the_right_password_signs_in() {
    let kit = Kit::new().await;
    let raw = |header: &str| Credentials(Some(header.to_owned()));
    let bearer = format!("Bearer {}", STANDARD.encode(format!("admin:{PASSWORD}")));
    for (credentials, reason) in [
        (Credentials(None), "NOT_SIGNED_IN"),
        (raw("Basic"), "MALFORMED_CREDENTIALS"),
        (raw("Basic ???"), "MALFORMED_CREDENTIALS"),
        (raw(&bearer), "MALFORMED_CREDENTIALS"),
        (Credentials::basic("admin", ""), "WRONG_CREDENTIALS"),
        (
            Credentials::basic("admin", "neap tide"),
            "WRONG_CREDENTIALS",
        ),
        (Credentials::basic("nobody", PASSWORD), "WRONG_CREDENTIALS"),
        (Credentials::basic("", ""), "WRONG_CREDENTIALS"),
    ] {
        let answer = kit.info(credentials).get_info(pb::GetInfoRequest {}).await;
        refused(answer, Code::Unauthenticated, reason, 3000);
    }
    let credentials = Credentials::basic("nora", PASSWORD);
    let answer = kit.info(credentials).get_info(pb::GetInfoRequest {}).await;
    let info = answer.unwrap().into_inner();
    assert_eq!(
        (&*info.user, &*info.host, &*info.version),
        ("nora", "host1", "0.1.0")
    );
    let (start, now) = (info.start_time.unwrap(), info.current_time.unwrap());
    assert!(start.seconds <= now.seconds);
}

#[tokio::test]
async fn a_password_that_was_right_does_not_open_the_door_to_another() {
    let kit = Kit::new().await;
    for (password, right) in [(PASSWORD, true), ("neap tide", false), (PASSWORD, true)] {
        let credentials = Credentials::basic("admin", password);
        let answer = kit.info(credentials).get_info(pb::GetInfoRequest {}).await;
        assert_eq!(answer.is_ok(), right, "{password}");
    }
}

#[tokio::test]
async fn a_verified_password_is_not_hashed_again() {
    let kit = Kit::new().await;
    let credentials = Credentials::basic("admin", PASSWORD);
    let mut client = kit.info(credentials);
    client.get_info(pb::GetInfoRequest {}).await.unwrap();
    let hash = kit
        .store
        .user("admin")
        .await
        .unwrap()
        .unwrap()
        .password_hash;
    let began = Instant::now();
    for _ in 0..20 {
        assert!(verified(PASSWORD, &hash));
    }
    let hashing = began.elapsed();
    let began = Instant::now();
    for _ in 0..20 {
        client.get_info(pb::GetInfoRequest {}).await.unwrap();
    }
    let calling = began.elapsed();
    assert!(
        calling < hashing,
        "20 calls {calling:?}, 20 hashes {hashing:?}"
    );
}

/// Whether a user's call got past the permission check.
fn admitted<T>(answer: Result<T, tonic::Status>) -> bool {
    !matches!(answer, Err(status) if status.code() == Code::PermissionDenied)
}

#[tokio::test]
async fn each_call_needs_its_permission() {
    let kit = Kit::new().await;
    // The manager and the viewer of clusters, and a user without any role.
    for (user, reads, writes) in [
        ("admin", true, true),
        ("mona", true, true),
        ("vera", true, false),
        ("nora", false, false),
    ] {
        let (mut clusters, mut tasks) = (kit.clusters(user), kit.tasks(user));
        // Nothing of these exists, and some are invalid: permission comes first.
        let got = [
            admitted(clusters.get_cluster(pb::GetClusterRequest { id: 7 }).await),
            admitted(
                clusters
                    .list_clusters(pb::ListClustersRequest::default())
                    .await,
            ),
            admitted(tasks.get_task(pb::GetTaskRequest { id: 7, view: 99 }).await),
            admitted(tasks.list_tasks(pb::ListTasksRequest::default()).await),
            admitted(tasks.watch_task(pb::WatchTaskRequest::default()).await),
            admitted(
                tasks
                    .get_subtask_log(pb::GetSubtaskLogRequest::default())
                    .await,
            ),
        ];
        assert_eq!(got, [reads; 6], "{user}");
        let got = [
            admitted(
                clusters
                    .register_cluster(pb::RegisterClusterRequest::default())
                    .await,
            ),
            admitted(
                clusters
                    .update_cluster(pb::UpdateClusterRequest::default())
                    .await,
            ),
            admitted(
                clusters
                    .unregister_cluster(pb::UnregisterClusterRequest::default())
                    .await,
            ),
            admitted(
                clusters
                    .stop_cluster(pb::StopClusterRequest::default())
                    .await,
            ),
        ];
        assert_eq!(got, [writes; 4], "{user}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_permission() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let request = pb::StopClusterRequest {
        id: cluster.id,
        ..Default::default()
    };
    let answer = kit.clusters("vera").stop_cluster(request).await;
    let details = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED", 3100);
    let permission = format!("CLUSTER:{}:UPDATE", cluster.id);
    assert_eq!(
        details.error_info().unwrap().metadata["permission"],
        permission
    );

    let request = pb::RegisterClusterRequest {
        cluster: Some(spec("ob_other", 1, 1)),
        request_id: String::new(),
    };
    let answer = kit.clusters("vera").register_cluster(request).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED", 3100);
}

#[tokio::test]
async fn the_first_start_adds_an_administrator() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let location = slacktide_store::Location::sqlite(dir.path().join("slacktide.db"));
    let store = slacktide_store::Store::open(&location).await.unwrap();
    // What an earlier start left behind when it was cut off.
    let path = dir.path().join(PASSWORD_FILE);
    std::fs::write(&path, "old").unwrap();

    ensure_admin(&store, None, dir.path()).await.unwrap();
    let admin = store.user("admin").await.unwrap().unwrap();
    assert_eq!(
        (admin.id.0, &*admin.roles),
        (100, &["ADMIN".to_owned()][..])
    );
    let generated = std::fs::read_to_string(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(verified(generated.trim(), &admin.password_hash));

    ensure_admin(&store, Some("another"), dir.path())
        .await
        .unwrap();
    assert_eq!(store.user("admin").await.unwrap().unwrap(), admin);
}

#[tokio::test]
async fn a_given_password_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let location = slacktide_store::Location::sqlite(dir.path().join("slacktide.db"));
    let store = slacktide_store::Store::open(&location).await.unwrap();
    ensure_admin(&store, Some("spring"), dir.path())
        .await
        .unwrap();
    assert!(!dir.path().join(PASSWORD_FILE).exists());
    let admin = store.user("admin").await.unwrap().unwrap();
    assert!(verified("spring", &admin.password_hash));
}

#[tokio::test]
async fn users_that_could_not_sign_in_are_not_added() {
    let kit = Kit::new().await;
    let add = async |name: &str, password: &str| {
        let added = users::add(&kit.store, name, password, &[Role::ClusterViewer]).await;
        added.map_err(|error| error.to_string())
    };
    for (name, password, fault) in [
        ("", "x", "1 to 64 characters"),
        ("a:b", "x", "colon"),
        ("a\nb", "x", "control character"),
        ("zoe", "", "must not be empty"),
        ("vera", "x", "there is a user vera already"),
    ] {
        let error = add(name, password).await.unwrap_err();
        assert!(error.contains(fault), "{name:?}: {error}");
    }
    let zoe = add("zoe", "x").await.unwrap();
    assert_eq!(zoe.roles, ["CLUSTER_VIEWER"]);
}
