//! A server in process with four users, and ways to call it and to play the executor.

use std::sync::{Arc, LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::future::BoxFuture;
use slacktide_api::v1::{
    self as pb, cluster_service_client::ClusterServiceClient, iam_service_client::IamServiceClient,
    info_service_client::InfoServiceClient, task_service_client::TaskServiceClient,
};
use slacktide_engine::{
    cluster::Driver,
    commit::{Claimant, Event, Failure, Observation, Outcome},
    id::{SubtaskId, TaskId},
    kind::SubtaskKind,
    selector::Selector,
    status::{Goal, Operation},
    subtask::Subtask,
};
use slacktide_server::{GrpcService, HostCheck, Options, Server, password};
use slacktide_store::{Location, NewRole, NewServer, NewUser, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status,
    metadata::MetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
};
use tonic_types::{ErrorDetails, StatusExt as _};

pub(crate) const PASSWORD: &str = "spring tide";
pub(crate) const HOST: &str = "host1";

/// Hashing is slow: once for all users of all tests.
static HASH: LazyLock<String> = LazyLock::new(|| password::hash(PASSWORD).unwrap());

pub(crate) type Client = InterceptedService<GrpcService, Credentials>;

pub(crate) struct Kit {
    pub(crate) store: Store,
    pub(crate) server: Server,
    pub(crate) drain: CancellationToken,
    pub(crate) dir: TempDir,
}

/// What a call presents.
#[derive(Clone)]
pub(crate) struct Credentials(pub(crate) Option<String>);

impl Credentials {
    pub(crate) fn basic(user: &str, password: &str) -> Self {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        Self(Some(format!("Basic {pair}")))
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        if let Some(header) = &self.0 {
            let value = MetadataValue::try_from(header).unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

impl Kit {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let location = Location::sqlite(dir.path().join("slacktide.db"));
        let store = Store::open(&location).await.unwrap();
        for (name, roles) in [
            ("admin", &["ADMIN"][..]),
            ("mona", &["CLUSTER_MANAGER"]),
            ("vera", &["CLUSTER_VIEWER"]),
            ("nora", &[]),
        ] {
            let roles: Vec<_> = roles.iter().map(|role| (*role).to_owned()).collect();
            store.add_user(name, &HASH, &roles).await.unwrap();
        }
        let options = Options {
            host: HOST.to_owned(),
            version: "0.1.0",
        };
        let drain = CancellationToken::new();
        let server = Server::new(store.clone(), options, Arc::new(FakeHosts), drain.clone());
        Self {
            store,
            server,
            drain,
            dir,
        }
    }

    pub(crate) fn client(&self, credentials: Credentials) -> Client {
        InterceptedService::new(self.server.service(), credentials)
    }

    fn of(&self, user: &str) -> Client {
        self.client(Credentials::basic(user, PASSWORD))
    }

    pub(crate) fn clusters(&self, user: &str) -> ClusterServiceClient<Client> {
        ClusterServiceClient::new(self.of(user))
    }

    pub(crate) fn tasks(&self, user: &str) -> TaskServiceClient<Client> {
        TaskServiceClient::new(self.of(user))
    }

    pub(crate) fn iam(&self, user: &str) -> IamServiceClient<Client> {
        IamServiceClient::new(self.of(user))
    }

    /// Makes a role of these expressions, and a user of the same name in small letters who has it.
    pub(crate) async fn user_with(&self, role: &str, expressions: &[&str]) -> String {
        let new = NewRole {
            name: role.to_owned(),
            expressions: expressions.iter().map(|text| (*text).to_owned()).collect(),
            creator: "admin".to_owned(),
        };
        let made = self.store.add_role(new, None).await.unwrap();
        let user = NewUser {
            name: role.to_lowercase(),
            password_hash: HASH.clone(),
            roles: vec![role.to_owned()],
            custom_roles: vec![made.id],
        };
        self.store.create_user(user, None).await.unwrap().name
    }

    pub(crate) fn info(&self, credentials: Credentials) -> InfoServiceClient<Client> {
        InfoServiceClient::new(self.client(credentials))
    }

    /// Registers a cluster of simulated servers.
    pub(crate) async fn register(&self, name: &str, zones: i32, servers: i32) -> pb::Cluster {
        let request = pb::RegisterClusterRequest {
            cluster: Some(spec(name, zones, servers)),
            request_id: String::new(),
        };
        let answer = self.clusters("admin").register_cluster(request).await;
        answer.unwrap().into_inner().cluster.unwrap()
    }

    /// Stops a cluster.
    pub(crate) async fn stop(&self, id: i64) -> pb::Task {
        let request = pb::StopClusterRequest {
            id,
            ..Default::default()
        };
        let answer = self.clusters("admin").stop_cluster(request).await;
        answer.unwrap().into_inner().task.unwrap()
    }

    /// Runs a task to its end, as an executor would. Each run of the kind `failing` fails.
    pub(crate) async fn run(&self, task: i64, failing: Option<SubtaskKind>) {
        let (task, claimant) = (TaskId(task), claimant());
        let goal = self.store.task(task, false).await.unwrap().task.kind.goal();
        loop {
            let mut runs = self.claim(task).await;
            if runs.is_empty() {
                return;
            }
            while let Some(run) = runs.pop() {
                let finish = Event::Finish {
                    subtask: run.id,
                    epoch: run.epoch,
                    outcome: outcome(&run, goal, failing),
                };
                let committed = self
                    .store
                    .commit(task, finish, claimant.clone(), None)
                    .await;
                runs.extend(committed.unwrap().claimed);
            }
        }
    }

    /// Ends a run well.
    pub(crate) async fn finish(&self, task: i64, subtask: SubtaskId, epoch: i64) {
        let finish = Event::Finish {
            subtask,
            epoch,
            outcome: Outcome::success(),
        };
        let claimant = Claimant::none();
        let committed = self.store.commit(TaskId(task), finish, claimant, None);
        committed.await.unwrap();
    }

    /// Claims what is READY of a task.
    pub(crate) async fn claim(&self, task: TaskId) -> Vec<Subtask> {
        let ready = self.store.candidates(HOST, &[], 100).await.unwrap().ready;
        let subtasks: Vec<_> = ready
            .into_iter()
            .filter_map(|(of, id)| (of == task).then_some(id))
            .collect();
        if subtasks.is_empty() {
            return Vec::new();
        }
        let claim = Event::Claim { subtasks };
        let committed = self.store.commit(task, claim, claimant(), None).await;
        committed.unwrap().claimed
    }
}

pub(crate) fn claimant() -> Claimant {
    Claimant {
        executor: "executor1".to_owned(),
        host: HOST.to_owned(),
        labels: Selector::default(),
        room: 100,
        host_room: 100,
    }
}

/// What a run would see, where all goes as it should, and the contrary where it does not.
fn outcome(run: &Subtask, goal: Goal, failing: Option<SubtaskKind>) -> Outcome {
    // A rollback does the contrary of what the task did.
    let undone = run.state.operation == Operation::Rollback;
    let stops = match goal {
        Goal::Stop => !undone,
        Goal::Start => undone,
        Goal::Restart => run.kind == SubtaskKind::StopObserverProcess && !undone,
    };
    let fails = failing == Some(run.kind) && run.state.operation != Operation::Skip;
    let failure = Failure::new("the process did not end");
    Outcome {
        result: if fails { Err(failure) } else { Ok(()) },
        observed: Some(if stops == fails {
            Observation::Alive
        } else {
            Observation::Gone
        }),
    }
}

/// A cluster of simulated servers on addresses that belong to its name.
pub(crate) fn spec(name: &str, zones: i32, servers: i32) -> pb::ClusterSpec {
    let network = name.bytes().fold(0u8, u8::wrapping_add);
    let server = |zone: i32, server: i32| pb::ServerSpec {
        ip: format!("10.{network}.{}.{}", zone * 10 + server / 200, server % 200),
        sql_port: 2881,
        rpc_port: 2882,
        driver: simulated(),
    };
    let zone = |zone| pb::ZoneSpec {
        name: format!("zone{zone}"),
        servers: (1..=servers).map(|number| server(zone, number)).collect(),
    };
    pb::ClusterSpec {
        name: name.to_owned(),
        ob_cluster_id: 22,
        sql: None,
        zones: (1..=zones).map(zone).collect(),
        selector: Default::default(),
    }
}

pub(crate) fn simulated() -> Option<pb::Driver> {
    let kind = pb::driver::Kind::Simulated(pb::SimulatedDriver::default());
    Some(pb::Driver { kind: Some(kind) })
}

pub(crate) fn process(base_dir: &str) -> Option<pb::Driver> {
    let kind = pb::driver::Kind::Process(pb::ProcessDriver {
        base_dir: base_dir.to_owned(),
        executor_host: String::new(),
    });
    Some(pb::Driver { kind: Some(kind) })
}

/// Checks an error's code, reason and OCP code, and returns its details.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
    ocp_code: i64,
) -> ErrorDetails {
    let status = answer.unwrap_err();
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{status:?}"));
    assert_eq!((status.code(), &*info.reason), (code, reason), "{status:?}");
    assert_eq!(info.domain, "slacktide");
    assert_eq!(
        info.metadata["ocp_code"],
        ocp_code.to_string(),
        "{status:?}"
    );
    details
}

/// The paths of the fields that an error names.
pub(crate) fn fields(details: &ErrorDetails) -> Vec<&str> {
    let violations = details.bad_request().into_iter();
    violations
        .flat_map(|request| &request.field_violations)
        .map(|violation| &*violation.field)
        .collect()
}

/// Directories whose name has `missing` are not there; one with `panic` shows a bug.
pub(crate) struct FakeHosts;

impl HostCheck for FakeHosts {
    fn check(&self, server: &NewServer) -> BoxFuture<'_, Result<(), String>> {
        let Driver::Process { base_dir, .. } = &server.driver else {
            panic!("only process drivers are looked at");
        };
        let missing = base_dir.contains("missing");
        let message = format!("{base_dir} is not a directory");
        assert!(!base_dir.contains("panic"), "a bug");
        Box::pin(async move { if missing { Err(message) } else { Ok(()) } })
    }
}
