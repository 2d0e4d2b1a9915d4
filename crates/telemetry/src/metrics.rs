//! Counts and durations, as Prometheus reads them.
//!
//! Label values must come from small sets: routes and RPCs by their template, subtasks by their name, codes.

use std::{sync::LazyLock, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{Gauge, Histogram, Meter, MeterProvider},
};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

/// Content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

const REQUEST_SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
const WORK_SECONDS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 120.0, 300.0, 600.0,
    1200.0,
];

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

struct Metrics {
    registry: Registry,
    /// Its readers die with it.
    _provider: SdkMeterProvider,
    requests: Histogram<f64>,
    tasks: Histogram<f64>,
    subtasks: Histogram<f64>,
    queue: Gauge<i64>,
    lease_held: Gauge<i64>,
    lease_age: Gauge<f64>,
}

impl Metrics {
    fn new() -> Self {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .without_target_info()
            .build();
        let mut provider = SdkMeterProvider::builder();
        match exporter {
            Ok(exporter) => provider = provider.with_reader(exporter),
            Err(error) => tracing::error!(%error, "metrics are not available"),
        }
        let provider = provider.build();
        let meter = provider.meter("slacktide");
        Self {
            registry,
            requests: durations(
                &meter,
                "slacktide_request_duration_seconds",
                "How long requests took, by protocol, method and answered code",
                &REQUEST_SECONDS,
            ),
            tasks: durations(
                &meter,
                "slacktide_task_duration_seconds",
                "How long tasks took from acceptance to their end, by name and outcome",
                &WORK_SECONDS,
            ),
            subtasks: durations(
                &meter,
                "slacktide_subtask_duration_seconds",
                "How long runs of subtasks took, by name and outcome",
                &WORK_SECONDS,
            ),
            queue: meter
                .i64_gauge("slacktide_queue_subtasks")
                .with_description("Subtasks that are ready for an executor or run on one")
                .build(),
            lease_held: meter
                .i64_gauge("slacktide_lease_held")
                .with_description("1 while this executor holds its lease, else 0")
                .build(),
            lease_age: meter
                .f64_gauge("slacktide_lease_age_seconds")
                .with_description("Time since this executor last renewed its lease")
                .build(),
            _provider: provider,
        }
    }
}

fn durations(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
    boundaries: &[f64],
) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_description(description)
        .with_boundaries(boundaries.to_vec())
        .build()
}

/// Counts a request that was answered. `method` must be bounded: the route's template or the RPC's name,
/// never a path with ids in it. `code` is the HTTP status or the gRPC code's name.
pub fn observe_request(protocol: &'static str, method: &str, code: &str, took: Duration) {
    let labels = [
        KeyValue::new("protocol", protocol),
        KeyValue::new("method", method.to_owned()),
        KeyValue::new("code", code.to_owned()),
    ];
    METRICS.requests.record(took.as_secs_f64(), &labels);
}

/// Counts a run of a subtask that ended.
pub fn observe_subtask(name: &str, outcome: &str, took: Duration) {
    let labels = ended(name, outcome);
    METRICS.subtasks.record(took.as_secs_f64(), &labels);
}

/// Counts a task that ended.
pub fn observe_task(name: &str, outcome: &str, took: Duration) {
    let labels = ended(name, outcome);
    METRICS.tasks.record(took.as_secs_f64(), &labels);
}

fn ended(name: &str, outcome: &str) -> [KeyValue; 2] {
    [
        KeyValue::new("name", name.to_owned()),
        KeyValue::new("outcome", outcome.to_owned()),
    ]
}

/// Tells how many subtasks wait for an executor and how many run.
pub fn set_queue_depth(ready: i64, running: i64) {
    for (status, count) in [("READY", ready), ("RUNNING", running)] {
        METRICS
            .queue
            .record(count, &[KeyValue::new("status", status)]);
    }
}

/// Tells whether this executor holds its lease, and how long ago it renewed it.
pub fn set_lease(held: bool, age: Duration) {
    METRICS.lease_held.record(i64::from(held), &[]);
    METRICS.lease_age.record(age.as_secs_f64(), &[]);
}

/// All metrics in the Prometheus text format.
pub fn render() -> String {
    TextEncoder::new()
        .encode_to_string(&METRICS.registry.gather())
        .unwrap_or_else(|error| {
            tracing::error!(%error, "could not render the metrics");
            String::new()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_observed_is_rendered_under_its_documented_name() {
        let took = Duration::from_millis(20);
        observe_request("rest", "POST /api/v2/ob/clusters/{id}/stop", "200", took);
        observe_subtask("Stop observer process", "SUCCESSFUL", took);
        observe_task("Stop OB cluster", "FAILED", took);
        set_queue_depth(3, 2);
        set_lease(true, Duration::from_millis(1500));

        let text = render();
        for line in [
            r#"slacktide_request_duration_seconds_count{code="200",method="POST /api/v2/ob/clusters/{id}/stop",protocol="rest"} 1"#,
            r#"slacktide_subtask_duration_seconds_bucket{name="Stop observer process",outcome="SUCCESSFUL",le="0.01"} 0"#,
            r#"slacktide_subtask_duration_seconds_bucket{name="Stop observer process",outcome="SUCCESSFUL",le="0.025"} 1"#,
            r#"slacktide_task_duration_seconds_sum{name="Stop OB cluster",outcome="FAILED"} 0.02"#,
            r#"slacktide_queue_subtasks{status="READY"} 3"#,
            r#"slacktide_queue_subtasks{status="RUNNING"} 2"#,
            "slacktide_lease_held 1",
            "slacktide_lease_age_seconds 1.5",
        ] {
            assert!(text.contains(line), "missing {line} in\n{text}");
        }
    }
}
