//! Guessing passwords.

use std::net::SocketAddr;

use slacktide_api::v1::{self as pb, info_service_client::InfoServiceClient};
use tonic::{
    Code, Request, Status,
    service::{Interceptor, interceptor::InterceptedService},
    transport::server::TcpConnectInfo,
};

use crate::kit::{Credentials, Kit, PASSWORD, refused};

/// OCP's number.
const TOO_MANY: usize = 20;

/// A caller at an address.
#[derive(Clone)]
struct At(Credentials, SocketAddr);

impl Interceptor for At {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let mut request = self.0.call(request)?;
        request.extensions_mut().insert(TcpConnectInfo {
            local_addr: None,
            remote_addr: Some(self.1),
        });
        Ok(request)
    }
}

async fn sign_in(kit: &Kit, user: &str, password: &str, from: &str) -> Result<(), Status> {
    let at = At(
        Credentials::basic(user, password),
        SocketAddr::new(from.parse().unwrap(), 40_000),
    );
    let client = InterceptedService::new(kit.server.service(), at);
    let answer = InfoServiceClient::new(client)
        .get_info(pb::GetInfoRequest {})
        .await;
    answer.map(drop)
}

async fn guess(kit: &Kit, user: &str, from: impl Fn(usize) -> String) {
    for number in 0..TOO_MANY {
        let answer = sign_in(kit, user, &format!("guess {number}"), &from(number)).await;
        refused(answer, Code::Unauthenticated, "WRONG_CREDENTIALS", 3000);
    }
}

#[track_caller]
fn blocked(answer: Result<(), Status>) {
    let details = refused(answer, Code::Unauthenticated, "TOO_MANY_FAILURES", 3007);
    let wait = details.retry_info().unwrap().retry_delay.unwrap();
    assert!((1..=30 * 60).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn a_user_who_is_guessed_at_waits_but_not_at_home() {
    let kit = Kit::new().await;
    sign_in(&kit, "vera", PASSWORD, "10.0.0.1").await.unwrap();
    guess(&kit, "vera", |number| format!("10.9.9.{number}")).await;
    // Even the right password: it may have been guessed.
    blocked(sign_in(&kit, "vera", PASSWORD, "10.9.8.1").await);
    sign_in(&kit, "vera", PASSWORD, "10.0.0.1").await.unwrap();
    sign_in(&kit, "mona", PASSWORD, "10.9.8.1").await.unwrap();

    let unlock = pb::UnlockUserRequest {
        name: "vera".to_owned(),
    };
    kit.iam("admin").unlock_user(unlock).await.unwrap();
    sign_in(&kit, "vera", PASSWORD, "10.9.8.1").await.unwrap();
}

#[tokio::test]
async fn a_client_that_guesses_waits_whomever_it_guesses_at() {
    let kit = Kit::new().await;
    sign_in(&kit, "mona", PASSWORD, "10.9.9.9").await.unwrap();
    guess(&kit, "nobody", |_| "10.9.9.9".to_owned()).await;
    blocked(sign_in(&kit, "vera", PASSWORD, "10.9.9.9").await);
    // Who was at home there is not shut out by a neighbour.
    sign_in(&kit, "mona", PASSWORD, "10.9.9.9").await.unwrap();
    sign_in(&kit, "vera", PASSWORD, "10.0.0.1").await.unwrap();
}

#[tokio::test]
async fn whoever_guesses_an_old_password_guesses() {
    let kit = Kit::new().await;
    for _ in 0..TOO_MANY {
        let request = pb::ChangePasswordRequest {
            old_password: "guess".to_owned(),
            new_password: "mine".to_owned(),
        };
        let answer = kit.iam("nora").change_password(request).await;
        refused(answer, Code::InvalidArgument, "WRONG_OLD_PASSWORD", 3006);
    }
    let answer = kit
        .info(Credentials::basic("nora", PASSWORD))
        .get_info(pb::GetInfoRequest {})
        .await;
    blocked(answer.map(drop));
}
