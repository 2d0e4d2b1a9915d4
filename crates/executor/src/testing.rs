//! Rows as unit tests need them.

use std::time::Duration;

use slacktide_engine::{
    id::{SubtaskId, TaskId},
    kind::SubtaskKind,
    selector::Selector,
    subtask::{Subtask, SubtaskState},
    time::Micros,
};

/// A subtask that nobody has run yet.
pub(crate) fn subtask(id: SubtaskId, host: Option<&str>) -> Subtask {
    Subtask {
        id,
        task: TaskId(1),
        kind: SubtaskKind::StopObserverProcess,
        series_id: 0,
        parallel_idx: -1,
        zone: None,
        server: None,
        host: host.map(str::to_owned),
        selector: Selector::default(),
        foldable: false,
        timeout: Duration::from_secs(1),
        upstreams: [].into_iter().collect(),
        downstreams: [].into_iter().collect(),
        create_time: Micros(0),
        state: SubtaskState::initial(),
        open_upstreams: 0,
        epoch: 0,
        owner: None,
        deadline: None,
        not_before: None,
        auto_retries: 0,
        version: 0,
    }
}
