//! Over TCP: health, reflection, sign-in, drain.

use std::time::Duration;

use futures::StreamExt as _;
use slacktide_api::v1::{
    GetInfoRequest, WatchTaskRequest, info_service_client::InfoServiceClient,
    task_service_client::TaskServiceClient,
};
use slacktide_server::{Http2, ServeError, Server};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::task::TaskTracker;
use tonic::{
    Code,
    service::interceptor::InterceptedService,
    transport::{Channel, server::TcpIncoming},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{
    v1::{
        self, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    },
    v1alpha,
};

use crate::kit::{Credentials, Kit, PASSWORD, refused};

const LIMIT: Duration = Duration::from_secs(20);

async fn serve(server: Server, listener: TcpListener) -> Result<(), ServeError> {
    let http2 = Http2 {
        max_streams: 100,
        max_resets: 20,
        max_header: 16 * 1024,
        keepalive_interval: LIMIT,
        keepalive_timeout: LIMIT,
    };
    let around = |service| service;
    server
        .serve(TcpIncoming::from(listener), http2, around)
        .await
}

async fn listen() -> (TcpListener, Channel) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let channel = Channel::from_shared(address).unwrap().connect_lazy();
    (listener, channel)
}

#[tokio::test]
async fn health_and_reflection_are_open_and_all_else_is_not() {
    let kit = Kit::new().await;
    let (listener, channel) = listen().await;
    let serving = serve(kit.server, listener);
    let tracker = TaskTracker::new();
    let served = tracker.spawn(serving);

    for service in [
        "",
        "slacktide.v1.ClusterService",
        "slacktide.v1.TaskService",
    ] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let health = HealthClient::new(channel.clone()).check(request).await;
        let status = health.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
    }

    let list = v1::ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let requests = futures::stream::iter([list]);
    let answers = ServerReflectionClient::new(channel.clone())
        .server_reflection_info(requests)
        .await;
    let answer = answers.unwrap().into_inner().next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(listed)) = answer.message_response else {
        panic!("{answer:?} instead of a list");
    };
    let names: Vec<_> = listed
        .service
        .iter()
        .map(|service| &*service.name)
        .collect();
    for name in [
        "grpc.health.v1.Health",
        "slacktide.v1.ClusterService",
        "slacktide.v1.InfoService",
        "slacktide.v1.TaskService",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let by_symbol = v1alpha::ServerReflectionRequest {
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                "slacktide.v1.ClusterService.StopCluster".to_owned(),
            ),
        ),
        ..Default::default()
    };
    let requests = futures::stream::iter([by_symbol]);
    let answers = v1alpha::server_reflection_client::ServerReflectionClient::new(channel.clone())
        .server_reflection_info(requests)
        .await;
    let answer = answers.unwrap().into_inner().next().await.unwrap().unwrap();
    assert!(matches!(
        answer.message_response,
        Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_))
    ));

    let answer = InfoServiceClient::new(channel.clone())
        .get_info(GetInfoRequest {})
        .await;
    refused(answer, Code::Unauthenticated, "NOT_SIGNED_IN", 3000);
    let credentials = Credentials::basic("vera", PASSWORD);
    let signed_in = InterceptedService::new(channel, credentials);
    InfoServiceClient::new(signed_in)
        .get_info(GetInfoRequest {})
        .await
        .unwrap();

    kit.drain.cancel();
    timeout(LIMIT, served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_ends_watches_and_then_the_server() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    let (listener, channel) = listen().await;
    let tracker = TaskTracker::new();
    let served = tracker.spawn(serve(kit.server, listener));

    let credentials = Credentials::basic("vera", PASSWORD);
    let signed_in = InterceptedService::new(channel.clone(), credentials);
    let request = WatchTaskRequest {
        task_id: task.id,
        after_revision: Some(task.revision),
    };
    let watching = TaskServiceClient::new(signed_in).watch_task(request).await;
    let mut watching = watching.unwrap().into_inner();
    let mut health = HealthClient::new(channel)
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    let status = health.next().await.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::Serving);

    kit.drain.cancel();
    let end = timeout(LIMIT, watching.next()).await.unwrap().unwrap();
    refused(end, Code::Unavailable, "DRAINING", 0);
    let status = timeout(LIMIT, health.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
        .status();
    assert_eq!(status, ServingStatus::NotServing);
    drop(health);
    timeout(LIMIT, served).await.unwrap().unwrap().unwrap();
    assert!(kit.dir.path().exists());
}
