//! Starts and restarts, and operations on a zone or a server.

use slacktide_engine::status::{Goal, ResourceStatus};

use crate::kit::{Fixture, Of, server, statuses};

#[tokio::test]
async fn a_cluster_is_stopped_started_and_restarted() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let servers: Vec<_> = fixture
        .register_simulated(3, 2)
        .await
        .servers()
        .map(|server| server.id)
        .collect();
    for (goal, reached) in [
        (Goal::Stop, ResourceStatus::Stopped),
        (Goal::Start, ResourceStatus::Running),
        (Goal::Restart, ResourceStatus::Running),
    ] {
        fixture.reach(goal, Of::Cluster).await;
        let cluster = fixture.cluster().await;
        assert_eq!((cluster.status, cluster.active_task), (reached, None));
        assert_eq!(statuses(&cluster), [reached; 6], "{goal:?}");
    }
    for server in servers {
        assert_eq!(fixture.acts(server), ["stop", "start", "stop", "start"]);
    }
    executor.stop().await;
}

#[tokio::test]
async fn a_zone_is_stopped_started_and_restarted_while_the_others_run() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let cluster = fixture.register_simulated(3, 1).await;
    for (goal, reached) in [
        (Goal::Stop, ResourceStatus::Stopped),
        (Goal::Start, ResourceStatus::Running),
        (Goal::Restart, ResourceStatus::Running),
    ] {
        fixture.reach(goal, Of::FirstZone).await;
        let cluster = fixture.cluster().await;
        assert_eq!(cluster.status, ResourceStatus::Running, "{goal:?}");
        assert_eq!(cluster.zones[0].status, reached, "{goal:?}");
        let running = ResourceStatus::Running;
        assert_eq!(statuses(&cluster), [reached, running, running]);
    }
    let acts = fixture.acts(server(&cluster, 0).id);
    assert_eq!(acts, ["stop", "start", "stop", "start"]);
    assert!(fixture.acts(server(&cluster, 1).id).is_empty());
    executor.stop().await;
}

#[tokio::test]
async fn a_server_is_stopped_started_and_restarted_while_the_others_run() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let cluster = fixture.register_simulated(1, 2).await;
    for (goal, reached) in [
        (Goal::Stop, ResourceStatus::Stopped),
        (Goal::Start, ResourceStatus::Running),
        (Goal::Restart, ResourceStatus::Running),
    ] {
        fixture.reach(goal, Of::FirstServer).await;
        let cluster = fixture.cluster().await;
        assert_eq!(cluster.status, ResourceStatus::Running, "{goal:?}");
        assert_eq!(statuses(&cluster), [reached, ResourceStatus::Running]);
    }
    let acts = fixture.acts(server(&cluster, 0).id);
    assert_eq!(acts, ["stop", "start", "stop", "start"]);
    assert!(fixture.acts(server(&cluster, 1).id).is_empty());
    executor.stop().await;
}
