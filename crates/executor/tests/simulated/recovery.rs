//! Executors that die, are paused, or whose runs do not end.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Database};
use slacktide_engine::{
    commit::{Event, Observation, Outcome, Refusal},
    id::TaskId,
    kind::SubtaskKind,
    status::{Goal, Operation, ResourceStatus, SubtaskStatus, TaskStatus},
};
use slacktide_executor::Options;
use slacktide_store::StoreError;

use crate::{
    executors::Player,
    kit::{Fixture, HERE, LIMIT, Of, is, of_kind, on, server, simulated, statuses},
};

const STOPS: SubtaskKind = SubtaskKind::StopObserverProcess;

fn gone() -> Outcome {
    Outcome {
        result: Ok(()),
        observed: Some(Observation::Gone),
    }
}

/// Gives the task's subtasks far less time than their kinds have.
pub(crate) async fn hurry(fixture: &Fixture, task: TaskId) {
    let file = fixture.path().join("slacktide.db");
    let database = Database::connect(format!("sqlite://{}", file.display())).await;
    let database = database.expect("a second connection");
    // Whoever changes a task raises its version: writers keep what they know of it.
    let updates = [
        format!("UPDATE subtask SET timeout = 200000 WHERE task_id = {task}"),
        format!("UPDATE task SET version = version + 1 WHERE id = {task}"),
    ];
    for update in updates {
        let updated = database.execute_unprepared(&update).await;
        updated.expect("the time is set");
    }
    database.close().await.expect("the connection is closed");
}

#[tokio::test]
async fn a_stop_that_hangs_ends_when_its_time_is_over_and_says_what_is_true() {
    let fixture = Fixture::new().await;
    fixture.register(vec![vec![simulated(0, 0, true)]]).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    hurry(&fixture, task).await;

    let executor = fixture.start("e1", fixture.options()).await;
    let snapshot = fixture.failed(task).await;

    let stop = &of_kind(&snapshot, STOPS).state;
    assert_eq!(
        (stop.status, stop.operation),
        (SubtaskStatus::Failed, Operation::Cancel)
    );
    let error = stop.error.as_deref().expect("a reason");
    assert!(error.contains("did not end within"), "{error}");
    let cluster = fixture.cluster().await;
    let server = server(&cluster, 0);
    assert_eq!(
        (server.status, server.status_reason.as_str()),
        (ResourceStatus::Running, error)
    );
    executor.stop().await;
}

#[tokio::test]
async fn an_act_that_wedges_while_its_executor_renews_its_lease_is_ended_by_another_one() {
    let fixture = Fixture::new().await;
    let cluster = fixture.register_simulated(1, 1).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    hurry(&fixture, task).await;
    let hanging = fixture.play("e1").await;
    let run = hanging.claim_stop(task).await;

    let options = Options {
        overdue_grace: Duration::from_millis(200),
        ..fixture.options()
    };
    let other = fixture.start("e2", options).await;
    hanging.renew().await;
    let snapshot = fixture.failed(task).await;
    hanging.renew().await;

    let stop = of_kind(&snapshot, STOPS);
    assert_eq!(
        (stop.state.status, stop.state.operation),
        (SubtaskStatus::Failed, Operation::Cancel)
    );
    let error = stop.state.error.as_deref().expect("a reason");
    assert!(error.contains("e1 did not end it"), "{error}");
    assert_eq!(
        statuses(&fixture.cluster().await),
        [ResourceStatus::Running]
    );

    // What hung goes on at last: the host refuses it, and nothing of it counts.
    assert!(fixture.fence(server(&cluster, 0).id) > run.epoch);
    let late = hanging.commit(task, hanging.finish(&run, gone())).await;
    let refused = matches!(late, Err(StoreError::Refused(Refusal::Stale { .. })));
    assert!(refused, "{late:?}");
    let intent = fixture.store.record_intent(&run, "SIGKILL").await;
    assert!(!intent.expect("the store answers"));
    other.stop().await;
}

#[tokio::test]
async fn a_run_on_a_host_that_is_gone_is_ended_by_an_executor_of_another_host() {
    let fixture = Fixture::new().await;
    let elsewhere = on("elsewhere", &fixture.path().join("ob1"));
    fixture.register(vec![vec![elsewhere]]).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    hurry(&fixture, task).await;
    let dying = fixture.play_on("elsewhere", "e1").await;
    dying.claim_stop(task).await;
    dying.lose_lease().await;

    let options = Options {
        overdue_grace: Duration::from_millis(200),
        ..fixture.options()
    };
    let other = fixture.start("e2", options).await;
    let snapshot = fixture.failed(task).await;

    let stop = &of_kind(&snapshot, STOPS).state;
    assert_eq!(
        (stop.status, stop.operation),
        (SubtaskStatus::Failed, Operation::Cancel)
    );
    let cluster = fixture.cluster().await;
    assert_eq!(statuses(&cluster), [ResourceStatus::Unavailable]);
    other.stop().await;
}

#[tokio::test]
async fn an_executor_that_wakes_after_its_run_was_taken_over_changes_nothing() {
    let fixture = Fixture::new().await;
    let cluster = fixture.register_simulated(1, 1).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    let paused = fixture.play("e1").await;
    let run = paused.claim_stop(task).await;
    paused.lose_lease().await;

    let other = fixture.start("e2", fixture.options()).await;
    let snapshot = fixture.ended_well(task).await;

    let id = server(&cluster, 0).id;
    let stop = of_kind(&snapshot, STOPS);
    assert!(stop.epoch > run.epoch);
    assert_eq!(fixture.effects(id), [("stop".to_owned(), stop.epoch)]);
    // The host remembers a fence that refuses what the paused run would do.
    assert!(fixture.fence(id) > run.epoch);

    let before = fixture.snapshot(task).await;
    let late = paused.commit(task, paused.finish(&run, gone())).await;
    let refused = matches!(late, Err(StoreError::Refused(Refusal::Stale { .. })));
    assert!(refused, "{late:?}");
    let intent = fixture.store.record_intent(&run, "SIGKILL").await;
    assert!(!intent.expect("the store answers"));
    assert_eq!(fixture.snapshot(task).await, before);
    other.stop().await;
}

#[tokio::test]
async fn a_canceled_run_whose_executor_died_is_ended_by_the_next_one() {
    let fixture = Fixture::new().await;
    let cluster = fixture.register_simulated(1, 1).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    let dead = fixture.play("e1").await;
    let run = dead.claim_stop(task).await;
    fixture.command(task, Event::CancelSubtask(run.id)).await;
    dead.lose_lease().await;

    let other = fixture.start("e2", fixture.options()).await;
    let snapshot = fixture.failed(task).await;

    let stop = &of_kind(&snapshot, STOPS).state;
    assert_eq!(
        (stop.status, stop.operation),
        (SubtaskStatus::Failed, Operation::Cancel)
    );
    // Nobody did anything to the server, and the dead executor's run could not any more.
    let id = server(&cluster, 0).id;
    assert!(fixture.acts(id).is_empty());
    assert!(fixture.fence(id) > run.epoch);
    assert_eq!(
        statuses(&fixture.cluster().await),
        [ResourceStatus::Running]
    );
    other.stop().await;
}

#[tokio::test]
async fn a_run_of_its_own_that_an_executor_knows_nothing_of_runs_again() {
    let fixture = Fixture::new().await;
    let cluster = fixture.register_simulated(1, 1).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    // Claimed in its name before it begins: as after a commit whose answer was lost.
    let earlier = fixture.play("e1").await;
    earlier.claim_stop(task).await;
    earlier.lose_lease().await;
    let executor = fixture.start("e1", fixture.options()).await;

    fixture.ended_well(task).await;
    assert_eq!(fixture.acts(server(&cluster, 0).id), ["stop"]);
    executor.stop().await;
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_run_again_by_its_living_owner() {
    let fixture = Fixture::new().await;
    let options = Options {
        capacity: 1,
        ..fixture.options()
    };
    let owner = fixture.start("e1", options).await;
    // It has no room, and so leaves the other task alone until that is claimed in its name behind its back.
    fixture.register(vec![vec![simulated(0, 0, true)]]).await;
    let busy = fixture.submit(Goal::Stop, Of::Cluster).await;
    fixture.until(busy, is(STOPS, SubtaskStatus::Running)).await;
    let cluster = fixture.register_simulated(1, 1).await;
    let task = fixture.submit_to(&cluster, Goal::Stop, Of::Cluster, None);
    let task = task.await;
    let unheard = Player {
        store: &fixture.store,
        id: "e1".to_owned(),
        host: HERE.to_owned(),
    };
    let subtasks = vec![fixture.snapshot(task).await.subtasks[0].id];
    let claimed = unheard.commit(task, Event::Claim { subtasks }).await;
    let lost = claimed.expect("it is claimed").claimed.remove(0);

    fixture.command(busy, Event::CancelTask).await;
    let snapshot = fixture.ended_well(task).await;

    let run = snapshot.subtasks.iter().find(|run| run.id == lost.id);
    assert!(run.expect("the run").epoch > lost.epoch);
    assert_eq!(fixture.acts(server(&cluster, 0).id), ["stop"]);
    owner.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_host_without_an_executor_fails_and_can_be_skipped() {
    let fixture = Fixture::new().await;
    let options = Options {
        host_grace: Duration::from_millis(500),
        ..fixture.options()
    };
    let executor = fixture.start("e1", options).await;
    // Whoever looked for it here would find its directory, and no process.
    fixture.down("ob1");
    let elsewhere = on("elsewhere", &fixture.path().join("ob1"));
    fixture
        .register(vec![vec![simulated(0, 0, false), elsewhere]])
        .await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;

    let snapshot = fixture.failed(task).await;
    let error = snapshot.task.state.error.expect("a reason");
    assert!(
        error.contains("no executor is alive on host elsewhere"),
        "{error}"
    );

    // Passed over step by step, by an executor that can only say that it cannot see the server.
    let skipping = Instant::now();
    loop {
        let snapshot = fixture.ended(task).await;
        if snapshot.task.state.status == TaskStatus::Successful {
            break;
        }
        assert!(skipping.elapsed() < LIMIT);
        let failed = snapshot
            .subtasks
            .iter()
            .find(|subtask| subtask.state.status == SubtaskStatus::Failed)
            .expect("a failed subtask");
        fixture.command(task, Event::SkipSubtask(failed.id)).await;
    }
    let cluster = fixture.cluster().await;
    assert_eq!(
        statuses(&cluster),
        [ResourceStatus::Stopped, ResourceStatus::Unavailable]
    );
    assert_eq!(cluster.status, ResourceStatus::Unavailable);
    executor.stop().await;
}

#[tokio::test]
async fn an_operation_goes_on_after_each_of_its_runs_was_lost() {
    let fixture = Fixture::new().await;
    fixture.register_simulated(1, 1).await;
    for (goal, kind) in [
        (Goal::Stop, STOPS),
        (Goal::Start, SubtaskKind::StartObserverProcess),
    ] {
        let task = fixture.submit(goal, Of::Cluster).await;
        // Its runs are claimed one by one by executors that die at once.
        let mut died = 0;
        loop {
            let dying = fixture.play(&format!("{kind:?} {died}")).await;
            let snapshot = fixture.snapshot(task).await;
            let next = snapshot
                .subtasks
                .iter()
                .find(|subtask| subtask.state.status == SubtaskStatus::Ready);
            let Some(ready) = next.map(|subtask| subtask.id) else {
                break;
            };
            let claim = Event::Claim {
                subtasks: vec![ready],
            };
            let claimed = dying.commit(task, claim).await;
            claimed.expect("it is claimed");
            dying.lose_lease().await;
            died += 1;
        }
        assert!(is(SubtaskKind::WaitNode, SubtaskStatus::Pending)(
            &fixture.snapshot(task).await
        ));
        let executor = fixture.start(&format!("{kind:?}"), fixture.options()).await;
        fixture.ended_well(task).await;
        executor.stop().await;
    }
    assert_eq!(fixture.cluster().await.status, ResourceStatus::Running);
}
