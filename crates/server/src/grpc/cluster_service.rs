//! `slacktide.v1.ClusterService`.

use slacktide_api::v1::{
    GetClusterRequest, GetClusterResponse, ListClustersRequest, ListClustersResponse,
    RegisterClusterRequest, RegisterClusterResponse, StopClusterRequest, StopClusterResponse,
    UnregisterClusterRequest, UnregisterClusterResponse, UpdateClusterRequest,
    UpdateClusterResponse, cluster_service_server::ClusterService,
};
use slacktide_engine::{id::ClusterId, plan::StopRequest};
use slacktide_store::ClusterFilter;
use tonic::{Request, Response, Status};

use super::{
    Api, admit,
    convert::{
        cluster::{cluster, filter_status, stop_mode},
        cluster_spec::new_cluster,
        keyword, statuses, task,
    },
    page::Paging,
    request_id,
};
use crate::app::{self, AppError, StopCluster, Violations};

#[tonic::async_trait]
impl ClusterService for Api {
    async fn register_cluster(
        &self,
        request: Request<RegisterClusterRequest>,
    ) -> Result<Response<RegisterClusterResponse>, Status> {
        let (caller, mut request) = admit(request, "CLUSTER", |_| "*", "CREATE")?;
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
        Ok(Response::new(RegisterClusterResponse {
            cluster: Some(cluster(&registered)),
        }))
    }

    async fn update_cluster(
        &self,
        request: Request<UpdateClusterRequest>,
    ) -> Result<Response<UpdateClusterResponse>, Status> {
        let (caller, mut request) = admit(request, "CLUSTER", |request| request.id, "UPDATE")?;
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
        Ok(Response::new(UpdateClusterResponse {
            cluster: Some(cluster(&updated)),
        }))
    }

    async fn get_cluster(
        &self,
        request: Request<GetClusterRequest>,
    ) -> Result<Response<GetClusterResponse>, Status> {
        let (_, request) = admit(request, "CLUSTER", |request| request.id, "READ")?;
        let found = self.app.store.cluster(ClusterId(request.id)).await;
        Ok(Response::new(GetClusterResponse {
            cluster: Some(cluster(&found.map_err(AppError::from)?)),
        }))
    }

    async fn list_clusters(
        &self,
        request: Request<ListClustersRequest>,
    ) -> Result<Response<ListClustersResponse>, Status> {
        let (_, mut request) = admit(request, "CLUSTER", |_| "*", "READ")?;
        let mut violations = Violations::default();
        let paging = Paging::take(&mut request, &mut violations)?;
        let filter = ClusterFilter {
            statuses: statuses(&request.statuses, filter_status, &mut violations),
            name: keyword("name", request.name, &mut violations),
        };
        violations.into_result()?;
        let listed = self.app.store.clusters(&filter, paging.page).await;
        let listed = listed.map_err(AppError::from)?;
        Ok(Response::new(ListClustersResponse {
            next_page_token: paging.next_token(listed.items.len(), listed.total),
            clusters: listed.items.iter().map(cluster).collect(),
            total_size: i64::try_from(listed.total).unwrap_or(i64::MAX),
        }))
    }

    async fn unregister_cluster(
        &self,
        request: Request<UnregisterClusterRequest>,
    ) -> Result<Response<UnregisterClusterResponse>, Status> {
        let (caller, mut request) = admit(request, "CLUSTER", |request| request.id, "DELETE")?;
        let mut violations = Violations::default();
        let key = request_id::take(&mut request, &caller, &mut violations);
        violations.into_result()?;
        app::unregister_cluster(&self.app, &caller, ClusterId(request.id), key.as_ref()).await?;
        Ok(Response::new(UnregisterClusterResponse {}))
    }

    async fn stop_cluster(
        &self,
        request: Request<StopClusterRequest>,
    ) -> Result<Response<StopClusterResponse>, Status> {
        let (caller, mut request) = admit(request, "CLUSTER", |request| request.id, "UPDATE")?;
        let mut violations = Violations::default();
        let key = request_id::take(&mut request, &caller, &mut violations);
        let with_subtasks = task::with_subtasks(request.view, true, &mut violations);
        let command = StopCluster {
            cluster: ClusterId(request.id),
            request: StopRequest {
                mode: stop_mode(request.mode, &mut violations),
                minor_freeze: request.minor_freeze,
            },
            validate_only: request.validate_only,
            // A dry run is not remembered, nor is it answered with what was done under its key.
            key: key.filter(|_| !request.validate_only),
        };
        violations.into_result()?;
        let accepted = app::stop_cluster(&self.app, &caller, &command).await?;
        let accepted = if with_subtasks {
            task::snapshot(&accepted)
        } else {
            task::task(&accepted.task, &accepted.context)
        };
        Ok(Response::new(StopClusterResponse {
            task: Some(accepted),
        }))
    }
}
