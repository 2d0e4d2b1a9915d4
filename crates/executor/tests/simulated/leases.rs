//! Who counts as alive.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database};
use slacktide_engine::{
    kind::SubtaskKind,
    status::{Goal, SubtaskStatus},
};
use slacktide_executor::Options;

use crate::kit::{Fixture, Of, of_kind};

const TTL: Duration = Duration::from_millis(600);

/// Moves all that leases say of the time, as an executor would that has another time of day.
async fn set_clocks(fixture: &Fixture, hours: i64) {
    let file = fixture.path().join("slacktide.db");
    let database = Database::connect(format!("sqlite://{}", file.display())).await;
    let database = database.expect("a second connection");
    let update = format!(
        "UPDATE executor SET start_time = start_time + {}",
        hours * 3_600_000_000
    );
    let updated = database.execute_unprepared(&update).await;
    updated.expect("the clocks are set");
    database.close().await.expect("the connection is closed");
}

#[tokio::test]
async fn a_clock_an_hour_ahead_expires_nobody() {
    for hours in [1, -1] {
        let fixture = Fixture::new().await;
        fixture.register_simulated(1, 1).await;
        let task = fixture.submit(Goal::Stop, Of::Cluster).await;
        let other_time = fixture.play("e1").await;
        let run = other_time.claim_stop(task).await;
        set_clocks(&fixture, hours).await;
        let options = Options {
            lease_ttl: TTL,
            tick: TTL / 10,
            ..fixture.options()
        };
        let executor = fixture.start("e2", options).await;

        // It renews in time, and so keeps its run for many times a lease's life.
        for _ in 0..12 {
            tokio::time::sleep(TTL / 4).await;
            other_time.renew().await;
        }
        let snapshot = fixture.snapshot(task).await;
        let stop = of_kind(&snapshot, SubtaskKind::StopObserverProcess);
        assert_eq!(
            (stop.state.status, stop.epoch),
            (SubtaskStatus::Running, run.epoch)
        );

        // It renews no more, and so loses it, whatever its clock says.
        fixture.ended_well(task).await;
        executor.stop().await;
    }
}
