//! Filters of lists, in OCP's words.

use slacktide_api::v1::{ClusterStatus, TaskStatus, TaskType};

use super::query::Params;
use crate::{
    error::{ApiError, Fault},
    model::word,
};

const STATUS: &str = "status";
const TYPE: &str = "type";

/// Statuses of a cluster that OCP knows and that no cluster here is ever in.
const NEVER: [&str; 10] = [
    "ABANDONED",
    "CREATING",
    "DELETING",
    "DISCONNECTING",
    "FAILOVER",
    "MOVINGOUT",
    "STARTING_IN_READ_ONLY",
    "SWITCHOVER",
    "TAKINGOVER",
    "UPGRADING",
];

/// The cluster statuses to keep, empty for all. `None` where only such are asked for that never occur, so
/// that nothing is found.
pub(crate) fn cluster_statuses(params: &Params) -> Result<Option<Vec<i32>>, ApiError> {
    let mut asked = false;
    let mut statuses = Vec::new();
    for word in params.list(STATUS) {
        asked = true;
        match ClusterStatus::from_str_name(&format!("CLUSTER_STATUS_{word}")) {
            Some(ClusterStatus::Unspecified) => {
                return Err(ApiError::field(STATUS, Fault::NoClusterStatus));
            }
            Some(status) => statuses.push(status.into()),
            None if NEVER.contains(&word) => {}
            None => return Err(ApiError::field(STATUS, Fault::NoClusterStatus)),
        }
    }
    Ok((!asked || !statuses.is_empty()).then_some(statuses))
}

/// All words that [`cluster_statuses`] takes.
pub(crate) fn cluster_words() -> Vec<&'static str> {
    let mut words = word::words(word::cluster_status);
    words.extend(NEVER);
    words
}

/// The task statuses to keep; empty for all.
pub(crate) fn task_statuses(params: &Params) -> Result<Vec<i32>, ApiError> {
    let status = |word| {
        TaskStatus::from_str_name(&format!("TASK_STATUS_{word}"))
            .filter(|status| *status != TaskStatus::Unspecified)
            .map(Into::into)
            .ok_or_else(|| ApiError::field(STATUS, Fault::NoTaskStatus))
    };
    params.list(STATUS).map(status).collect()
}

/// The task type to keep; unspecified for all.
pub(crate) fn task_type(params: &Params) -> Result<i32, ApiError> {
    let task_type = match params.first(TYPE) {
        None => TaskType::Unspecified,
        Some(word::SYS_ONCE) => TaskType::SysOnce,
        Some(word) => TaskType::from_str_name(&format!("TASK_TYPE_{word}"))
            .filter(|task_type| *task_type != TaskType::Unspecified)
            .ok_or_else(|| ApiError::field(TYPE, Fault::NoTaskType))?,
    };
    Ok(task_type.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::of(&format!("/?{query}").parse().unwrap())
    }

    #[test]
    fn statuses_that_never_occur_find_nothing_but_are_no_error() {
        let running = i32::from(ClusterStatus::Running);
        let cases = [
            ("", Some(vec![])),
            ("status=RUNNING", Some(vec![running])),
            ("status=CREATING,RUNNING", Some(vec![running])),
            ("status=CREATING", None),
        ];
        for (query, expected) in cases {
            assert_eq!(
                cluster_statuses(&params(query)).unwrap(),
                expected,
                "{query}"
            );
        }
    }

    #[test]
    fn words_that_are_not_ocps_are_refused() {
        for query in ["status=UNSPECIFIED", "status=running", "status=RUNNING,X"] {
            assert!(cluster_statuses(&params(query)).is_err(), "{query}");
            assert!(task_statuses(&params(query)).is_err(), "{query}");
        }
        assert!(task_type(&params("type=UNSPECIFIED")).is_err());
        assert!(task_type(&params("type=X")).is_err());
    }

    #[test]
    fn the_type_is_taken_in_both_spellings() {
        for query in ["type=SYS_ONCE", "type=SYS_ONECE"] {
            let once = i32::from(TaskType::SysOnce);
            assert_eq!(task_type(&params(query)).unwrap(), once);
        }
    }
}
