//! Users and roles, managed.

use std::{sync::Arc, time::Instant};

use slacktide_api::v1::{self as pb, info_service_client::InfoServiceClient};
use slacktide_server::{Options, Server};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, service::interceptor::InterceptedService};

use crate::kit::{Credentials, FakeHosts, HOST, Kit, PASSWORD, fields, refused};

fn new_user(name: &str, roles: &[&str]) -> pb::CreateUserRequest {
    pb::CreateUserRequest {
        name: name.to_owned(),
        password: PASSWORD.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        request_id: String::new(),
    }
}

fn new_role(name: &str, expressions: &[&str]) -> pb::CreateRoleRequest {
    pb::CreateRoleRequest {
        name: name.to_owned(),
        expressions: expressions.iter().map(|text| (*text).to_owned()).collect(),
        request_id: String::new(),
    }
}

async fn create(kit: &Kit, by: &str, user: pb::CreateUserRequest) -> Result<pb::User, Status> {
    let created = kit.iam(by).create_user(user).await?;
    Ok(created.into_inner().user.unwrap())
}

async fn sign_in(kit: &Kit, user: &str, password: &str) -> Result<(), Status> {
    let credentials = Credentials::basic(user, password);
    let answer = kit.info(credentials).get_info(pb::GetInfoRequest {}).await;
    answer.map(drop)
}

async fn grant(kit: &Kit, by: &str, user: &str, role: &str) -> Result<pb::User, Status> {
    let request = pb::GrantRoleRequest {
        user: user.to_owned(),
        role: role.to_owned(),
    };
    let granted = kit.iam(by).grant_role(request).await?;
    Ok(granted.into_inner().user.unwrap())
}

async fn revoke(kit: &Kit, by: &str, user: &str, role: &str) -> Result<pb::User, Status> {
    let request = pb::RevokeRoleRequest {
        user: user.to_owned(),
        role: role.to_owned(),
    };
    let revoked = kit.iam(by).revoke_role(request).await?;
    Ok(revoked.into_inner().user.unwrap())
}

async fn lock(kit: &Kit, by: &str, name: &str) -> Result<pb::User, Status> {
    let name = name.to_owned();
    let locked = kit.iam(by).lock_user(pb::LockUserRequest { name }).await?;
    Ok(locked.into_inner().user.unwrap())
}

async fn unlock(kit: &Kit, by: &str, name: &str) -> Result<pb::User, Status> {
    let name = name.to_owned();
    let unlocked = kit
        .iam(by)
        .unlock_user(pb::UnlockUserRequest { name })
        .await?;
    Ok(unlocked.into_inner().user.unwrap())
}

async fn reset(kit: &Kit, by: &str, name: &str, new_password: &str) -> Result<(), Status> {
    let request = pb::ResetPasswordRequest {
        name: name.to_owned(),
        new_password: new_password.to_owned(),
    };
    kit.iam(by).reset_password(request).await.map(drop)
}

async fn delete(kit: &Kit, by: &str, name: &str) -> Result<(), Status> {
    let request = pb::DeleteUserRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    kit.iam(by).delete_user(request).await.map(drop)
}

async fn delete_role(kit: &Kit, name: &str) -> Result<(), Status> {
    let request = pb::DeleteRoleRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    kit.iam("admin").delete_role(request).await.map(drop)
}

#[tokio::test]
async fn a_user_is_created_once_and_shown() {
    let kit = Kit::new().await;
    let request = pb::CreateUserRequest {
        request_id: "once".to_owned(),
        ..new_user("eve", &["TASK_VIEWER", "CLUSTER_VIEWER", "TASK_VIEWER"])
    };
    let eve = create(&kit, "admin", request.clone()).await.unwrap();
    assert_eq!(eve.roles, ["CLUSTER_VIEWER", "TASK_VIEWER"]);
    assert!(!eve.locked && eve.create_time.is_some());
    assert_eq!(create(&kit, "admin", request.clone()).await.unwrap(), eve);
    let another = pb::CreateUserRequest {
        name: "adam".to_owned(),
        ..request
    };
    let answer = create(&kit, "admin", another).await;
    refused(answer, Code::AlreadyExists, "REQUEST_ID_REUSED", 1005);
    sign_in(&kit, "eve", PASSWORD).await.unwrap();

    let get = |name: &str| pb::GetUserRequest {
        name: name.to_owned(),
    };
    let got = kit.iam("mona").get_user(get("eve")).await.unwrap();
    assert_eq!(got.into_inner().user, Some(eve.clone()));
    let answer = kit.iam("mona").get_user(get("Eve")).await;
    refused(answer, Code::NotFound, "USER_NOT_FOUND", 1002);
    let mut request = pb::ListUsersRequest {
        page_size: 3,
        order_by: "name desc".to_owned(),
        ..Default::default()
    };
    let first = kit
        .iam("mona")
        .list_users(request.clone())
        .await
        .unwrap()
        .into_inner();
    let names = |users: &[pb::User]| {
        users
            .iter()
            .map(|user| user.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first.users), ["vera", "nora", "mona"]);
    assert_eq!(first.total_size, 5);
    request.page_token = first.next_page_token;
    let second = kit
        .iam("mona")
        .list_users(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(names(&second.users), ["eve", "admin"]);
    assert_eq!(second.next_page_token, "");
    // A password's digest is nowhere to be found.
    let stored = kit.store.user("eve").await.unwrap().unwrap();
    assert!(stored.password_hash.starts_with("$argon2id$"));
}

#[tokio::test]
async fn what_cannot_be_created_is_told_by_field() {
    let kit = Kit::new().await;
    let many: Vec<_> = (0..21).map(|number| format!("R{number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let no_password = pb::CreateUserRequest {
        password: String::new(),
        ..new_user("eve", &[])
    };
    for (user, expected) in [
        (new_user("", &[]), "name"),
        (new_user("a:b", &[]), "name"),
        (new_user("eve", &many), "roles"),
        (no_password, "password"),
    ] {
        let answer = create(&kit, "admin", user).await;
        let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
        assert_eq!(fields(&details), [expected]);
    }
    let answer = create(&kit, "admin", new_user("vera", &[])).await;
    let details = refused(answer, Code::AlreadyExists, "USER_EXISTS", 1005);
    assert_eq!(fields(&details), ["name"]);
    let answer = create(&kit, "admin", new_user("eve", &["NONE"])).await;
    refused(answer, Code::NotFound, "ROLE_NOT_FOUND", 1002);

    let bad = new_role("R_", &["CLUSTER:5:READ", "CLUSTER:5", "CLUSTER:x:READ"]);
    let answer = kit.iam("admin").create_role(bad).await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    assert_eq!(
        fields(&details),
        ["name", "expressions[1]", "expressions[2]"]
    );
    let answer = kit.iam("admin").create_role(new_role("EMPTY", &[])).await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    assert_eq!(fields(&details), ["expressions"]);
    let answer = kit
        .iam("admin")
        .create_role(new_role("ADMIN", &["**"]))
        .await;
    refused(answer, Code::AlreadyExists, "ROLE_EXISTS", 1005);
    assert_eq!(kit.store.users().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_role_of_ones_own_counts_at_once_and_stays_while_it_is_used() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let expression = format!("CLUSTER:{}:READ", cluster.id);
    let request = pb::CreateRoleRequest {
        request_id: "once".to_owned(),
        ..new_role("WEST", &[&expression, &expression])
    };
    let made = kit.iam("admin").create_role(request.clone()).await.unwrap();
    let role = made.into_inner().role.unwrap();
    assert_eq!((&*role.creator, role.built_in), ("admin", false));
    assert_eq!(role.expressions, [expression]);
    let again = kit.iam("admin").create_role(request).await.unwrap();
    assert_eq!(again.into_inner().role, Some(role.clone()));
    let listed = kit.iam("admin").list_roles(pb::ListRolesRequest {}).await;
    let listed = listed.unwrap().into_inner().roles;
    let built_in = listed.iter().filter(|role| role.built_in).count();
    assert_eq!((built_in, listed.last()), (7, Some(&role)));

    let get = pb::GetClusterRequest { id: cluster.id };
    let read = async || {
        kit.clusters("nora")
            .get_cluster(get)
            .await
            .map_err(|error| error.code())
    };
    assert_eq!(read().await.unwrap_err(), Code::PermissionDenied);
    let granted = grant(&kit, "admin", "nora", "WEST").await.unwrap();
    assert_eq!(granted.roles, ["WEST"]);
    assert_eq!(grant(&kit, "admin", "nora", "WEST").await.unwrap(), granted);
    read().await.unwrap();
    let details = refused(
        delete_role(&kit, "WEST").await,
        Code::FailedPrecondition,
        "ROLE_IN_USE",
        0,
    );
    assert_eq!(details.error_info().unwrap().metadata["user"], "nora");
    let revoked = revoke(&kit, "admin", "nora", "WEST").await.unwrap();
    assert_eq!(revoked.roles, Vec::<String>::new());
    revoke(&kit, "admin", "nora", "WEST").await.unwrap();
    assert_eq!(read().await.unwrap_err(), Code::PermissionDenied);
    delete_role(&kit, "WEST").await.unwrap();
    refused(
        delete_role(&kit, "WEST").await,
        Code::NotFound,
        "ROLE_NOT_FOUND",
        1002,
    );
    refused(
        delete_role(&kit, "ADMIN").await,
        Code::FailedPrecondition,
        "BUILT_IN",
        0,
    );
}

#[tokio::test]
async fn a_changed_password_shuts_the_old_one_out_at_once() {
    let kit = Kit::new().await;
    let change = |old: &str, new: &str| pb::ChangePasswordRequest {
        old_password: old.to_owned(),
        new_password: new.to_owned(),
    };
    let answer = kit
        .iam("nora")
        .change_password(change("guess", "neap tide"))
        .await;
    let details = refused(answer, Code::InvalidArgument, "WRONG_OLD_PASSWORD", 3006);
    assert_eq!(fields(&details), ["old_password"]);
    let answer = kit.iam("nora").change_password(change(PASSWORD, "")).await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    assert_eq!(fields(&details), ["new_password"]);
    kit.iam("nora")
        .change_password(change(PASSWORD, "neap tide"))
        .await
        .unwrap();
    let old = sign_in(&kit, "nora", PASSWORD).await;
    refused(old, Code::Unauthenticated, "WRONG_CREDENTIALS", 3000);
    sign_in(&kit, "nora", "neap tide").await.unwrap();

    reset(&kit, "admin", "nora", "ebb").await.unwrap();
    let old = sign_in(&kit, "nora", "neap tide").await;
    refused(old, Code::Unauthenticated, "WRONG_CREDENTIALS", 3000);
    sign_in(&kit, "nora", "ebb").await.unwrap();
}

#[tokio::test]
async fn who_is_locked_or_deleted_is_shut_out_at_once() {
    let kit = Kit::new().await;
    sign_in(&kit, "vera", PASSWORD).await.unwrap();
    for _ in 0..2 {
        assert!(lock(&kit, "admin", "vera").await.unwrap().locked);
        let answer = sign_in(&kit, "vera", PASSWORD).await;
        refused(answer, Code::Unauthenticated, "USER_LOCKED", 3003);
    }
    // Who does not know the password does not learn that it is locked.
    let answer = sign_in(&kit, "vera", "guess").await;
    refused(answer, Code::Unauthenticated, "WRONG_CREDENTIALS", 3000);
    for _ in 0..2 {
        assert!(!unlock(&kit, "admin", "vera").await.unwrap().locked);
        sign_in(&kit, "vera", PASSWORD).await.unwrap();
    }
    let request = pb::DeleteUserRequest {
        name: "vera".to_owned(),
        request_id: "once".to_owned(),
    };
    for _ in 0..2 {
        kit.iam("admin").delete_user(request.clone()).await.unwrap();
        let answer = sign_in(&kit, "vera", PASSWORD).await;
        refused(answer, Code::Unauthenticated, "WRONG_CREDENTIALS", 3000);
    }
    let answer = delete(&kit, "admin", "vera").await;
    refused(answer, Code::NotFound, "USER_NOT_FOUND", 1002);
}

#[tokio::test]
async fn other_processes_shut_a_locked_user_out_within_a_second() {
    let kit = Kit::new().await;
    let options = Options {
        host: HOST.to_owned(),
        version: "0.1.0",
    };
    let drain = CancellationToken::new();
    let other = Server::new(kit.store.clone(), options, Arc::new(FakeHosts), drain);
    let client = InterceptedService::new(other.service(), Credentials::basic("vera", PASSWORD));
    let mut client = InfoServiceClient::new(client);
    client.get_info(pb::GetInfoRequest {}).await.unwrap();
    lock(&kit, "admin", "vera").await.unwrap();
    let began = Instant::now();
    while client.get_info(pb::GetInfoRequest {}).await.is_ok() {
        assert!(began.elapsed().as_millis() < 1500, "still let in");
    }
}

#[tokio::test]
async fn nobody_gives_takes_or_handles_more_than_they_have() {
    let kit = Kit::new().await;
    let rights = ["USER:*:*", "ROLE:*:*", "TASK:*:READ"];
    let clerk = &*kit.user_with("CLERK", &rights).await;
    let denied = |answer: Result<(), Status>| {
        refused(answer, Code::PermissionDenied, "PERMISSION_DENIED", 3100);
    };
    let before = kit.store.users().await.unwrap();
    denied(
        create(&kit, clerk, new_user("eve", &["ADMIN"]))
            .await
            .map(drop),
    );
    denied(grant(&kit, clerk, clerk, "ADMIN").await.map(drop));
    denied(grant(&kit, clerk, "nora", "CLUSTER_VIEWER").await.map(drop));
    for expression in ["**", "*:*:*", "TASK:*:*", "TASK:5:UPDATE", "CLUSTER:1:READ"] {
        let role = new_role("MORE", &["TASK:*:READ", expression]);
        denied(kit.iam(clerk).create_role(role).await.map(drop));
    }
    for name in ["admin", "mona", "vera"] {
        denied(reset(&kit, clerk, name, "mine").await);
        denied(lock(&kit, clerk, name).await.map(drop));
        denied(unlock(&kit, clerk, name).await.map(drop));
        denied(revoke(&kit, clerk, name, "CLUSTER_VIEWER").await.map(drop));
    }
    denied(delete(&kit, clerk, "vera").await);
    assert_eq!(kit.store.users().await.unwrap(), before);

    let role = new_role("LESS", &["TASK:5:READ", "USER:7:UPDATE"]);
    kit.iam(clerk).create_role(role).await.unwrap();
    create(&kit, clerk, new_user("eve", &["LESS", "TASK_VIEWER"]))
        .await
        .unwrap();
    reset(&kit, clerk, "eve", "theirs").await.unwrap();
    grant(&kit, clerk, "nora", "CLERK").await.unwrap();
    lock(&kit, clerk, "nora").await.unwrap();
    delete(&kit, clerk, "eve").await.unwrap();
}

#[tokio::test]
async fn nobody_shuts_themselves_out() {
    let kit = Kit::new().await;
    create(&kit, "admin", new_user("ada", &["ADMIN"]))
        .await
        .unwrap();
    for answer in [
        lock(&kit, "ada", "ada").await.map(drop),
        delete(&kit, "ada", "ada").await,
        revoke(&kit, "ada", "ada", "ADMIN").await.map(drop),
    ] {
        refused(answer, Code::FailedPrecondition, "ONESELF", 0);
    }
    let answer = delete(&kit, "ada", "admin").await;
    refused(answer, Code::FailedPrecondition, "BUILT_IN", 0);
    lock(&kit, "ada", "admin").await.unwrap();
    let answer = sign_in(&kit, "admin", PASSWORD).await;
    refused(answer, Code::Unauthenticated, "USER_LOCKED", 3003);
}
