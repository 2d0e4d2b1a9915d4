//! A task as lines that fit a terminal.

use slacktide_api::v1::{Operation, Subtask, SubtaskStatus, Task};

use super::{
    super::{
        clock::ServerClock,
        places::Places,
        text::{self, Word},
    },
    notes,
};

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// One line, no wider than the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The colour of its status word, as the terminal's own code.
    pub(super) colour: Option<&'static str>,
    pub(super) text: String,
}

impl Line {
    pub(super) fn plain(text: &str, size: Size) -> Self {
        Self {
            colour: None,
            text: fitted(text, size.columns),
        }
    }
}

/// Lines that are no subtask: title, progress, a blank, what is not shown, a notice, the cursor's own.
const OTHER_ROWS: usize = 6;
const BAR: usize = 24;

/// Draws the task. Where it has more subtasks than rows, those that matter most are shown (failed ones
/// first, then what runs) and the others are counted.
pub(super) fn picture(task: &Task, places: &Places, clock: &ServerClock, size: Size) -> Vec<Line> {
    let mut lines = vec![
        Line::plain(&title(task, clock), size),
        Line::plain(&progress(task), size),
        Line::plain("", size),
    ];
    let room = size.rows.saturating_sub(OTHER_ROWS).max(1);
    let shown = most_telling(&task.subtasks, room);
    lines.extend(
        shown
            .iter()
            .map(|subtask| line(subtask, places, clock, size)),
    );
    let hidden = task.subtasks.len() - shown.len();
    if hidden > 0 {
        lines.push(Line::plain(&format!("and {hidden} more"), size));
    }
    lines
}

fn title(task: &Task, clock: &ServerClock) -> String {
    let cluster = task.cluster.as_ref().map_or("-", |cluster| &cluster.name);
    let took = clock.took(task.create_time.as_ref(), task.finish_time.as_ref());
    let took = took.map_or_else(String::new, text::elapsed);
    let status = text::standing(task.status(), task.operation());
    format!(
        "task {}  {} of {cluster}  {status}  {took}",
        task.id, task.name
    )
}

fn progress(task: &Task) -> String {
    let progress = task.progress.unwrap_or_default();
    let part = |count: i32| usize::try_from(count).unwrap_or(0);
    let pending = progress.total - progress.successful - progress.failed - progress.active;
    // A rollback takes what was done back to where it began.
    let (done, word) = match task.operation() {
        Operation::Rollback => (part(pending), "undone"),
        _ => (part(progress.successful), "done"),
    };
    let total = part(progress.total);
    let filled = (BAR * done).checked_div(total).unwrap_or(0).min(BAR);
    let bar = format!("{}{}", "#".repeat(filled), "-".repeat(BAR - filled));
    let mut counts = format!("[{bar}]  {done} of {total} {word}");
    for (count, word) in [(progress.active, "active"), (progress.failed, "failed")] {
        if count > 0 {
            counts += &format!(", {count} {word}");
        }
    }
    counts
}

/// At most `room` subtasks, in the template's order.
fn most_telling(subtasks: &[Subtask], room: usize) -> Vec<&Subtask> {
    if subtasks.len() <= room {
        return subtasks.iter().collect();
    }
    let mut ranked: Vec<_> = subtasks.iter().enumerate().collect();
    ranked.sort_by_key(|(place, subtask)| (rank(subtask.status()), *place));
    ranked.truncate(room);
    ranked.sort_by_key(|(place, _)| *place);
    ranked.into_iter().map(|(_, subtask)| subtask).collect()
}

fn rank(status: SubtaskStatus) -> u8 {
    match status {
        SubtaskStatus::Failed => 0,
        SubtaskStatus::Canceling => 1,
        SubtaskStatus::Running => 2,
        SubtaskStatus::Ready => 3,
        SubtaskStatus::Pending | SubtaskStatus::Unspecified => 4,
        SubtaskStatus::Successful => 5,
    }
}

fn line(subtask: &Subtask, places: &Places, clock: &ServerClock, size: Size) -> Line {
    let status = subtask.status();
    let took = clock.took(subtask.start_time.as_ref(), subtask.finish_time.as_ref());
    let took = took.map_or_else(|| "-".to_owned(), text::elapsed);
    let name = &subtask.name;
    let mut text = format!("{:<10}  {took:>9}  {name:<24}", status.word());
    let notes = match notes(subtask, clock).join(", ") {
        none if none.is_empty() => none,
        some => format!("({some})"),
    };
    for part in [
        places.of_subtask(subtask),
        notes,
        text::one_line(&subtask.error),
    ] {
        if !part.is_empty() {
            text += &format!(" {part} ");
        }
    }
    Line {
        colour: colour(status),
        text: fitted(text.trim_end(), size.columns),
    }
}

/// `RETRY, run 2, in 1.4 s`: an automatic retry waits before it begins.
fn notes(subtask: &Subtask, clock: &ServerClock) -> Vec<String> {
    let mut notes = notes::of(subtask);
    let waits = subtask.status() == SubtaskStatus::Ready;
    let wait = subtask.not_before.as_ref().filter(|_| waits);
    if let Some(wait) = wait.and_then(|begin| clock.until(begin)) {
        notes.push(format!("in {}", text::elapsed(wait)));
    }
    notes
}

fn colour(status: SubtaskStatus) -> Option<&'static str> {
    match status {
        SubtaskStatus::Failed => Some("1;31"),
        SubtaskStatus::Canceling => Some("33"),
        SubtaskStatus::Running => Some("36"),
        SubtaskStatus::Successful => Some("32"),
        SubtaskStatus::Ready | SubtaskStatus::Pending | SubtaskStatus::Unspecified => Some("2"),
    }
}

/// As much of `text` as fits. A letter outside ASCII may take two columns, so it counts as two; a control
/// character, which would break the picture, is left out.
fn fitted(text: &str, columns: usize) -> String {
    let mut left = columns;
    text.chars()
        .filter(|letter| !letter.is_control())
        .take_while(|letter| {
            let width = if letter.is_ascii() { 1 } else { 2 };
            let fits = width <= left;
            left = left.saturating_sub(width);
            fits
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{model::Model, samples},
        *,
    };

    const WIDE: Size = Size {
        rows: 24,
        columns: 120,
    };

    fn drawn(task: &Task, size: Size) -> Vec<String> {
        let clock = ServerClock::new(samples::BEGIN.parse().unwrap());
        let lines = picture(task, &samples::places(), &clock, size);
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn a_task_that_fits_is_drawn_whole() {
        let mut model = Model::new(samples::task());
        model
            .fold(&samples::subtask_change(2, 11, SubtaskStatus::Successful))
            .unwrap();
        model
            .fold(&samples::subtask_change(3, 10, SubtaskStatus::Failed))
            .unwrap();
        let lines = drawn(model.task(), WIDE);
        assert!(lines[0].starts_with("task 7  Stop OB cluster of ob_demo  RUNNING  "));
        assert_eq!(
            lines[1],
            "[########----------------]  1 of 3 done, 1 failed"
        );
        assert!(lines[3].starts_with("SUCCESSFUL"));
        let failed = "Stop observer process    zone1 127.0.0.1:2881  port 2881 is still in use";
        assert!(
            lines[4].starts_with("FAILED") && lines[4].ends_with(failed),
            "{}",
            lines[4]
        );
        assert_eq!(lines[5], "PENDING             -  Update OB cluster status");
        assert_eq!(lines.len(), 6);
    }

    #[test]
    fn a_task_that_does_not_fit_shows_what_matters_and_counts_the_rest() {
        let mut task = samples::task();
        task.subtasks = (0..9_012)
            .map(|id| Subtask {
                id,
                series_id: i32::try_from(id).unwrap(),
                name: format!("subtask {id}"),
                status: match id {
                    8_000 => SubtaskStatus::Failed,
                    4_000..4_003 => SubtaskStatus::Running,
                    0..4_000 => SubtaskStatus::Successful,
                    _ => SubtaskStatus::Pending,
                }
                .into(),
                ..Subtask::default()
            })
            .collect();
        let size = Size {
            rows: 10,
            columns: 40,
        };
        let lines = drawn(Model::new(task).task(), size);
        assert_eq!(lines.len(), 3 + 4 + 1);
        assert!(lines[3].ends_with("subtask 4000"));
        assert!(lines[6].ends_with("subtask 8000"));
        assert_eq!(lines[7], "and 9008 more");
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() <= size.columns)
        );
    }

    #[test]
    fn a_retry_that_waits_says_when_it_begins() {
        let mut task = samples::task();
        let begin: prost_types::Timestamp = samples::BEGIN.parse().unwrap();
        let retried = Subtask {
            status: SubtaskStatus::Ready.into(),
            operation: Operation::Retry.into(),
            run_time: 2,
            not_before: Some(prost_types::Timestamp {
                seconds: begin.seconds + 90,
                ..begin
            }),
            error: "connection refused".to_owned(),
            ..task.subtasks[0].clone()
        };
        task.subtasks = vec![retried.clone()];
        let shown = drawn(&task, WIDE).pop().unwrap();
        let end = "zone1 127.0.0.1:2881  (RETRY, run 2, in 1 m 29 s)  connection refused";
        assert!(
            shown.starts_with("READY") && shown.ends_with(end),
            "{shown}"
        );

        task.subtasks[0].status = SubtaskStatus::Running.into();
        let shown = drawn(&task, WIDE).pop().unwrap();
        assert!(shown.contains("(RETRY, run 2)"), "{shown}");
    }

    #[test]
    fn a_rollback_counts_what_is_undone() {
        let mut task = samples::task();
        task.operation = Operation::Rollback.into();
        let lines = drawn(Model::new(task).task(), WIDE);
        assert!(lines[0].contains("  RUNNING (ROLLBACK)  "), "{}", lines[0]);
        assert_eq!(
            lines[1],
            "[################--------]  2 of 3 undone, 1 active"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        assert_eq!(fitted("zone 海海", 8), "zone 海");
        assert_eq!(fitted("a\x1b[2Jb", 80), "a[2Jb");
    }
}
