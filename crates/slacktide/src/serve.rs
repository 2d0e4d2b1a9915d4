//! `slacktide serve`: the roles of one process.

mod certificate;
mod connection;
mod connections;
mod exposure;
mod first_user;
mod grpc;
mod host_check;
mod http1;
mod listeners;
mod open_files;
mod patience;
mod preflight;
mod readiness;
mod remote;
mod requests;
mod retention;
mod roles;
mod signals;
mod storage;

use std::{pin::pin, process::ExitCode, sync::Arc};

use anyhow::{Context, anyhow};
use slacktide_telemetry as telemetry;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::config::{LogFormat, Role, Settings};
use certificate::{Certificate, Hangup};
use listeners::{Listeners, address_of};
use readiness::Readiness;
use remote::Remote;
use roles::Roles;
use signals::Signals;
use storage::Storage;

const VERSION: &str = env!("CARGO_PKG_VERSION");

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
    exposure::check_plaintext(settings)?;
    let certificate = Certificate::read(&settings.tls)?;
    let listeners = Listeners::take(settings)?;
    open_files::allow(settings.grpc.max_connections + settings.rest.max_connections);
    let mut readiness = Readiness::new(drain.clone());
    let background = TaskTracker::new();
    if let Some(certificate) = &certificate {
        let following = Arc::clone(certificate).follow(Hangup::listen()?, drain.clone());
        background.spawn(following);
    }
    let storage = if settings.roles.need_database() {
        Some(Storage::open(settings).await?)
    } else {
        None
    };
    let remote = remote(settings)?;
    let roles = Roles::begin(settings, storage.as_ref(), remote.as_ref(), &drain).await?;
    if let Some(remote) = remote {
        background.spawn(readiness.remote(remote));
    }
    if let Some(storage) = &storage {
        background.spawn(readiness.database(storage.store()));
        if let (Some(keep), true) = (settings.retention.keep, settings.roles.has(Role::Server)) {
            let (keep, batch) = (keep.duration(), settings.retention.batch);
            background.spawn(retention::run(storage.store(), keep, batch, drain.clone()));
        }
    }
    let admin_router = telemetry::admin::router(readiness.check());

    let (admin, listening) = listeners.open()?;
    tracing::info!(
        version = VERSION,
        roles = %settings.roles,
        grpc = address_of(listening.grpc.as_ref()),
        rest = address_of(listening.rest.as_ref()),
        admin = address_of(Some(&admin)),
        tls = certificate.is_some(),
        data_dir = storage.as_ref().map(|storage| storage.data_dir().display().to_string()),
        "serving"
    );
    // The admin listener answers to the last: a drain can be watched.
    let ended = tokio::select! {
        ended = roles.serve(settings, listening, certificate.as_ref(), &drain) => ended,
        ended = http1::serve_to_the_last(admin_router, admin) => ended.context("serving the admin listener"),
    };
    drain.cancel();
    background.close();
    background.wait().await;
    if let Some(storage) = storage {
        storage.close().await;
    }
    tracing::info!("drained");
    ended
}

/// The server of another process, where the gateway calls one.
fn remote(settings: &Settings) -> anyhow::Result<Option<Remote>> {
    let url = settings.gateway.upstream.as_deref();
    let url = url.filter(|_| settings.roles.has(Role::Gateway));
    let ca = settings.gateway.upstream_ca.as_deref();
    url.map(|url| Remote::new(url, ca)).transpose()
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
