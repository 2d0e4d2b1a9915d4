//! Spans reach a collector by OTLP, and one trace joins every hop of a stop.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::Value;
use slacktide_api::v1::{SqlAccount, Task, TaskStatus};
use slacktide_tests::{
    Collector, Credentials, ExportedSpan, Setup, Slacktide, free_port, simulated_cluster,
    simulated_driver, within,
};

const LIMIT: Duration = Duration::from_secs(120);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLERS_SPAN: &str = "00f067aa0ba902b7";
const SQL_PASSWORD: &str = "battery staple";
const REST_CALL: &str = "POST /api/v2/ob/clusters/{id}/stop";
const RPC: &str = "slacktide.v1.ClusterService/StopCluster";

/// The subtasks of a stop with a minor freeze that have a run of their own; the rest is folded into commits.
const RUN: [&str; 4] = [
    "Prepare stop OB zone",
    "Prepare stop observer",
    "Stop observer process",
    "Update observer status",
];

/// Asks by REST for the stop of a cluster of two zones with an SQL account, waits for its end, and returns
/// the envelope's `traceId` and the task.
async fn stop(slacktide: &Slacktide, headers: &[(&str, &str)]) -> Result<(String, Task)> {
    let api = slacktide.api()?;
    let mut cluster = simulated_cluster("traced", 2, simulated_driver(10));
    cluster.sql = Some(SqlAccount {
        user: "root".to_owned(),
        password: SQL_PASSWORD.to_owned(),
    });
    let cluster = api.register(cluster).await?;
    let path = format!("/api/v2/ob/clusters/{}/stop", cluster.id);
    let rest = slacktide.rest();
    let answer = rest.call(Method::POST, &path, headers, "").await?.json()?;
    let shown = answer["traceId"].as_str().context("traceId")?;
    let task = api
        .finished(answer["data"]["id"].as_i64().context("id")?)
        .await?;
    assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
    Ok((shown.to_owned(), task))
}

/// The spans of one trace.
struct Trace(Vec<ExportedSpan>);

impl Trace {
    fn received(collector: &Collector, id: &str) -> Self {
        let mut spans = collector.spans();
        spans.retain(|span| span.trace_id == id);
        Self(spans)
    }

    fn one(&self, name: &str) -> &ExportedSpan {
        let named: Vec<_> = self.0.iter().filter(|span| span.name == name).collect();
        assert_eq!(named.len(), 1, "spans named {name} in {:#?}", self.0);
        named[0]
    }

    /// The REST call came from `parent`, the RPC from the REST call, and every run from the RPC.
    fn assert_joins_every_hop(&self, parent: &str, task: &Task) {
        let rest = self.one(REST_CALL);
        assert_eq!(rest.parent, parent);
        let rpc = self.one(RPC);
        assert_eq!(rpc.parent, rest.span_id);

        let ran = task
            .subtasks
            .iter()
            .filter(|subtask| RUN.contains(&subtask.name.as_str()));
        let expected: BTreeSet<_> = ran
            .map(|subtask| (subtask.id.to_string(), subtask.name.clone()))
            .collect();
        let runs: Vec<_> = self
            .0
            .iter()
            .filter_map(|span| Some((span, span.attributes.get("subtask_id")?)))
            .collect();
        for (run, _) in &runs {
            assert_eq!(run.parent, rpc.span_id, "parent of {run:#?}");
            assert_eq!(run.attributes["task_id"], task.id.to_string());
        }
        assert_eq!(runs.len(), expected.len(), "each subtask ran once");
        let exported: BTreeSet<_> = runs
            .into_iter()
            .map(|(run, subtask)| (subtask.clone(), run.name.clone()))
            .collect();
        assert_eq!(exported, expected);
    }
}

#[tokio::test]
async fn the_callers_trace_joins_every_hop() -> Result<()> {
    within(LIMIT, "export a caller's trace", async {
        let collector = Collector::start().await?;
        let slacktide = Setup::default()
            .setting("trace.otlp_endpoint", &collector.endpoint())
            .start()
            .await?;
        let parent = format!("00-{TRACE}-{CALLERS_SPAN}-01");
        let (shown, task) = stop(&slacktide, &[("traceparent", &parent)]).await?;
        assert_eq!(shown, TRACE[16..]);
        assert!(slacktide.sigterm().await?.status.success());

        Trace::received(&collector, TRACE).assert_joins_every_hop(CALLERS_SPAN, &task);
        for span in collector.spans() {
            assert_eq!(span.resource["service.name"], "slacktide");
            assert_eq!(span.resource["service.version"], env!("CARGO_PKG_VERSION"));
        }
        assert_no_secret(&collector)
    })
    .await
}

fn assert_no_secret(collector: &Collector) -> Result<()> {
    let admin = Slacktide::admin();
    let header = admin.header().context("admin's header")?;
    let token = header.trim_start_matches("Basic ");
    let Credentials::Basic { password, .. } = &admin else {
        bail!("admin signs in with {admin:?}");
    };
    let everything = collector.everything();
    for secret in [password, token, SQL_PASSWORD] {
        assert!(!everything.contains(secret), "{secret} is in {everything}");
    }
    Ok(())
}

#[tokio::test]
async fn a_trace_that_begins_here_is_found_by_the_digits_shown() -> Result<()> {
    within(LIMIT, "export a trace of our own", async {
        let collector = Collector::start().await?;
        let slacktide = Setup::default()
            .setting("trace.otlp_endpoint", &collector.endpoint())
            .setting("log.format", "json")
            .start()
            .await?;
        let (shown, task) = stop(&slacktide, &[]).await?;
        assert!(slacktide.sigterm().await?.status.success());

        let trace = format!("{:016}{shown}", 0);
        assert_eq!(task.trace_id, trace);
        Trace::received(&collector, &trace).assert_joins_every_hop("", &task);
        assert_lines_of_runs_show(&shown, task.id, &slacktide.output())
    })
    .await
}

/// Every log line of a run of the task holds the trace id that the caller was shown.
fn assert_lines_of_runs_show(trace_id: &str, task: i64, output: &str) -> Result<()> {
    let mut lines = 0;
    for line in output.lines() {
        let event: Value =
            serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        let spans = event["spans"].as_array().into_iter().flatten();
        for run in spans.filter(|span| span["task_id"] == task) {
            assert_eq!(run["trace_id"], trace_id, "{line}");
            lines += 1;
        }
    }
    assert!(lines > 0, "no line of a run of task {task} in\n{output}");
    Ok(())
}

/// Each makes two spans: together more than the exporter's queue (2,048) and a batch (512) hold.
const CALLS: usize = 1500;

/// What a call may take, on a busy machine too. Less than an attempt to export to a silent collector.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// What the end may take: the flush is given three seconds.
const END_LIMIT: Duration = Duration::from_secs(7);

async fn assert_not_held_up_by(endpoint: &str) -> Result<()> {
    let slacktide = Setup::default()
        .setting("trace.otlp_endpoint", endpoint)
        .start()
        .await?;
    let rest = slacktide.rest();
    for _ in 0..CALLS {
        let info = within(CALL_LIMIT, "a call", rest.get("/api/v2/info")).await?;
        assert!(info.status.is_success(), "{}", info.text());
    }
    within(CALL_LIMIT, "a stop", stop(&slacktide, &[])).await?;

    let asked = Instant::now();
    let exit = slacktide.sigterm().await?;
    assert!(exit.status.success(), "{}", slacktide.output());
    let took = exit.at.duration_since(asked);
    assert!(took < END_LIMIT, "the end took {took:?}");
    Ok(())
}

#[tokio::test]
async fn a_collector_that_is_down_holds_nothing_up() -> Result<()> {
    let nobody = format!("http://127.0.0.1:{}", free_port()?);
    within(LIMIT, "no collector", assert_not_held_up_by(&nobody)).await
}

#[tokio::test]
async fn a_collector_that_is_silent_holds_nothing_up() -> Result<()> {
    // Connections are established and never accepted.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("http://{}", silent.local_addr()?);
    within(LIMIT, "silent collector", assert_not_held_up_by(&endpoint)).await
}
