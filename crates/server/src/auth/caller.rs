//! The user who calls, and what that user may do.

use slacktide_engine::{
    id::{ClusterId, TaskId, UserId},
    task::Creator,
};
use slacktide_store::VisibleTasks;

use super::lockout::Client;
use crate::{
    app::AppError,
    iam::{
        Grants, Objects,
        expression::{
            Action,
            Domain::{self, Cluster, Task},
            Expression,
        },
    },
};

/// A user who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) grants: Grants,
    pub(crate) client: Client,
}

impl Caller {
    pub(crate) fn permitted(&self, wanted: &Expression) -> bool {
        self.grants.permit(wanted)
    }

    /// Checks a permission.
    pub(crate) fn require(&self, wanted: &Expression) -> Result<(), AppError> {
        if self.permitted(wanted) {
            Ok(())
        } else {
            Err(self.denied(wanted))
        }
    }

    /// The error of a caller who lacks a permission.
    pub(crate) fn denied(&self, wanted: &Expression) -> AppError {
        AppError::Denied {
            user: self.name.clone(),
            permission: wanted.to_string(),
        }
    }

    /// Which objects of a domain the caller may act on.
    pub(crate) fn objects(&self, domain: Domain, action: Action) -> Objects {
        self.grants.objects(domain, action)
    }

    /// Whether a list of the domain's objects is for the caller, as far as the caller may read them. Tasks are read
    /// by who may read their clusters, too.
    pub(crate) fn reads_some(&self, domain: Domain) -> bool {
        let reads = |domain| !self.objects(domain, Action::Read).is_empty();
        reads(domain) || (domain == Task && reads(Cluster))
    }

    /// Whether the caller may read a task of a cluster.
    pub(crate) fn reads_task(&self, task: TaskId, cluster: ClusterId) -> bool {
        self.permitted(&Expression::of(Task, task.0, Action::Read))
            || self.permitted(&Expression::of(Cluster, cluster.0, Action::Read))
    }

    /// The clusters that the caller may read, if not all.
    pub(crate) fn visible_clusters(&self) -> Option<Vec<ClusterId>> {
        match self.objects(Cluster, Action::Read) {
            Objects::All => None,
            Objects::Only(ids) => Some(ids.into_iter().map(ClusterId).collect()),
        }
    }

    /// The tasks that the caller may read, if not all.
    pub(crate) fn visible_tasks(&self) -> Option<VisibleTasks> {
        let Objects::Only(tasks) = self.objects(Task, Action::Read) else {
            return None;
        };
        Some(VisibleTasks {
            tasks: tasks.into_iter().map(TaskId).collect(),
            clusters: self.visible_clusters()?,
        })
    }

    pub(crate) fn as_creator(&self) -> Creator {
        Creator {
            id: self.id,
            name: self.name.clone(),
        }
    }
}
