//! Whom the server in the same process takes a REST caller for.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::extract::ConnectInfo;
use http::Method;
use slacktide_gateway::Upstream;
use tonic::transport::server::TcpConnectInfo;
use tower::BoxError;

use crate::support::{gateway, request, send};

/// Who makes this call, as the services see it.
async fn seen(path: &str, from: Option<SocketAddr>) -> Vec<Option<SocketAddr>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::clone(&seen);
    let services = tower::service_fn(move |call: http::Request<tonic::body::Body>| {
        let connection = call.extensions().get::<TcpConnectInfo>();
        calls
            .lock()
            .unwrap()
            .push(connection.and_then(TcpConnectInfo::remote_addr));
        async { Err::<http::Response<tonic::body::Body>, _>(BoxError::from("nothing to say")) }
    });
    let mut call = request(Method::GET, path, "");
    if let Some(from) = from {
        call.extensions_mut().insert(ConnectInfo(from));
    }
    send(&gateway(Upstream::new(services)), call).await;
    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn a_caller_is_at_the_other_end_of_its_connection() {
    let address = "192.0.2.7:40000".parse().unwrap();
    // The second is refused by the gateway, which asks for the sign-in first.
    for path in ["/api/v2/info", "/api/v2/ob/clusters/abc"] {
        assert_eq!(seen(path, Some(address)).await, [Some(address)], "{path}");
        assert_eq!(seen(path, None).await, [None], "{path}");
    }
}
