//! `slacktide.v1.InfoService`.

use slacktide_api::v1::{GetInfoRequest, GetInfoResponse, info_service_server::InfoService};
use slacktide_store::clock;
use tonic::{Request, Response, Status};

use super::{Api, admit, convert::timestamp};

#[tonic::async_trait]
impl InfoService for Api {
    async fn get_info(
        &self,
        request: Request<GetInfoRequest>,
    ) -> Result<Response<GetInfoResponse>, Status> {
        let (caller, _) = admit(self, request).await?;
        Ok(Response::new(GetInfoResponse {
            version: self.version.to_owned(),
            host: self.app.host.clone(),
            start_time: Some(timestamp(self.start_time)),
            current_time: Some(timestamp(clock::now())),
            user: caller.name,
        }))
    }
}
