//! A server that plays scripts, for the tests of what follows a stream.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures::{Stream, StreamExt as _, future, stream};
use slacktide_api::v1::{
    CancelSubtaskRequest, CancelSubtaskResponse, CancelTaskRequest, CancelTaskResponse,
    DownloadDiagnosisRequest, DownloadDiagnosisResponse, GetSubtaskLogRequest,
    GetSubtaskLogResponse, GetTaskRequest, GetTaskResponse, ListTasksRequest, ListTasksResponse,
    RetrySubtaskRequest, RetrySubtaskResponse, RetryTaskRequest, RetryTaskResponse,
    RollbackTaskRequest, RollbackTaskResponse, SkipSubtaskRequest, SkipSubtaskResponse, Task,
    WatchSubtaskLogRequest, WatchSubtaskLogResponse, WatchTaskRequest, WatchTaskResponse,
    WatchTasksRequest, WatchTasksResponse,
    task_service_server::{TaskService, TaskServiceServer},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use super::connection::{ConnectArgs, Connection};

pub(super) type Message = Result<WatchTaskResponse, Status>;
type Lines = Result<WatchSubtaskLogResponse, Status>;

struct Script<M> {
    messages: Vec<M>,
    /// Whether the stream stays open at its end.
    hang: bool,
}

/// A server that plays one script for each stream, and notes from which revision each watch was asked for.
#[derive(Clone)]
pub(super) struct Scripted {
    task: Task,
    scripts: Arc<Mutex<VecDeque<Script<Message>>>>,
    logs: Arc<Mutex<VecDeque<Vec<Lines>>>>,
    asked: Arc<Mutex<Vec<Option<i64>>>>,
}

impl Scripted {
    /// A server that answers GetTask with `task`.
    pub(super) fn new(task: Task) -> Self {
        Self {
            task,
            scripts: Arc::default(),
            logs: Arc::default(),
            asked: Arc::default(),
        }
    }

    pub(super) fn then(self, messages: Vec<Message>) -> Self {
        self.add(messages, false)
    }

    pub(super) fn then_hang(self, messages: Vec<Message>) -> Self {
        self.add(messages, true)
    }

    fn add(self, messages: Vec<Message>, hang: bool) -> Self {
        self.scripts
            .lock()
            .unwrap()
            .push_back(Script { messages, hang });
        self
    }

    /// The next stream of a log: one message for each list of lines.
    pub(super) fn then_log(self, messages: Vec<Result<&[&str], Status>>) -> Self {
        let lines = |lines: &[&str]| WatchSubtaskLogResponse {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let messages = messages.into_iter().map(|message| message.map(lines));
        self.logs.lock().unwrap().push_back(messages.collect());
        self
    }

    pub(super) fn asked(&self) -> Vec<Option<i64>> {
        self.asked.lock().unwrap().clone()
    }

    /// Serves on a runtime of its own: dropping that is as sudden as a killed process.
    pub(super) fn serve(&self, address: &str) -> (Runtime, SocketAddr) {
        let runtime = Runtime::new().unwrap();
        let listener = {
            let _entered = runtime.enter();
            let listener = std::net::TcpListener::bind(address).unwrap();
            listener.set_nonblocking(true).unwrap();
            TcpListener::from_std(listener).unwrap()
        };
        let address = listener.local_addr().unwrap();
        let service = TaskServiceServer::new(self.clone());
        let incoming = TcpListenerStream::new(listener);
        runtime.spawn(
            Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming),
        );
        (runtime, address)
    }
}

pub(super) async fn connect(address: SocketAddr) -> Connection {
    let args = ConnectArgs {
        endpoint: format!("http://{address}"),
        ca: None,
        user: None,
        password: None,
    };
    Connection::open(&args).await.unwrap()
}

type Answer<'a, R> = Pin<Box<dyn Future<Output = Result<Response<R>, Status>> + Send + 'a>>;
type BoxStream<M> = Pin<Box<dyn Stream<Item = M> + Send>>;

/// Calls that no script has.
macro_rules! unscripted {
    ($($call:ident: $request:ty => $response:ty;)*) => {$(
        fn $call<'life, 'answer>(&'life self, _: Request<$request>) -> Answer<'answer, $response>
        where
            'life: 'answer,
        {
            Box::pin(future::ready(Err(Status::unimplemented("not in the script"))))
        }
    )*};
}

#[tonic::async_trait]
impl TaskService for Scripted {
    type WatchTaskStream = BoxStream<Message>;
    type WatchSubtaskLogStream = BoxStream<Lines>;
    type WatchTasksStream = stream::Empty<Result<WatchTasksResponse, Status>>;
    type DownloadDiagnosisStream = stream::Empty<Result<DownloadDiagnosisResponse, Status>>;

    async fn get_task(
        &self,
        _: Request<GetTaskRequest>,
    ) -> Result<Response<GetTaskResponse>, Status> {
        let task = Some(self.task.clone());
        Ok(Response::new(GetTaskResponse { task }))
    }

    async fn watch_task(
        &self,
        request: Request<WatchTaskRequest>,
    ) -> Result<Response<Self::WatchTaskStream>, Status> {
        let after = request.get_ref().after_revision;
        self.asked.lock().unwrap().push(after);
        let next = self.scripts.lock().unwrap().pop_front();
        let Script { messages, hang } =
            next.ok_or_else(|| Status::internal("the script is over"))?;
        if let Some(Err(refusal)) = messages.first() {
            return Err(refusal.clone());
        }
        let script = stream::iter(messages);
        Ok(Response::new(if hang {
            script.chain(stream::pending()).boxed()
        } else {
            script.boxed()
        }))
    }

    async fn watch_subtask_log(
        &self,
        _: Request<WatchSubtaskLogRequest>,
    ) -> Result<Response<Self::WatchSubtaskLogStream>, Status> {
        let next = self.logs.lock().unwrap().pop_front();
        let messages = next.ok_or_else(|| Status::internal("the script is over"))?;
        Ok(Response::new(stream::iter(messages).boxed()))
    }

    unscripted! {
        list_tasks: ListTasksRequest => ListTasksResponse;
        get_subtask_log: GetSubtaskLogRequest => GetSubtaskLogResponse;
        watch_tasks: WatchTasksRequest => Self::WatchTasksStream;
        retry_task: RetryTaskRequest => RetryTaskResponse;
        rollback_task: RollbackTaskRequest => RollbackTaskResponse;
        cancel_task: CancelTaskRequest => CancelTaskResponse;
        retry_subtask: RetrySubtaskRequest => RetrySubtaskResponse;
        skip_subtask: SkipSubtaskRequest => SkipSubtaskResponse;
        cancel_subtask: CancelSubtaskRequest => CancelSubtaskResponse;
        download_diagnosis: DownloadDiagnosisRequest => Self::DownloadDiagnosisStream;
    }
}
