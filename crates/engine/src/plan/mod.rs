//! Operations as graphs: one file for each goal.

mod context;
mod restart;
mod start;
mod stop;

use crate::{
    allow::Subject,
    cluster::{Cluster, Server, Zone},
    graph::{Builder, EmptyFanOut, Scope, Vertex},
    id::{ServerId, SubtaskId, TaskId, ZoneId},
    revision::Revision,
    selector::Selector,
    status::{Goal, ResourceStatus, StopMode, TaskKind},
    subtask::{Subtask, SubtaskState},
    task::{self, Context, Creator, Options, Tally, Task, TaskCluster, TaskState},
    time::Micros,
};

/// What a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// How hard servers are stopped, by the operation itself or by its rollback.
    pub mode: StopMode,
    /// Whether a minor freeze comes before a stop; unset: before a GRACEFUL stop, where there is an SQL account.
    pub minor_freeze: Option<bool>,
    /// How many subtasks may run at a time; none: as many as hosts and executors let.
    pub parallel: Option<u32>,
}

/// Plans an operation.
///
/// # Errors
/// [`EmptyFanOut`] for a cluster without zones or servers.
pub fn plan(
    cluster: &Cluster,
    goal: Goal,
    subject: Subject<'_>,
    request: Request,
) -> Result<Plan, EmptyFanOut> {
    let by_default = request.mode == StopMode::Graceful && cluster.sql.is_some();
    let options = Options {
        mode: request.mode,
        minor_freeze: goal == Goal::Stop && request.minor_freeze.unwrap_or(by_default),
        parallel: request.parallel,
    };
    let planned = Planned {
        cluster,
        subject,
        options,
    };
    let mut graph = Builder::default();
    match goal {
        Goal::Stop => stop::build(&planned, &mut graph)?,
        Goal::Start => start::build(&planned, &mut graph)?,
        Goal::Restart => restart::build(&planned, &mut graph)?,
    }
    let (zone, server) = match subject {
        Subject::Cluster => (None, None),
        Subject::Zone(zone) => (Some(zone.id), None),
        Subject::Server(zone, server) => (Some(zone.id), Some(server.id)),
    };
    Ok(Plan {
        kind: subject.operation(goal),
        cluster: TaskCluster {
            id: cluster.id,
            name: cluster.name.clone(),
            ob_cluster_id: cluster.ob_cluster_id,
        },
        zone,
        server,
        selector: cluster.selector.clone(),
        generation: cluster.generation,
        former_status: cluster.status,
        context: context::of(cluster, goal, subject),
        options,
        graph: graph.build(),
    })
}

/// What a template works with.
struct Planned<'a> {
    cluster: &'a Cluster,
    subject: Subject<'a>,
    options: Options,
}

impl Planned<'_> {
    /// One scope for each server that the operation works on.
    fn servers(&self) -> Vec<Scope> {
        match self.subject {
            Subject::Cluster => self.cluster.zones.iter().flat_map(servers_of).collect(),
            Subject::Zone(zone) => servers_of(zone).collect(),
            Subject::Server(zone, server) => vec![server_scope(zone, server)],
        }
    }
}

fn servers_of(zone: &Zone) -> impl Iterator<Item = Scope> {
    zone.servers.iter().map(|server| server_scope(zone, server))
}

fn server_scope(zone: &Zone, server: &Server) -> Scope {
    Scope {
        zone: Some(zone.id),
        server: Some(server.id),
        host: server.driver.host().map(str::to_owned),
    }
}

fn zone_scope(zone: &Zone) -> Scope {
    Scope {
        zone: Some(zone.id),
        ..Scope::default()
    }
}

/// An operation that has its graph but no ids yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    kind: TaskKind,
    cluster: TaskCluster,
    zone: Option<ZoneId>,
    server: Option<ServerId>,
    selector: Selector,
    generation: i64,
    former_status: ResourceStatus,
    context: Context,
    options: Options,
    graph: Vec<Vertex>,
}

/// What a task gets from whoever accepts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The task's id.
    pub task: TaskId,
    /// The first of a contiguous range of ids, as many as [`Plan::size`].
    pub first_subtask: SubtaskId,
    /// Who asked.
    pub creator: Creator,
    /// Host of the accepting server.
    pub executor: String,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
    /// When.
    pub time: Micros,
}

/// A task that is ready to be written: its rows, and the revisions that brought it into being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The task.
    pub task: Task,
    /// What it works on.
    pub context: Context,
    /// Its subtasks, by id.
    pub subtasks: Vec<Subtask>,
    /// Its first revisions.
    pub revisions: Vec<Revision>,
}

impl Plan {
    /// How many subtasks the graph has.
    pub fn size(&self) -> usize {
        self.graph.len()
    }

    /// What the operation does.
    pub fn kind(&self) -> TaskKind {
        self.kind
    }

    /// The cluster's status before this operation; the store accepts the plan only if it still holds.
    pub fn former_status(&self) -> ResourceStatus {
        self.former_status
    }

    /// The cluster's status while the operation holds it.
    pub fn held_status(&self) -> ResourceStatus {
        self.kind.holds()
    }

    /// The cluster's generation before this operation; the store accepts the plan only if it still holds.
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// Gives the plan ids and an owner.
    pub fn accept(self, acceptance: Acceptance) -> Accepted {
        let Acceptance {
            task: id,
            first_subtask,
            creator,
            executor,
            traceparent,
            time,
        } = acceptance;
        let subtask_ids = |positions: Vec<usize>| {
            positions
                .into_iter()
                .map(|index| task::id_at(first_subtask, index))
                .collect()
        };
        let mut subtasks: Vec<Subtask> = self
            .graph
            .into_iter()
            .zip(0..)
            .map(|(vertex, series_id): (Vertex, i32)| Subtask {
                id: task::id_at(first_subtask, series_id as usize),
                task: id,
                kind: vertex.kind,
                series_id,
                parallel_idx: vertex.parallel_idx,
                zone: vertex.scope.zone,
                server: vertex.scope.server,
                host: vertex.scope.host,
                selector: self.selector.clone(),
                foldable: vertex.foldable,
                timeout: vertex.kind.timeout(),
                open_upstreams: vertex.upstreams.len() as u32,
                upstreams: subtask_ids(vertex.upstreams),
                downstreams: subtask_ids(vertex.downstreams),
                create_time: time,
                state: SubtaskState::initial(),
                epoch: 0,
                owner: None,
                deadline: None,
                not_before: None,
                auto_retries: 0,
                version: 0,
            })
            .collect();
        let mut task = Task {
            id,
            kind: self.kind,
            cluster: self.cluster,
            zone: self.zone,
            server: self.server,
            creator,
            options: self.options,
            generation: self.generation + 1,
            executor,
            traceparent,
            create_time: time,
            state: TaskState::initial(),
            revision: 0,
            last_time: time,
            tally: Tally::default(),
        };
        let revisions = task::accept(&mut task, &mut subtasks);
        Accepted {
            task,
            context: self.context,
            subtasks,
            revisions,
        }
    }
}
