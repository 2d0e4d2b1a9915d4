//! What nobody works on, and what nobody may.

use slacktide_engine::{
    commit::Event,
    id::SubtaskId,
    status::{Operation, SubtaskStatus},
};
use slacktide_store::{NewExecutor, Place, Store, Stranded};

use crate::{
    backend::Backend,
    kit::{begin, commit, executor, failure, new_cluster, new_executor, process, running, submit},
};

fn place(host: Option<&str>, labels: &str) -> Place {
    Place {
        host: host.map(str::to_owned),
        selector: labels.parse().expect("labels"),
    }
}

async fn lease(store: &Store, id: &str, host: &str, labels: &str) {
    let executor = NewExecutor {
        host: host.to_owned(),
        labels: labels.parse().expect("labels"),
        ..new_executor(id)
    };
    let begun = store.begin_lease(executor, false).await;
    begun.expect("the lease begins");
}

async fn end_lease(store: &Store, id: &str) {
    let leases = store.leases().await.expect("the leases");
    let lease = leases.iter().find(|lease| lease.id == id);
    let ended = store.end_lease(lease.expect("the lease")).await;
    assert!(ended.expect("an answer"));
}

async fn stranded(store: &Store) -> Vec<Stranded> {
    store.stranded().await.expect("subtasks")
}

pub(crate) async fn tells_what_waits_for_a_host(db: impl Backend) {
    let store = db.open().await;
    let mut new = new_cluster(1, 1, 1);
    new.zones[0].servers[0].driver = process("there", "/data/ob1");
    let cluster = store.register(new, None).await.expect("it is registered");
    let accepted = submit(&store, &cluster).await;
    assert_eq!(stranded(&store).await, [], "the root is anybody's");
    begin(&store, &accepted, &executor("e1")).await;

    let waits = stranded(&store).await;
    let expected = Stranded {
        place: place(Some("there"), ""),
        task: accepted.task.id,
        subtask: waits[0].subtask,
        epoch: 0,
        status: SubtaskStatus::Ready,
        operation: Operation::Execute,
        deadline: None,
    };
    assert_eq!(waits, [expected]);
    lease(&store, "e2", "there", "").await;
    assert_eq!(stranded(&store).await, []);
}

pub(crate) async fn tells_what_waits_for_labels(db: impl Backend) {
    let store = db.open().await;
    let mut new = new_cluster(1, 1, 1);
    new.selector = "dc=a,rack=7".parse().expect("labels");
    let cluster = store.register(new, None).await.expect("it is registered");
    let accepted = submit(&store, &cluster).await;
    lease(&store, "e1", "here", "dc=a").await;
    lease(&store, "e2", "there", "rack=7").await;

    let waits = stranded(&store).await;
    assert_eq!(waits.len(), 1);
    assert_eq!(waits[0].place, place(None, "dc=a,rack=7"));
    assert_eq!(waits[0].subtask, accepted.subtasks[0].id);
    lease(&store, "e3", "there", "dc=a,rack=7,ssd=1").await;
    assert_eq!(stranded(&store).await, []);
}

pub(crate) async fn tells_what_a_dead_host_has_left(db: impl Backend) {
    let store = db.open().await;
    let mut new = new_cluster(1, 1, 2);
    for (server, base_dir) in new.zones[0].servers.iter_mut().zip(["/a", "/b"]) {
        server.driver = process("there", base_dir);
    }
    let cluster = store.register(new, None).await.expect("it is registered");
    lease(&store, "e1", "there", "").await;
    let accepted = submit(&store, &cluster).await;
    let mut e1 = executor("e1");
    e1.host = "there".to_owned();
    let begun = begin(&store, &accepted, &e1).await;
    let [first, second] = begun.claimed.as_slice() else {
        panic!("a run for each server, not {begun:?}");
    };
    let cancel = Event::CancelSubtask(second.id);
    let canceled = store.command(accepted.task.id, cancel, None).await;
    canceled.expect("it is being canceled");
    assert_eq!(stranded(&store).await, [], "their executor lives");

    end_lease(&store, "e1").await;
    let left = stranded(&store).await;
    let runs: Vec<_> = left
        .iter()
        .map(|one| (one.subtask, one.epoch, one.status, one.operation))
        .collect();
    assert_eq!(
        runs,
        [
            (
                first.id,
                first.epoch,
                SubtaskStatus::Running,
                Operation::Execute
            ),
            (
                second.id,
                second.epoch,
                SubtaskStatus::Canceling,
                Operation::Cancel
            ),
        ]
    );
    assert_eq!(left[0].deadline, first.deadline);
    assert!(
        left[1].deadline < second.deadline,
        "asked to end, it has less time"
    );

    let abandon = Event::Abandon {
        runs: vec![(first.id, first.epoch), (second.id, second.epoch)],
        reason: "nobody is left".to_owned(),
    };
    let other = executor("e2");
    let ended = commit(&store, accepted.task.id, abandon, &other).await;
    ended.expect("they end");
    assert_eq!(stranded(&store).await, []);
    // It was only paused.
    let late = commit(&store, accepted.task.id, failure(first, "late"), &e1).await;
    assert!(late.is_err(), "{late:?}");
    // Who comes later has what is retried.
    lease(&store, "e3", "there", "").await;
    let retried = store.command(accepted.task.id, Event::RetryTask, None);
    retried.await.expect("it is retried");
    assert_eq!(stranded(&store).await, []);
}

pub(crate) async fn offers_lost_runs(db: impl Backend) {
    let store = db.open().await;
    lease(&store, "e1", "here", "").await;
    let (_, begun) = running(&store, 1, 3, &executor("e1")).await;
    let lost = async |limit| -> Vec<SubtaskId> {
        let lost = store.lost("anywhere", &[], limit).await.expect("runs");
        lost.iter().map(|(_, subtask, _)| *subtask).collect()
    };
    assert_eq!(lost(10).await, []);
    end_lease(&store, "e1").await;
    let runs: Vec<_> = begun.claimed.iter().map(|run| run.id).collect();
    assert_eq!(lost(10).await, runs);
    assert_eq!(lost(2).await, runs[..2]);
}
