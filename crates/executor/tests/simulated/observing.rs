//! What is seen of clusters that no task holds.

use std::time::Duration;

use slacktide_engine::{
    cluster::Cluster,
    status::{Goal, ResourceStatus},
};
use slacktide_executor::Options;

use crate::kit::{Fixture, LIMIT, Of, on, server, simulated, statuses};

async fn seen(fixture: &Fixture, wanted: impl Fn(&Cluster) -> bool) -> Cluster {
    let looking = async {
        loop {
            let cluster = fixture.cluster().await;
            if wanted(&cluster) {
                return cluster;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let seen = tokio::time::timeout(LIMIT, looking).await;
    seen.expect("the cluster is seen as it is")
}

fn observing(fixture: &Fixture) -> Options {
    Options {
        observe_interval: Duration::from_millis(100),
        ..fixture.options()
    }
}

#[tokio::test]
async fn a_server_that_dies_by_itself_is_noticed_and_so_is_one_that_comes_back() {
    let fixture = Fixture::new().await;
    let elsewhere = on("elsewhere", &fixture.path().join("ob3"));
    let here = || simulated(0, 0, false);
    let cluster = fixture
        .register(vec![vec![here(), here()], vec![elsewhere]])
        .await;
    let state = fixture.state_of(server(&cluster, 0).id);
    std::fs::create_dir_all(state.parent().expect("a directory")).expect("a directory");
    std::fs::write(&state, r#"{"running":false,"stop_attempts":0}"#).expect("it dies");

    let executor = fixture.start("e1", observing(&fixture)).await;
    let (running, lost) = (ResourceStatus::Running, ResourceStatus::Unavailable);
    let now = seen(&fixture, |cluster| cluster.status == lost).await;
    assert_eq!(statuses(&now), [lost, running, running]);
    assert_eq!(now.zones[0].status, lost);
    assert_eq!(now.zones[1].status, running);
    let reason = &server(&now, 0).status_reason;
    assert!(reason.contains("nobody here stopped it"), "{reason}");

    std::fs::write(&state, r#"{"running":true,"stop_attempts":0}"#).expect("it comes back");
    let now = seen(&fixture, |cluster| cluster.status == running).await;
    assert_eq!(statuses(&now), [running; 3]);
    executor.stop().await;
}

#[tokio::test]
async fn a_cluster_with_a_stopped_zone_runs_again_when_a_server_of_another_zone_is_back() {
    let fixture = Fixture::new().await;
    let cluster = fixture.register_simulated(3, 1).await;
    let executor = fixture.start("e1", observing(&fixture)).await;
    fixture.reach(Goal::Stop, Of::FirstZone).await;
    let (running, stopped) = (ResourceStatus::Running, ResourceStatus::Stopped);
    let before = fixture.cluster().await;
    assert_eq!(before.status, running);

    let state = fixture.state_of(server(&cluster, 1).id);
    std::fs::write(&state, r#"{"running":false,"stop_attempts":0}"#).expect("it dies");
    let lost = ResourceStatus::Unavailable;
    seen(&fixture, |cluster| cluster.status == lost).await;
    std::fs::write(&state, r#"{"running":true,"stop_attempts":0}"#).expect("it comes back");
    let now = seen(&fixture, |cluster| statuses(cluster)[1] == running).await;

    assert_eq!(statuses(&now), [stopped, running, running]);
    assert_eq!(
        now.zones.iter().map(|zone| zone.status).collect::<Vec<_>>(),
        [stopped, running, running]
    );
    assert_eq!((now.status, now.status_reason), (running, String::new()));
    executor.stop().await;
}

#[tokio::test]
async fn a_cluster_that_a_task_holds_is_left_alone() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", observing(&fixture)).await;
    let good = simulated(0, 0, false);
    fixture
        .register(vec![vec![good, simulated(0, 9, false)]])
        .await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    fixture.failed(task).await;
    let before = fixture.cluster().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = fixture.cluster().await;
    assert_eq!(after, before);
    assert_eq!(after.active_task, Some(task));
    executor.stop().await;
}
