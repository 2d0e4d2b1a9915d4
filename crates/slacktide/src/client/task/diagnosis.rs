//! `task diagnosis`.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use serde_json::json;
use slacktide_api::v1::{DownloadDiagnosisRequest, DownloadDiagnosisResponse};
use tonic::Streaming;

use super::super::{Connection, Failure, Format, Output, id};

/// Save what is known of a task as a zip archive
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Diagnosis {
    /// Id of the task, as `task list` shows it
    #[arg(value_name = "TASK", value_parser = id::parse, allow_negative_numbers = true)]
    task_id: i64,
    /// File to write, which must not exist yet; `-` is standard output [default: the name that the server gives]
    #[arg(short = 'O', long = "out", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Diagnosis {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let request = DownloadDiagnosisRequest {
            task_id: self.task_id,
        };
        let answer = connection.tasks().download_diagnosis(request).await;
        let mut stream = answer.map_err(Failure::from)?.into_inner();
        let first = stream
            .message()
            .await
            .map_err(Failure::from)?
            .unwrap_or_default();
        if self.file.as_deref() == Some(Path::new("-")) {
            copy(first, stream, &mut io::stdout()).await?;
            return Ok(());
        }
        let path = match self.file {
            Some(path) => path,
            None => own_name(&first.filename, self.task_id),
        };
        let size = save(first, stream, &path).await?;
        let shown = path.display();
        output.data.write(&match output.format {
            Format::Table => format!("wrote {shown}, {size} bytes"),
            Format::Json => json!({ "file": shown.to_string(), "size": size }).to_string(),
        })?;
        Ok(())
    }
}

/// The name that the server suggests, in the current directory whatever path it has.
fn own_name(suggested: &str, task_id: i64) -> PathBuf {
    match Path::new(suggested).file_name() {
        Some(name) => PathBuf::from(name),
        None => PathBuf::from(format!("task_{task_id}_diagnosis.zip")),
    }
}

/// Writes the archive to a new file, and removes it again if it did not come whole.
async fn save(
    first: DownloadDiagnosisResponse,
    stream: Streaming<DownloadDiagnosisResponse>,
    path: &Path,
) -> anyhow::Result<usize> {
    let mut file = File::create_new(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            anyhow!("{} exists: name another file with -O", path.display())
        }
        _ => anyhow::Error::new(error).context(format!("cannot make {}", path.display())),
    })?;
    let copied = copy(first, stream, &mut file).await;
    if copied.is_err() {
        // What is left of it is of no use, and would be in the way of the next try.
        let _ = fs::remove_file(path);
    }
    copied.with_context(|| format!("could not write {}", path.display()))
}

async fn copy(
    first: DownloadDiagnosisResponse,
    mut stream: Streaming<DownloadDiagnosisResponse>,
    to: &mut impl Write,
) -> anyhow::Result<usize> {
    let mut size = 0;
    let mut next = Some(first);
    while let Some(part) = next {
        to.write_all(&part.content)?;
        size += part.content.len();
        next = stream.message().await.map_err(Failure::from)?;
    }
    to.flush()?;
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_name_never_leads_out_of_the_directory() {
        for (suggested, name) in [
            ("task_7.zip", "task_7.zip"),
            ("../../etc/passwd", "passwd"),
            ("/tmp/x.zip", "x.zip"),
            ("..", "task_7_diagnosis.zip"),
            ("", "task_7_diagnosis.zip"),
        ] {
            assert_eq!(own_name(suggested, 7), PathBuf::from(name), "{suggested}");
        }
    }
}
