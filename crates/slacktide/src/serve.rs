//! `slacktide serve`: all roles in one process.

mod host_check;
mod listeners;
mod readiness;
mod signals;

use std::{future::Future, pin::pin, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, anyhow};
use slacktide_executor::Executor;
use slacktide_server::{Server, bootstrap};
use slacktide_telemetry as telemetry;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::{LogFormat, Settings},
    data_dir::DataDir,
};
use host_check::ProcessCheck;
use listeners::Bound;
use readiness::Readiness;
use signals::Signals;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long REST connections have to end once the process drains.
const REST_DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How long the database has to close once nothing should use it any more. What was committed is durable
/// anyway.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

/// Serves until SIGTERM or SIGINT, then drains; a second signal ends the drain.
///
/// # Errors
/// What kept it from serving, or that the drain was cut short.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let guard = telemetry::init(&telemetry_options(&settings))?;
    // Before anything else, so that a signal that comes while it starts makes it drain, not die.
    let mut signals = Signals::listen()?;
    let drain = CancellationToken::new();
    // Lives on beside a drain that is cut short: until the process ends, its data directory stays locked.
    let serving = pin!(serve(&settings, drain.clone()));
    let ended = tokio::select! {
        ended = serving => ended,
        second = signals.drain_then_second(&drain) => Err(anyhow!(
            "{second} while draining: ended at once; what was running goes on at the next start"
        )),
    };
    guard.shutdown().await;
    ended.map(|()| ExitCode::SUCCESS)
}

async fn serve(settings: &Settings, drain: CancellationToken) -> anyhow::Result<()> {
    // What is not to be had is known before anything is made.
    let grpc = Bound::take("grpc.listen", settings.grpc.listen)?;
    let rest = Bound::take("rest.listen", settings.rest.listen)?;
    let admin = Bound::take("admin.listen", settings.admin.listen)?;
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
        drain.clone(),
    )
    .await?;
    let options = slacktide_server::Options {
        host: settings.host.clone(),
        version: VERSION,
    };
    let server = Server::new(store.clone(), options, check, drain.clone());
    let rest_router = slacktide_gateway::router(
        server.service(),
        slacktide_gateway::Options {
            server: settings.host.clone(),
            max_body: settings.rest.max_body,
        },
    );
    let readiness = Readiness::new(drain.clone());
    let admin_router = telemetry::admin::router(readiness.check());

    // Every role is ready. REST opens last: it needs all of the others.
    let grpc = grpc.listen()?;
    let admin = admin.listen()?;
    let rest = rest.listen()?;
    tracing::info!(
        version = VERSION,
        grpc = %grpc.local_addr()?,
        rest = %rest.local_addr()?,
        admin = %admin.local_addr()?,
        data_dir = %data_dir.path().display(),
        "serving"
    );

    let tasks = TaskTracker::new();
    tasks.spawn(readiness.watch(store.clone()));
    let drained = drain.clone();
    let serving_rest = async move {
        let serving = axum::serve(rest, rest_router);
        serving
            .with_graceful_shutdown(drained.cancelled_owned())
            .await
    };
    let roles = async {
        let ((), grpc, rest) = tokio::join!(
            executor.run(),
            ends(&drain, "serving gRPC", server.serve(grpc)),
            ends(&drain, "serving REST", at_most(&drain, serving_rest)),
        );
        grpc.and(rest)
    };
    // The admin listener answers to the last: a drain can be watched.
    let ended = tokio::select! {
        ended = roles => ended,
        ended = axum::serve(admin, admin_router) => ended.context("serving the admin listener"),
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
