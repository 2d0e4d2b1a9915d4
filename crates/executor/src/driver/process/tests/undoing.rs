//! An operation that is canceled after its signal and rolled back, from the database to the process.

use std::time::Duration;

use slacktide_engine::{
    allow::Subject,
    cluster::Driver,
    commit::Event,
    id::{TaskId, UserId},
    kind::SubtaskKind,
    plan::{Request, plan},
    selector::Selector,
    status::{Goal, ResourceStatus, StopMode, TaskStatus},
    task::Creator,
};
use slacktide_store::{Location, NewCluster, NewServer, NewZone, Store, Submission, TaskSnapshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::fake::Host;
use super::starting::Ward;
use crate::{Executor, Options};

const TIMELY: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
const HERE: &str = "here";

async fn register(store: &Store, host: &Host) -> slacktide_engine::cluster::Cluster {
    let server = NewServer {
        ip: "127.0.0.1".to_owned(),
        sql_port: host.sql_port,
        rpc_port: host.rpc_port,
        driver: Driver::Process {
            base_dir: host.base().display().to_string(),
            host: HERE.to_owned(),
        },
    };
    let cluster = NewCluster {
        name: "ob_demo".to_owned(),
        ob_cluster_id: 22,
        sql: None,
        selector: Selector::default(),
        zones: vec![NewZone {
            name: "zone1".to_owned(),
            servers: vec![server],
        }],
        creator: "admin".to_owned(),
    };
    store.register(cluster, None).await.unwrap()
}

/// Submits a graceful stop of the one cluster.
async fn submit_stop(store: &Store, host: &Host) -> TaskId {
    let cluster = register(store, host).await;
    let request = Request {
        mode: StopMode::Graceful,
        minor_freeze: None,
        parallel: None,
    };
    let submission = Submission {
        plan: plan(&cluster, Goal::Stop, Subject::Cluster, request).unwrap(),
        creator: Creator {
            id: UserId(100),
            name: "admin".to_owned(),
        },
        executor: HERE.to_owned(),
        traceparent: None,
        key: None,
    };
    store.submit(submission).await.unwrap().task.id
}

/// All lines that runs of the stop act have logged so far.
async fn stop_log(store: &Store, task: TaskId) -> String {
    let snapshot = store.task(task, true).await.unwrap();
    let mut subtasks = snapshot.subtasks.iter();
    let stops = subtasks.find(|subtask| subtask.kind == SubtaskKind::StopObserverProcess);
    let runs = store.log(task, stops.unwrap().id).await.unwrap();
    let lines = runs.into_iter().flat_map(|run| run.lines);
    lines.map(|line| line.text).collect::<Vec<_>>().join("\n")
}

async fn logged(store: &Store, task: TaskId, text: &str) {
    let waiting = async {
        while !stop_log(store, task).await.contains(text) {
            tokio::time::sleep(POLL).await;
        }
    };
    if tokio::time::timeout(TIMELY, waiting).await.is_err() {
        panic!("{text} not in\n{}", stop_log(store, task).await);
    }
}

async fn ended(store: &Store, task: TaskId) -> TaskSnapshot {
    let waiting = async {
        loop {
            let snapshot = store.task(task, true).await.unwrap();
            if snapshot.task.state.status != TaskStatus::Running {
                return snapshot;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(TIMELY, waiting).await.unwrap()
}

#[tokio::test]
async fn a_rollback_waits_for_the_end_of_the_server_that_was_signalled_and_starts_it() {
    let host = Host::new();
    let mut server = host.start(&["--linger"]);
    let file = host.state_dir().with_file_name("slacktide.db");
    let store = Store::open(&Location::sqlite(file)).await.unwrap();
    let options = Options {
        settle: Duration::from_millis(50),
        observe_interval: Duration::ZERO,
        ..Options::new(HERE, host.state_dir())
    };
    let drain = CancellationToken::new();
    let executor = Executor::begin(store.clone(), "e1".to_owned(), options, drain.clone());
    let tracker = TaskTracker::new();
    tracker.spawn(executor.await.unwrap().run());
    tracker.close();

    let task = submit_stop(&store, &host).await;
    logged(&store, task, "sent SIGUSR1").await;
    store.command(task, Event::CancelTask, None).await.unwrap();
    let canceled = ended(&store, task).await;
    assert_eq!(canceled.task.state.status, TaskStatus::Failed);
    assert!(server.is_alive());

    let rollback = Event::RollbackTask;
    store.command(task, rollback, None).await.unwrap();
    logged(&store, task, "got SIGUSR1 earlier: waiting").await;
    std::fs::write(host.base().join("end"), "").unwrap();
    let undone = ended(&store, task).await;
    let log = stop_log(&store, task).await;
    assert_eq!(undone.task.state.status, TaskStatus::Successful, "{log}");
    let new = Ward(host.found().await.identity);
    assert!(!server.is_alive());
    assert_ne!(new.0.pid, server.pid());
    assert_eq!(host.signals(), ["SIGUSR1"]);
    let cluster = store.cluster_by_name("ob_demo").await.unwrap().unwrap();
    assert_eq!(cluster.status, ResourceStatus::Running);

    drain.cancel();
    tokio::time::timeout(TIMELY, tracker.wait()).await.unwrap();
}
