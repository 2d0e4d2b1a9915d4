//! Operations as graphs: one file an operation.

mod stop_cluster;

use crate::{
    cluster::Cluster,
    graph::Vertex,
    id::{SubtaskId, TaskId},
    revision::Revision,
    status::TaskKind,
    subtask::{Subtask, SubtaskState},
    task::{self, Context, Creator, StopOptions, Tally, Task, TaskCluster, TaskState},
    time::Micros,
};
pub use stop_cluster::{StopRequest, stop_cluster};

/// An operation that has its graph but no ids yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    kind: TaskKind,
    cluster: TaskCluster,
    generation: i64,
    context: Context,
    options: StopOptions,
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
                version: 0,
            })
            .collect();
        let mut task = Task {
            id,
            kind: self.kind,
            cluster: self.cluster,
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

fn task_cluster(cluster: &Cluster) -> TaskCluster {
    TaskCluster {
        id: cluster.id,
        name: cluster.name.clone(),
        ob_cluster_id: cluster.ob_cluster_id,
    }
}
