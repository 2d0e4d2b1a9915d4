use std::io;

use slacktide_api::v1::{SubtaskStatus, TaskChange, TaskChanges};
use tokio::sync::mpsc;
use tonic::Status;

use super::{
    super::{
        super::scripted::{Message, Scripted, connect},
        samples,
    },
    *,
};

/// A server whose task is past what the watches begin with.
fn scripted() -> Scripted {
    Scripted::new(Task {
        revision: 4,
        ..samples::task()
    })
}

/// A view that only tells what it was told.
struct Told(mpsc::UnboundedSender<String>);

impl Told {
    fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (told, heard) = mpsc::unbounded_channel();
        (Self(told), heard)
    }

    fn tell(&self, what: String) -> io::Result<()> {
        self.0.send(what).map_err(io::Error::other)
    }
}

impl View for Told {
    fn begin(&mut self, task: &Task, after: Option<i64>) -> io::Result<()> {
        let after = after.map_or_else(String::new, |revision| format!(" after {revision}"));
        self.tell(format!(
            "begin at {} with {}{after}",
            task.revision,
            task.subtasks.len()
        ))
    }

    fn changed(&mut self, _: &Model, change: &TaskChange) -> io::Result<()> {
        self.tell(format!("revision {}", change.revision))
    }

    fn tick(&mut self, _: &Task) -> io::Result<()> {
        Ok(())
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        self.tell(format!("note {text}"))
    }

    fn end(&mut self, _: &Task) -> io::Result<()> {
        Ok(())
    }
}

fn all_told(mut heard: mpsc::UnboundedReceiver<String>) -> Vec<String> {
    std::iter::from_fn(|| heard.try_recv().ok()).collect()
}

/// The task in two chunks.
fn snapshot() -> Vec<Message> {
    let mut task = samples::task();
    let mut subtasks = std::mem::take(&mut task.subtasks);
    let rest = subtasks.split_off(1);
    [(Some(task), subtasks, false), (None, rest, true)]
        .into_iter()
        .map(|(task, subtasks, last)| {
            let chunk = TaskSnapshot {
                task,
                subtasks,
                last,
            };
            Ok(WatchTaskResponse {
                event: Some(Event::Snapshot(chunk)),
            })
        })
        .collect()
}

fn changes(changes: Vec<TaskChange>) -> Message {
    Ok(WatchTaskResponse {
        event: Some(Event::Changes(TaskChanges::from(changes))),
    })
}

fn change(revision: i64) -> TaskChange {
    match revision {
        4 => samples::task_change(4, TaskStatus::Successful),
        _ => samples::subtask_change(revision, 10, SubtaskStatus::Running),
    }
}

#[tokio::test]
async fn a_watch_shows_the_snapshot_then_each_change_to_the_end() {
    let mut script = snapshot();
    script.push(changes(vec![change(2), change(3)]));
    script.push(changes(vec![change(4)]));
    let server = scripted().then(script);
    let (running, address) = server.serve("127.0.0.1:0");
    let (mut view, heard) = Told::new();

    let task = follow(&connect(address).await, 7, None, &mut view)
        .await
        .unwrap();
    assert_eq!(task.status(), TaskStatus::Successful);
    assert_eq!(
        all_told(heard),
        [
            "begin at 1 with 3",
            "revision 2",
            "revision 3",
            "revision 4"
        ]
    );
    assert_eq!(server.asked(), [None]);
    running.shutdown_background();
}

#[tokio::test]
async fn a_stream_that_ends_unavailable_is_resumed_after_the_last_revision() {
    let mut first = snapshot();
    first.push(changes(vec![change(2)]));
    first.push(Err(Status::unavailable("draining")));
    let server = scripted()
        .then(first)
        .then(vec![changes(vec![change(3), change(4)])]);
    let (running, address) = server.serve("127.0.0.1:0");
    let (mut view, heard) = Told::new();

    follow(&connect(address).await, 7, None, &mut view)
        .await
        .unwrap();
    assert_eq!(server.asked(), [None, Some(2)]);
    assert_eq!(
        all_told(heard),
        [
            "begin at 1 with 3",
            "revision 2",
            "note draining (UNAVAILABLE); reconnecting",
            "revision 3",
            "revision 4"
        ]
    );
    running.shutdown_background();
}

#[tokio::test]
async fn a_snapshot_that_breaks_off_is_asked_for_again() {
    let mut first = snapshot();
    first.truncate(1);
    first.push(Err(Status::unavailable("draining")));
    let mut second = snapshot();
    second.push(changes(vec![change(2), change(3), change(4)]));
    let server = scripted().then(first).then(second);
    let (running, address) = server.serve("127.0.0.1:0");
    let (mut view, heard) = Told::new();

    follow(&connect(address).await, 7, None, &mut view)
        .await
        .unwrap();
    assert_eq!(server.asked(), [None, None]);
    assert_eq!(all_told(heard)[1], "begin at 1 with 3");
    running.shutdown_background();
}

#[tokio::test]
async fn a_server_that_dies_and_comes_back_is_followed_on() {
    let before = scripted().then_hang(snapshot());
    let after = scripted().then(vec![changes(vec![change(2), change(3), change(4)])]);
    let (running, address) = before.serve("127.0.0.1:0");
    let connection = connect(address).await;
    let (mut view, mut heard) = Told::new();

    let restart = async {
        assert_eq!(heard.recv().await.unwrap(), "begin at 1 with 3");
        running.shutdown_background();
        assert!(heard.recv().await.unwrap().ends_with("; reconnecting"));
        after.serve(&address.to_string())
    };
    let (task, (running, _)) = tokio::join!(follow(&connection, 7, None, &mut view), restart);
    assert_eq!(task.unwrap().revision, 4);
    assert_eq!(after.asked(), [Some(1)]);
    running.shutdown_background();
}

#[tokio::test]
async fn a_watch_after_a_revision_asks_for_what_came_after_it() {
    let server = scripted().then(vec![changes(vec![change(3), change(4)])]);
    let (running, address) = server.serve("127.0.0.1:0");
    let (mut view, heard) = Told::new();

    follow(&connect(address).await, 7, Some(2), &mut view)
        .await
        .unwrap();
    assert_eq!(server.asked(), [Some(2)]);
    assert_eq!(
        all_told(heard),
        ["begin at 4 with 3 after 2", "revision 3", "revision 4"]
    );
    running.shutdown_background();
}

#[tokio::test]
async fn what_a_server_refuses_is_not_tried_again() {
    let refusal = vec![Err(Status::out_of_range(
        "revision 9 is beyond the last, 4",
    ))];
    let server = scripted().then(refusal);
    let (running, address) = server.serve("127.0.0.1:0");
    let (mut view, heard) = Told::new();

    let error = follow(&connect(address).await, 7, Some(9), &mut view)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "revision 9 is beyond the last, 4 (OUT_OF_RANGE)"
    );
    assert_eq!(server.asked().len(), 1);
    assert_eq!(all_told(heard), [""; 0], "nothing is shown of it");
    running.shutdown_background();
}

#[tokio::test]
async fn a_gap_in_the_revisions_is_reported() {
    let mut script = snapshot();
    script.push(changes(vec![change(3)]));
    let server = scripted().then(script);
    let (running, address) = server.serve("127.0.0.1:0");
    let (mut view, _heard) = Told::new();

    let error = follow(&connect(address).await, 7, None, &mut view)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server sent revision 3 of the task after revision 1"
    );
    running.shutdown_background();
}
