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

/// Submits an operation on the one cluster, graceful if it is a stop.
async fn submit(store: &Store, goal: Goal) -> TaskId {
    let cluster = store.cluster_by_name("ob_demo").await.unwrap().unwrap();
    let request = Request {
        mode: StopMode::Graceful,
        minor_freeze: None,
        parallel: None,
    };
    let submission = Submission {
        plan: plan(&cluster, goal, Subject::Cluster, request).unwrap(),
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

/// All lines that runs of the first subtask of a kind have logged so far.
async fn log_of(store: &Store, task: TaskId, kind: SubtaskKind) -> String {
    let snapshot = store.task(task, true).await.unwrap();
    let mut subtasks = snapshot.subtasks.iter();
    let subtask = subtasks.find(|subtask| subtask.kind == kind);
    let runs = store.log(task, subtask.unwrap().id).await.unwrap();
    let lines = runs.into_iter().flat_map(|run| run.lines);
    lines.map(|line| line.text).collect::<Vec<_>>().join("\n")
}

async fn logged(store: &Store, task: TaskId, kind: SubtaskKind, text: &str) {
    let waiting = async {
        while !log_of(store, task, kind).await.contains(text) {
            tokio::time::sleep(POLL).await;
        }
    };
    if tokio::time::timeout(TIMELY, waiting).await.is_err() {
        panic!("{text} not in\n{}", log_of(store, task, kind).await);
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

/// An executor at work on a cluster of the host's one server.
struct Working {
    store: Store,
    drain: CancellationToken,
    tracker: TaskTracker,
}

impl Working {
    async fn on(host: &Host) -> Self {
        let file = host.state_dir().with_file_name("slacktide.db");
        let store = Store::open(&Location::sqlite(file)).await.unwrap();
        register(&store, host).await;
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
        Self {
            store,
            drain,
            tracker,
        }
    }

    async fn canceled(&self, task: TaskId) {
        let cancel = Event::CancelTask;
        self.store.command(task, cancel, None).await.unwrap();
        assert_eq!(
            ended(&self.store, task).await.task.state.status,
            TaskStatus::Failed
        );
    }

    async fn ended_well(&self, task: TaskId) {
        let snapshot = ended(&self.store, task).await;
        let reason = &snapshot.task.state.error;
        assert_eq!(
            snapshot.task.state.status,
            TaskStatus::Successful,
            "{reason:?}"
        );
    }

    async fn drained(self) {
        self.drain.cancel();
        tokio::time::timeout(TIMELY, self.tracker.wait())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_rollback_waits_for_the_end_of_the_server_that_was_signalled_and_starts_it() {
    let host = Host::new();
    let mut server = host.start(&["--linger"]);
    let working = Working::on(&host).await;
    let (store, kind) = (&working.store, SubtaskKind::StopObserverProcess);
    let task = submit(store, Goal::Stop).await;
    logged(store, task, kind, "sent SIGUSR1").await;
    working.canceled(task).await;
    assert!(server.is_alive());

    let rollback = Event::RollbackTask;
    store.command(task, rollback, None).await.unwrap();
    logged(store, task, kind, "got SIGUSR1 earlier: waiting").await;
    std::fs::write(host.base().join("end"), "").unwrap();
    working.ended_well(task).await;
    let new = Ward(host.found().await.identity);
    assert!(!server.is_alive());
    assert_ne!(new.0.pid, server.pid());
    assert_eq!(host.signals(), ["SIGUSR1"]);
    let cluster = store.cluster_by_name("ob_demo").await.unwrap().unwrap();
    assert_eq!(cluster.status, ResourceStatus::Running);
    working.drained().await;
}

#[tokio::test]
async fn a_server_that_was_started_and_never_seen_to_have_its_lock_is_ended_by_a_rollback() {
    let host = Host::new();
    let first = host.start(&["--lock", "none"]);
    let working = Working::on(&host).await;
    let (store, kind) = (&working.store, SubtaskKind::StartObserverProcess);
    let stop = submit(store, Goal::Stop).await;
    working.ended_well(stop).await;
    drop(first);

    let start = submit(store, Goal::Start).await;
    logged(store, start, kind, "ran ").await;
    working.canceled(start).await;
    let server = Ward(host.found().await.identity);
    let rollback = Event::RollbackTask;
    store.command(start, rollback, None).await.unwrap();
    working.ended_well(start).await;
    let dir = format!("/proc/{}", server.0.pid);
    assert!(
        !std::path::Path::new(&dir).exists(),
        "{}",
        log_of(store, start, kind).await
    );
    working.drained().await;
}

#[tokio::test]
async fn a_server_that_somebody_else_started_meanwhile_is_left_alone_by_a_rollback() {
    let host = Host::new();
    let working = Working::on(&host).await;
    let store = &working.store;
    let stop = submit(store, Goal::Stop).await;
    working.ended_well(stop).await;

    // There is no program to run.
    let start = submit(store, Goal::Start).await;
    let failed = ended(store, start).await;
    assert_eq!(failed.task.state.status, TaskStatus::Failed);
    let mut server = host.start(&[]);
    store.command(start, Event::RetryTask, None).await.unwrap();
    logged(
        store,
        start,
        SubtaskKind::StartObserverProcess,
        "runs already",
    )
    .await;
    logged(store, start, SubtaskKind::WaitObserverAccessible, "waiting").await;
    working.canceled(start).await;
    let rollback = Event::RollbackTask;
    store.command(start, rollback, None).await.unwrap();
    working.ended_well(start).await;
    assert!(server.is_alive());
    assert!(host.signals().is_empty());
    working.drained().await;
}
