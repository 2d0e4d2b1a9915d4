//! What a subtask has logged, as text.

use std::iter;

use chrono::{DateTime, Local, SecondsFormat};
use slacktide_engine::{
    id::{SubtaskId, TaskId},
    time::Micros,
};
use slacktide_store::LogRun;

use super::{App, AppError};

/// The log so far. It grows while the subtask runs.
pub(crate) async fn subtask_log(
    app: &App,
    task: TaskId,
    subtask: SubtaskId,
) -> Result<String, AppError> {
    // A task that is unknown is told apart from a subtask that is.
    app.store.task(task, false).await?;
    Ok(render(&app.store.log(task, subtask).await?))
}

fn render(runs: &[LogRun]) -> String {
    let lines: Vec<_> = runs.iter().flat_map(lines).collect();
    lines.join("\n")
}

/// The lines of a run. It begins with OCP's head, word for word, braces included.
pub(crate) fn lines(run: &LogRun) -> impl Iterator<Item = String> {
    let head = format!(
        "############{{{}}}{{{}}}############",
        run.operation,
        local(run.time)
    );
    let rest = run.lines.iter();
    iter::once(head).chain(rest.map(|line| format!("{} {}", local(line.time), line.text)))
}

/// RFC 3339 with milliseconds and the offset of the server's zone, a numeric one also for UTC.
fn local(time: Micros) -> String {
    let utc = DateTime::from_timestamp_micros(time.0).unwrap_or_default();
    let local = utc.with_timezone(&Local);
    local.to_rfc3339_opts(SecondsFormat::Millis, false)
}

#[cfg(test)]
mod tests {
    use slacktide_engine::status::Operation;
    use slacktide_store::LogLine;

    use super::*;

    #[test]
    fn runs_begin_with_their_head_and_lines_with_their_time() {
        let line = |time, text: &str| LogLine {
            time: Micros(time),
            text: text.to_owned(),
        };
        let runs = [
            LogRun {
                operation: Operation::Execute,
                time: Micros(1_000_000),
                lines: vec![
                    line(1_500_000, "looking for the process"),
                    line(2_000_000, "none"),
                ],
            },
            LogRun {
                operation: Operation::Retry,
                time: Micros(3_000_000),
                lines: vec![],
            },
        ];
        let at = |micros| local(Micros(micros));
        let expected = format!(
            "############{{EXECUTE}}{{{}}}############\n\
             {} looking for the process\n\
             {} none\n\
             ############{{RETRY}}{{{}}}############",
            at(1_000_000),
            at(1_500_000),
            at(2_000_000),
            at(3_000_000),
        );
        assert_eq!(render(&runs), expected);
        assert_eq!(render(&[]), "");
    }

    #[test]
    fn times_have_milliseconds_and_a_numeric_offset() {
        let time = local(Micros(1_500_000));
        let parsed = DateTime::parse_from_rfc3339(&time).unwrap();
        assert_eq!(parsed.timestamp_millis(), 1500);
        assert!(time.contains(".500") && !time.contains('Z'), "{time}");
    }
}
