//! Users.

use slacktide_store::{Duplicate, StoreError};

use crate::backend::Backend;

pub(crate) async fn are_found_by_name(db: impl Backend) {
    let store = db.open().await;
    assert_eq!(store.user("admin").await.expect("an answer"), None);
    let roles = |roles: &[&str]| -> Vec<String> { roles.iter().map(|r| (*r).into()).collect() };
    let admin = store
        .add_user("admin", "$argon2id$1", &roles(&["ADMIN"]))
        .await
        .expect("it is added");
    let viewer_roles = roles(&["CLUSTER_VIEWER", "TASK_VIEWER"]);
    let viewer = store
        .add_user("a viewer", "$argon2id$2", &viewer_roles)
        .await
        .expect("it is added");
    let nobody = store.add_user("nobody", "$argon2id$3", &[]).await;
    let nobody = nobody.expect("it is added");

    // OCP's built-in administrator has the id 100.
    assert_eq!(admin.id.0, 100);
    assert_eq!(
        store.user("admin").await.expect("an answer"),
        Some(admin.clone())
    );
    assert_eq!(viewer.roles, viewer_roles);
    assert_eq!(store.user("Admin").await.expect("an answer"), None);
    assert_eq!(nobody.roles, roles(&[]));
    let before = db.dump().await;
    let taken = store.add_user("admin", "$argon2id$4", &[]).await;
    assert!(
        matches!(taken, Err(StoreError::Duplicate(Duplicate::UserName))),
        "{taken:?}"
    );
    db.dump().await.assert_same(&before, "a refused user");
    assert!(!format!("{admin:?}").contains("argon2id"));
    assert_eq!(store.users().await.expect("users"), [viewer, admin, nobody]);
}
