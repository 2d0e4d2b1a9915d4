//! What each call that changes something takes.

use slacktide_api::v1::{
    CancelSubtaskRequest, CancelTaskRequest, DownloadDiagnosisRequest, RestartClusterRequest,
    RestartServerRequest, RestartZoneRequest, RetrySubtaskRequest, RetryTaskRequest,
    RollbackTaskRequest, SkipSubtaskRequest, StartClusterRequest, StartServerRequest,
    StartZoneRequest, StopClusterRequest, StopServerRequest, StopZoneRequest, TaskView,
};

use super::{
    call::Message,
    fields::{
        Field::{self, Force, FreezeServer, MaxParallel, MinorFreeze, Mode, Type, ValidateOnly},
        Fields,
    },
    path::Path,
};
use crate::error::ApiError;

/// All calls that begin a task show its subtasks.
const FULL: i32 = TaskView::Full as i32;

const ID: &str = "id";
const ZONE: &str = "zoneName";
const SERVER: &str = "serverId";
const TASK: &str = "taskInstanceId";
const SUBTASK: &str = "subtaskInstanceId";

impl Message for StopClusterRequest {
    const TAKES: &'static [Field] = &[Mode, MinorFreeze, ValidateOnly, MaxParallel];

    fn new(path: &Path, fields: Fields, request_id: String) -> Result<Self, ApiError> {
        Ok(Self {
            id: path.long(ID)?,
            request_id,
            validate_only: fields.validate_only,
            mode: fields.mode(),
            minor_freeze: fields.minor_freeze,
            view: FULL,
            max_parallel: fields.max_parallel,
        })
    }
}

impl Message for StartClusterRequest {
    const TAKES: &'static [Field] = &[ValidateOnly, MaxParallel];

    fn new(path: &Path, fields: Fields, request_id: String) -> Result<Self, ApiError> {
        Ok(Self {
            id: path.long(ID)?,
            request_id,
            validate_only: fields.validate_only,
            view: FULL,
            max_parallel: fields.max_parallel,
        })
    }
}

impl Message for RestartClusterRequest {
    const TAKES: &'static [Field] = &[Mode, ValidateOnly, MaxParallel];

    fn new(path: &Path, fields: Fields, request_id: String) -> Result<Self, ApiError> {
        Ok(Self {
            id: path.long(ID)?,
            request_id,
            validate_only: fields.validate_only,
            mode: fields.mode(),
            view: FULL,
            max_parallel: fields.max_parallel,
        })
    }
}

impl Message for StopZoneRequest {
    const TAKES: &'static [Field] = &[Mode, MinorFreeze, ValidateOnly, MaxParallel];

    fn new(path: &Path, fields: Fields, request_id: String) -> Result<Self, ApiError> {
        Ok(Self {
            cluster_id: path.long(ID)?,
            zone_name: path.text(ZONE).to_owned(),
            request_id,
            validate_only: fields.validate_only,
            mode: fields.mode(),
            minor_freeze: fields.minor_freeze,
            view: FULL,
            max_parallel: fields.max_parallel,
        })
    }
}

impl Message for StartZoneRequest {
    const TAKES: &'static [Field] = &[ValidateOnly, MaxParallel];

    fn new(path: &Path, fields: Fields, request_id: String) -> Result<Self, ApiError> {
        Ok(Self {
            cluster_id: path.long(ID)?,
            zone_name: path.text(ZONE).to_owned(),
            request_id,
            validate_only: fields.validate_only,
            view: FULL,
            max_parallel: fields.max_parallel,
        })
    }
}

impl Message for RestartZoneRequest {
    const TAKES: &'static [Field] = &[Mode, ValidateOnly, MaxParallel];

    fn new(path: &Path, fields: Fields, request_id: String) -> Result<Self, ApiError> {
        Ok(Self {
            cluster_id: path.long(ID)?,
            zone_name: path.text(ZONE).to_owned(),
            request_id,
            validate_only: fields.validate_only,
            mode: fields.mode(),
            view: FULL,
            max_parallel: fields.max_parallel,
        })
    }
}

impl Message for StopServerRequest {
    const TAKES: &'static [Field] = &[Mode, MinorFreeze, ValidateOnly, Force, FreezeServer, Type];

    fn new(path: &Path, fields: Fields, request_id: String) -> Result<Self, ApiError> {
        Ok(Self {
            cluster_id: path.long(ID)?,
            server_id: path.long(SERVER)?,
            request_id,
            validate_only: fields.validate_only,
            mode: fields.mode(),
            minor_freeze: fields.minor_freeze,
            view: FULL,
        })
    }
}

impl Message for StartServerRequest {
    const TAKES: &'static [Field] = &[ValidateOnly];

    fn new(path: &Path, fields: Fields, request_id: String) -> Result<Self, ApiError> {
        Ok(Self {
            cluster_id: path.long(ID)?,
            server_id: path.long(SERVER)?,
            request_id,
            validate_only: fields.validate_only,
            view: FULL,
        })
    }
}

impl Message for RestartServerRequest {
    const TAKES: &'static [Field] = &[Mode, ValidateOnly, Force];

    fn new(path: &Path, fields: Fields, request_id: String) -> Result<Self, ApiError> {
        Ok(Self {
            cluster_id: path.long(ID)?,
            server_id: path.long(SERVER)?,
            request_id,
            validate_only: fields.validate_only,
            mode: fields.mode(),
            view: FULL,
        })
    }
}

/// Commands on a task: a path and nothing else.
macro_rules! task_commands {
    ($($request:ident)*) => {$(
        impl Message for $request {
            const TAKES: &'static [Field] = &[];

            fn new(path: &Path, _: Fields, request_id: String) -> Result<Self, ApiError> {
                Ok(Self {
                    id: path.long(TASK)?,
                    request_id,
                    view: FULL,
                })
            }
        }
    )*};
}

/// The same on one of its subtasks.
macro_rules! subtask_commands {
    ($($request:ident)*) => {$(
        impl Message for $request {
            const TAKES: &'static [Field] = &[];

            fn new(path: &Path, _: Fields, request_id: String) -> Result<Self, ApiError> {
                Ok(Self {
                    task_id: path.long(TASK)?,
                    subtask_id: path.long(SUBTASK)?,
                    request_id,
                })
            }
        }
    )*};
}

task_commands! { RetryTaskRequest RollbackTaskRequest CancelTaskRequest }
subtask_commands! { RetrySubtaskRequest SkipSubtaskRequest CancelSubtaskRequest }

impl Message for DownloadDiagnosisRequest {
    const TAKES: &'static [Field] = &[];

    /// A download changes nothing: it may be repeated without a key.
    fn new(path: &Path, _: Fields, _: String) -> Result<Self, ApiError> {
        Ok(Self {
            task_id: path.long(TASK)?,
        })
    }
}
