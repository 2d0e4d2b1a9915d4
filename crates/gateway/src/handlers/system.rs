//! Calls about the application server itself.

use slacktide_api::v1::GetInfoRequest;

use crate::{
    envelope::Answer, error::ApiError, model::info::Info, request::path::Ids, time as timestamp,
    upstream::Rpc,
};

/// The time as bare text: the one call that needs no sign-in.
pub(crate) async fn time() -> String {
    timestamp::now()
}

pub(crate) async fn info(rpc: Rpc, _: Ids<0>) -> Result<Answer<Info>, ApiError> {
    let request = rpc.request(GetInfoRequest {});
    let response = rpc.info().get_info(request).await?.into_inner();
    Ok(Answer(response.into()))
}

/// OCP's word for a server that answers. One that doesn't is told as any failure is.
pub(crate) async fn status(rpc: Rpc, _: Ids<0>) -> Result<&'static str, ApiError> {
    rpc.info().get_info(rpc.request(GetInfoRequest {})).await?;
    Ok("okay")
}
