//! A zip archive for whoever looks into a task, made piece by piece: what is not sent yet is not made yet.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use slacktide_engine::{
    id::TaskId,
    subtask::{Subtask, SubtaskState},
};
use slacktide_store::{LogRun, Store};
use zip::{
    CompressionMethod, ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

use super::{AppError, subtask_log::lines};

/// How much is made before it is sent.
const PIECE: usize = 64 * 1024;

/// How many subtasks are described at a time.
const LINES: usize = 100;

/// An archive in the making.
pub(crate) struct Diagnosis {
    store: Store,
    task: TaskId,
    subtasks: Vec<Subtask>,
    made: Made,
    archive: Option<ZipWriter<StreamWriter<Made>>>,
    next: Step,
}

/// What is put into the archive next.
enum Step {
    /// The lines of `task_info.txt` from this subtask on.
    Info(usize),
    /// The logs from this subtask on.
    Logs(usize),
    End,
}

impl Diagnosis {
    /// Reads the task. Each log is read when it is due.
    pub(crate) async fn begin(store: &Store, task: TaskId) -> Result<Self, AppError> {
        let subtasks = store.task(task, true).await?.subtasks;
        let made = Made::default();
        let mut archive = ZipWriter::new_stream(made.clone());
        archive
            .start_file("task_info.txt", options())
            .map_err(failed)?;
        Ok(Self {
            store: store.clone(),
            task,
            subtasks,
            made,
            archive: Some(archive),
            next: Step::Info(0),
        })
    }

    /// A name for the archive.
    pub(crate) fn filename(&self) -> String {
        format!("task_{}_diagnosis.zip", self.task)
    }

    /// The next piece of the archive; none behind the last.
    pub(crate) async fn next_piece(&mut self) -> Result<Option<Vec<u8>>, AppError> {
        while self.made.len() < PIECE && self.archive.is_some() {
            self.step().await?;
        }
        let piece = self.made.take();
        Ok((!piece.is_empty()).then_some(piece))
    }

    async fn step(&mut self) -> Result<(), AppError> {
        match self.next {
            Step::Info(from) => {
                let to = self.subtasks.len().min(from + LINES);
                let text: String = self.subtasks[from..to].iter().map(describe).collect();
                self.write(&text)?;
                self.next = match to < self.subtasks.len() {
                    true => Step::Info(to),
                    false => Step::Logs(0),
                };
            }
            Step::Logs(index) => {
                self.next = match index + 1 < self.subtasks.len() {
                    true => Step::Logs(index + 1),
                    false => Step::End,
                };
                if let Some(subtask) = self.subtasks.get(index)
                    && subtask.state.start_time.is_some()
                {
                    let id = subtask.id;
                    let runs = self.store.log(self.task, id).await?;
                    for (number, run) in (1..).zip(&runs) {
                        self.add(&format!("subtask_{id}_{number}.log"), run)?;
                    }
                }
            }
            Step::End => {
                if let Some(archive) = self.archive.take() {
                    archive.finish().map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, run: &LogRun) -> Result<(), AppError> {
        if let Some(archive) = &mut self.archive {
            archive.start_file(name, options()).map_err(failed)?;
        }
        let text: String = lines(run).map(|line| line + "\n").collect();
        self.write(&text)
    }

    fn write(&mut self, text: &str) -> Result<(), AppError> {
        match &mut self.archive {
            Some(archive) => archive.write_all(text.as_bytes()).map_err(failed),
            None => Ok(()),
        }
    }
}

/// One line: what the subtask is, how it stands, and what it waits for and holds up.
fn describe(subtask: &Subtask) -> String {
    let SubtaskState {
        status, operation, ..
    } = &subtask.state;
    let ids = |ids: &slacktide_engine::neighbours::Neighbours| {
        let ids: Vec<_> = ids.iter().map(|id| id.to_string()).collect();
        ids.join(",")
    };
    format!(
        "{}\t{}\t{status}\t{operation}\tupstreams=[{}]\tdownstreams=[{}]\n",
        subtask.id,
        subtask.kind.name(),
        ids(&subtask.upstreams),
        ids(&subtask.downstreams),
    )
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

fn failed(error: impl std::fmt::Display) -> AppError {
    AppError::Internal(format!("making a diagnosis failed: {error}"))
}

/// What was made and not sent yet; the archive writes at one end of it.
#[derive(Clone, Default)]
struct Made(Arc<Mutex<Vec<u8>>>);

impl Made {
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self) -> Vec<u8> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Made {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
