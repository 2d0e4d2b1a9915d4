//! `DownloadDiagnosis`: the archive, piece by piece.

use slacktide_api::v1::DownloadDiagnosisResponse;
use slacktide_engine::id::TaskId;
use slacktide_store::Store;

use super::stream::{Source, Told, told};
use crate::app::{AppError, Diagnosis};

struct Download {
    diagnosis: Diagnosis,
    /// Sent with the first piece.
    filename: String,
}

/// Begins a download.
pub(super) async fn download(
    store: &Store,
    task: TaskId,
) -> Result<Told<DownloadDiagnosisResponse>, AppError> {
    let diagnosis = Diagnosis::begin(store, task).await?;
    let filename = diagnosis.filename();
    Ok(told(Download {
        diagnosis,
        filename,
    }))
}

impl Source for Download {
    type Message = DownloadDiagnosisResponse;

    async fn next(&mut self) -> Result<Option<DownloadDiagnosisResponse>, AppError> {
        let piece = self.diagnosis.next_piece().await?;
        Ok(piece.map(|content| DownloadDiagnosisResponse {
            filename: std::mem::take(&mut self.filename),
            content,
        }))
    }
}
