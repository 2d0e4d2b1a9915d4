//! Operators' commands on tasks and subtasks: six requests, one way through.

use slacktide_api::v1 as pb;
use slacktide_engine::{
    commit::Event,
    id::{SubtaskId, TaskId},
};
use tonic::{Request, Status};

use super::{
    Api, admit,
    convert::task,
    request_id::{self, Keyed},
};
use crate::{
    app::{self, AppError, Violations},
    iam::Guarded,
};

/// A request that is a command.
pub(super) trait Command: Guarded + Keyed {
    fn task(&self) -> i64;
    fn event(&self) -> Event;

    fn view(&self) -> i32 {
        pb::TaskView::Unspecified.into()
    }
}

/// A command on one subtask.
pub(super) trait SubtaskCommand: Command {
    fn subtask(&self) -> i64;
}

macro_rules! task_commands {
    ($($request:ident => $event:ident;)*) => {$(
        impl Command for pb::$request {
            fn task(&self) -> i64 {
                self.id
            }

            fn event(&self) -> Event {
                Event::$event
            }

            fn view(&self) -> i32 {
                self.view
            }
        }
    )*};
}

macro_rules! subtask_commands {
    ($($request:ident => $event:ident;)*) => {$(
        impl Command for pb::$request {
            fn task(&self) -> i64 {
                self.task_id
            }

            fn event(&self) -> Event {
                Event::$event(SubtaskId(self.subtask_id))
            }
        }

        impl SubtaskCommand for pb::$request {
            fn subtask(&self) -> i64 {
                self.subtask_id
            }
        }
    )*};
}

task_commands! {
    RetryTaskRequest => RetryTask;
    RollbackTaskRequest => RollbackTask;
    CancelTaskRequest => CancelTask;
}

subtask_commands! {
    RetrySubtaskRequest => RetrySubtask;
    SkipSubtaskRequest => SkipSubtask;
    CancelSubtaskRequest => CancelSubtask;
}

/// Commands a task and returns it as it is now.
pub(super) async fn command_task<R: Command>(
    api: &Api,
    request: Request<R>,
) -> Result<pb::Task, Status> {
    let (request, with_subtasks) = command(api, request).await?;
    let found = api.app.store.task(TaskId(request.task()), with_subtasks);
    Ok(task::snapshot(&found.await.map_err(AppError::from)?))
}

/// Commands a subtask and returns it as it is now.
pub(super) async fn command_subtask<R: SubtaskCommand>(
    api: &Api,
    request: Request<R>,
) -> Result<pb::Subtask, Status> {
    let (request, _) = command(api, request).await?;
    let (task, id) = (TaskId(request.task()), SubtaskId(request.subtask()));
    let (subtask, zone) = app::subtask(&api.app, task, id).await?;
    Ok(task::subtask(&subtask, zone))
}

/// Has a command carried out. Returns it, and whether its answer is to have subtasks.
async fn command<R: Command>(api: &Api, request: Request<R>) -> Result<(R, bool), Status> {
    let (caller, mut request) = admit(api, request).await?;
    let mut violations = Violations::default();
    let key = request_id::take(&mut request, &caller, &mut violations);
    let with_subtasks = task::with_subtasks(request.view(), true, &mut violations);
    violations.into_result()?;
    let (task, event) = (TaskId(request.task()), request.event());
    app::command_task(&api.app, &caller, task, &event, key.as_ref()).await?;
    Ok((request, with_subtasks))
}
