//! Operations on clusters, zones and servers: nine requests, one way through.

use slacktide_api::v1 as pb;
use slacktide_engine::{
    id::{ClusterId, ServerId},
    plan,
    status::Goal,
};
use tonic::{Request, Status};

use super::{
    Api, admit,
    convert::{cluster::stop_mode, finding::finding, task},
    request_id::{self, Keyed},
};
use crate::{
    app::{self, Operate, Operated, Part, Violations},
    iam::Guarded,
};

/// A request for an operation.
pub(super) trait Operation: Guarded + Keyed {
    const GOAL: Goal;

    fn cluster(&self) -> i64;
    fn part(&self) -> Part;
    fn validate_only(&self) -> bool;
    fn view(&self) -> i32;

    fn mode(&self) -> i32 {
        pb::StopMode::Unspecified.into()
    }

    fn minor_freeze(&self) -> Option<bool> {
        None
    }

    fn max_parallel(&self) -> i32 {
        0
    }
}

/// Declares which fields of the messages say what: first what all have, then what only some have.
macro_rules! operations {
    ($($request:ident: $goal:ident, $cluster:ident, |$own:ident| $part:expr, { $($field:ident: $type:ty),* };)*) => {$(
        impl Operation for pb::$request {
            const GOAL: Goal = Goal::$goal;

            fn cluster(&self) -> i64 {
                self.$cluster
            }

            fn part(&self) -> Part {
                let $own = self;
                $part
            }

            fn validate_only(&self) -> bool {
                self.validate_only
            }

            fn view(&self) -> i32 {
                self.view
            }

            $(
                fn $field(&self) -> $type {
                    self.$field
                }
            )*
        }
    )*};
}

operations! {
    StopClusterRequest: Stop, id, |_own| Part::Whole,
        { mode: i32, minor_freeze: Option<bool>, max_parallel: i32 };
    StartClusterRequest: Start, id, |_own| Part::Whole, { max_parallel: i32 };
    RestartClusterRequest: Restart, id, |_own| Part::Whole, { mode: i32, max_parallel: i32 };
    StopZoneRequest: Stop, cluster_id, |own| Part::Zone(own.zone_name.clone()),
        { mode: i32, minor_freeze: Option<bool>, max_parallel: i32 };
    StartZoneRequest: Start, cluster_id, |own| Part::Zone(own.zone_name.clone()), { max_parallel: i32 };
    RestartZoneRequest: Restart, cluster_id, |own| Part::Zone(own.zone_name.clone()),
        { mode: i32, max_parallel: i32 };
    StopServerRequest: Stop, cluster_id, |own| Part::Server(ServerId(own.server_id)),
        { mode: i32, minor_freeze: Option<bool> };
    StartServerRequest: Start, cluster_id, |own| Part::Server(ServerId(own.server_id)), {};
    RestartServerRequest: Restart, cluster_id, |own| Part::Server(ServerId(own.server_id)), { mode: i32 };
}

/// Carries an operation out and returns its task, and what the checks of a dry run found.
pub(super) async fn operate<R: Operation>(
    api: &Api,
    request: Request<R>,
) -> Result<(pb::Task, Vec<pb::Finding>), Status> {
    let (caller, mut request) = admit(api, request).await?;
    let mut violations = Violations::default();
    let key = request_id::take(&mut request, &caller, &mut violations);
    let with_subtasks = task::with_subtasks(request.view(), true, &mut violations);
    let command = Operate {
        cluster: ClusterId(request.cluster()),
        part: request.part(),
        goal: R::GOAL,
        request: plan::Request {
            mode: stop_mode(request.mode(), &mut violations),
            minor_freeze: request.minor_freeze(),
            parallel: parallel(request.max_parallel(), &mut violations),
        },
        validate_only: request.validate_only(),
        // A dry run is not remembered, nor is it answered with what was done under its key.
        key: key.filter(|_| !request.validate_only()),
    };
    violations.into_result()?;
    let Operated {
        task: accepted,
        findings,
    } = app::operate(&api.app, &caller, &command).await?;
    let accepted = if with_subtasks {
        task::snapshot(&accepted)
    } else {
        task::task(&accepted.task, &accepted.context)
    };
    Ok((accepted, findings.into_iter().map(finding).collect()))
}

/// How many subtasks may run at a time; none for 0.
fn parallel(max: i32, violations: &mut Violations) -> Option<u32> {
    let parallel = u32::try_from(max).unwrap_or_else(|_| {
        violations.add("max_parallel", "must not be negative");
        0
    });
    (parallel > 0).then_some(parallel)
}
