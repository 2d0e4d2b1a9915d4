//! The gRPC API, called on behalf of one REST caller.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::{Extensions, HeaderMap, HeaderValue, header::AUTHORIZATION, request::Parts};
use slacktide_api::v1::{
    cluster_service_client::ClusterServiceClient, info_service_client::InfoServiceClient,
    task_service_client::TaskServiceClient,
};
use slacktide_telemetry::trace;
use tonic::{Status, metadata::MetadataMap, transport::server::TcpConnectInfo};
use tower::{BoxError, Service, ServiceExt as _, util::BoxCloneSyncService};
use tracing::Span;

use crate::router::Gateway;

/// Any way to reach the gRPC services: a tonic `Channel`, or the services themselves in the same process.
pub type Upstream = BoxCloneSyncService<
    http::Request<tonic::body::Body>,
    http::Response<tonic::body::Body>,
    BoxError,
>;

/// The largest gRPC answer that is taken. gRPC's own 4 MiB are too few: one task of a cluster with 3,000
/// servers has about 2.5 MiB, and a page holds ten tasks unless asked otherwise.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Who makes a REST call.
#[derive(Clone)]
pub(crate) struct RestCaller {
    credentials: Option<HeaderValue>,
    /// The connection's other end; none where the listener does not say.
    address: Option<SocketAddr>,
}

impl RestCaller {
    pub(crate) fn of(headers: &HeaderMap, extensions: &Extensions) -> Self {
        let connection = extensions.get::<ConnectInfo<SocketAddr>>();
        Self {
            credentials: headers.get(AUTHORIZATION).cloned(),
            address: connection.map(|ConnectInfo(address)| *address),
        }
    }
}

/// Calls the gRPC API with one caller's credentials and the present span's trace context.
pub(crate) struct Rpc {
    transport: Transport,
    metadata: MetadataMap,
    caller: Option<TcpConnectInfo>,
}

impl Rpc {
    pub(crate) fn new(upstream: Upstream, caller: RestCaller) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(credentials) = caller.credentials {
            headers.insert(AUTHORIZATION, credentials);
        }
        trace::inject(&Span::current(), &mut headers);
        Self {
            transport: Transport(upstream),
            metadata: MetadataMap::from_headers(headers),
            caller: caller.address.map(|address| TcpConnectInfo {
                local_addr: None,
                remote_addr: Some(address),
            }),
        }
    }

    pub(crate) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        // Services in the same process take it for the connection's own; a channel sends none of it.
        if let Some(caller) = &self.caller {
            request.extensions_mut().insert(caller.clone());
        }
        request
    }

    pub(crate) fn clusters(&self) -> ClusterServiceClient<Transport> {
        ClusterServiceClient::new(self.transport.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    pub(crate) fn tasks(&self) -> TaskServiceClient<Transport> {
        TaskServiceClient::new(self.transport.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    pub(crate) fn info(&self) -> InfoServiceClient<Transport> {
        InfoServiceClient::new(self.transport.clone())
    }
}

/// The upstream as tonic's clients take it: with an error of a definite type.
#[derive(Clone)]
pub(crate) struct Transport(Upstream);

impl Service<http::Request<tonic::body::Body>> for Transport {
    type Response = http::Response<tonic::body::Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    /// Waits within the call instead: of a service that isn't ready tonic reports only UNKNOWN, and a
    /// server that can't be reached would look like one that is broken.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let answer = self.0.clone().oneshot(request);
        Box::pin(async { answer.await.map_err(Status::from_error) })
    }
}

impl FromRequestParts<Gateway> for Rpc {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &Gateway,
    ) -> Result<Self, Self::Rejection> {
        let caller = RestCaller::of(&parts.headers, &parts.extensions);
        Ok(Self::new(gateway.upstream(), caller))
    }
}
