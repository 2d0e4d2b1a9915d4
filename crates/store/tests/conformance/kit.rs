//! What cases are made of: clusters, stops, and an executor that has no hosts and never fails.

use std::time::Duration;

use futures::future::join_all;
use slacktide_engine::{
    allow::Subject,
    cluster::{Cluster, Driver, Server, SqlAccount},
    commit::{Claimant, Event, Failure, Observation, Outcome},
    id::{TaskId, UserId},
    kind::SubtaskKind,
    plan::{Accepted, Request, plan},
    selector::Selector,
    status::{Goal, StopMode},
    subtask::Subtask,
    task::{Creator, Task},
};
use slacktide_store::{
    Committed, Key, NewCluster, NewExecutor, NewServer, NewZone, Order, Page, Store, StoreError,
    Submission,
};

/// How long anything may take that is waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The first hundred of a list, oldest first.
pub(crate) const FIRST: Page = Page {
    offset: 0,
    limit: 100,
    order: Order {
        column: "id",
        descending: false,
    },
};

pub(crate) fn simulated() -> Driver {
    Driver::Simulated {
        stop_ms: 0,
        fail_stops: 0,
        hang: false,
    }
}

pub(crate) fn process(host: &str, base_dir: &str) -> Driver {
    Driver::Process {
        base_dir: base_dir.to_owned(),
        host: host.to_owned(),
    }
}

pub(crate) fn account(password: &str) -> SqlAccount {
    SqlAccount {
        user: "root".to_owned(),
        password: password.to_owned(),
    }
}

/// A cluster of simulated servers. Two of different numbers share no name and no address.
pub(crate) fn new_cluster(number: u8, zones: u16, servers: u16) -> NewCluster {
    let server = |index: u16| NewServer {
        ip: format!("10.0.0.{number}"),
        sql_port: 10_000 + 2 * index,
        rpc_port: 10_001 + 2 * index,
        driver: simulated(),
    };
    let zone = |zone: u16| NewZone {
        name: format!("zone{}", zone + 1),
        servers: (zone * servers..(zone + 1) * servers).map(server).collect(),
    };
    NewCluster {
        name: format!("ob_{number}"),
        ob_cluster_id: number.into(),
        sql: None,
        selector: Selector::default(),
        zones: (0..zones).map(zone).collect(),
        creator: "admin".to_owned(),
    }
}

pub(crate) async fn register(store: &Store, number: u8, zones: u16, servers: u16) -> Cluster {
    let registered = store.register(new_cluster(number, zones, servers), None);
    registered.await.expect("the cluster is registered")
}

pub(crate) fn servers(cluster: &Cluster) -> Vec<&Server> {
    cluster.servers().collect()
}

pub(crate) fn key(request_id: &str) -> Key {
    Key {
        user: UserId(100),
        rpc: "StopCluster",
        request_id: request_id.to_owned(),
        request_hash: format!("digest of {request_id}"),
    }
}

/// The request to stop a cluster as it was read.
pub(crate) fn stop_of(cluster: &Cluster, key: Option<Key>) -> Submission {
    let request = Request {
        mode: StopMode::Immediate,
        minor_freeze: None,
        parallel: None,
    };
    Submission {
        plan: plan(cluster, Goal::Stop, Subject::Cluster, request).expect("a plan"),
        creator: Creator {
            id: UserId(100),
            name: "admin".to_owned(),
        },
        executor: "front".to_owned(),
        traceparent: Some("00-0000000000000000c0ffee0000000001-c0ffee0000000001-01".to_owned()),
        key,
    }
}

pub(crate) async fn submit(store: &Store, cluster: &Cluster) -> Accepted {
    let accepted = store.submit(stop_of(cluster, None));
    accepted.await.expect("the task is accepted")
}

/// The lease of an executor on host `here`.
pub(crate) fn new_executor(id: &str) -> NewExecutor {
    NewExecutor {
        id: id.to_owned(),
        host: "here".to_owned(),
        ..NewExecutor::default()
    }
}

/// An executor on host `here` with room for everything.
pub(crate) fn executor(id: &str) -> Claimant {
    Claimant {
        executor: id.to_owned(),
        host: "here".to_owned(),
        labels: Selector::default(),
        room: 100_000,
        host_room: 100_000,
    }
}

/// An event without a journal.
pub(crate) async fn commit(
    store: &Store,
    task: TaskId,
    event: Event,
    claimant: &Claimant,
) -> Result<Committed, StoreError> {
    store.commit(task, event, claimant.clone(), None).await
}

/// Claims a task's root; what is folded behind it leaves a run for each server.
pub(crate) async fn begin(store: &Store, accepted: &Accepted, claimant: &Claimant) -> Committed {
    let event = Event::Claim {
        subtasks: vec![accepted.subtasks[0].id],
    };
    let begun = commit(store, accepted.task.id, event, claimant).await;
    let begun = begun.expect("the root is claimed");
    match begun.claimed.as_slice() {
        // Where there are real servers it has checks to run.
        [root] if root.id == accepted.subtasks[0].id => {
            let checked = commit(store, root.task, success(root), claimant).await;
            checked.expect("the checks are done")
        }
        _ => begun,
    }
}

/// Registers a cluster of one zone, submits its stop, and claims the first runs.
pub(crate) async fn running(
    store: &Store,
    number: u8,
    servers: u16,
    claimant: &Claimant,
) -> (Accepted, Committed) {
    let cluster = register(store, number, 1, servers).await;
    let accepted = submit(store, &cluster).await;
    let begun = begin(store, &accepted, claimant).await;
    (accepted, begun)
}

/// The end of a run that went well: every process is gone.
pub(crate) fn success(run: &Subtask) -> Event {
    let looks = run.kind == SubtaskKind::UpdateObserverStatus;
    ended(
        run,
        Outcome {
            observed: looks.then_some(Observation::Gone),
            ..Outcome::success()
        },
    )
}

/// The end of a run whose server still runs.
pub(crate) fn failure(run: &Subtask, reason: &str) -> Event {
    let failure = Failure::new(reason);
    ended(
        run,
        Outcome {
            result: Err(failure),
            observed: Some(Observation::Alive),
        },
    )
}

fn ended(run: &Subtask, outcome: Outcome) -> Event {
    Event::Finish {
        subtask: run.id,
        epoch: run.epoch,
        outcome,
    }
}

/// Ends the claimed runs, all at once, and what they make READY, until nothing is left. Returns the task as
/// the last commit left it.
pub(crate) async fn drive(store: &Store, begun: Committed, claimant: &Claimant) -> Task {
    let Committed {
        mut task, claimed, ..
    } = begun;
    let mut runs = claimed;
    while !runs.is_empty() {
        let ends = runs
            .iter()
            .map(|run| commit(store, run.task, success(run), claimant));
        let ends = join_all(ends).await;
        runs.clear();
        for committed in ends {
            let committed = committed.expect("the run's end is committed");
            if committed.task.revision > task.revision {
                task = committed.task;
            }
            runs.extend(committed.claimed);
        }
    }
    task
}

/// Stops a cluster from submit to SUCCESSFUL.
pub(crate) async fn stop(store: &Store, cluster: &Cluster) -> Task {
    let executor = executor("e1");
    let accepted = submit(store, cluster).await;
    let begun = begin(store, &accepted, &executor).await;
    drive(store, begun, &executor).await
}
