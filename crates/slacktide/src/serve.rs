//! `slacktide serve`: all roles in one process.

mod host_check;
mod readiness;

use std::{future::Future, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use slacktide_executor::Executor;
use slacktide_server::{Server, bootstrap};
use slacktide_telemetry as telemetry;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::{LogFormat, Settings},
    data_dir::DataDir,
};
use host_check::ProcessCheck;
use readiness::Readiness;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long REST connections have to end once the process drains.
const REST_DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How long the database has to close once nothing should use it any more. What was committed is durable
/// anyway.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// What kept it from serving.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let guard = telemetry::init(&telemetry_options(&settings))?;
    let ended = serve(&settings).await;
    guard.shutdown().await;
    ended.map(|()| ExitCode::SUCCESS)
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    // Before anything else, so that a signal that comes while it starts makes it drain, not die.
    let drain = drain_on_signal()?;
    let data_dir = DataDir::prepare(&settings.data_dir)?;
    let lock = data_dir.lock()?;
    let store = data_dir.open_store().await?;
    bootstrap::ensure_admin(&store, settings.admin_password.as_deref(), data_dir.path()).await?;

    let executor_options = settings.executor_options(data_dir.hosts());
    let check = Arc::new(ProcessCheck::new(&executor_options));
    let executor = Executor::begin(
        store.clone(),
        executor_id(&settings.host)?,
        executor_options,
    )
    .await?;
    let options = slacktide_server::Options {
        host: settings.host.clone(),
        version: VERSION,
    };
    let server = Server::new(store.clone(), options, check, drain.clone());
    let rest = slacktide_gateway::router(
        server.service(),
        slacktide_gateway::Options {
            server: settings.host.clone(),
            max_body: settings.rest.max_body,
        },
    );
    let readiness = Readiness::new(drain.clone());
    let admin = telemetry::admin::router(readiness.check());

    // Every role is ready. REST opens last: it needs all of the others.
    let grpc_listener = bind("grpc.listen", settings.grpc.listen).await?;
    let admin_listener = bind("admin.listen", settings.admin.listen).await?;
    let rest_listener = bind("rest.listen", settings.rest.listen).await?;
    tracing::info!(
        version = VERSION,
        grpc = %grpc_listener.local_addr()?,
        rest = %rest_listener.local_addr()?,
        admin = %admin_listener.local_addr()?,
        data_dir = %data_dir.path().display(),
        "serving"
    );

    let tasks = TaskTracker::new();
    tasks.spawn(readiness.watch(store.clone()));
    let drained = drain.clone();
    let rest = async move {
        let serving = axum::serve(rest_listener, rest);
        serving
            .with_graceful_shutdown(drained.cancelled_owned())
            .await
    };
    let roles = async {
        tokio::try_join!(
            async {
                executor.run(drain.clone()).await;
                Ok(())
            },
            ends(&drain, "serving gRPC", server.serve(grpc_listener)),
            ends(&drain, "serving REST", at_most(&drain, rest)),
        )
    };
    // The admin listener answers to the last: a drain can be watched.
    let ended = tokio::select! {
        ended = roles => ended.map(|_| ()),
        ended = axum::serve(admin_listener, admin) => ended.context("serving the admin listener"),
    };
    drain.cancel();
    tasks.close();
    tasks.wait().await;
    if tokio::time::timeout(CLOSE_LIMIT, store.close())
        .await
        .is_err()
    {
        tracing::warn!("something still uses the database, leaving it open");
    }
    drop(lock);
    tracing::info!("drained");
    ended
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

/// Waits for connections to end once the process drains, but not for ever.
async fn at_most<E>(
    drain: &CancellationToken,
    serving: impl Future<Output = Result<(), E>>,
) -> Result<(), E> {
    tokio::select! {
        ended = serving => ended,
        () = async { drain.cancelled().await; tokio::time::sleep(REST_DRAIN_LIMIT).await } => Ok(()),
    }
}

async fn bind(setting: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen on {address}; choose another {setting}"))
}

/// Fires at the first SIGTERM or SIGINT.
fn drain_on_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let drain = CancellationToken::new();
    let fire = drain.clone();
    TaskTracker::new().spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
            _ = interrupt.recv() => tracing::info!("SIGINT: draining"),
        }
        fire.cancel();
    });
    Ok(drain)
}

/// New at each start: what an earlier process of this host was doing is not this one's.
fn executor_id(host: &str) -> anyhow::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(format!("{host}-{:016x}", u64::from_be_bytes(random)))
}

fn telemetry_options(settings: &Settings) -> telemetry::Options {
    telemetry::Options {
        format: match settings.log.format {
            LogFormat::Text => telemetry::LogFormat::Text,
            LogFormat::Json => telemetry::LogFormat::Json,
        },
        filter: settings.log.filter.clone(),
        otlp_endpoint: settings.trace.otlp_endpoint.clone(),
        service_instance: settings.host.clone(),
        version: VERSION,
    }
}
