//! What is being talked to.

use serde::Serialize;
use slacktide_api::v1::GetInfoResponse;
use utoipa::ToSchema;

use crate::time;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    current_time: Option<String>,
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    start_time: Option<String>,
    user: String,
    version: String,
}

impl From<GetInfoResponse> for Info {
    fn from(info: GetInfoResponse) -> Self {
        Self {
            current_time: time::local(info.current_time),
            host: info.host,
            start_time: time::local(info.start_time),
            user: info.user,
            version: info.version,
        }
    }
}
