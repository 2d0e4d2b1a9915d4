//! Builds graphs from steps, by OCP's rules (`docs/contract.md`, "The graph").

use crate::{
    id::{ServerId, ZoneId},
    kind::SubtaskKind,
};

/// What one subtask of a fan-out works on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The zone.
    pub zone: Option<ZoneId>,
    /// The server.
    pub server: Option<ServerId>,
    /// The host whose executors alone may run it.
    pub host: Option<String>,
}

/// A subtask to be; edges are positions in the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vertex {
    /// What it does.
    pub kind: SubtaskKind,
    /// Position in a fan-out; -1 for a single step or a barrier.
    pub parallel_idx: i32,
    /// What it works on.
    pub scope: Scope,
    /// Whether it has no effect outside the database.
    pub foldable: bool,
    /// What must succeed before.
    pub upstreams: Vec<usize>,
    /// What waits for it.
    pub downstreams: Vec<usize>,
}

/// A fan-out over nothing: the topology lacks zones or servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} has nothing to fan out over: the cluster lacks a zone or a server", .0.name())]
pub struct EmptyFanOut(pub SubtaskKind);

/// Chains steps into a graph. Every instance of a step depends on every instance of the step before.
#[derive(Debug, Default)]
pub struct Builder {
    vertices: Vec<Vertex>,
    last: Vec<usize>,
    last_fanned_out: bool,
}

impl Builder {
    /// Adds a step of one subtask. It joins a fan-out before it by itself.
    pub fn single(&mut self, kind: SubtaskKind, foldable: bool) {
        self.single_on(kind, foldable, Scope::default());
    }

    /// Adds a step of one subtask that works on something of its own.
    pub fn single_on(&mut self, kind: SubtaskKind, foldable: bool, scope: Scope) {
        self.append(kind, foldable, vec![(-1, scope)]);
        self.last_fanned_out = false;
    }

    /// Adds parts that run side by side: each begins where the last step ended. The next step joins them.
    ///
    /// # Errors
    /// The first error of a part.
    pub fn side_by_side<T>(
        &mut self,
        parts: impl IntoIterator<Item = T>,
        mut build: impl FnMut(&mut Self, T) -> Result<(), EmptyFanOut>,
    ) -> Result<(), EmptyFanOut> {
        let (fork, fanned_out) = (self.last.clone(), self.last_fanned_out);
        let mut ends = Vec::new();
        for part in parts {
            self.last.clone_from(&fork);
            self.last_fanned_out = fanned_out;
            build(self, part)?;
            ends.append(&mut self.last);
        }
        self.last = ends;
        self.last_fanned_out = true;
        Ok(())
    }

    /// Adds a step of one subtask for each scope, behind a barrier (`Wait node`) if the step before fanned
    /// out too: A + B edges in place of A x B.
    ///
    /// # Errors
    /// [`EmptyFanOut`] without scopes.
    pub fn fan_out(
        &mut self,
        kind: SubtaskKind,
        foldable: bool,
        scopes: impl IntoIterator<Item = Scope>,
    ) -> Result<(), EmptyFanOut> {
        let scopes: Vec<_> = (0..).zip(scopes).collect();
        if scopes.is_empty() {
            return Err(EmptyFanOut(kind));
        }
        if self.last_fanned_out {
            self.single(SubtaskKind::WaitNode, true);
        }
        self.append(kind, foldable, scopes);
        self.last_fanned_out = true;
        Ok(())
    }

    /// The graph, in the order in which its steps were added.
    pub fn build(self) -> Vec<Vertex> {
        self.vertices
    }

    fn append(&mut self, kind: SubtaskKind, foldable: bool, scopes: Vec<(i32, Scope)>) {
        let first = self.vertices.len();
        let added: Vec<usize> = (first..first + scopes.len()).collect();
        for &upstream in &self.last {
            // Parts that run side by side begin at the same step.
            self.vertices[upstream].downstreams.extend(&added);
        }
        for (parallel_idx, scope) in scopes {
            self.vertices.push(Vertex {
                kind,
                parallel_idx,
                scope,
                foldable,
                upstreams: self.last.clone(),
                downstreams: Vec::new(),
            });
        }
        self.last = added;
    }
}
