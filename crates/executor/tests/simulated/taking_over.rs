//! What was lost, and executors that have their hands full.

use slacktide_engine::{
    kind::SubtaskKind,
    status::{Goal, SubtaskStatus},
};
use slacktide_executor::Options;

use crate::kit::{Fixture, Of, is, most_running, of_kind, simulated};

const STOPS: SubtaskKind = SubtaskKind::StopObserverProcess;

#[tokio::test]
async fn a_lost_run_does_not_wait_for_what_is_ready() {
    let fixture = Fixture::new().await;
    let options = Options {
        capacity: 1,
        ..fixture.options()
    };
    let executor = fixture.start("e1", options).await;
    fixture.register(vec![vec![simulated(0, 0, true); 3]]).await;
    let filling = fixture.submit(Goal::Stop, Of::Cluster).await;
    fixture
        .until(filling, is(STOPS, SubtaskStatus::Running))
        .await;
    // One run takes all the room there is, and two subtasks wait for its end, which never comes.
    let other = fixture.register_simulated(1, 1).await;
    let task = fixture
        .submit_to(&other, Goal::Stop, Of::Cluster, None)
        .await;
    let dead = fixture.play("e0").await;
    let run = dead.claim_stop(task).await;
    dead.lose_lease().await;

    let snapshot = fixture
        .until(task, is(STOPS, SubtaskStatus::Successful))
        .await;

    assert!(of_kind(&snapshot, STOPS).epoch > run.epoch);
    // Nothing that was READY came in with it.
    let filling = fixture.snapshot(filling).await;
    assert_eq!(filling.task.tally.running, 1);
    assert_eq!(most_running(&fixture.store, filling.task.id).await, 1);
    executor.stop().await;
}
