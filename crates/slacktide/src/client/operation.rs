//! What the verbs that begin an operation have in common: their options, and what follows the server's answer.

mod verbs;

use std::process::ExitCode;

use serde_json::Value;
use slacktide_api::v1::{Finding, StopMode, Task, TaskView};

use super::{
    Connection, Format, Output, findings, json,
    places::Places,
    request_key::RequestKey,
    task,
    watch::{Goal, watch},
};

pub(super) use verbs::operation_verbs;

/// Options of every verb that begins an operation.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Operation {
    /// Watch the task to its end; exit 0 only if it then stands as was asked for
    #[arg(long, conflicts_with = "validate_only")]
    watch: bool,
    /// Dry run: show the task that this would be, and change nothing
    #[arg(long, visible_alias = "dry-run")]
    pub(super) validate_only: bool,
    #[command(flatten)]
    pub(super) key: RequestKey,
}

/// How hard servers are stopped.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum Mode {
    /// Ordered shutdown first, then ever harder signals
    #[default]
    Graceful,
    /// SIGTERM at once, then SIGKILL; no acknowledged write is lost
    Immediate,
}

/// The option of every operation that stops servers.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Stopping {
    /// How hard servers are stopped
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
}

/// Options of every operation that leaves servers stopped.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Freezing {
    /// Minor freeze before the stop: a longer stop, a shorter recovery. Default: with an SQL account, if graceful
    #[arg(long, overrides_with = "no_minor_freeze")]
    minor_freeze: bool,
    /// No minor freeze before the stop
    #[arg(long)]
    no_minor_freeze: bool,
}

/// The option of every operation on more than one server.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct FanOut {
    /// How many subtasks may run at a time; without it, as many as hosts and executors allow
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    max_parallel: Option<i32>,
}

impl Stopping {
    /// The mode as the API has it.
    pub(super) fn mode(&self) -> i32 {
        let mode = match self.mode {
            Mode::Graceful => StopMode::Graceful,
            Mode::Immediate => StopMode::Immediate,
        };
        mode.into()
    }
}

impl Freezing {
    /// What the server is asked for; nothing leaves it the choice.
    pub(super) fn minor_freeze(&self) -> Option<bool> {
        match (self.minor_freeze, self.no_minor_freeze) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }
}

impl FanOut {
    /// The limit as the API has it: 0 for none.
    pub(super) fn max_parallel(&self) -> i32 {
        self.max_parallel.unwrap_or(0)
    }
}

impl Operation {
    /// How much of the task the answer has to hold.
    pub(super) fn view(&self, format: Format) -> TaskView {
        let whole = self.validate_only || (format == Format::Json && !self.watch);
        if whole {
            TaskView::Full
        } else {
            TaskView::Basic
        }
    }

    /// Prints the task that the server answered with, or watches it until it ends.
    pub(super) async fn conclude(
        &self,
        connection: &Connection,
        output: &mut Output,
        task: &Task,
        found: &[Finding],
        goal: Goal,
    ) -> anyhow::Result<ExitCode> {
        if self.watch {
            return watch(connection, output, task.id, None, goal).await;
        }
        match output.format {
            Format::Json => output.data.write(&answer(task, found)?)?,
            Format::Table if self.validate_only => {
                let cluster_id = task.cluster.as_ref().map(|cluster| cluster.id);
                let places = Places::ask(connection, cluster_id.unwrap_or_default()).await;
                output.data.write(&planned(task, found, &places))?;
            }
            Format::Table => output.data.write(&accepted(task))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The task as JSON, with what the checks of a dry run found beside its own keys.
fn answer(task: &Task, found: &[Finding]) -> anyhow::Result<String> {
    if found.is_empty() {
        return json::of("Task", task);
    }
    let findings = found.iter().map(|finding| json::value("Finding", finding));
    let findings = findings.collect::<Result<Vec<_>, _>>()?;
    let mut answer = json::value("Task", task)?;
    answer["findings"] = Value::Array(findings);
    Ok(serde_json::to_string_pretty(&answer)?)
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

fn planned(task: &Task, found: &[Finding], places: &Places) -> String {
    let plan = format!(
        "nothing was changed; `{}` would be {} subtasks:\n{}",
        task.name,
        task.subtasks.len(),
        task::plan(&task.subtasks, places)
    );
    if found.is_empty() {
        return plan;
    }
    format!("{plan}\n\n{}", findings::table(found))
}

#[cfg(test)]
mod tests {
    use slacktide_api::v1::{FindingClass, FindingResult, Subtask, TaskCluster, TaskProgress};

    use super::*;

    fn task() -> Task {
        Task {
            id: 7,
            name: "Stop OB cluster".to_owned(),
            cluster: Some(TaskCluster {
                name: "ob_demo".to_owned(),
                ..TaskCluster::default()
            }),
            progress: Some(TaskProgress {
                total: 11,
                ..TaskProgress::default()
            }),
            subtasks: vec![Subtask {
                id: 1,
                name: "Prepare stop cluster".to_owned(),
                ..Subtask::default()
            }],
            ..Task::default()
        }
    }

    fn finding() -> Finding {
        Finding {
            check: 6,
            name: "major compaction".to_owned(),
            class: FindingClass::Warn.into(),
            result: FindingResult::Found.into(),
            text: "a compaction runs".to_owned(),
        }
    }

    #[test]
    fn an_accepted_task_says_how_to_follow_it() {
        assert_eq!(
            accepted(&task()),
            "task 7 accepted: Stop OB cluster of ob_demo, 11 subtasks; follow it with `slacktide task watch 7`"
        );
    }

    #[test]
    fn a_dry_run_shows_the_plan_and_what_was_found() {
        let shown = planned(&task(), &[finding()], &Places::default());
        assert!(shown.starts_with("nothing was changed; `Stop OB cluster` would be 1 subtasks:\n"));
        assert!(shown.contains("Prepare stop cluster"), "{shown}");
        assert!(shown.contains("a compaction runs"), "{shown}");
        let alone = planned(&task(), &[], &Places::default());
        assert!(!alone.contains("CHECK"), "{alone}");
    }

    #[test]
    fn json_has_the_tasks_keys_on_top_and_findings_only_where_there_are_some() {
        let read = |found| serde_json::from_str::<Value>(&answer(&task(), found).unwrap()).unwrap();
        assert_eq!(read(&[])["id"], "7");
        assert_eq!(read(&[]).get("findings"), None);
        assert_eq!(
            read(&[finding()])["findings"][0]["result"],
            "FINDING_RESULT_FOUND"
        );
    }
}
