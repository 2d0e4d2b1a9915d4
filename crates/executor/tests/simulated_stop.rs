//! The executor against a store, on simulated hosts: what a stop leaves behind.
#![allow(clippy::expect_used, reason = "a test says what it relies on")]

use std::{path::Path, time::Duration};

use sea_orm::{ConnectionTrait, Database};
use slacktide_engine::{
    cluster::{Cluster, Driver},
    id::{TaskId, UserId},
    plan::{StopRequest, stop_cluster},
    status::{Operation, ResourceStatus, StopMode, SubtaskStatus, TaskStatus},
    task::Creator,
};
use slacktide_executor::{Executor, Options};
use slacktide_store::{
    Location, NewCluster, NewServer, NewZone, ServerSettings, Store, Submission, TaskSnapshot,
};
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);

async fn open(dir: &Path) -> Store {
    Store::open(&Location::sqlite(dir.join("slacktide.db")))
        .await
        .expect("the store opens")
}

fn simulated(stop_ms: u64, fail_stops: u32, hang: bool) -> Driver {
    Driver::Simulated {
        stop_ms,
        fail_stops,
        hang,
    }
}

async fn register(store: &Store, zones: u16, servers: u16, driver: &Driver) -> Cluster {
    let zone = |zone: u16| NewZone {
        name: format!("zone{zone}"),
        servers: (0..servers)
            .map(|server| {
                let port = 10_000 + (zone * servers + server) * 2;
                NewServer {
                    ip: "127.0.0.1".to_owned(),
                    sql_port: port,
                    rpc_port: port + 1,
                    driver: driver.clone(),
                }
            })
            .collect(),
    };
    let new = NewCluster {
        name: "ob_demo".to_owned(),
        ob_cluster_id: 22,
        sql: None,
        zones: (0..zones).map(zone).collect(),
        creator: "admin".to_owned(),
    };
    store
        .register(new, None)
        .await
        .expect("the cluster is registered")
}

async fn submit(store: &Store, cluster: &Cluster) -> TaskId {
    let request = StopRequest {
        mode: StopMode::Immediate,
        minor_freeze: None,
    };
    let submission = Submission {
        plan: stop_cluster(cluster, request).expect("a plan"),
        creator: Creator {
            id: UserId(100),
            name: "admin".to_owned(),
        },
        executor: "here".to_owned(),
        traceparent: None,
        key: None,
    };
    store
        .submit(submission)
        .await
        .expect("the task is accepted")
        .task
        .id
}

/// Waits until the task has ended, on its signals.
async fn ended(store: &Store, task: TaskId) -> TaskSnapshot {
    let mut revisions = store.signals().task(task);
    let ending = async {
        loop {
            let snapshot = store.task(task, true).await.expect("the task is there");
            if snapshot.task.state.status != TaskStatus::Running {
                return snapshot;
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), revisions.changed()).await;
        }
    };
    tokio::time::timeout(LIMIT, ending)
        .await
        .expect("the task ends")
}

struct Running {
    drain: CancellationToken,
    done: tokio::task::JoinHandle<()>,
}

impl Running {
    #[expect(clippy::disallowed_methods, reason = "a test has no tracker")]
    async fn start(store: &Store, dir: &Path, id: &str) -> Self {
        let options = Options {
            drain_limit: Duration::from_millis(50),
            alone: true,
            ..Options::new("here", dir.join("hosts"))
        };
        let drain = CancellationToken::new();
        let beginning = Executor::begin(store.clone(), id.to_owned(), options, drain.clone());
        let executor = beginning.await.expect("begins");
        let done = tokio::spawn(executor.run());
        Self { drain, done }
    }

    async fn stop(self) {
        self.drain.cancel();
        tokio::time::timeout(LIMIT, self.done)
            .await
            .expect("it drains")
            .expect("without a panic");
    }
}

#[tokio::test]
async fn a_stop_ends_successful_and_leaves_the_cluster_stopped() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    let executor = Running::start(&store, dir.path(), "e1").await;
    let cluster = register(&store, 3, 4, &simulated(0, 0, false)).await;

    let task = submit(&store, &cluster).await;
    let snapshot = ended(&store, task).await;

    assert_eq!(
        snapshot.task.state.status,
        TaskStatus::Successful,
        "{:?}",
        snapshot.task.state
    );
    assert_eq!(snapshot.subtasks.len(), 2 * 3 + 3 * 12 + 6);
    let cluster = store.cluster(cluster.id).await.expect("the cluster");
    assert_eq!(
        (cluster.status, cluster.active_task),
        (ResourceStatus::Stopped, None)
    );
    assert!(
        cluster
            .zones
            .iter()
            .all(|zone| zone.status == ResourceStatus::Stopped)
    );
    assert!(
        cluster
            .servers()
            .all(|s| s.status == ResourceStatus::Stopped && s.stop_time.is_some())
    );

    let history = store.revisions(task, 0).await.expect("the history");
    let numbers: Vec<_> = history.iter().map(|revision| revision.number).collect();
    assert_eq!(numbers, (1..=snapshot.task.revision).collect::<Vec<_>>());
    for subtask in &snapshot.subtasks {
        let runs = store.log(task, subtask.id).await.expect("a log");
        assert_eq!(runs.len(), 1, "{}", subtask.kind.name());
        assert!(!runs[0].lines.is_empty(), "{}", subtask.kind.name());
    }
    executor.stop().await;
    assert_eq!(store.leases().await.expect("leases"), []);
}

#[tokio::test]
async fn a_stop_that_fails_keeps_the_cluster_and_says_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    let executor = Running::start(&store, dir.path(), "e1").await;
    let cluster = register(&store, 1, 2, &simulated(0, 1, false)).await;

    let task = submit(&store, &cluster).await;
    let snapshot = ended(&store, task).await;

    assert_eq!(snapshot.task.state.status, TaskStatus::Failed);
    let error = snapshot.task.state.error.expect("a reason");
    assert!(error.contains("refuses to stop"), "{error}");
    assert!(
        snapshot
            .subtasks
            .iter()
            .all(|s| !s.state.status.is_active())
    );
    let cluster = store.cluster(cluster.id).await.expect("the cluster");
    assert_eq!(
        (cluster.status, cluster.active_task),
        (ResourceStatus::Stopping, Some(task))
    );
    assert!(
        cluster
            .servers()
            .all(|s| s.status == ResourceStatus::Running)
    );
    executor.stop().await;
}

#[tokio::test]
async fn a_drain_hands_back_what_does_not_end_and_the_next_executor_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    let executor = Running::start(&store, dir.path(), "e1").await;
    let cluster = register(&store, 1, 1, &simulated(600, 0, false)).await;
    let task = submit(&store, &cluster).await;
    let mut revisions = store.signals().task(task);
    loop {
        let snapshot = store.task(task, true).await.expect("the task");
        let stopping = &snapshot.subtasks[5];
        if stopping.state.status == SubtaskStatus::Running {
            break;
        }
        revisions.changed().await.expect("a change");
    }

    executor.stop().await;
    let handed_back = store.task(task, true).await.expect("the task");
    assert_eq!(handed_back.subtasks[5].state.status, SubtaskStatus::Ready);
    assert_eq!(handed_back.task.state.status, TaskStatus::Running);

    let next = Running::start(&store, dir.path(), "e2").await;
    let snapshot = ended(&store, task).await;
    assert_eq!(snapshot.task.state.status, TaskStatus::Successful);
    assert_eq!(
        store
            .log(task, snapshot.subtasks[5].id)
            .await
            .expect("a log")
            .len(),
        2
    );
    next.stop().await;
}

#[tokio::test]
async fn a_subtask_that_waits_for_a_host_follows_its_server_to_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    let executor = Running::start(&store, dir.path(), "e1").await;
    let on = |host: &str| Driver::Process {
        base_dir: dir.path().join("missing").display().to_string(),
        host: host.to_owned(),
    };
    let cluster = register(&store, 1, 1, &on("elsewhere")).await;
    let task = submit(&store, &cluster).await;
    let mut revisions = store.signals().task(task);
    loop {
        let snapshot = store.task(task, true).await.expect("the task");
        if snapshot.subtasks[3].state.status == SubtaskStatus::Ready {
            break;
        }
        revisions.changed().await.expect("a change");
    }

    let server = cluster.servers().next().expect("a server").id;
    let settings = vec![ServerSettings {
        id: server,
        driver: on("here"),
    }];
    store
        .mend(cluster.id, None, settings, None)
        .await
        .expect("the cluster is mended");

    // Now it is taken up, and fails for what it finds here.
    let snapshot = ended(&store, task).await;
    assert_eq!(snapshot.subtasks[3].state.status, SubtaskStatus::Failed);
    assert_eq!(snapshot.subtasks[3].state.executor.as_deref(), Some("here"));
    executor.stop().await;
}

#[tokio::test]
async fn generations_go_on_from_those_of_a_cluster_that_was_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    let executor = Running::start(&store, dir.path(), "e1").await;
    let driver = simulated(0, 0, false);
    let mut last = 0;
    for _ in 0..3 {
        let cluster = register(&store, 1, 1, &driver).await;
        let task = submit(&store, &cluster).await;
        let generation = ended(&store, task).await.task.generation;
        assert!(
            generation > last,
            "a host refuses {generation} after {last}"
        );
        last = generation;
        store
            .unregister(cluster.id, None)
            .await
            .expect("the cluster is forgotten");
    }
    executor.stop().await;
}

/// Gives the task's subtasks far less time than their kinds have.
async fn hurry(dir: &Path, task: TaskId) {
    let file = format!("sqlite://{}", dir.join("slacktide.db").display());
    let database = Database::connect(file).await.expect("a second connection");
    let update = format!("UPDATE subtask SET timeout = 200000 WHERE task_id = {task}");
    database
        .execute_unprepared(&update)
        .await
        .expect("the time is set");
    database.close().await.expect("the connection is closed");
}

#[tokio::test]
async fn a_stop_that_hangs_ends_when_its_time_is_over_and_says_what_is_true() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    let cluster = register(&store, 1, 1, &simulated(0, 0, true)).await;
    let task = submit(&store, &cluster).await;
    hurry(dir.path(), task).await;

    let executor = Running::start(&store, dir.path(), "e1").await;
    let snapshot = ended(&store, task).await;

    assert_eq!(snapshot.task.state.status, TaskStatus::Failed);
    let stop = &snapshot.subtasks[5].state;
    assert_eq!(
        (stop.status, stop.operation),
        (SubtaskStatus::Failed, Operation::Cancel)
    );
    let error = stop.error.as_deref().expect("a reason");
    assert!(error.contains("did not end within"), "{error}");
    let server = store.cluster(cluster.id).await.expect("the cluster");
    let server = server.servers().next().expect("a server");
    assert_eq!(
        (server.status, server.status_reason.as_str()),
        (ResourceStatus::Running, error)
    );
    executor.stop().await;
}
