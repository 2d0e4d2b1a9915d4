//! What each call needs: the one table of all RPCs of `slacktide.v1`.
//!
//! A request that is not in it has no [`Guarded`], and [`admit`] takes no other: such a handler does not compile. A
//! test holds the table against the descriptors.

use slacktide_api::v1 as pb;
use slacktide_engine::id::TaskId;
use slacktide_store::{Store, StoreError};

use super::expression::{
    Action::{self, Create, Delete, Read, Update},
    Domain::{self, Cluster, Role, Task, User},
    Expression,
};
use crate::{app::AppError, auth::Caller};

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// To be signed in.
    SignIn,
    /// This permission.
    Permission(Expression),
    /// A permission on the task, or the same on its cluster: who may read a cluster may read what is done to it,
    /// and who may change it may take a hand in that.
    Task(i64, Action),
    /// To read at least one object of the domain. Only what the caller may read is shown.
    ReadSome(Domain),
    /// To read the tasks of this cluster.
    ReadTasksOf(i64),
}

use Needs::{Permission, ReadSome, ReadTasksOf, SignIn};

/// A request that [`admit`] knows the needs of.
pub(crate) trait Guarded {
    /// What carrying it out needs.
    fn needs(&self) -> Needs;
}

fn all(domain: Domain, action: Action) -> Needs {
    Permission(Expression::of_all(domain, action))
}

fn cluster(id: i64, action: Action) -> Needs {
    Permission(Expression::of(Cluster, id, action))
}

/// Tasks of one cluster, or of all that the caller may read.
fn tasks(of_cluster: Option<i64>) -> Needs {
    of_cluster.map_or(ReadSome(Task), ReadTasksOf)
}

macro_rules! table {
    ($($service:literal { $($method:literal: $request:ident, |$own:ident| $needs:expr;)* })*) => {
        $($(
            impl Guarded for pb::$request {
                fn needs(&self) -> Needs {
                    let $own = self;
                    $needs
                }
            }
        )*)*

        /// Service, method and request of every row.
        #[cfg(test)]
        pub(crate) const TABLE: &[(&str, &str, &str)] =
            &[$($(($service, $method, stringify!($request)),)*)*];
    };
}

table! {
    "ClusterService" {
        "RegisterCluster": RegisterClusterRequest, |_own| all(Cluster, Create);
        "UpdateCluster": UpdateClusterRequest, |own| cluster(own.id, Update);
        "GetCluster": GetClusterRequest, |own| cluster(own.id, Read);
        "ListClusters": ListClustersRequest, |_own| ReadSome(Cluster);
        "UnregisterCluster": UnregisterClusterRequest, |own| cluster(own.id, Delete);
        "StopCluster": StopClusterRequest, |own| cluster(own.id, Update);
        "StartCluster": StartClusterRequest, |own| cluster(own.id, Update);
        "RestartCluster": RestartClusterRequest, |own| cluster(own.id, Update);
        "StopZone": StopZoneRequest, |own| cluster(own.cluster_id, Update);
        "StartZone": StartZoneRequest, |own| cluster(own.cluster_id, Update);
        "RestartZone": RestartZoneRequest, |own| cluster(own.cluster_id, Update);
        "StopServer": StopServerRequest, |own| cluster(own.cluster_id, Update);
        "StartServer": StartServerRequest, |own| cluster(own.cluster_id, Update);
        "RestartServer": RestartServerRequest, |own| cluster(own.cluster_id, Update);
    }
    "TaskService" {
        "GetTask": GetTaskRequest, |own| Needs::Task(own.id, Read);
        "ListTasks": ListTasksRequest, |own| tasks(own.cluster_id);
        "GetSubtaskLog": GetSubtaskLogRequest, |own| Needs::Task(own.task_id, Read);
        "WatchTask": WatchTaskRequest, |own| Needs::Task(own.task_id, Read);
        "WatchSubtaskLog": WatchSubtaskLogRequest, |own| Needs::Task(own.task_id, Read);
        "WatchTasks": WatchTasksRequest, |own| tasks(own.cluster_id);
        "DownloadDiagnosis": DownloadDiagnosisRequest, |own| Needs::Task(own.task_id, Read);
        "RetryTask": RetryTaskRequest, |own| Needs::Task(own.id, Update);
        "RollbackTask": RollbackTaskRequest, |own| Needs::Task(own.id, Update);
        "CancelTask": CancelTaskRequest, |own| Needs::Task(own.id, Update);
        "RetrySubtask": RetrySubtaskRequest, |own| Needs::Task(own.task_id, Update);
        "SkipSubtask": SkipSubtaskRequest, |own| Needs::Task(own.task_id, Update);
        "CancelSubtask": CancelSubtaskRequest, |own| Needs::Task(own.task_id, Update);
    }
    "ExecutorService" {
        "ListExecutors": ListExecutorsRequest, |_own| all(Task, Read);
    }
    "InfoService" {
        "GetInfo": GetInfoRequest, |_own| SignIn;
    }
    "IamService" {
        "CreateUser": CreateUserRequest, |_own| all(User, Create);
        "GetUser": GetUserRequest, |_own| all(User, Read);
        "ListUsers": ListUsersRequest, |_own| all(User, Read);
        "DeleteUser": DeleteUserRequest, |_own| all(User, Delete);
        "ChangePassword": ChangePasswordRequest, |_own| SignIn;
        "ResetPassword": ResetPasswordRequest, |_own| all(User, Update);
        "LockUser": LockUserRequest, |_own| all(User, Update);
        "UnlockUser": UnlockUserRequest, |_own| all(User, Update);
        "GrantRole": GrantRoleRequest, |_own| all(User, Update);
        "RevokeRole": RevokeRoleRequest, |_own| all(User, Update);
        "CreateRole": CreateRoleRequest, |_own| all(Role, Create);
        "ListRoles": ListRolesRequest, |_own| all(Role, Read);
        "DeleteRole": DeleteRoleRequest, |_own| all(Role, Delete);
    }
}

/// Lets a request of a caller through who may make it. Before anything else: neither faults of the request nor the
/// existence of its object are told to others.
///
/// # Errors
/// [`AppError::Denied`].
pub(crate) async fn admit(store: &Store, caller: &Caller, needs: Needs) -> Result<(), AppError> {
    match needs {
        SignIn => Ok(()),
        Permission(wanted) => caller.require(&wanted),
        ReadSome(domain) if caller.reads_some(domain) => Ok(()),
        ReadSome(domain) => Err(caller.denied(&Expression::of_all(domain, Read))),
        ReadTasksOf(_) if caller.permitted(&Expression::of_all(Task, Read)) => Ok(()),
        ReadTasksOf(id) => caller.require(&Expression::of(Cluster, id, Read)),
        Needs::Task(id, action) => admit_to_task(store, caller, id, action).await,
    }
}

async fn admit_to_task(
    store: &Store,
    caller: &Caller,
    id: i64,
    action: Action,
) -> Result<(), AppError> {
    let wanted = Expression::of(Task, id, action);
    if caller.permitted(&wanted) {
        return Ok(());
    }
    if caller.objects(Cluster, action).is_empty() {
        return Err(caller.denied(&wanted));
    }
    match store.task(TaskId(id), false).await {
        Ok(found)
            if caller.permitted(&Expression::of(Cluster, found.task.cluster.id.0, action)) =>
        {
            Ok(())
        }
        Ok(_) | Err(StoreError::NotFound { .. }) => Err(caller.denied(&wanted)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_rpc_is_in_the_table() {
        let files = FileDescriptorSet::decode(slacktide_api::FILE_DESCRIPTOR_SET).unwrap();
        let mut served = BTreeSet::new();
        for file in files
            .file
            .iter()
            .filter(|file| file.package() == "slacktide.v1")
        {
            for service in &file.service {
                served.extend(service.method.iter().map(|method| {
                    let request = method.input_type().trim_start_matches(".slacktide.v1.");
                    (service.name(), method.name(), request)
                }));
            }
        }
        let guarded: BTreeSet<_> = TABLE.iter().copied().collect();
        assert_eq!(guarded.len(), TABLE.len(), "a row stands twice");
        assert_eq!(served, guarded);
        assert!(served.len() > 30, "{} methods", served.len());
    }
}
