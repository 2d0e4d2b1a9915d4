//! `downloadDiagnosis`: the archive is passed on as it comes.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{
    StreamExt as _,
    stream::{self, TryStreamExt as _},
};
use http::{
    HeaderName, HeaderValue,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE},
};
use slacktide_api::v1::DownloadDiagnosisRequest;
use tonic::Streaming;

use crate::{error::ApiError, request::call::Call, upstream::Rpc};

/// The first piece is awaited: until then a refusal can still be told. One that comes later breaks the body
/// off, so that no client takes half an archive for a whole one.
pub(crate) async fn diagnosis(
    rpc: Rpc,
    Call(message): Call<DownloadDiagnosisRequest>,
) -> Result<Archive, ApiError> {
    let response = rpc.tasks().download_diagnosis(rpc.request(message)).await?;
    let mut pieces: Streaming<_> = response.into_inner();
    let first = pieces.message().await?.ok_or_else(ApiError::internal)?;
    let headers = headers(&first.filename)?;
    let rest = pieces.map_ok(|piece| piece.content);
    let all = stream::once(async { Ok(first.content) }).chain(rest);
    let body = Body::from_stream(all.map_ok(Bytes::from));
    Ok(Archive { headers, body })
}

/// A file to be saved.
pub(crate) struct Archive {
    headers: [(HeaderName, HeaderValue); 2],
    body: Body,
}

impl IntoResponse for Archive {
    fn into_response(self) -> Response {
        (self.headers, self.body).into_response()
    }
}

fn headers(filename: &str) -> Result<[(HeaderName, HeaderValue); 2], ApiError> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let filename: String = filename.chars().filter(|c| safe(*c)).collect();
    let disposition = format!("attachment; filename=\"{filename}\"");
    let disposition = disposition.parse().map_err(|_| ApiError::internal())?;
    Ok([
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (CONTENT_DISPOSITION, disposition),
    ])
}
