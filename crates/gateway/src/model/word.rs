//! OCP's words for statuses, operations and types. The gRPC API has the same words behind a prefix, with
//! one exception: OCP misspells `SYS_ONCE`.

use std::borrow::Cow;

use slacktide_api::v1::{
    ClusterStatus, Operation, ServerStatus, SubtaskStatus, TaskStatus, TaskType, ZoneStatus,
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// `SYS_ONCE` as OCP spells it.
pub(crate) const SYS_ONCE: &str = "SYS_ONECE";

const UNSPECIFIED: &str = "UNSPECIFIED";

/// The word of an enum's value; `None` for an unspecified value and for one that this version doesn't know.
type Word = Option<&'static str>;

pub(crate) fn cluster_status(value: i32) -> Word {
    bare(
        ClusterStatus::try_from(value).ok()?.as_str_name(),
        "CLUSTER_STATUS_",
    )
}

pub(crate) fn zone_status(value: i32) -> Word {
    bare(
        ZoneStatus::try_from(value).ok()?.as_str_name(),
        "ZONE_STATUS_",
    )
}

pub(crate) fn server_status(value: i32) -> Word {
    bare(
        ServerStatus::try_from(value).ok()?.as_str_name(),
        "SERVER_STATUS_",
    )
}

pub(crate) fn task_status(value: i32) -> Word {
    bare(
        TaskStatus::try_from(value).ok()?.as_str_name(),
        "TASK_STATUS_",
    )
}

pub(crate) fn subtask_status(value: i32) -> Word {
    bare(
        SubtaskStatus::try_from(value).ok()?.as_str_name(),
        "SUBTASK_STATUS_",
    )
}

pub(crate) fn operation(value: i32) -> Word {
    bare(Operation::try_from(value).ok()?.as_str_name(), "OPERATION_")
}

pub(crate) fn task_type(value: i32) -> Word {
    match TaskType::try_from(value).ok()? {
        TaskType::SysOnce => Some(SYS_ONCE),
        other => bare(other.as_str_name(), "TASK_TYPE_"),
    }
}

/// All words of one kind, in the order of the gRPC API.
pub(crate) fn words(word: fn(i32) -> Word) -> Vec<&'static str> {
    // Beyond any enum of the gRPC API.
    (1..64).filter_map(word).collect()
}

/// Types that stand for words in schemas.
macro_rules! word_schemas {
    ($($schema:ident, $name:literal, $word:ident;)*) => {$(
        pub(crate) enum $schema {}

        impl PartialSchema for $schema {
            fn schema() -> RefOr<Schema> {
                let words = Some(words($word));
                ObjectBuilder::new().schema_type(Type::String).enum_values(words).into()
            }
        }

        impl ToSchema for $schema {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    )*};
}

word_schemas! {
    ClusterStatusWord, "ClusterStatus", cluster_status;
    ZoneStatusWord, "ZoneStatus", zone_status;
    ServerStatusWord, "ServerStatus", server_status;
    TaskStatusWord, "TaskStatus", task_status;
    SubtaskStatusWord, "SubtaskStatus", subtask_status;
    OperationWord, "Operation", operation;
    TaskTypeWord, "TaskType", task_type;
}

fn bare(name: &'static str, prefix: &str) -> Word {
    name.strip_prefix(prefix)
        .filter(|word| *word != UNSPECIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_ocps() {
        assert_eq!(
            cluster_status(ClusterStatus::Stopping.into()),
            Some("STOPPING")
        );
        assert_eq!(
            zone_status(ZoneStatus::Unavailable.into()),
            Some("UNAVAILABLE")
        );
        assert_eq!(server_status(ServerStatus::Stopped.into()), Some("STOPPED"));
        assert_eq!(
            task_status(TaskStatus::Successful.into()),
            Some("SUCCESSFUL")
        );
        assert_eq!(
            subtask_status(SubtaskStatus::Canceling.into()),
            Some("CANCELING")
        );
        assert_eq!(operation(Operation::Rollback.into()), Some("ROLLBACK"));
        assert_eq!(
            task_type(TaskType::SysScheduled.into()),
            Some("SYS_SCHEDULED")
        );
        assert_eq!(task_type(TaskType::SysOnce.into()), Some("SYS_ONECE"));
    }

    #[test]
    fn what_is_not_known_has_no_word() {
        assert_eq!(task_status(0), None);
        assert_eq!(task_status(99), None);
    }
}
