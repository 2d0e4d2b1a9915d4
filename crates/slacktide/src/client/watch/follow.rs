//! Follows a task to its end over a connection that may break.

use std::time::Duration;

use anyhow::bail;
use slacktide_api::v1::{
    GetTaskRequest, Task, TaskSnapshot, TaskStatus, TaskView, WatchTaskRequest, WatchTaskResponse,
    watch_task_response::Event,
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tonic::Streaming;

use super::{
    super::{
        Connection, Failure,
        patience::{Absence, STEADY_AFTER},
    },
    model::Model,
    view::View,
};

/// How often a live picture moves on while nothing changes.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Shows the task in `view` until it is FAILED or SUCCESSFUL, and returns it. With `after`, begins with the
/// changes after that revision.
///
/// # Errors
/// What the server refused; or that it was away for too long, with the command that goes on from there.
pub(super) async fn follow(
    connection: &Connection,
    task_id: i64,
    after: Option<i64>,
    view: &mut dyn View,
) -> anyhow::Result<Task> {
    let mut watch = Watch {
        model: None,
        arriving: None,
        resumed: None,
        view,
    };
    if let Some(revision) = after {
        let request = GetTaskRequest {
            id: task_id,
            view: TaskView::Full.into(),
        };
        let answer = connection
            .tasks()
            .get_task(request)
            .await
            .map_err(Failure::from)?;
        let task = answer.into_inner().task.unwrap_or_default();
        watch.model = Some(Model::rewound(task.clone(), revision));
        watch.resumed = Some(task);
    }
    let mut absence = Absence::default();
    loop {
        let (broken, steady) = match watch.listen(connection, task_id).await? {
            End::Over(task) => return Ok(*task),
            End::Broken { cause, steady } => (cause, steady),
        };
        if steady {
            absence = Absence::default();
        }
        let Some(pause) = absence.next_pause() else {
            let resume = match watch.revision() {
                Some(revision) => {
                    format!("slacktide task watch {task_id} --after-revision {revision}")
                }
                None => format!("slacktide task watch {task_id}"),
            };
            return Err(Absence::too_long(&broken, &resume));
        };
        if absence.is_new() {
            watch.view.note(&format!("{broken}; reconnecting"))?;
        }
        sleep(pause).await;
    }
}

/// How a stream ended.
enum End {
    /// The task is FAILED or SUCCESSFUL.
    Over(Box<Task>),
    /// The server went away before that; it may be back.
    Broken {
        cause: String,
        /// Whether it was there before: it sent something, or held the stream for a while.
        steady: bool,
    },
}

struct Watch<'a> {
    model: Option<Model>,
    /// The snapshot whose chunks are coming in.
    arriving: Option<Task>,
    /// A task whose changes after a revision were asked for, until the server grants that.
    resumed: Option<Task>,
    view: &'a mut dyn View,
}

impl Watch<'_> {
    fn revision(&self) -> Option<i64> {
        self.model.as_ref().map(|model| model.task().revision)
    }

    /// Opens a stream from where the last one ended, and shows it to its end.
    async fn listen(&mut self, connection: &Connection, task_id: i64) -> anyhow::Result<End> {
        let request = WatchTaskRequest {
            task_id,
            after_revision: self.revision(),
        };
        self.arriving = None;
        let mut steady = false;
        let ended = match connection.tasks().watch_task(request).await {
            Ok(answer) => {
                if let Some(task) = self.resumed.take() {
                    self.view.begin(&task, self.revision())?;
                }
                self.show(answer.into_inner(), &mut steady).await?
            }
            Err(status) => Some(Failure::from(status)),
        };
        match (ended, &self.model) {
            (Some(failure), _) if !failure.may_pass() => Err(failure.into()),
            (None, Some(model)) if is_over(model.task()) => {
                Ok(End::Over(Box::new(model.task().clone())))
            }
            (ended, _) => {
                let early = || "the server ended the watch early".to_owned();
                let cause = ended.map_or_else(early, |failure| failure.to_string());
                Ok(End::Broken { cause, steady })
            }
        }
    }

    /// Shows a stream until it ends; the failure that it ended with, if it was one.
    async fn show(
        &mut self,
        mut stream: Streaming<WatchTaskResponse>,
        steady: &mut bool,
    ) -> anyhow::Result<Option<Failure>> {
        let opened = Instant::now();
        let mut redraw = interval(REDRAW_EVERY);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                message = stream.message() => message,
                _ = redraw.tick() => {
                    *steady |= opened.elapsed() >= STEADY_AFTER;
                    if let Some(model) = &self.model {
                        self.view.tick(model.task())?;
                    }
                    continue;
                }
            };
            match message {
                Ok(Some(message)) => {
                    *steady = true;
                    self.take(message)?;
                }
                Ok(None) => return Ok(None),
                Err(status) => return Ok(Some(status.into())),
            }
        }
    }

    fn take(&mut self, message: WatchTaskResponse) -> anyhow::Result<()> {
        match message.event {
            Some(Event::Snapshot(chunk)) => self.take_chunk(chunk),
            Some(Event::Changes(batch)) => {
                let Some(model) = &mut self.model else {
                    bail!("the server sent changes before the task itself");
                };
                for change in &batch.changes {
                    model.fold(change)?;
                    self.view.changed(model, change)?;
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn take_chunk(&mut self, chunk: TaskSnapshot) -> anyhow::Result<()> {
        let arriving = match (self.arriving.take(), chunk.task) {
            (_, Some(task)) => self.arriving.insert(task),
            (Some(task), None) => self.arriving.insert(task),
            (None, None) => bail!("the server sent a task's subtasks before the task itself"),
        };
        arriving.subtasks.extend(chunk.subtasks);
        if !chunk.last {
            return Ok(());
        }
        if let Some(task) = self.arriving.take() {
            let model = Model::new(task);
            self.view.begin(model.task(), None)?;
            self.model = Some(model);
        }
        Ok(())
    }
}

fn is_over(task: &Task) -> bool {
    matches!(task.status(), TaskStatus::Failed | TaskStatus::Successful)
}

#[cfg(test)]
mod tests;
