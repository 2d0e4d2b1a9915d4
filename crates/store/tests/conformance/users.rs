//! Users.

use slacktide_store::{Duplicate, NewUser, Order, Page, StoreError, UserChange};

use crate::{backend::Backend, kit::key};

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

fn new(name: &str) -> NewUser {
    NewUser {
        name: name.to_owned(),
        password_hash: "$argon2id$1".to_owned(),
        roles: vec!["CLUSTER_VIEWER".to_owned()],
        custom_roles: Vec::new(),
    }
}

pub(crate) async fn are_made_once(db: impl Backend) {
    let store = db.open().await;
    let eve = store.create_user(new("eve"), Some(key("CreateUser"))).await;
    let eve = eve.expect("a user");
    let before = db.dump().await;
    let again = store
        .create_user(new("adam"), Some(key("CreateUser")))
        .await;
    assert!(
        matches!(again, Err(StoreError::Duplicate(Duplicate::RequestId))),
        "{again:?}"
    );
    db.dump().await.assert_same(&before, "a repeated request");
    let key = key("CreateUser");
    let remembered = store.remembered(&key).await.expect("an answer");
    assert_eq!(remembered.map(|done| done.resource), Some(eve.id.0));
    assert_eq!(store.user_by_id(eve.id).await.expect("the user"), eve);
}

pub(crate) async fn change_as_they_were_read(db: impl Backend) {
    let store = db.open().await;
    let eve = store.create_user(new("eve"), None).await.expect("a user");
    assert!(!eve.locked);
    let lock = UserChange::Locked(true);
    store.change_user(&eve, lock.clone()).await.expect("locked");
    let stale = store
        .change_user(&eve, UserChange::Password("$argon2id$2".to_owned()))
        .await;
    assert!(matches!(stale, Err(StoreError::Conflict(_))), "{stale:?}");

    let locked = store.user("eve").await.expect("an answer").expect("eve");
    assert!(locked.locked);
    assert_eq!(locked.password_hash, eve.password_hash);
    let password = UserChange::Password("$argon2id$2".to_owned());
    store.change_user(&locked, password).await.expect("changed");
    let changed = store.user_by_id(eve.id).await.expect("eve");
    assert_eq!(changed.password_hash, "$argon2id$2");
    assert!(changed.locked && changed.version > locked.version);
    let roles = UserChange::Roles {
        names: Vec::new(),
        granted: None,
    };
    store.change_user(&changed, roles).await.expect("revoked");
    let bare = store.user_by_id(eve.id).await.expect("eve");
    assert_eq!(bare.roles, Vec::<String>::new());
}

pub(crate) async fn are_deleted(db: impl Backend) {
    let store = db.open().await;
    let eve = store.create_user(new("eve"), None).await.expect("a user");
    let lock = UserChange::Locked(true);
    store.change_user(&eve, lock).await.expect("locked");
    let stale = store.delete_user(&eve, None).await;
    assert!(matches!(stale, Err(StoreError::Conflict(_))), "{stale:?}");
    let eve = store.user_by_id(eve.id).await.expect("eve");
    let deleted = store.delete_user(&eve, Some(key("DeleteUser"))).await;
    deleted.expect("it is deleted");
    assert_eq!(store.user("eve").await.expect("an answer"), None);
    let gone = store.user_by_id(eve.id).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    // Another of the same name is another.
    let other = store.create_user(new("eve"), None).await.expect("a user");
    assert_ne!(other.id, eve.id);
    let key = key("DeleteUser");
    let remembered = store.remembered(&key).await.expect("an answer");
    assert_eq!(remembered.map(|done| done.resource), Some(eve.id.0));
}

pub(crate) async fn are_paged(db: impl Backend) {
    let store = db.open().await;
    for name in ["eve", "adam", "abel"] {
        store.create_user(new(name), None).await.expect("a user");
    }
    let page = Page {
        offset: 1,
        limit: 1,
        order: Order {
            column: "name",
            descending: false,
        },
    };
    let listed = store.page_of_users(page).await.expect("a page");
    let names: Vec<_> = listed.items.iter().map(|user| &*user.name).collect();
    assert_eq!((names, listed.total), (vec!["adam"], 3));
}
