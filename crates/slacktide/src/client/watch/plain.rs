//! The watch as plain lines, one a change: for logs, pipes and terminals that can't redraw.

use std::io;

use slacktide_api::v1::{Subtask, SubtaskStatus, Task, TaskChange, task_change};

use super::{
    super::{
        clock,
        output::{Sink, note},
        places::Places,
        text::{self, Word},
    },
    model::Model,
    notes, verdict,
    view::View,
};

/// Names are padded to the longest, but not beyond this.
const WIDEST: usize = 60;

pub(super) struct Plain<'a> {
    sink: &'a mut Sink,
    places: &'a Places,
    width: usize,
}

impl<'a> Plain<'a> {
    pub(super) fn new(sink: &'a mut Sink, places: &'a Places) -> Self {
        Self {
            sink,
            places,
            width: 0,
        }
    }

    fn line(&mut self, task: &Task, change: &TaskChange, what: &str) -> io::Result<()> {
        let since = match (&task.create_time, &change.time) {
            (Some(accepted), Some(now)) => text::elapsed(clock::between(accepted, now)),
            _ => "-".to_owned(),
        };
        self.sink.write(&format!("{since:>9}  {what}"))
    }

    fn label(&self, subtask: &Subtask) -> String {
        let place = self.places.of_subtask(subtask);
        format!("{:<24} {place}", subtask.name)
            .trim_end()
            .to_owned()
    }
}

impl View for Plain<'_> {
    fn begin(&mut self, task: &Task, after: Option<i64>) -> io::Result<()> {
        let labels = task
            .subtasks
            .iter()
            .map(|subtask| self.label(subtask).chars().count());
        self.width = labels.max().unwrap_or(0).min(WIDEST);
        let after = after.map_or_else(String::new, |revision| {
            format!("; changes after revision {revision}:")
        });
        self.sink.write(&format!(
            "task {}: {} of {}, {} subtasks, {} at revision {}{after}",
            task.id,
            task.name,
            task.cluster.as_ref().map_or("-", |cluster| &cluster.name),
            task.subtasks.len(),
            task.status().word(),
            task.revision,
        ))
    }

    fn changed(&mut self, model: &Model, change: &TaskChange) -> io::Result<()> {
        let task = model.task();
        match &change.change {
            Some(task_change::Change::Subtask(state)) => {
                let Some(subtask) = model.subtask(state.id) else {
                    return Ok(());
                };
                let label = self.label(subtask);
                let what = format!("{label:<width$}  {}", standing(subtask), width = self.width);
                self.line(task, change, &what)
            }
            Some(task_change::Change::Task(_)) => {
                let what = format!("task {} is {}", task.id, verdict::standing(task));
                self.line(task, change, &what)
            }
            None => Ok(()),
        }
    }

    fn tick(&mut self, _: &Task) -> io::Result<()> {
        Ok(())
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        note(text);
        Ok(())
    }

    fn end(&mut self, task: &Task) -> io::Result<()> {
        let took = match (&task.create_time, &task.finish_time) {
            (Some(accepted), Some(end)) => {
                format!(" after {}", text::elapsed(clock::between(accepted, end)))
            }
            _ => String::new(),
        };
        self.sink.write(&format!(
            "task {} ended {}{took}",
            task.id,
            text::standing(task.status(), task.operation())
        ))
    }
}

/// `RUNNING`, `RUNNING (RETRY, run 2)`, `SUCCESSFUL (1.2 s)`, `FAILED (1.2 s): why`.
fn standing(subtask: &Subtask) -> String {
    let ended = matches!(
        subtask.status(),
        SubtaskStatus::Successful | SubtaskStatus::Failed
    );
    let mut notes = notes::of(subtask);
    if let (true, Some(start), Some(end)) = (ended, &subtask.start_time, &subtask.finish_time) {
        notes.push(text::elapsed(clock::between(start, end)));
    }
    let mut standing = subtask.status().word().to_owned();
    if !notes.is_empty() {
        standing += &format!(" ({})", notes.join(", "));
    }
    if !subtask.error.is_empty() {
        standing += &format!(": {}", text::one_line(&subtask.error));
    }
    standing
}

#[cfg(test)]
mod tests {
    use slacktide_api::v1::{Operation, TaskStatus};

    use super::{
        super::{super::output::recorded, samples},
        *,
    };

    #[test]
    fn each_change_is_one_line_with_its_time_its_subject_and_its_status() {
        let (mut sink, written) = recorded::sink();
        let places = samples::places();
        let mut plain = Plain::new(&mut sink, &places);
        let mut model = Model::new(samples::task());
        plain.begin(model.task(), None).unwrap();
        for change in [
            samples::subtask_change(2, 11, SubtaskStatus::Successful),
            samples::subtask_change(3, 10, SubtaskStatus::Failed),
            samples::task_change(4, TaskStatus::Failed),
        ] {
            model.fold(&change).unwrap();
            plain.changed(&model, &change).unwrap();
        }
        assert_eq!(
            written.text(),
            "task 7: Stop OB cluster of ob_demo, 3 subtasks, RUNNING at revision 1\
             \n    1.0 s  Prepare stop cluster                           SUCCESSFUL\
             \n    2.0 s  Stop observer process    zone1 127.0.0.1:2881  FAILED: port 2881 is still in use\
             \n    3.0 s  task 7 is FAILED\n"
        );
    }

    #[test]
    fn a_retry_says_so() {
        let subtask = Subtask {
            status: SubtaskStatus::Running.into(),
            operation: Operation::Retry.into(),
            run_time: 2,
            ..Subtask::default()
        };
        assert_eq!(standing(&subtask), "RUNNING (RETRY, run 2)");
    }
}
