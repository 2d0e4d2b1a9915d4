//! `slacktide.v1.ClusterService`.

use slacktide_api::v1::{self as pb, cluster_service_server::ClusterService};
use slacktide_engine::id::ClusterId;
use slacktide_store::ClusterFilter;
use tonic::{Request, Response, Status};

use super::{
    Api, admit,
    convert::{
        cluster::{cluster, filter_status},
        cluster_spec::new_cluster,
        keyword, statuses,
    },
    operation::operate,
    page::Paging,
    request_id,
};
use crate::app::{self, AppError, Violations};

#[tonic::async_trait]
impl ClusterService for Api {
    async fn register_cluster(
        &self,
        request: Request<pb::RegisterClusterRequest>,
    ) -> Result<Response<pb::RegisterClusterResponse>, Status> {
        let (caller, mut request) = admit(self, request).await?;
        let mut violations = Violations::default();
        let key = request_id::take(&mut request, &caller, &mut violations);
        let new = new_cluster(
            request.cluster,
            &self.app.host,
            &caller.name,
            &mut violations,
        );
        violations.into_result()?;
        let registered = app::register_cluster(&self.app, &caller, &new, key.as_ref()).await?;
        Ok(Response::new(pb::RegisterClusterResponse {
            cluster: Some(cluster(&registered)),
        }))
    }

    async fn update_cluster(
        &self,
        request: Request<pb::UpdateClusterRequest>,
    ) -> Result<Response<pb::UpdateClusterResponse>, Status> {
        let (caller, mut request) = admit(self, request).await?;
        let mut violations = Violations::default();
        let key = request_id::take(&mut request, &caller, &mut violations);
        let wanted = new_cluster(
            request.cluster,
            &self.app.host,
            &caller.name,
            &mut violations,
        );
        violations.into_result()?;
        let id = ClusterId(request.id);
        let updated = app::update_cluster(&self.app, &caller, id, &wanted, key.as_ref()).await?;
        Ok(Response::new(pb::UpdateClusterResponse {
            cluster: Some(cluster(&updated)),
        }))
    }

    async fn get_cluster(
        &self,
        request: Request<pb::GetClusterRequest>,
    ) -> Result<Response<pb::GetClusterResponse>, Status> {
        let (_, request) = admit(self, request).await?;
        let found = self.app.store.cluster(ClusterId(request.id)).await;
        Ok(Response::new(pb::GetClusterResponse {
            cluster: Some(cluster(&found.map_err(AppError::from)?)),
        }))
    }

    async fn list_clusters(
        &self,
        request: Request<pb::ListClustersRequest>,
    ) -> Result<Response<pb::ListClustersResponse>, Status> {
        let (caller, mut request) = admit(self, request).await?;
        let mut violations = Violations::default();
        let paging = Paging::take(&mut request, &mut violations)?;
        let filter = ClusterFilter {
            statuses: statuses(&request.statuses, filter_status, &mut violations),
            name: keyword("name", request.name, &mut violations),
            only: caller.visible_clusters(),
        };
        violations.into_result()?;
        let listed = self.app.store.clusters(&filter, paging.page).await;
        let listed = listed.map_err(AppError::from)?;
        Ok(Response::new(pb::ListClustersResponse {
            next_page_token: paging.next_token(listed.items.len(), listed.total),
            clusters: listed.items.iter().map(cluster).collect(),
            total_size: i64::try_from(listed.total).unwrap_or(i64::MAX),
        }))
    }

    async fn unregister_cluster(
        &self,
        request: Request<pb::UnregisterClusterRequest>,
    ) -> Result<Response<pb::UnregisterClusterResponse>, Status> {
        let (caller, mut request) = admit(self, request).await?;
        let mut violations = Violations::default();
        let key = request_id::take(&mut request, &caller, &mut violations);
        violations.into_result()?;
        app::unregister_cluster(&self.app, &caller, ClusterId(request.id), key.as_ref()).await?;
        Ok(Response::new(pb::UnregisterClusterResponse {}))
    }

    async fn stop_cluster(
        &self,
        request: Request<pb::StopClusterRequest>,
    ) -> Result<Response<pb::StopClusterResponse>, Status> {
        let (task, findings) = operate(self, request).await?;
        Ok(Response::new(pb::StopClusterResponse {
            task: Some(task),
            findings,
        }))
    }

    async fn start_cluster(
        &self,
        request: Request<pb::StartClusterRequest>,
    ) -> Result<Response<pb::StartClusterResponse>, Status> {
        let (task, _) = operate(self, request).await?;
        Ok(Response::new(pb::StartClusterResponse { task: Some(task) }))
    }

    async fn restart_cluster(
        &self,
        request: Request<pb::RestartClusterRequest>,
    ) -> Result<Response<pb::RestartClusterResponse>, Status> {
        let (task, _) = operate(self, request).await?;
        Ok(Response::new(pb::RestartClusterResponse {
            task: Some(task),
        }))
    }

    async fn stop_zone(
        &self,
        request: Request<pb::StopZoneRequest>,
    ) -> Result<Response<pb::StopZoneResponse>, Status> {
        let (task, _) = operate(self, request).await?;
        Ok(Response::new(pb::StopZoneResponse { task: Some(task) }))
    }

    async fn start_zone(
        &self,
        request: Request<pb::StartZoneRequest>,
    ) -> Result<Response<pb::StartZoneResponse>, Status> {
        let (task, _) = operate(self, request).await?;
        Ok(Response::new(pb::StartZoneResponse { task: Some(task) }))
    }

    async fn restart_zone(
        &self,
        request: Request<pb::RestartZoneRequest>,
    ) -> Result<Response<pb::RestartZoneResponse>, Status> {
        let (task, _) = operate(self, request).await?;
        Ok(Response::new(pb::RestartZoneResponse { task: Some(task) }))
    }

    async fn stop_server(
        &self,
        request: Request<pb::StopServerRequest>,
    ) -> Result<Response<pb::StopServerResponse>, Status> {
        let (task, _) = operate(self, request).await?;
        Ok(Response::new(pb::StopServerResponse { task: Some(task) }))
    }

    async fn start_server(
        &self,
        request: Request<pb::StartServerRequest>,
    ) -> Result<Response<pb::StartServerResponse>, Status> {
        let (task, _) = operate(self, request).await?;
        Ok(Response::new(pb::StartServerResponse { task: Some(task) }))
    }

    async fn restart_server(
        &self,
        request: Request<pb::RestartServerRequest>,
    ) -> Result<Response<pb::RestartServerResponse>, Status> {
        let (task, _) = operate(self, request).await?;
        Ok(Response::new(pb::RestartServerResponse {
            task: Some(task),
        }))
    }
}
