//! What is written to the database today must be read by every later version: the forms are promises.

use std::str::FromStr;

use proptest::{option, prelude::*, sample::select};
use serde_json::json;
use slacktide_engine::{
    cluster::Driver,
    fence::Fence,
    id::SubtaskId,
    kind::SubtaskKind,
    revision::{Changed, Revision, fold},
    selector::Selector,
    status::{Operation, ResourceStatus, StopMode, SubtaskStatus, TaskKind, TaskStatus},
    subtask::SubtaskState,
    task::{Context, Options, TaskState},
    time::Micros,
};

use crate::topology::simulated_stop;

/// A value and its JSON say the same, in both directions.
fn golden<T>(value: &T, form: &str)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    assert_eq!(serde_json::to_string(value).unwrap(), form);
    assert_eq!(serde_json::from_str::<T>(form).unwrap(), *value);
}

#[test]
fn a_revision_of_a_subtask_is_stored_with_short_keys() {
    let ended = Revision {
        number: 12,
        time: Micros(1_700_000_000_000_000),
        what: Changed::Subtask(
            SubtaskId(1006),
            SubtaskState {
                status: SubtaskStatus::Failed,
                operation: Operation::Cancel,
                run_time: 2,
                executor: Some("h0".to_owned()),
                start_time: Some(Micros(1_699_999_999_000_000)),
                finish_time: Some(Micros(1_700_000_000_000_000)),
                error: Some("no answer".to_owned()),
                code: Some(-4660),
            },
        ),
    };
    golden(
        &ended,
        concat!(
            r#"{"r":12,"t":1700000000000000,"sub":[1006,{"s":"FAILED","o":"CANCEL","n":2,"x":"h0","#,
            r#""b":1699999999000000,"f":1700000000000000,"e":"no answer","c":-4660}]}"#
        ),
    );
    let fresh = Revision {
        number: 2,
        time: Micros(5),
        what: Changed::Subtask(SubtaskId(1001), SubtaskState::initial()),
    };
    golden(
        &fresh,
        r#"{"r":2,"t":5,"sub":[1001,{"s":"PENDING","o":"EXECUTE","n":1}]}"#,
    );
}

#[test]
fn a_revision_of_a_task_is_stored_with_the_names_of_its_fields() {
    let mut state = TaskState {
        status: TaskStatus::Running,
        operation: Operation::Execute,
        start_time: Some(Micros(5)),
        finish_time: None,
        error: None,
    };
    let begun = Changed::Task(state.clone());
    golden(
        &Revision {
            number: 1,
            time: Micros(5),
            what: begun,
        },
        r#"{"r":1,"t":5,"task":{"status":"RUNNING","operation":"EXECUTE","start_time":5}}"#,
    );
    state.status = TaskStatus::Failed;
    state.finish_time = Some(Micros(9));
    state.error = Some("no answer".to_owned());
    golden(
        &Revision {
            number: 30,
            time: Micros(9),
            what: Changed::Task(state),
        },
        concat!(
            r#"{"r":30,"t":9,"task":{"status":"FAILED","operation":"EXECUTE","start_time":5,"#,
            r#""finish_time":9,"error":"no answer"}}"#
        ),
    );
}

#[test]
fn drivers_options_contexts_and_fences_are_stored_by_name() {
    golden(
        &Driver::Process {
            base_dir: "/data/ob1".to_owned(),
            host: "h0".to_owned(),
        },
        r#"{"kind":"process","base_dir":"/data/ob1","host":"h0"}"#,
    );
    golden(
        &Driver::Simulated {
            stop_ms: 50,
            fail_stops: 1,
            hang: false,
        },
        r#"{"kind":"simulated","stop_ms":50,"fail_stops":1,"hang":false}"#,
    );
    golden(
        &Options {
            mode: StopMode::Graceful,
            minor_freeze: true,
            parallel: None,
        },
        r#"{"mode":"GRACEFUL","minor_freeze":true}"#,
    );
    golden(
        &Options {
            mode: StopMode::Immediate,
            minor_freeze: false,
            parallel: Some(4),
        },
        r#"{"mode":"IMMEDIATE","minor_freeze":false,"parallel":4}"#,
    );
    let selector: Selector = "rack=r1,dc=a".parse().unwrap();
    golden(&selector, r#""dc=a,rack=r1""#);
    golden(&Selector::default(), r#""""#);
    golden(&Context::default(), r#"{"strings":{},"lists":{}}"#);
    golden(
        &Fence {
            generation: 3,
            epoch: 14,
        },
        r#"{"generation":3,"epoch":14}"#,
    );
}

/// A word is the same in a row, in JSON, and on the screen, and nothing else is read.
macro_rules! words {
    ($($kind:ident: [$($word:literal),*];)*) => {$(
        let spelled: Vec<_> = $kind::ALL.iter().map(|value| value.as_str()).collect();
        assert_eq!(spelled, [$($word),*]);
        for value in $kind::ALL {
            assert_eq!(value.to_string(), value.as_str());
            assert_eq!($kind::from_str(value.as_str()).as_ref(), Ok(value));
            assert_eq!(serde_json::to_value(value).unwrap(), json!(value.as_str()));
            assert!($kind::from_str(&value.as_str().to_lowercase()).is_err());
        }
        assert!($kind::from_str("").unwrap_err().to_string().contains(stringify!($kind)));
    )*};
}

#[test]
fn words_are_ocps() {
    words! {
        TaskStatus: ["RUNNING", "FAILED", "SUCCESSFUL"];
        SubtaskStatus: ["PENDING", "READY", "RUNNING", "CANCELING", "FAILED", "SUCCESSFUL"];
        Operation: ["EXECUTE", "RETRY", "ROLLBACK", "SKIP", "CANCEL"];
        ResourceStatus: [
            "RUNNING", "STOPPING", "STOPPED", "UNAVAILABLE", "STARTING", "RESTARTING", "OPERATING"
        ];
        StopMode: ["GRACEFUL", "IMMEDIATE"];
        TaskKind: [
            "STOP_CLUSTER", "START_CLUSTER", "RESTART_CLUSTER", "STOP_ZONE", "START_ZONE",
            "RESTART_ZONE", "STOP_SERVER", "START_SERVER", "RESTART_SERVER"
        ];
    }
    assert_eq!(TaskKind::StopCluster.name(), "Stop OB cluster");
    for kind in SubtaskKind::ALL {
        assert_eq!(SubtaskKind::from_str(kind.name()).as_ref(), Ok(kind));
    }
    assert!(SubtaskKind::from_str("wait node").is_err());
}

#[test]
fn fences_order_by_generation_and_then_by_epoch() {
    let fence = |generation, epoch| Fence { generation, epoch };
    assert!(fence(2, 1) > fence(1, 900));
    assert!(fence(2, 2) > fence(2, 1));
}

#[test]
fn a_revision_that_does_not_follow_or_names_a_stranger_changes_nothing() {
    let accepted = simulated_stop(&[1]).accept();
    let known = Changed::Subtask(accepted.subtasks[0].id, SubtaskState::initial());
    let stranger = Changed::Subtask(SubtaskId(1), SubtaskState::initial());
    let cases = [(2, known.clone()), (4, known.clone()), (3, stranger)];
    for (number, what) in cases {
        let (mut task, mut subtasks) = (accepted.task.clone(), accepted.subtasks.clone());
        let revision = Revision {
            number,
            time: Micros(9),
            what,
        };
        assert!(!fold(&mut task, &mut subtasks, &revision));
        assert_eq!((&task, &subtasks), (&accepted.task, &accepted.subtasks));
    }
    let (mut task, mut subtasks) = (accepted.task, accepted.subtasks);
    let next = Revision {
        number: 3,
        time: Micros(9),
        what: known,
    };
    assert!(fold(&mut task, &mut subtasks, &next));
    assert_eq!(task.revision, 3);
    assert_eq!(subtasks[0].state, SubtaskState::initial());
}

fn any_micros() -> impl Strategy<Value = Option<Micros>> {
    option::of(any::<i64>().prop_map(Micros))
}

fn any_revision() -> impl Strategy<Value = Revision> {
    let task = (
        select(TaskStatus::ALL),
        select(Operation::ALL),
        (any_micros(), any_micros()),
        any::<Option<String>>(),
    )
        .prop_map(|(status, operation, (start_time, finish_time), error)| {
            Changed::Task(TaskState {
                status,
                operation,
                start_time,
                finish_time,
                error,
            })
        });
    let subtask = (
        any::<i64>().prop_map(SubtaskId),
        (
            select(SubtaskStatus::ALL),
            select(Operation::ALL),
            any::<i32>(),
        ),
        (any_micros(), any_micros()),
        any::<(Option<String>, Option<String>, Option<i32>)>(),
    )
        .prop_map(
            |(
                id,
                (status, operation, run_time),
                (start_time, finish_time),
                (executor, error, code),
            )| {
                let state = SubtaskState {
                    status,
                    operation,
                    run_time,
                    executor,
                    start_time,
                    finish_time,
                    error,
                    code,
                };
                Changed::Subtask(id, state)
            },
        );
    (any::<i64>(), any::<i64>(), prop_oneof![task, subtask]).prop_map(|(number, time, what)| {
        Revision {
            number,
            time: Micros(time),
            what,
        }
    })
}

proptest! {
    #[test]
    fn every_revision_survives_being_stored(revision in any_revision()) {
        let form = serde_json::to_string(&revision).unwrap();
        let read: Revision = serde_json::from_str(&form).unwrap();
        assert_eq!(read, revision);
    }
}
