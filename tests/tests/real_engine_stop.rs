//! A stop of three real database servers, one in each of three zones.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use slacktide_api::v1::{ClusterStatus, ServerStatus, StopMode, TaskStatus, ZoneStatus};
use slacktide_tests::{Engine, SentSignal, Slacktide, cluster, signals_sent, with_engine, within};

const LIMIT: Duration = Duration::from_secs(240);

struct Expected {
    mode: StopMode,
    /// The only signal that a healthy server needs.
    signal: &'static str,
    /// Whether the server exits by itself; else it kills itself with SIGKILL when it gets the signal.
    exits: bool,
}

#[tokio::test]
async fn graceful_stop() -> Result<()> {
    let expected = Expected {
        mode: StopMode::Graceful,
        signal: "SIGUSR1",
        exits: true,
    };
    let run = async |home: &Path| stops_three(home, expected).await;
    with_engine("graceful_stop", LIMIT, run).await
}

#[tokio::test]
async fn immediate_stop() -> Result<()> {
    let expected = Expected {
        mode: StopMode::Immediate,
        signal: "SIGTERM",
        exits: false,
    };
    let run = async |home: &Path| stops_three(home, expected).await;
    with_engine("immediate_stop", LIMIT, run).await
}

async fn stops_three(home: &Path, expected: Expected) -> Result<()> {
    let engines = Engine::start_many::<3>(home).await?;
    let slacktide = Slacktide::start().await?;
    let api = slacktide.api()?;
    let zones = engines.iter().map(|engine| vec![engine.spec()]).collect();
    let cluster = api.register(cluster("three", zones)).await?;

    let accepted = api.stop(cluster.id, expected.mode).await?;
    assert_eq!(accepted.subtasks.len(), 2 * 3 + 3 * 3 + 6);
    let task = api.finished(accepted.id).await?;
    assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);

    for engine in &engines {
        let exited = engine.process().exited();
        let exit = within(Duration::from_secs(1), "end of a server", exited).await?;
        assert_eq!(exit.status.success(), expected.exits, "{exit:?}");
        assert!(
            engine.pid_file().exists(),
            "the pid file is the server's own; nobody deletes it"
        );
    }
    let sent: BTreeSet<_> = signals_sent(&api, &task).await?.into_iter().collect();
    let wanted = engines.iter().map(|engine| SentSignal {
        pid: engine.process().pid(),
        signal: expected.signal.to_owned(),
    });
    assert_eq!(sent, wanted.collect());

    let cluster = api.cluster(cluster.id).await?;
    assert_eq!(cluster.status(), ClusterStatus::Stopped);
    assert_eq!(cluster.active_task_id, None);
    for zone in &cluster.zones {
        assert_eq!(zone.status(), ZoneStatus::Stopped);
        for server in &zone.servers {
            assert_eq!(server.status(), ServerStatus::Stopped);
            assert!(server.stop_time.is_some());
        }
    }
    Ok(())
}
