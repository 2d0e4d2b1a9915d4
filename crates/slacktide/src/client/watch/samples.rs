//! A small task and its changes, for the tests of this folder.

use slacktide_api::v1::{
    Cluster, Operation, Server, Subtask, SubtaskState, SubtaskStatus, Task, TaskChange,
    TaskCluster, TaskState, TaskStatus, Zone, task_change,
};

use super::super::places::Places;

pub(super) const BEGIN: &str = "2026-11-23T08:00:00Z";

/// Task 7 at revision 1: subtask 11 ready, then 10 on server 5, then 12. Ids and order differ on purpose.
pub(super) fn task() -> Task {
    let subtask = |id: i64, series_id, name: &str, status: SubtaskStatus| Subtask {
        id,
        series_id,
        name: name.to_owned(),
        status: status.into(),
        operation: Operation::Execute.into(),
        run_time: 1,
        parallel_idx: -1,
        ..Subtask::default()
    };
    let stop = Subtask {
        server_id: Some(5),
        zone_name: "zone1".to_owned(),
        ..subtask(10, 1, "Stop observer process", SubtaskStatus::Pending)
    };
    Task {
        id: 7,
        name: "Stop OB cluster".to_owned(),
        status: TaskStatus::Running.into(),
        operation: Operation::Execute.into(),
        cluster: Some(TaskCluster {
            id: 3,
            name: "ob_demo".to_owned(),
            ob_cluster_id: 22,
        }),
        revision: 1,
        create_time: Some(BEGIN.parse().unwrap()),
        start_time: Some(BEGIN.parse().unwrap()),
        subtasks: vec![
            stop,
            subtask(11, 0, "Prepare stop cluster", SubtaskStatus::Ready),
            subtask(12, 2, "Update OB cluster status", SubtaskStatus::Pending),
        ],
        ..Task::default()
    }
}

/// A change one second after the revision before.
fn change(revision: i64, change: task_change::Change) -> TaskChange {
    let mut time: prost_types::Timestamp = BEGIN.parse().unwrap();
    time.seconds += revision - 1;
    TaskChange {
        revision,
        time: Some(time),
        change: Some(change),
    }
}

pub(super) fn subtask_change(revision: i64, id: i64, status: SubtaskStatus) -> TaskChange {
    let failed = status == SubtaskStatus::Failed;
    let state = SubtaskState {
        id,
        status: status.into(),
        operation: Operation::Execute.into(),
        executor: "db1".to_owned(),
        run_time: 1,
        start_time: Some(BEGIN.parse().unwrap()),
        error: if failed {
            "port 2881 is still in use"
        } else {
            ""
        }
        .to_owned(),
        ..SubtaskState::default()
    };
    change(revision, task_change::Change::Subtask(state))
}

pub(super) fn task_change(revision: i64, status: TaskStatus) -> TaskChange {
    let state = TaskState {
        status: status.into(),
        operation: Operation::Execute.into(),
        start_time: Some(BEGIN.parse().unwrap()),
        ..TaskState::default()
    };
    change(revision, task_change::Change::Task(state))
}

/// Server 5 of task 7.
pub(super) fn places() -> Places {
    let server = Server {
        id: 5,
        ip: "127.0.0.1".to_owned(),
        sql_port: 2881,
        ..Server::default()
    };
    let zone = Zone {
        servers: vec![server],
        ..Zone::default()
    };
    Places::of(Some(&Cluster {
        zones: vec![zone],
        ..Cluster::default()
    }))
}
