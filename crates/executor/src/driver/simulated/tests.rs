use std::path::PathBuf;

use futures::future::join_all;
use serde_json::Value;

use super::*;

struct Case {
    dir: tempfile::TempDir,
    log: RunLog,
    cancel: CancellationToken,
}

impl Case {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            log: RunLog::new().0,
            cancel: CancellationToken::new(),
        }
    }

    fn host(&self, stop_ms: u64, fail_stops: u32, hang: bool) -> Simulated {
        let behaviour = Behaviour {
            stop_ms,
            fail_stops,
            hang,
        };
        Simulated::new(ServerId(7), &self.dir.path().join("simulated"), behaviour)
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("simulated/7.json")
    }

    async fn stop(&self, host: &Simulated, fence: Fence) -> Result<String, String> {
        let stopped = host.stop(fence, &self.log, &self.cancel).await;
        stopped.map_err(|failure| match failure {
            StopFailure::Failed { reason, .. } => reason,
            StopFailure::Canceled => "canceled".to_owned(),
            StopFailure::Lost => "lost".to_owned(),
        })
    }

    async fn start(&self, host: &Simulated, fence: Fence) -> Result<String, String> {
        match host.start(fence, &self.log).await {
            Ok(sighting) => Ok(sighting.text),
            Err(StartFailure::Failed { reason, .. }) => Err(reason),
            Err(StartFailure::Canceled) => Err("canceled".to_owned()),
            Err(StartFailure::Lost) => Err("lost".to_owned()),
        }
    }

    /// The journal, as another program reads it.
    fn effects(&self) -> Vec<(i64, i64, String)> {
        let state: Value = serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap();
        let effects = state["effects"].as_array().unwrap().iter();
        effects
            .map(|effect| {
                let number = |name: &str| effect[name].as_i64().unwrap();
                let act = effect["act"].as_str().unwrap().to_owned();
                (number("generation"), number("epoch"), act)
            })
            .collect()
    }
}

fn fence(generation: i64, epoch: i64) -> Fence {
    Fence { generation, epoch }
}

#[tokio::test]
async fn what_is_done_to_a_server_is_journaled_once() {
    let case = Case::new();
    let host = case.host(0, 0, false);
    assert_eq!(host.look().await.observation, Observation::Alive);
    case.stop(&host, fence(1, 5)).await.unwrap();
    case.stop(&host, fence(1, 6)).await.unwrap();
    assert_eq!(host.look().await.observation, Observation::Gone);
    assert!(host.was_stopped_in(1).await && !host.was_stopped_in(2).await);
    case.start(&host, fence(2, 3)).await.unwrap();
    assert!(host.was_started_in(2).await && !host.was_stopped_in(1).await);
    case.start(&host, fence(2, 3)).await.unwrap();
    assert_eq!(host.look().await.observation, Observation::Alive);
    assert_eq!(
        case.effects(),
        [(1, 5, "stop".to_owned()), (2, 3, "start".to_owned())]
    );
}

#[tokio::test]
async fn a_run_that_was_fenced_out_changes_nothing() {
    let case = Case::new();
    let host = case.host(0, 0, false);
    host.raise_fence(fence(2, 1)).await.unwrap();
    // Of an operation that a later one has overtaken.
    let reason = case.stop(&host, fence(1, 9)).await.unwrap_err();
    assert!(reason.contains("a later run has this server"), "{reason}");
    assert_eq!(host.look().await.observation, Observation::Alive);
    case.stop(&host, fence(2, 1)).await.unwrap();
    let reason = case.start(&host, fence(1, 9)).await.unwrap_err();
    assert!(reason.contains("a later run has this server"), "{reason}");
    // Of one that goes on in another run.
    for end in [
        case.stop(&host, fence(2, 0)).await,
        case.start(&host, fence(2, 0)).await,
    ] {
        assert_eq!(end, Err("lost".to_owned()));
    }
    assert_eq!(case.effects().len(), 1);
}

#[tokio::test]
async fn a_run_that_is_fenced_out_while_it_waits_changes_nothing() {
    let case = Case::new();
    let host = case.host(50, 0, false);
    let (log, mut lines) = RunLog::new();
    let fencing = async {
        while !lines.recv().await.unwrap().contains("waiting") {}
        host.raise_fence(fence(1, 2)).await.unwrap();
    };
    let (end, ()) = tokio::join!(host.stop(fence(1, 1), &log, &case.cancel), fencing);
    assert!(matches!(end, Err(StopFailure::Lost)));
    assert_eq!(host.look().await.observation, Observation::Alive);
    assert!(case.effects().is_empty());
}

#[tokio::test]
async fn many_at_once_do_it_once() {
    let case = Case::new();
    let hosts: Vec<_> = (0..20).map(|_| case.host(1, 0, false)).collect();
    let stops = hosts.iter().map(|host| case.stop(host, fence(1, 1)));
    assert!(join_all(stops).await.into_iter().all(|end| end.is_ok()));
    assert_eq!(case.effects().len(), 1);
}

#[tokio::test]
async fn only_the_stop_act_hangs_and_fails() {
    let case = Case::new();
    let failing = case.host(0, 1, false);
    let reason = case.stop(&failing, fence(1, 1)).await.unwrap_err();
    assert!(reason.contains("refuses to stop"), "{reason}");
    case.stop(&failing, fence(1, 2)).await.unwrap();

    let hanging = case.host(0, 0, true);
    case.start(&hanging, fence(1, 3)).await.unwrap();
    let cancel = async {
        hanging.look().await;
        case.cancel.cancel();
    };
    let (end, ()) = tokio::join!(case.stop(&hanging, fence(1, 4)), cancel);
    assert_eq!(end, Err("canceled".to_owned()));
    assert_eq!(hanging.look().await.observation, Observation::Alive);
}

#[tokio::test]
async fn the_journal_stays_small() {
    let case = Case::new();
    let host = case.host(0, 0, false);
    for epoch in 0..100 {
        case.stop(&host, fence(i64::MAX, epoch)).await.unwrap();
        case.start(&host, fence(i64::MAX, epoch)).await.unwrap();
    }
    assert_eq!(case.effects().len(), JOURNAL);
    assert_eq!(case.effects().last().unwrap().1, 99);
    assert_eq!(std::fs::metadata(case.file()).unwrap().len(), 4096);
}

#[tokio::test]
async fn a_file_of_an_earlier_version_is_understood() {
    let case = Case::new();
    let host = case.host(0, 1, false);
    std::fs::create_dir_all(case.file().parent().unwrap()).unwrap();
    std::fs::write(case.file(), r#"{"running":false,"stop_attempts":1}"#).unwrap();
    assert_eq!(host.look().await.observation, Observation::Gone);
    case.start(&host, fence(3, 1)).await.unwrap();
    case.stop(&host, fence(3, 2)).await.unwrap();
    std::fs::write(case.file(), "{").unwrap();
    assert_eq!(host.look().await.observation, Observation::Unknown);
}
