//! `cluster stop`.

use std::process::ExitCode;

use slacktide_api::v1::{StopClusterRequest, StopMode, Task, TaskView};

use super::super::{
    Connection, Failure, Format, Output, id,
    places::Places,
    task,
    watch::{Goal, watch},
};

/// Stop all servers of a cluster
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Stop {
    /// Id of the cluster, as `cluster list` shows it
    #[arg(value_parser = id::parse, allow_negative_numbers = true)]
    id: i64,
    /// Watch the task to its end; exit 0 only if the cluster is then STOPPED
    #[arg(long, conflicts_with = "validate_only")]
    watch: bool,
    /// How hard servers are stopped
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// Minor freeze before the stop: a longer stop, a shorter recovery. Default: with an SQL account, if graceful
    #[arg(long, overrides_with = "no_minor_freeze")]
    minor_freeze: bool,
    /// No minor freeze before the stop
    #[arg(long)]
    no_minor_freeze: bool,
    /// Dry run: show the task that a stop would be, and change nothing
    #[arg(long)]
    validate_only: bool,
    /// Idempotency key: the same request under the same key is carried out once
    #[arg(
        long,
        value_name = "KEY",
        default_value = "",
        hide_default_value = true
    )]
    request_id: String,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Mode {
    /// Ordered shutdown first, then ever harder signals
    #[default]
    Graceful,
    /// SIGTERM at once, then SIGKILL; no acknowledged write is lost
    Immediate,
}

impl Stop {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let (watched, dry) = (self.watch, self.validate_only);
        let request = self.request(output.format);
        let answer = connection
            .clusters()
            .stop_cluster(request)
            .await
            .map_err(Failure::from)?;
        let task = answer.into_inner().task.unwrap_or_default();
        if watched {
            return watch(connection, output, task.id, None, Goal::ClusterStopped).await;
        }
        let places = if dry {
            places(connection, &task).await
        } else {
            Places::default()
        };
        output.message("Task", &task, |task| {
            if dry {
                planned(task, &places)
            } else {
                accepted(task)
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn request(self, format: Format) -> StopClusterRequest {
        let mode = match self.mode {
            Mode::Graceful => StopMode::Graceful,
            Mode::Immediate => StopMode::Immediate,
        };
        let minor_freeze = match (self.minor_freeze, self.no_minor_freeze) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        };
        let whole = self.validate_only || (format == Format::Json && !self.watch);
        let view = if whole {
            TaskView::Full
        } else {
            TaskView::Basic
        };
        StopClusterRequest {
            id: self.id,
            request_id: self.request_id,
            validate_only: self.validate_only,
            mode: mode.into(),
            minor_freeze,
            view: view.into(),
        }
    }
}

async fn places(connection: &Connection, task: &Task) -> Places {
    let cluster_id = task.cluster.as_ref().map(|cluster| cluster.id);
    Places::ask(connection, cluster_id.unwrap_or_default()).await
}

fn accepted(task: &Task) -> String {
    let total = task.progress.map_or(0, |progress| progress.total);
    format!(
        "task {id} accepted: {name} of {cluster}, {total} subtasks; follow it with `slacktide task watch {id}`",
        id = task.id,
        name = task.name,
        cluster = task.cluster.as_ref().map_or("-", |cluster| &cluster.name),
    )
}

fn planned(task: &Task, places: &Places) -> String {
    format!(
        "nothing was changed; a stop would be {} subtasks:\n{}",
        task.subtasks.len(),
        task::plan(&task.subtasks, places)
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

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
            .request(Format::Table)
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
        let request = request(&[
            "3",
            "--mode",
            "immediate",
            "--validate-only",
            "--request-id",
            "k1",
        ]);
        assert_eq!(request.id, 3);
        assert_eq!(request.mode(), StopMode::Immediate);
        assert!(request.validate_only);
        assert_eq!(request.request_id, "k1");
        assert_eq!(request.view(), TaskView::Full);
    }

    #[test]
    fn only_positive_ids_are_accepted() {
        for id in ["0", "-1", "abc", "1.5", "9223372036854775808"] {
            assert!(Line::try_parse_from(["stop", "--", id]).is_err(), "{id}");
        }
    }
}
