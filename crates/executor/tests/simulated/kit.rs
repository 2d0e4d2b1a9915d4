//! A store, clusters in it, and executors at work on them.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use serde_json::Value;
use slacktide_engine::{
    allow::Subject,
    cluster::{Cluster, Driver, Server, SqlAccount},
    commit::Event,
    id::{ServerId, SubtaskId, TaskId, UserId},
    kind::SubtaskKind,
    plan::{Request, plan},
    selector::Selector,
    status::{Goal, Operation, ResourceStatus, StopMode, SubtaskStatus, TaskStatus},
    subtask::Subtask,
    task::Creator,
};
use slacktide_executor::Options;
use slacktide_store::{
    Location, NewCluster, NewExecutor, NewServer, NewZone, Store, Submission, TaskSnapshot,
};

use crate::executors::{Player, Running};

pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// The host of all executors.
pub(crate) const HERE: &str = "here";

/// A store and a place for hosts, gone when dropped.
pub(crate) struct Fixture {
    dir: tempfile::TempDir,
    pub(crate) store: Store,
    /// How many clusters were registered.
    clusters: AtomicU16,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("slacktide.db");
        let store = Store::open(&Location::sqlite(file)).await;
        Self {
            dir,
            store: store.expect("the store opens"),
            clusters: AtomicU16::default(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn state_of(&self, server: ServerId) -> PathBuf {
        self.path().join(format!("hosts/simulated/{server}.json"))
    }

    /// What was done to a simulated server, oldest first, each with the epoch of the run that did it.
    pub(crate) fn effects(&self, server: ServerId) -> Vec<(String, i64)> {
        let Ok(text) = std::fs::read(self.state_of(server)) else {
            return Vec::new();
        };
        let state: Value = serde_json::from_slice(&text).expect("the state is JSON");
        let effects = state["effects"].as_array().expect("effects");
        let effect = |effect: &Value| {
            let act = effect["act"].as_str().expect("an act").to_owned();
            (act, effect["epoch"].as_i64().expect("an epoch"))
        };
        effects.iter().map(effect).collect()
    }

    pub(crate) fn acts(&self, server: ServerId) -> Vec<String> {
        self.effects(server)
            .into_iter()
            .map(|(act, _)| act)
            .collect()
    }

    /// The epoch of the highest fence that a simulated server's host has seen.
    pub(crate) fn fence(&self, server: ServerId) -> i64 {
        let state = std::fs::read(self.state_of(server)).expect("a state");
        let state: Value = serde_json::from_slice(&state).expect("the state is JSON");
        state["fence"]["epoch"].as_i64().expect("a fence")
    }

    /// The directory of a server that was set up and is down. It cannot be started: it has no configuration.
    pub(crate) fn down(&self, name: &str) -> Driver {
        let base_dir = self.path().join(name);
        std::fs::create_dir_all(base_dir.join("etc")).expect("a base directory");
        on(HERE, &base_dir)
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            drain_limit: Duration::from_millis(50),
            observe_interval: Duration::ZERO,
            ..Options::new(HERE, self.path().join("hosts"))
        }
    }

    /// Registers a cluster, its servers by zone. The first one is what operations work on unless told otherwise.
    pub(crate) async fn register(&self, zones: Vec<Vec<Driver>>) -> Cluster {
        self.register_as(zones, None, Selector::default()).await
    }

    pub(crate) async fn register_as(
        &self,
        zones: Vec<Vec<Driver>>,
        sql: Option<SqlAccount>,
        selector: Selector,
    ) -> Cluster {
        // Nobody listens below these ports in tests, and nothing is bound to them here.
        let number = self.clusters.fetch_add(1, Ordering::Relaxed);
        let mut ports = (20_001 + 1000 * number..).step_by(2);
        let mut server = |driver| {
            let port = ports.next().expect("a port");
            NewServer {
                ip: "127.0.0.1".to_owned(),
                sql_port: port,
                rpc_port: port + 1,
                driver,
            }
        };
        let zones = (1..).zip(zones).map(|(number, servers)| NewZone {
            name: format!("zone{number}"),
            servers: servers.into_iter().map(&mut server).collect(),
        });
        let new = NewCluster {
            name: match number {
                0 => "ob_demo".to_owned(),
                _ => format!("ob_demo{number}"),
            },
            ob_cluster_id: 22,
            sql,
            selector,
            zones: zones.collect(),
            creator: "admin".to_owned(),
        };
        let registered = self.store.register(new, None).await;
        registered.expect("the cluster is registered")
    }

    /// Registers one of simulated servers that do as they are told.
    pub(crate) async fn register_simulated(&self, zones: usize, servers: usize) -> Cluster {
        self.register(vec![vec![simulated(0, 0, false); servers]; zones])
            .await
    }

    pub(crate) async fn submit(&self, goal: Goal, of: Of) -> TaskId {
        self.submit_limited(goal, of, None).await
    }

    pub(crate) async fn submit_limited(&self, goal: Goal, of: Of, parallel: Option<u32>) -> TaskId {
        self.submit_to(&self.cluster().await, goal, of, parallel)
            .await
    }

    pub(crate) async fn submit_to(
        &self,
        cluster: &Cluster,
        goal: Goal,
        of: Of,
        parallel: Option<u32>,
    ) -> TaskId {
        let zone = &cluster.zones[0];
        let subject = match of {
            Of::Cluster => Subject::Cluster,
            Of::FirstZone => Subject::Zone(zone),
            Of::FirstServer => Subject::Server(zone, &zone.servers[0]),
        };
        let request = Request {
            mode: StopMode::Immediate,
            minor_freeze: None,
            parallel,
        };
        let submission = Submission {
            plan: plan(cluster, goal, subject, request).expect("a plan"),
            creator: Creator {
                id: UserId(100),
                name: "admin".to_owned(),
            },
            executor: HERE.to_owned(),
            traceparent: None,
            key: None,
        };
        let accepted = self.store.submit(submission).await;
        accepted.expect("the task is accepted").task.id
    }

    /// The first cluster as it is now.
    pub(crate) async fn cluster(&self) -> Cluster {
        let cluster = self.store.cluster_by_name("ob_demo").await;
        cluster.expect("the store answers").expect("the cluster")
    }

    pub(crate) async fn snapshot(&self, task: TaskId) -> TaskSnapshot {
        self.store.task(task, true).await.expect("the task")
    }

    pub(crate) async fn command(&self, task: TaskId, event: Event) {
        let commanded = self.store.command(task, event, None).await;
        commanded.expect("the command is taken");
    }

    /// Waits until the task is as it is wanted, on its signals.
    pub(crate) async fn until(
        &self,
        task: TaskId,
        wanted: impl Fn(&TaskSnapshot) -> bool,
    ) -> TaskSnapshot {
        let mut revisions = self.store.signals().task(task);
        let waiting = async {
            loop {
                let snapshot = self.snapshot(task).await;
                if wanted(&snapshot) {
                    return snapshot;
                }
                let _ = tokio::time::timeout(Duration::from_secs(1), revisions.changed()).await;
            }
        };
        match tokio::time::timeout(LIMIT, waiting).await {
            Ok(snapshot) => snapshot,
            Err(_) => panic!("the task stays {:#?}", brief(&self.snapshot(task).await)),
        }
    }

    pub(crate) async fn ended(&self, task: TaskId) -> TaskSnapshot {
        self.until(task, |snapshot| {
            snapshot.task.state.status != TaskStatus::Running
        })
        .await
    }

    /// Does an operation and expects it to go well.
    pub(crate) async fn reach(&self, goal: Goal, of: Of) -> TaskSnapshot {
        let task = self.submit(goal, of).await;
        self.ended_well(task).await
    }

    pub(crate) async fn ended_well(&self, task: TaskId) -> TaskSnapshot {
        let snapshot = self.ended(task).await;
        let status = snapshot.task.state.status;
        assert_eq!(status, TaskStatus::Successful, "{:#?}", brief(&snapshot));
        snapshot
    }

    pub(crate) async fn failed(&self, task: TaskId) -> TaskSnapshot {
        let snapshot = self.ended(task).await;
        let status = snapshot.task.state.status;
        assert_eq!(status, TaskStatus::Failed, "{:#?}", brief(&snapshot));
        snapshot
    }

    pub(crate) async fn start(&self, id: &str, options: Options) -> Running {
        Running::start(&self.store, id, options).await
    }

    /// Begins a lease as an executor would, to play one by hand.
    pub(crate) async fn play(&self, id: &str) -> Player<'_> {
        self.play_on(HERE, id).await
    }

    pub(crate) async fn play_on(&self, host: &str, id: &str) -> Player<'_> {
        let executor = NewExecutor {
            id: id.to_owned(),
            host: host.to_owned(),
            capacity: 1,
            ..NewExecutor::default()
        };
        let begun = self.store.begin_lease(executor, false).await;
        begun.expect("the lease begins");
        Player {
            store: &self.store,
            id: id.to_owned(),
            host: host.to_owned(),
        }
    }
}

/// What of the cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Cluster,
    FirstZone,
    FirstServer,
}

pub(crate) fn simulated(stop_ms: u64, fail_stops: u32, hang: bool) -> Driver {
    Driver::Simulated {
        stop_ms,
        fail_stops,
        hang,
    }
}

pub(crate) fn on(host: &str, base_dir: &Path) -> Driver {
    Driver::Process {
        base_dir: base_dir.display().to_string(),
        host: host.to_owned(),
    }
}

pub(crate) fn server(cluster: &Cluster, index: usize) -> &Server {
    cluster.servers().nth(index).expect("a server")
}

pub(crate) fn statuses(cluster: &Cluster) -> Vec<ResourceStatus> {
    cluster.servers().map(|server| server.status).collect()
}

/// The first subtask of a kind.
pub(crate) fn of_kind(snapshot: &TaskSnapshot, kind: SubtaskKind) -> &Subtask {
    let mut subtasks = snapshot.subtasks.iter();
    let found = subtasks.find(|subtask| subtask.kind == kind);
    found.expect("a subtask of the kind")
}

/// How a subtask of a kind stands, if one has come so far.
pub(crate) fn is(kind: SubtaskKind, status: SubtaskStatus) -> impl Fn(&TaskSnapshot) -> bool {
    move |snapshot| {
        let mut subtasks = snapshot.subtasks.iter();
        subtasks.any(|subtask| subtask.kind == kind && subtask.state.status == status)
    }
}

pub(crate) fn brief(snapshot: &TaskSnapshot) -> Vec<(String, SubtaskStatus, Operation, String)> {
    let row = |subtask: &Subtask| {
        let state = &subtask.state;
        let error = state.error.clone().unwrap_or_default();
        let name = subtask.kind.name().to_owned();
        (name, state.status, state.operation, error)
    };
    snapshot.subtasks.iter().map(row).collect()
}

/// The most subtasks of a task that ran at one time, by its history.
pub(crate) async fn most_running(store: &Store, task: TaskId) -> usize {
    use slacktide_engine::revision::Changed;
    let history = store.revisions(task, 0).await.expect("the history");
    let mut running = std::collections::BTreeSet::<SubtaskId>::new();
    let mut most = 0;
    for revision in history {
        if let Changed::Subtask(id, state) = revision.what {
            match state.status {
                SubtaskStatus::Running => running.insert(id),
                _ => running.remove(&id),
            };
            most = most.max(running.len());
        }
    }
    most
}
