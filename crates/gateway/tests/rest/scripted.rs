//! A gRPC server that answers as it was told to, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use slacktide_api::v1::{
    self, Cluster, Task, cluster_service_server::ClusterService, info_service_server::InfoService,
    task_service_server::TaskService,
};
use tonic::{Code, Request, Response, Status, async_trait, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The one caller whom the server knows: `admin` with the password `secret`.
pub(crate) const CREDENTIALS: &str = "Basic YWRtaW46c2VjcmV0";

/// What the server answers.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) task: Task,
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) total_size: i64,
    pub(crate) log: String,
    /// Whether the first part of a list of tasks is not all of its page.
    pub(crate) cut: bool,
    /// Pieces of the diagnosis; the first comes with its name.
    pub(crate) pieces: Vec<&'static str>,
    /// Answer of every call but GetInfo, after sign-in.
    pub(crate) fault: Option<Status>,
    /// Whether StopCluster panics.
    pub(crate) panics: bool,
}

/// What the server was asked: the last request of each kind, and the metadata of the last call.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) stop: Option<v1::StopClusterRequest>,
    pub(crate) get_cluster: Option<v1::GetClusterRequest>,
    pub(crate) list_clusters: Option<v1::ListClustersRequest>,
    pub(crate) get_task: Option<v1::GetTaskRequest>,
    pub(crate) list_tasks: Option<v1::ListTasksRequest>,
    pub(crate) log: Option<v1::GetSubtaskLogRequest>,
    /// The last request that changes something, but for a stop of a cluster, as it shows itself.
    pub(crate) change: Option<String>,
    pub(crate) metadata: MetadataMap,
    pub(crate) calls: usize,
}

#[derive(Clone)]
pub(crate) struct Server {
    script: Arc<Script>,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            script: Arc::new(script),
            seen: Arc::default(),
        }
    }

    pub(crate) fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Signs the caller in, remembers the request, and answers with the fault if there is one.
    fn take<T>(
        &self,
        request: Request<T>,
        keep: impl FnOnce(&mut Seen, T),
    ) -> Result<&Script, Status> {
        self.sign_in(&request)?;
        keep(&mut self.seen(), request.into_inner());
        match &self.script.fault {
            Some(fault) => Err(fault.clone()),
            None => Ok(&self.script),
        }
    }

    /// Takes a request that changes something.
    fn change<T: std::fmt::Debug>(&self, request: Request<T>) -> Result<&Script, Status> {
        self.take(request, |seen, request| {
            seen.change = Some(format!("{request:?}"));
        })
    }

    fn sign_in<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let mut seen = self.seen();
        seen.metadata = request.metadata().clone();
        seen.calls += 1;
        let given = request.metadata().get("authorization");
        if given.is_some_and(|given| given.as_bytes() == CREDENTIALS.as_bytes()) {
            return Ok(());
        }
        Err(Status::with_error_details(
            Code::Unauthenticated,
            "sign in with a user name and password",
            ErrorDetails::with_error_info(
                "NOT_LOGGED_ON",
                "slacktide",
                [("ocp_code".to_owned(), "3000".to_owned())],
            ),
        ))
    }
}

#[async_trait]
impl ClusterService for Server {
    async fn register_cluster(
        &self,
        _: Request<v1::RegisterClusterRequest>,
    ) -> Result<Response<v1::RegisterClusterResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn update_cluster(
        &self,
        _: Request<v1::UpdateClusterRequest>,
    ) -> Result<Response<v1::UpdateClusterResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn get_cluster(
        &self,
        request: Request<v1::GetClusterRequest>,
    ) -> Result<Response<v1::GetClusterResponse>, Status> {
        let script = self.take(request, |seen, request| seen.get_cluster = Some(request))?;
        Ok(Response::new(v1::GetClusterResponse {
            cluster: script.clusters.first().cloned(),
        }))
    }

    async fn list_clusters(
        &self,
        request: Request<v1::ListClustersRequest>,
    ) -> Result<Response<v1::ListClustersResponse>, Status> {
        let script = self.take(request, |seen, request| seen.list_clusters = Some(request))?;
        Ok(Response::new(v1::ListClustersResponse {
            clusters: script.clusters.clone(),
            next_page_token: String::new(),
            total_size: script.total_size,
        }))
    }

    async fn unregister_cluster(
        &self,
        _: Request<v1::UnregisterClusterRequest>,
    ) -> Result<Response<v1::UnregisterClusterResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn stop_cluster(
        &self,
        request: Request<v1::StopClusterRequest>,
    ) -> Result<Response<v1::StopClusterResponse>, Status> {
        let script = self.take(request, |seen, request| seen.stop = Some(request))?;
        assert!(!script.panics, "scripted panic");
        Ok(Response::new(v1::StopClusterResponse {
            task: Some(script.task.clone()),
            findings: Vec::new(),
        }))
    }

    async fn start_cluster(
        &self,
        request: Request<v1::StartClusterRequest>,
    ) -> Result<Response<v1::StartClusterResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::StartClusterResponse { task }))
    }

    async fn restart_cluster(
        &self,
        request: Request<v1::RestartClusterRequest>,
    ) -> Result<Response<v1::RestartClusterResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::RestartClusterResponse { task }))
    }

    async fn stop_zone(
        &self,
        request: Request<v1::StopZoneRequest>,
    ) -> Result<Response<v1::StopZoneResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::StopZoneResponse { task }))
    }

    async fn start_zone(
        &self,
        request: Request<v1::StartZoneRequest>,
    ) -> Result<Response<v1::StartZoneResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::StartZoneResponse { task }))
    }

    async fn restart_zone(
        &self,
        request: Request<v1::RestartZoneRequest>,
    ) -> Result<Response<v1::RestartZoneResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::RestartZoneResponse { task }))
    }

    async fn stop_server(
        &self,
        request: Request<v1::StopServerRequest>,
    ) -> Result<Response<v1::StopServerResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::StopServerResponse { task }))
    }

    async fn start_server(
        &self,
        request: Request<v1::StartServerRequest>,
    ) -> Result<Response<v1::StartServerResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::StartServerResponse { task }))
    }

    async fn restart_server(
        &self,
        request: Request<v1::RestartServerRequest>,
    ) -> Result<Response<v1::RestartServerResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::RestartServerResponse { task }))
    }
}

#[async_trait]
impl TaskService for Server {
    type WatchTaskStream = tonic::codegen::BoxStream<v1::WatchTaskResponse>;

    async fn get_task(
        &self,
        request: Request<v1::GetTaskRequest>,
    ) -> Result<Response<v1::GetTaskResponse>, Status> {
        let script = self.take(request, |seen, request| seen.get_task = Some(request))?;
        Ok(Response::new(v1::GetTaskResponse {
            task: Some(script.task.clone()),
        }))
    }

    async fn list_tasks(
        &self,
        request: Request<v1::ListTasksRequest>,
    ) -> Result<Response<v1::ListTasksResponse>, Status> {
        let first = request.get_ref().page_token.is_empty();
        let script = self.take(request, |seen, request| seen.list_tasks = Some(request))?;
        let more = script.cut && first;
        Ok(Response::new(v1::ListTasksResponse {
            tasks: vec![script.task.clone()],
            next_page_token: if more { "more" } else { "" }.to_owned(),
            total_size: script.total_size,
        }))
    }

    async fn watch_task(
        &self,
        _: Request<v1::WatchTaskRequest>,
    ) -> Result<Response<Self::WatchTaskStream>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn get_subtask_log(
        &self,
        request: Request<v1::GetSubtaskLogRequest>,
    ) -> Result<Response<v1::GetSubtaskLogResponse>, Status> {
        let script = self.take(request, |seen, request| seen.log = Some(request))?;
        Ok(Response::new(v1::GetSubtaskLogResponse {
            log: script.log.clone(),
        }))
    }

    async fn retry_task(
        &self,
        request: Request<v1::RetryTaskRequest>,
    ) -> Result<Response<v1::RetryTaskResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::RetryTaskResponse { task }))
    }

    async fn rollback_task(
        &self,
        request: Request<v1::RollbackTaskRequest>,
    ) -> Result<Response<v1::RollbackTaskResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::RollbackTaskResponse { task }))
    }

    async fn cancel_task(
        &self,
        request: Request<v1::CancelTaskRequest>,
    ) -> Result<Response<v1::CancelTaskResponse>, Status> {
        let task = Some(self.change(request)?.task.clone());
        Ok(Response::new(v1::CancelTaskResponse { task }))
    }

    async fn retry_subtask(
        &self,
        request: Request<v1::RetrySubtaskRequest>,
    ) -> Result<Response<v1::RetrySubtaskResponse>, Status> {
        let subtask = self.change(request)?.task.subtasks.first().cloned();
        Ok(Response::new(v1::RetrySubtaskResponse { subtask }))
    }

    async fn skip_subtask(
        &self,
        request: Request<v1::SkipSubtaskRequest>,
    ) -> Result<Response<v1::SkipSubtaskResponse>, Status> {
        let subtask = self.change(request)?.task.subtasks.first().cloned();
        Ok(Response::new(v1::SkipSubtaskResponse { subtask }))
    }

    async fn cancel_subtask(
        &self,
        request: Request<v1::CancelSubtaskRequest>,
    ) -> Result<Response<v1::CancelSubtaskResponse>, Status> {
        let subtask = self.change(request)?.task.subtasks.first().cloned();
        Ok(Response::new(v1::CancelSubtaskResponse { subtask }))
    }

    type WatchSubtaskLogStream = tonic::codegen::BoxStream<v1::WatchSubtaskLogResponse>;

    async fn watch_subtask_log(
        &self,
        _: Request<v1::WatchSubtaskLogRequest>,
    ) -> Result<Response<Self::WatchSubtaskLogStream>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    type WatchTasksStream = tonic::codegen::BoxStream<v1::WatchTasksResponse>;

    async fn watch_tasks(
        &self,
        _: Request<v1::WatchTasksRequest>,
    ) -> Result<Response<Self::WatchTasksStream>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    type DownloadDiagnosisStream = tonic::codegen::BoxStream<v1::DownloadDiagnosisResponse>;

    /// A piece `broken` breaks the stream off.
    async fn download_diagnosis(
        &self,
        request: Request<v1::DownloadDiagnosisRequest>,
    ) -> Result<Response<Self::DownloadDiagnosisStream>, Status> {
        let pieces = self.change(request)?.pieces.clone();
        let messages = pieces.into_iter().enumerate().map(|(index, piece)| {
            if piece == "broken" {
                return Err(Status::unavailable("gone"));
            }
            let filename = if index == 0 { "task_7\r\n\".zip" } else { "" };
            Ok(v1::DownloadDiagnosisResponse {
                filename: filename.to_owned(),
                content: piece.into(),
            })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }
}

#[async_trait]
impl InfoService for Server {
    async fn get_info(
        &self,
        request: Request<v1::GetInfoRequest>,
    ) -> Result<Response<v1::GetInfoResponse>, Status> {
        self.sign_in(&request)?;
        Ok(Response::new(v1::GetInfoResponse {
            version: "0.1.0".to_owned(),
            host: "db1".to_owned(),
            start_time: Some(prost_types::Timestamp::default()),
            current_time: None,
            user: "admin".to_owned(),
        }))
    }
}
