use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use slacktide_api::v1::cluster_service_client::ClusterServiceClient;
use slacktide_api::v1::executor_service_client::ExecutorServiceClient;
use slacktide_api::v1::info_service_client::InfoServiceClient;
use slacktide_api::v1::task_service_client::TaskServiceClient;
use slacktide_api::v1::{
    CancelTaskRequest, Cluster, ClusterSpec, GetClusterRequest, GetSubtaskLogRequest,
    GetTaskRequest, RegisterClusterRequest, RestartClusterRequest, RetryTaskRequest,
    RollbackTaskRequest, SkipSubtaskRequest, StartClusterRequest, StopClusterRequest, StopMode,
    Task, UnregisterClusterRequest, WatchTaskRequest,
};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::{ErrorInfo, StatusExt};

use crate::TaskWatch;

/// Who calls.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nobody: the call carries no `authorization`.
    None,
    /// HTTP Basic.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
}

impl Credentials {
    /// HTTP Basic credentials.
    #[must_use]
    pub fn basic(user: &str, password: &str) -> Self {
        Self::Basic {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    /// Value of the `authorization` header, if there is one.
    #[must_use]
    pub fn header(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Basic { user, password } => Some(format!(
                "Basic {}",
                BASE64_STANDARD.encode(format!("{user}:{password}"))
            )),
        }
    }
}

/// Adds the caller's credentials to each call.
#[derive(Clone, Debug)]
pub struct Authorize(Option<MetadataValue<Ascii>>);

impl Interceptor for Authorize {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}

type Authorized = InterceptedService<Channel, Authorize>;

/// The gRPC services, called by one user.
#[derive(Clone, Debug)]
pub struct Api {
    /// Clusters.
    pub clusters: ClusterServiceClient<Authorized>,
    /// Tasks.
    pub tasks: TaskServiceClient<Authorized>,
    /// Executors.
    pub executors: ExecutorServiceClient<Authorized>,
    /// The server itself.
    pub info: InfoServiceClient<Authorized>,
}

impl Api {
    /// Clients for the server on a port of this machine. They connect when they are used, and again after
    /// the server was away.
    ///
    /// # Errors
    /// When the credentials don't fit into a header.
    pub fn new(port: u16, credentials: &Credentials) -> Result<Self> {
        let channel = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.connect_lazy();
        let value = credentials.header().map(|text| text.parse()).transpose()?;
        let authorize = Authorize(value);
        let authorized = || InterceptedService::new(channel.clone(), authorize.clone());
        Ok(Self {
            clusters: ClusterServiceClient::new(authorized()),
            tasks: TaskServiceClient::new(authorized()),
            executors: ExecutorServiceClient::new(authorized()),
            info: InfoServiceClient::new(authorized()),
        })
    }

    /// Registers a cluster.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn register(&self, cluster: ClusterSpec) -> Result<Cluster> {
        let request = RegisterClusterRequest {
            cluster: Some(cluster),
            request_id: String::new(),
        };
        let response = self.clusters.clone().register_cluster(request).await?;
        response
            .into_inner()
            .cluster
            .context("the response holds no cluster")
    }

    /// Returns a cluster.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn cluster(&self, id: i64) -> Result<Cluster> {
        let response = self
            .clusters
            .clone()
            .get_cluster(GetClusterRequest { id })
            .await?;
        response
            .into_inner()
            .cluster
            .context("the response holds no cluster")
    }

    /// Forgets a cluster.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn unregister(&self, id: i64) -> Result<()> {
        let request = UnregisterClusterRequest {
            id,
            request_id: String::new(),
        };
        self.clusters.clone().unregister_cluster(request).await?;
        Ok(())
    }

    /// Stops a cluster.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn stop(&self, id: i64, mode: StopMode) -> Result<Task> {
        let request = StopClusterRequest {
            id,
            mode: mode.into(),
            ..Default::default()
        };
        Ok(self.stop_with(request).await?)
    }

    /// Sends a StopCluster request as it is.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn stop_with(&self, request: StopClusterRequest) -> Result<Task, Status> {
        let response = self
            .clusters
            .clone()
            .stop_cluster(request)
            .await?
            .into_inner();
        response
            .task
            .ok_or_else(|| Status::internal("the response holds no task"))
    }

    /// Starts a cluster.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn start(&self, id: i64) -> Result<Task, Status> {
        let request = StartClusterRequest {
            id,
            ..Default::default()
        };
        let response = self.clusters.clone().start_cluster(request).await?;
        task(response.into_inner().task)
    }

    /// Restarts a cluster.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn restart(&self, id: i64, mode: StopMode) -> Result<Task, Status> {
        let request = RestartClusterRequest {
            id,
            mode: mode.into(),
            ..Default::default()
        };
        let response = self.clusters.clone().restart_cluster(request).await?;
        task(response.into_inner().task)
    }

    /// Runs the FAILED subtasks of a task again.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn retry(&self, id: i64) -> Result<Task, Status> {
        let request = RetryTaskRequest {
            id,
            ..Default::default()
        };
        let response = self.tasks.clone().retry_task(request).await?;
        task(response.into_inner().task)
    }

    /// Undoes a FAILED task.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn roll_back(&self, id: i64) -> Result<Task, Status> {
        let request = RollbackTaskRequest {
            id,
            ..Default::default()
        };
        let response = self.tasks.clone().rollback_task(request).await?;
        task(response.into_inner().task)
    }

    /// Ends a task before its time.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn cancel(&self, id: i64) -> Result<Task, Status> {
        let request = CancelTaskRequest {
            id,
            ..Default::default()
        };
        let response = self.tasks.clone().cancel_task(request).await?;
        task(response.into_inner().task)
    }

    /// Passes over a FAILED subtask.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn skip(&self, task_id: i64, subtask_id: i64) -> Result<(), Status> {
        let request = SkipSubtaskRequest {
            task_id,
            subtask_id,
            ..Default::default()
        };
        self.tasks.clone().skip_subtask(request).await?;
        Ok(())
    }

    /// Returns a task with its subtasks.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn task(&self, id: i64) -> Result<Task> {
        let request = GetTaskRequest { id, view: 0 };
        let response = self.tasks.clone().get_task(request).await?;
        response
            .into_inner()
            .task
            .context("the response holds no task")
    }

    /// Returns the log of a subtask.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn log(&self, task_id: i64, subtask_id: i64) -> Result<String> {
        let request = GetSubtaskLogRequest {
            task_id,
            subtask_id,
        };
        Ok(self
            .tasks
            .clone()
            .get_subtask_log(request)
            .await?
            .into_inner()
            .log)
    }

    /// Watches a task from a snapshot, or from the change after a revision.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn watch(
        &self,
        task_id: i64,
        after_revision: Option<i64>,
    ) -> Result<TaskWatch, Status> {
        let request = WatchTaskRequest {
            task_id,
            after_revision,
        };
        let stream = self.tasks.clone().watch_task(request).await?.into_inner();
        Ok(TaskWatch::new(stream))
    }

    /// Watches a task until it is FAILED or SUCCESSFUL, and returns it.
    ///
    /// # Errors
    /// When the stream breaks.
    pub async fn finished(&self, task_id: i64) -> Result<Task> {
        let mut watch = self.watch(task_id, None).await?;
        while watch.next().await?.is_some() {}
        self.task(task_id).await
    }
}

fn task(task: Option<Task>) -> Result<Task, Status> {
    task.ok_or_else(|| Status::internal("the response holds no task"))
}

/// The machine-readable reason of a refusal.
///
/// # Errors
/// When the status carries none.
pub fn error_info(status: &Status) -> Result<ErrorInfo> {
    status
        .get_details_error_info()
        .with_context(|| format!("{status:?} carries no ErrorInfo"))
}
