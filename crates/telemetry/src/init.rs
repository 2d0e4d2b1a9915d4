//! Installs the process-wide subscriber, and flushes it at the end.

use std::{io::IsTerminal, time::Duration};

use opentelemetry::KeyValue;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::trace;

/// How long [`Guard::shutdown`] waits for a collector that does not answer.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: one line an event, coloured on a terminal.
    #[default]
    Text,
    /// For machines: one JSON object an event, with the fields of every enclosing span in `spans`.
    Json,
}

/// What [`init`] installs.
#[derive(Clone, Debug)]
pub struct Options {
    /// How log lines look.
    pub format: LogFormat,
    /// Which events are logged, as `tracing` directives: `info`, or `info,slacktide_executor=debug`.
    pub filter: String,
    /// Where traces go, as `http://host:4317` (OTLP over gRPC). None: traces are carried on, but not exported.
    pub otlp_endpoint: Option<String>,
    /// Tells this process from its siblings in the exported traces.
    pub service_instance: String,
    /// Version of the program.
    pub version: &'static str,
}

/// Why telemetry can't start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter has a part that is no directive.
    #[error("log filter `{filter}` is not valid")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The endpoint asks for TLS, which this version does not have.
    #[error(
        "otlp_endpoint `{0}` must begin with http://: this version exports without TLS, \
         so let a collector on the same host or network forward the traces"
    )]
    Scheme(String),
    /// The exporter does not accept the endpoint.
    #[error("otlp_endpoint `{endpoint}` is not usable")]
    Exporter {
        /// The endpoint as given.
        endpoint: String,
        /// What is wrong with it.
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// The process already has a subscriber.
    #[error("telemetry is already initialised in this process")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

/// Keeps telemetry alive; [`Guard::shutdown`] flushes what was not exported yet.
#[derive(Debug)]
#[must_use = "spans that were not exported yet are lost unless the guard is shut down"]
pub struct Guard {
    provider: SdkTracerProvider,
}

impl Guard {
    /// Exports what is left, for a bounded time, and stops exporting. Logs go on.
    pub async fn shutdown(self) {
        // The provider blocks on its exporter, which needs this runtime: never on a worker of it.
        let flushed =
            tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH_LIMIT));
        if let Ok(Err(error)) = flushed.await {
            tracing::warn!(%error, "could not export the last traces");
        }
    }
}

/// Installs logs (to stderr) and traces for the whole process, once.
///
/// With an OTLP endpoint it must be called inside a tokio runtime. The collector need not be up.
///
/// # Errors
/// [`InitError`] when the filter or the endpoint is not usable, or on a second call.
pub fn init(options: &Options) -> Result<Guard, InitError> {
    let filter = log_filter(&options.filter)?;
    let provider = tracer_provider(options)?;
    let exporting = options.otlp_endpoint.is_some();
    tracing_subscriber::registry()
        .with(trace::layer(&provider, exporting))
        .with(log_layer(options.format).with_filter(filter))
        .try_init()?;
    Ok(Guard { provider })
}

/// Parses the filter, and lets the spans that carry trace and task ids through whatever it says: a
/// warning without its trace id is half a warning.
fn log_filter(filter: &str) -> Result<EnvFilter, InitError> {
    let rejected = |source| InitError::Filter {
        filter: filter.to_owned(),
        source,
    };
    let ids = format!("{}=error", trace::TARGET)
        .parse()
        .map_err(rejected)?;
    Ok(EnvFilter::builder()
        .parse(filter)
        .map_err(rejected)?
        .add_directive(ids))
}

fn log_layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        // The list holds every enclosing span; the current one alone would hide the ids of its parent.
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .boxed(),
    }
}

fn tracer_provider(options: &Options) -> Result<SdkTracerProvider, InitError> {
    let builder = trace::provider_builder(options.otlp_endpoint.is_some());
    let Some(endpoint) = &options.otlp_endpoint else {
        return Ok(builder.build());
    };
    if !endpoint.starts_with("http://") {
        return Err(InitError::Scheme(endpoint.clone()));
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|source| InitError::Exporter {
            endpoint: endpoint.clone(),
            source,
        })?;
    let resource = Resource::builder()
        .with_service_name("slacktide")
        .with_attribute(KeyValue::new("service.version", options.version))
        .with_attribute(KeyValue::new(
            "service.instance.id",
            options.service_instance.clone(),
        ))
        .build();
    Ok(builder
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            format: LogFormat::Json,
            filter: "info".to_owned(),
            otlp_endpoint: None,
            service_instance: "test".to_owned(),
            version: "0.0.0",
        }
    }

    #[test]
    fn a_bad_filter_is_named() {
        let error = init(&Options {
            filter: "info,=".to_owned(),
            ..options()
        })
        .unwrap_err();
        assert!(matches!(&error, InitError::Filter { filter, .. } if filter == "info,="));
    }

    #[test]
    fn an_endpoint_with_tls_is_refused_by_the_setting_s_name() {
        let error = init(&Options {
            otlp_endpoint: Some("https://collector:4317".to_owned()),
            ..options()
        })
        .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("otlp_endpoint `https://collector:4317`")
        );
    }

    #[test]
    fn the_ids_of_a_request_pass_any_filter() {
        let filter = log_filter("warn").unwrap().to_string();
        assert!(
            filter.contains("slacktide_telemetry::trace=error"),
            "{filter}"
        );
    }
}
