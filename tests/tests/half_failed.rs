//! A stop that one of three hosts keeps from being done: what it shows, and the three ways out of it.
use std::time::Duration;

use anyhow::Result;
use slacktide_api::v1::driver::Kind;
use slacktide_api::v1::{
    Cluster, ClusterSpec, ClusterStatus, Driver, Operation, ProcessDriver, ServerStatus, StopMode,
    SubtaskStatus, Task, TaskStatus, UpdateClusterRequest, ZoneStatus,
};
use slacktide_tests::{
    Api, Setup, Slacktide, error_info, simulated_cluster, simulated_driver, within,
};
use tonic::Code;

const LIMIT: Duration = Duration::from_secs(90);

/// Three servers, of which one belongs to a host on which nobody is.
fn three(name: &str) -> ClusterSpec {
    let mut spec = simulated_cluster(name, 3, simulated_driver(1));
    spec.zones[2].servers[0].driver = Some(Driver {
        kind: Some(Kind::Process(ProcessDriver {
            base_dir: format!("/nonexistent/{name}"),
            executor_host: "lost".to_owned(),
        })),
    });
    spec
}

struct Case {
    slacktide: Slacktide,
    api: Api,
    spec: ClusterSpec,
    cluster: i64,
    task: i64,
}

impl Case {
    /// Begins a stop and waits until it has failed.
    async fn half_failed(name: &str) -> Result<Self> {
        let setup = Setup::default().setting("executor.host_grace", "1");
        let slacktide = setup.start().await?;
        let api = slacktide.api()?;
        let spec = three(name);
        let cluster = api.register(spec.clone()).await?.id;
        let accepted = api.stop(cluster, StopMode::Immediate).await?;
        let task = api.finished(accepted.id).await?;
        assert_eq!(task.status(), TaskStatus::Failed, "{task:?}");
        assert!(
            task.error.contains("lost"),
            "it names the host: {}",
            task.error
        );
        Ok(Self {
            slacktide,
            api,
            spec,
            cluster,
            task: task.id,
        })
    }

    async fn seen(&self) -> Result<(Cluster, [ServerStatus; 3])> {
        let cluster = self.api.cluster(self.cluster).await?;
        let statuses = [0, 1, 2].map(|zone| cluster.zones[zone].servers[0].status());
        Ok((cluster, statuses))
    }

    /// Makes the lost server one that can be reached.
    async fn mend(&self) -> Result<()> {
        let mut spec = self.spec.clone();
        spec.zones[2].servers[0].driver = spec.zones[0].servers[0].driver.clone();
        let request = UpdateClusterRequest {
            id: self.cluster,
            cluster: Some(spec),
            ..Default::default()
        };
        self.api.clusters.clone().update_cluster(request).await?;
        Ok(())
    }

    /// Skips whatever fails until the task has ended.
    async fn skip_through(&self) -> Result<Task> {
        loop {
            let task = self.api.finished(self.task).await?;
            if task.status() == TaskStatus::Successful {
                return Ok(task);
            }
            let failed = task
                .subtasks
                .iter()
                .filter(|s| s.status() == SubtaskStatus::Failed);
            for subtask in failed {
                self.api.skip(task.id, subtask.id).await?;
            }
        }
    }
}

#[tokio::test]
async fn it_shows_what_is_true_and_keeps_the_cluster() -> Result<()> {
    within(LIMIT, "half failed", async {
        let case = Case::half_failed("shown").await?;
        let (cluster, servers) = case.seen().await?;
        assert_eq!(cluster.status(), ClusterStatus::Stopping);
        assert_eq!(cluster.active_task_id, Some(case.task));
        assert!(
            cluster.status_reason.contains("failed"),
            "{}",
            cluster.status_reason
        );
        assert_eq!(servers[2], ServerStatus::Unavailable);
        assert_ne!(cluster.zones[2].servers[0].status_reason, "");
        // The others were prepared and not touched: the barrier kept them.
        assert_eq!(servers[0], ServerStatus::Stopping);

        let refusals = [
            case.api
                .stop_with(stop_request(case.cluster))
                .await
                .unwrap_err(),
            case.api.start(case.cluster).await.unwrap_err(),
            case.api
                .restart(case.cluster, StopMode::Immediate)
                .await
                .unwrap_err(),
        ];
        for refusal in refusals {
            assert_eq!(refusal.code(), Code::FailedPrecondition);
            assert_eq!(error_info(&refusal)?.metadata["ocp_code"], "11020");
        }
        assert!(case.slacktide.process().is_running());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn it_ends_well_by_retry_once_the_host_can_be_reached() -> Result<()> {
    within(LIMIT, "retry", async {
        let case = Case::half_failed("retried").await?;
        case.mend().await?;
        let retried = case.api.retry(case.task).await?;
        assert_eq!(retried.operation(), Operation::Retry);
        let task = case.api.finished(case.task).await?;
        assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
        let (cluster, servers) = case.seen().await?;
        assert_eq!(cluster.status(), ClusterStatus::Stopped);
        assert_eq!(servers, [ServerStatus::Stopped; 3]);
        assert_eq!(cluster.active_task_id, None);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn it_ends_by_skip_with_the_server_unavailable_and_the_cluster_not_stopped() -> Result<()> {
    within(LIMIT, "skip", async {
        let case = Case::half_failed("skipped").await?;
        let task = case.skip_through().await?;
        assert_eq!(task.operation(), Operation::Skip);
        let (cluster, servers) = case.seen().await?;
        let stopped = ServerStatus::Stopped;
        assert_eq!(servers, [stopped, stopped, ServerStatus::Unavailable]);
        assert_eq!(cluster.zones[0].status(), ZoneStatus::Stopped);
        assert_eq!(cluster.zones[2].status(), ZoneStatus::Unavailable);
        assert_eq!(cluster.status(), ClusterStatus::Unavailable);
        assert_eq!(cluster.active_task_id, None);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn it_ends_well_by_rollback() -> Result<()> {
    within(LIMIT, "rollback", async {
        let case = Case::half_failed("rolled_back").await?;
        case.mend().await?;
        let rolled_back = case.api.roll_back(case.task).await?;
        assert_eq!(rolled_back.operation(), Operation::Rollback);
        let task = case.api.finished(case.task).await?;
        assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
        assert_eq!(task.operation(), Operation::Rollback);
        let pending = |s: &slacktide_api::v1::Subtask| s.status() == SubtaskStatus::Pending;
        assert!(task.subtasks.iter().all(pending), "{task:?}");
        let (cluster, servers) = case.seen().await?;
        assert_eq!(servers, [ServerStatus::Running; 3]);
        assert_eq!(cluster.status(), ClusterStatus::Running);
        assert_eq!(cluster.active_task_id, None);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_rollback_that_fails_too_is_left_by_skip() -> Result<()> {
    within(LIMIT, "rollback and skip", async {
        let case = Case::half_failed("left").await?;
        case.api.roll_back(case.task).await?;
        let task = case.api.finished(case.task).await?;
        assert_eq!(task.status(), TaskStatus::Failed);
        let refused = case.api.retry(case.task).await.unwrap_err();
        assert_eq!(error_info(&refused)?.metadata["ocp_code"], "4007");
        let task = case.skip_through().await?;
        assert_eq!(task.operation(), Operation::Rollback);
        let (cluster, servers) = case.seen().await?;
        let running = ServerStatus::Running;
        assert_eq!(servers, [running, running, ServerStatus::Unavailable]);
        assert_eq!(cluster.status(), ClusterStatus::Unavailable);
        Ok(())
    })
    .await
}

fn stop_request(id: i64) -> slacktide_api::v1::StopClusterRequest {
    slacktide_api::v1::StopClusterRequest {
        id,
        ..Default::default()
    }
}
