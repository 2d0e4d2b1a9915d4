//! Roles that are not built in.

use slacktide_store::{Duplicate, NewRole, NewUser, Role, Store, StoreError, UserChange};

use crate::{backend::Backend, kit::key};

fn named(name: &str) -> NewRole {
    NewRole {
        name: name.to_owned(),
        expressions: vec!["CLUSTER:5:UPDATE".to_owned(), "CLUSTER:5:READ".to_owned()],
        creator: "admin".to_owned(),
    }
}

async fn made(store: &Store, name: &str) -> Role {
    store.add_role(named(name), None).await.expect("a role")
}

pub(crate) async fn are_found_by_name(db: impl Backend) {
    let store = db.open().await;
    assert_eq!(store.roles().await.expect("roles"), []);
    let (west, east) = (made(&store, "WEST").await, made(&store, "EAST").await);
    assert_eq!(west.expressions, ["CLUSTER:5:UPDATE", "CLUSTER:5:READ"]);
    assert_eq!(west.creator, "admin");
    assert_eq!(store.role(west.id).await.expect("the role"), west);
    let names = ["NORTH", "WEST", "east"].map(str::to_owned);
    let found = store.roles_named(&names).await.expect("roles");
    assert_eq!(found, std::slice::from_ref(&west));
    assert_eq!(store.roles().await.expect("roles"), [east, west]);
}

pub(crate) async fn are_made_once(db: impl Backend) {
    let store = db.open().await;
    let role = store.add_role(named("WEST"), Some(key("CreateRole"))).await;
    let role = role.expect("a role");
    let before = db.dump().await;
    let again = store.add_role(named("EAST"), Some(key("CreateRole"))).await;
    assert!(
        matches!(again, Err(StoreError::Duplicate(Duplicate::RequestId))),
        "{again:?}"
    );
    let taken = store.add_role(named("WEST"), None).await;
    assert!(
        matches!(taken, Err(StoreError::Duplicate(Duplicate::RoleName))),
        "{taken:?}"
    );
    db.dump().await.assert_same(&before, "a refused role");
    let key = key("CreateRole");
    let remembered = store.remembered(&key).await.expect("an answer");
    assert_eq!(remembered.map(|done| done.resource), Some(role.id.0));
}

pub(crate) async fn are_kept_while_a_user_has_them(db: impl Backend) {
    let store = db.open().await;
    let (west, wes) = (made(&store, "WEST").await, made(&store, "WES").await);
    let user = NewUser {
        name: "eve".to_owned(),
        password_hash: "$argon2id$1".to_owned(),
        roles: vec!["CLUSTER_VIEWER".to_owned(), "WEST".to_owned()],
        custom_roles: vec![west.id],
    };
    let eve = store.create_user(user, None).await.expect("a user");

    let holder = store.delete_role(west.id, Some(key("DeleteRole"))).await;
    assert_eq!(holder.expect("an answer"), Some("eve".to_owned()));
    let forgotten = key("DeleteRole");
    assert_eq!(store.remembered(&forgotten).await.expect("an answer"), None);
    assert_eq!(store.delete_role(wes.id, None).await.expect("done"), None);

    let roles = UserChange::Roles {
        names: vec!["CLUSTER_VIEWER".to_owned()],
        granted: None,
    };
    store.change_user(&eve, roles).await.expect("it is revoked");
    assert_eq!(
        store
            .delete_role(west.id, Some(key("DeleteRole")))
            .await
            .expect("done"),
        None
    );
    let gone = store.delete_role(west.id, None).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    assert_eq!(store.roles().await.expect("roles"), []);
}

pub(crate) async fn are_not_granted_once_deleted(db: impl Backend) {
    let store = db.open().await;
    let (west, eve) = (
        made(&store, "WEST").await,
        store
            .add_user("eve", "$argon2id$1", &[])
            .await
            .expect("a user"),
    );
    store.delete_role(west.id, None).await.expect("deleted");
    made(&store, "WEST").await;
    let before = db.dump().await;

    let grant = UserChange::Roles {
        names: vec!["WEST".to_owned()],
        granted: Some(west.id),
    };
    let granted = store.change_user(&eve, grant).await;
    assert!(
        matches!(granted, Err(StoreError::NotFound { .. })),
        "{granted:?}"
    );
    let with_it = NewUser {
        name: "adam".to_owned(),
        password_hash: "$argon2id$2".to_owned(),
        roles: vec!["WEST".to_owned()],
        custom_roles: vec![west.id],
    };
    let created = store.create_user(with_it, None).await;
    assert!(
        matches!(created, Err(StoreError::NotFound { .. })),
        "{created:?}"
    );
    db.dump().await.assert_same(&before, "roles that are gone");
}
