//! The services behind their layers, in process and on a listener.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use slacktide_engine::{cluster::Cluster, finding::Finding};
use slacktide_store::{NewServer, Store, clock};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{body::Body, transport::server::TcpIncoming};
use tower::{BoxError, service_fn, util::BoxCloneSyncService};

use crate::{
    app::{App, NoExecutor},
    auth::{self, Authenticator},
    grpc::{Api, observe::observe, services::Services},
};

/// How long a drain waits for connections that a client keeps open, such as a stream of health reports that
/// never ends, or a watcher that reads no more.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How often an idle connection is probed, so that the streams of a client that is gone are dropped.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long a probed connection may take to answer.
const KEEPALIVE_LIMIT: Duration = Duration::from_secs(20);

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

    /// Serves on `listener` until `drain` fires; then reports NOT_SERVING, accepts no more, and returns once
    /// what is in flight is answered, within a limit.
    ///
    /// # Errors
    /// [`ServeError`] if the listener fails.
    pub async fn serve(self, listener: TcpListener) -> Result<(), ServeError> {
        let service = self.service();
        let Self {
            services, drain, ..
        } = self;
        services.report_serving(true).await;
        let draining = async {
            drain.cancelled().await;
            services.report_serving(false).await;
        };
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let serving = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_LIMIT))
            .serve_with_incoming_shutdown(service, incoming, draining);
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
