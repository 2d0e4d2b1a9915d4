//! The services behind their layers, in process and on a listener.

use std::{io, sync::Arc, time::Duration};

use futures::{Stream, future::BoxFuture};
use slacktide_engine::{cluster::Cluster, finding::Finding};
use slacktide_store::{NewServer, Store, clock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::{body::Body, transport::server::Connected};
use tower::{BoxError, service_fn, util::BoxCloneSyncService};

use crate::{
    app::{App, NoExecutor},
    auth::{self, Authenticator},
    grpc::{Api, observe::observe, services::Services},
};

/// How long a drain waits for connections that a client keeps open, such as a stream of health reports that
/// never ends, or a watcher that reads no more.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// All services behind all layers: what a listener serves, and what a gateway in the same process calls.
pub type GrpcService = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, BoxError>;

/// What the server says of itself.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of this host: where a process driver's servers run unless the registration names another host.
    pub host: String,
    /// Version of slacktide.
    pub version: &'static str,
}

/// What one HTTP/2 connection may do, and how it is kept alive.
#[derive(Clone, Copy, Debug)]
pub struct Http2 {
    /// How many calls and watches may be open at a time; the client is told, and holds back more.
    pub max_streams: u32,
    /// How many calls may have been canceled by the client before they were looked at. With more the connection
    /// ends: opening and resetting streams costs a client next to nothing.
    pub max_resets: usize,
    /// How large the metadata of a call may be, in bytes.
    pub max_header: u32,
    /// How often a connection is probed, so that the streams of a client that is gone are dropped, and nothing in
    /// between takes the connection for idle.
    pub keepalive_interval: Duration,
    /// How long a probed connection may take to answer.
    pub keepalive_timeout: Duration,
}

/// Looks, before a server is registered, whether this host's executor can work on it.
///
/// Server and executor do not know each other; the binary joins them here.
pub trait HostCheck: Send + Sync {
    /// Whether this host's executor may read, lock and signal what the server's driver names.
    ///
    /// # Errors
    /// What is missing, for the operator: it is answered as the fault of the driver's base directory.
    fn check(&self, server: &NewServer) -> BoxFuture<'_, Result<(), String>>;
}

/// Carries out the checks before a stop, for its dry run.
///
/// Server and executor do not know each other; the binary joins them here.
pub trait Preflight: Send + Sync {
    /// What the checks find on a cluster, within seconds. What cannot be checked is among them, as such.
    fn preflight<'a>(&'a self, cluster: &'a Cluster) -> BoxFuture<'a, Vec<Finding>>;
}

/// The gRPC server.
pub struct Server {
    api: Api,
    services: Services,
    authenticator: Arc<Authenticator>,
    drain: CancellationToken,
}

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
#[error("serving gRPC failed")]
pub struct ServeError(#[from] tonic::transport::Error);

impl Server {
    /// Makes the services. Once `drain` fires, watch streams end with a status that says how to resume.
    ///
    /// Dry runs of a stop say that nothing was checked, unless [`Self::with_preflight`] says who checks.
    pub fn new(
        store: Store,
        options: Options,
        host_check: Arc<dyn HostCheck>,
        drain: CancellationToken,
    ) -> Self {
        let authenticator = Arc::new(Authenticator::new(store.clone()));
        let app = App {
            store,
            host: options.host,
            host_check,
            preflight: Arc::new(NoExecutor),
            authenticator: Arc::clone(&authenticator),
        };
        let api = Api::new(app, options.version, clock::now(), drain.clone());
        Self {
            services: Services::new(api.clone()),
            api,
            authenticator,
            drain,
        }
    }

    /// The same server, with somebody who carries out the checks before a stop.
    #[must_use]
    pub fn with_preflight(self, preflight: Arc<dyn Preflight>) -> Self {
        let api = self.api.with_preflight(preflight);
        Self {
            services: Services::new(api.clone()),
            api,
            ..self
        }
    }

    /// The services behind all layers. Clones share what the layers remember.
    pub fn service(&self) -> GrpcService {
        let methods = self.services.methods();
        let routes = self.services.routes();
        let authenticator = Arc::clone(&self.authenticator);
        BoxCloneSyncService::new(service_fn(move |request: http::Request<Body>| {
            let (methods, routes) = (Arc::clone(&methods), routes.clone());
            let authenticator = Arc::clone(&authenticator);
            async move {
                let answer = observe(&methods, request, |request| {
                    auth::signed_in(authenticator, routes, request)
                });
                Ok(answer.await)
            }
        }))
    }

    /// Serves on `connections` until `drain` fires; then reports NOT_SERVING, takes no more, and returns once
    /// what is in flight is answered, within a limit. `around` may put a layer around [`Self::service`] that
    /// sees the requests of these connections alone, each with its connection's [`Connected::ConnectInfo`] among
    /// its extensions.
    ///
    /// # Errors
    /// [`ServeError`] if a connection cannot be taken.
    pub async fn serve<C>(
        self,
        connections: impl Stream<Item = io::Result<C>>,
        http2: Http2,
        around: impl FnOnce(GrpcService) -> GrpcService,
    ) -> Result<(), ServeError>
    where
        C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let service = around(self.service());
        let Self {
            services, drain, ..
        } = self;
        services.report_serving(true).await;
        let draining = async {
            drain.cancelled().await;
            services.report_serving(false).await;
        };
        let serving = tonic::transport::Server::builder()
            .max_concurrent_streams(http2.max_streams)
            .http2_max_pending_accept_reset_streams(Some(http2.max_resets))
            .http2_max_header_list_size(http2.max_header)
            .http2_keepalive_interval(Some(http2.keepalive_interval))
            .http2_keepalive_timeout(Some(http2.keepalive_timeout))
            .serve_with_incoming_shutdown(service, connections, draining);
        let limit = async {
            drain.cancelled().await;
            tokio::time::sleep(DRAIN_LIMIT).await;
        };
        tokio::select! {
            served = serving => Ok(served?),
            () = limit => {
                tracing::warn!("clients kept connections open beyond the limit of a drain, dropping them");
                Ok(())
            }
        }
    }
}
