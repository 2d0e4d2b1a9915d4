//! `cluster stop`.

use std::process::ExitCode;

use slacktide_api::v1::{ClusterStatus, StopClusterRequest};

use super::super::{
    Connection, Failure, Format, Output,
    cluster_ref::ClusterArg,
    operation::{FanOut, Freezing, Operation, Stopping},
    watch::{Goal, Target},
};

/// Stop all servers of a cluster
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    of: ClusterArg,
    #[command(flatten)]
    stopping: Stopping,
    #[command(flatten)]
    freezing: Freezing,
    #[command(flatten)]
    fan_out: FanOut,
    #[command(flatten)]
    operation: Operation,
}

impl Stop {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let id = self.of.cluster.id(connection).await?;
        let request = self.request(id, output.format);
        let answer = connection.clusters().stop_cluster(request).await;
        let answer = answer.map_err(Failure::from)?.into_inner();
        let task = answer.task.unwrap_or_default();
        let goal = Goal::Reached(Target::Cluster(ClusterStatus::Stopped));
        let found = &answer.findings;
        self.operation
            .conclude(connection, output, &task, found, goal)
            .await
    }

    fn request(&self, id: i64, format: Format) -> StopClusterRequest {
        StopClusterRequest {
            id,
            request_id: self.operation.key.request_id.clone(),
            validate_only: self.operation.validate_only,
            mode: self.stopping.mode(),
            minor_freeze: self.freezing.minor_freeze(),
            view: self.operation.view(format).into(),
            max_parallel: self.fan_out.max_parallel(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use slacktide_api::v1::{StopMode, TaskView};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        stop: Stop,
    }

    fn request(arguments: &[&str]) -> StopClusterRequest {
        let line = ["stop"].iter().chain(arguments);
        Line::try_parse_from(line)
            .unwrap()
            .stop
            .request(3, Format::Table)
    }

    #[test]
    fn the_freeze_is_the_servers_choice_unless_given() {
        assert_eq!(request(&["3"]).minor_freeze, None);
        assert_eq!(request(&["3", "--minor-freeze"]).minor_freeze, Some(true));
        assert_eq!(
            request(&["3", "--no-minor-freeze"]).minor_freeze,
            Some(false)
        );
    }

    #[test]
    fn options_reach_the_request() {
        for dry in ["--validate-only", "--dry-run"] {
            let arguments = ["3", "--mode", "immediate", "--request-id", "k1", dry];
            let request = request(&[&arguments[..], &["--max-parallel", "2"]].concat());
            assert_eq!(request.id, 3);
            assert_eq!(request.mode(), StopMode::Immediate);
            assert!(request.validate_only);
            assert_eq!(request.request_id, "k1");
            assert_eq!(request.max_parallel, 2);
            assert_eq!(request.view(), TaskView::Full);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for arguments in [
            &["--", "0"][..],
            &["--", "-1"],
            &["9223372036854775808"],
            &["3", "--max-parallel", "0"],
            &["3", "--watch", "--dry-run"],
        ] {
            let line = ["stop"].iter().chain(arguments);
            assert!(Line::try_parse_from(line).is_err(), "{arguments:?}");
        }
    }
}
