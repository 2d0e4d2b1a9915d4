//! `task log --follow`.

use std::io;

use slacktide_api::v1::{WatchSubtaskLogRequest, WatchSubtaskLogResponse};
use tonic::Streaming;

use super::super::{
    Connection, Failure, Format, Output, json,
    output::Sink,
    patience::{End, persist},
};

/// Prints the lines so far, then each as it is written, until the subtask has ended. In the JSON format: one
/// object a line, each with the next `lines`.
pub(super) async fn follow(
    connection: &Connection,
    output: &mut Output,
    task_id: i64,
    subtask_id: i64,
) -> anyhow::Result<()> {
    let mut shown = Shown {
        lines: 0,
        format: output.format,
        sink: &mut output.data,
    };
    let request = WatchSubtaskLogRequest {
        task_id,
        subtask_id,
    };
    let resume = format!("slacktide task log {task_id} {subtask_id} --follow");
    persist(&resume, async || {
        let failure = match connection.tasks().watch_subtask_log(request).await {
            Ok(answer) => match shown.all_of(answer.into_inner()).await? {
                None => return Ok(End::Over),
                Some(failure) => failure,
            },
            Err(status) => Failure::from(status),
        };
        failure.or_patience(false)
    })
    .await
}

/// What was shown, so that a stream that begins anew shows only the rest.
struct Shown<'a> {
    lines: usize,
    format: Format,
    sink: &'a mut Sink,
}

impl Shown<'_> {
    /// Shows a stream to its end; the failure that it ended with, if it was one.
    async fn all_of(
        &mut self,
        mut stream: Streaming<WatchSubtaskLogResponse>,
    ) -> anyhow::Result<Option<Failure>> {
        let mut told_again = self.lines;
        loop {
            match stream.message().await {
                Ok(Some(mut message)) => {
                    let known = told_again.min(message.lines.len());
                    told_again -= known;
                    message.lines.drain(..known);
                    self.show(&message)?;
                }
                Ok(None) => return Ok(None),
                Err(status) => return Ok(Some(status.into())),
            }
        }
    }

    fn show(&mut self, message: &WatchSubtaskLogResponse) -> anyhow::Result<()> {
        self.lines += message.lines.len();
        if message.lines.is_empty() {
            return Ok(());
        }
        let text = match self.format {
            Format::Table => message.lines.join("\n"),
            Format::Json => json::line("WatchSubtaskLogResponse", message)?,
        };
        let written: io::Result<()> = self.sink.write(&text);
        Ok(written?)
    }
}

#[cfg(test)]
mod tests {
    use slacktide_api::v1::Task;
    use tonic::Status;

    use super::{
        super::super::{
            output::recorded,
            scripted::{Scripted, connect},
        },
        *,
    };

    async fn followed(format: Format, server: &Scripted) -> anyhow::Result<String> {
        let (running, address) = server.serve("127.0.0.1:0");
        let (data, written) = recorded::sink();
        let output = &mut Output {
            format,
            live: false,
            data,
        };
        let ended = follow(&connect(address).await, output, 7, 10).await;
        running.shutdown_background();
        ended.map(|()| written.text())
    }

    #[tokio::test]
    async fn a_log_that_breaks_off_goes_on_where_it_ended() {
        let broken = Status::unavailable("draining");
        let server = Scripted::new(Task::default())
            .then_log(vec![Ok(&["one", "two"]), Ok(&["three"]), Err(broken)])
            .then_log(vec![Ok(&["one"]), Ok(&["two", "three", "four"])]);
        let shown = followed(Format::Table, &server).await.unwrap();
        assert_eq!(shown, "one\ntwo\nthree\nfour\n");
    }

    #[tokio::test]
    async fn as_json_each_message_is_a_line() {
        let server = Scripted::new(Task::default()).then_log(vec![Ok(&["one"]), Ok(&["two"])]);
        let shown = followed(Format::Json, &server).await.unwrap();
        assert_eq!(shown, "{\"lines\":[\"one\"]}\n{\"lines\":[\"two\"]}\n");
    }

    #[tokio::test]
    async fn what_a_server_refuses_is_not_tried_again() {
        let server = Scripted::new(Task::default())
            .then_log(vec![Err(Status::not_found("task 7 does not exist"))])
            .then_log(vec![Ok(&["never"])]);
        let refused = followed(Format::Table, &server).await.unwrap_err();
        assert_eq!(refused.to_string(), "task 7 does not exist (NOT_FOUND)");
    }
}
