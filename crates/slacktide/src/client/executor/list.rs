//! `executor list`.

use slacktide_api::v1::{Executor, ExecutorRun, ListExecutorsRequest};

use super::super::{Connection, Failure, Format, Output, clock::ServerClock, text};

pub(super) async fn run(connection: &Connection, output: &mut Output) -> anyhow::Result<()> {
    let answer = connection
        .executors()
        .list_executors(ListExecutorsRequest {})
        .await;
    let listed = answer.map_err(Failure::from)?.into_inner();
    if output.format == Format::Json {
        return output.json("ListExecutorsResponse", &listed);
    }
    let clock = ServerClock::read(connection).await?;
    output.data.write(&tables(&listed.executors, &clock))?;
    Ok(())
}

/// The executors, and below them what they run.
fn tables(executors: &[Executor], clock: &ServerClock) -> String {
    let header = [
        "ID", "HOST", "LABELS", "RUNS", "CAPACITY", "SINCE", "RENEWALS",
    ];
    let row = |executor: &Executor| {
        [
            executor.id.clone(),
            executor.host.clone(),
            text::or_dash(&text::labels(&executor.labels)),
            executor.runs.len().to_string(),
            executor.capacity.to_string(),
            text::time(executor.start_time.as_ref()),
            executor.renewals.to_string(),
        ]
    };
    let executors_table = text::columns(header, executors.iter().map(row).collect());
    let runs: Vec<_> = executors
        .iter()
        .flat_map(|executor| {
            executor
                .runs
                .iter()
                .map(|run| run_row(executor, run, clock))
        })
        .collect();
    if runs.is_empty() {
        return executors_table;
    }
    let header = ["TASK", "SUBTASK", "NAME", "TOOK", "EXECUTOR"];
    format!("{executors_table}\n\n{}", text::columns(header, runs))
}

fn run_row(executor: &Executor, run: &ExecutorRun, clock: &ServerClock) -> [String; 5] {
    let took = clock.took(run.start_time.as_ref(), None);
    [
        run.task_id.to_string(),
        run.subtask_id.to_string(),
        run.name.clone(),
        took.map_or_else(|| "-".to_owned(), text::elapsed),
        executor.id.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executors_stand_above_what_they_run() {
        let idle = Executor {
            id: "db1-0f".to_owned(),
            host: "db1".to_owned(),
            capacity: 512,
            renewals: 7,
            ..Executor::default()
        };
        let run = ExecutorRun {
            task_id: 7,
            subtask_id: 10,
            name: "Stop observer process".to_owned(),
            start_time: Some("2026-11-23T08:00:00Z".parse().unwrap()),
        };
        let busy = Executor {
            labels: [("dc".to_owned(), "a".to_owned())].into(),
            runs: vec![run],
            ..idle.clone()
        };
        let clock = ServerClock::new("2026-11-23T08:02:05Z".parse().unwrap());
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines = |executors: &[Executor]| -> Vec<_> {
            tables(executors, &clock).lines().map(words).collect()
        };
        assert_eq!(lines(&[idle])[1..], ["db1-0f db1 - 0 512 - 7"]);
        assert_eq!(
            lines(&[busy])[1..],
            [
                "db1-0f db1 dc=a 1 512 - 7",
                "",
                "TASK SUBTASK NAME TOOK EXECUTOR",
                "7 10 Stop observer process 2 m 05 s db1-0f",
            ]
        );
    }
}
