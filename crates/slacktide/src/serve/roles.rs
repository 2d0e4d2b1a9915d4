//! The roles of a process: begun one after the other, served at once, drained together.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use slacktide_executor::Executor;
use slacktide_gateway::Upstream;
use slacktide_server::Server;
use tokio_util::sync::CancellationToken;

use super::{
    VERSION,
    certificate::Certificate,
    connections::connections,
    exposure, first_user, grpc,
    host_check::{NoExecutor, ProcessCheck},
    http1,
    listeners::Listening,
    patience::Limits,
    preflight::HostPreflight,
    remote::Remote,
    storage::Storage,
};
use crate::config::{Role, Settings};

/// What a process does.
pub(super) struct Roles {
    server: Option<Server>,
    executor: Option<Executor>,
    gateway: Option<Router>,
}

impl Roles {
    /// Makes the roles ready. There is a `storage` if one of them needs the database, and a `remote` if the
    /// gateway calls a server of another process.
    ///
    /// # Errors
    /// What keeps one of them from beginning.
    pub(super) async fn begin(
        settings: &Settings,
        storage: Option<&Storage>,
        remote: Option<&Remote>,
        drain: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let storage_of = |role| storage.filter(|_| settings.roles.has(role));
        let server = match storage_of(Role::Server) {
            Some(storage) => Some(server(settings, storage, drain).await?),
            None => None,
        };
        let executor = match storage_of(Role::Executor) {
            Some(storage) => Some(executor(settings, storage, drain).await?),
            None => None,
        };
        let upstream = match &server {
            Some(server) => Some(server.service()),
            None => remote.map(Remote::upstream),
        };
        let upstream = upstream.filter(|_| settings.roles.has(Role::Gateway));
        Ok(Self {
            server,
            executor,
            gateway: upstream.map(|upstream| gateway(settings, upstream)),
        })
    }

    /// Serves until the process drains; one role that fails ends them all.
    ///
    /// # Errors
    /// Why a role failed.
    pub(super) async fn serve(
        self,
        settings: &Settings,
        listening: Listening,
        certificate: Option<&Arc<Certificate>>,
        drain: &CancellationToken,
    ) -> anyhow::Result<()> {
        let Self {
            server,
            executor,
            gateway,
        } = self;
        let tls = |protocol: &[u8]| certificate.map(|cert| cert.acceptor(protocol)).transpose();
        let (grpc_tls, rest_tls) = (tls(b"h2")?, tls(b"http/1.1")?);
        let running = async {
            if let Some(executor) = executor {
                executor.run().await;
            }
        };
        let grpc = async {
            match server.zip(listening.grpc) {
                Some((server, listener)) => {
                    let connections =
                        connections(listener, grpc_tls, Limits::of_grpc(&settings.grpc));
                    let http2 = grpc::http2(&settings.grpc);
                    let serving = server.serve(connections, http2, grpc::counted);
                    ends(drain, "serving gRPC", serving).await
                }
                None => Ok(()),
            }
        };
        let rest = async {
            match gateway.zip(listening.rest) {
                Some((router, listener)) => {
                    let connections =
                        connections(listener, rest_tls, Limits::of_rest(&settings.rest));
                    let bounds = http1::Bounds::of(&settings.rest);
                    let serving = http1::serve(router, connections, bounds, drain);
                    ends(drain, "serving REST", serving).await
                }
                None => Ok(()),
            }
        };
        let ((), grpc, rest) = tokio::join!(running, grpc, rest);
        grpc.and(rest)
    }
}

async fn server(
    settings: &Settings,
    storage: &Storage,
    drain: &CancellationToken,
) -> anyhow::Result<Server> {
    let store = storage.store();
    let password = settings.admin_password.as_deref();
    first_user::ensure(&store, password, storage.data_dir()).await?;
    exposure::check_password(settings, &store, storage.data_dir()).await?;
    let options = slacktide_server::Options {
        host: settings.host.clone(),
        version: VERSION,
    };
    if !settings.roles.has(Role::Executor) {
        return Ok(Server::new(
            store,
            options,
            Arc::new(NoExecutor),
            drain.clone(),
        ));
    }
    let executor = settings.executor_options(!storage.is_shared());
    let check = Arc::new(ProcessCheck::new(&executor));
    let preflight = Arc::new(HostPreflight::new(&executor));
    let server = Server::new(store, options, check, drain.clone());
    Ok(server.with_preflight(preflight))
}

async fn executor(
    settings: &Settings,
    storage: &Storage,
    drain: &CancellationToken,
) -> anyhow::Result<Executor> {
    let id = executor_id(&settings.host)?;
    // A SQLite database has one serving process, which holds its directory's lock.
    let options = settings.executor_options(!storage.is_shared());
    Ok(Executor::begin(storage.store(), id, options, drain.clone()).await?)
}

/// New at each start: what an earlier process of this host was doing is not this one's.
fn executor_id(host: &str) -> anyhow::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(format!("{host}-{:016x}", u64::from_be_bytes(random)))
}

fn gateway(settings: &Settings, upstream: Upstream) -> Router {
    let options = slacktide_gateway::Options {
        server: settings.host.clone(),
        max_body: settings.rest.max_body,
    };
    slacktide_gateway::router(upstream, options)
}

/// A role that ends, ends the process: with its error, or because it drains.
async fn ends<E: std::error::Error + Send + Sync + 'static>(
    drain: &CancellationToken,
    role: &'static str,
    serving: impl Future<Output = Result<(), E>>,
) -> anyhow::Result<()> {
    let ended = serving.await.context(role);
    drain.cancel();
    ended
}
