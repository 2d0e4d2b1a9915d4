//! What a cluster's status and holder allow, and how statuses roll up.

use proptest::{collection::vec, prelude::*, sample::select};
use slacktide_engine::{
    cluster::{Cluster, Refusal, SqlAccount, allow_stop, allow_unregister, roll_up},
    id::TaskId,
    status::ResourceStatus::{self, Running, Stopped, Stopping, Unavailable},
};

use crate::topology::simulated;

fn cluster(status: ResourceStatus, active_task: Option<TaskId>) -> Cluster {
    Cluster {
        status,
        active_task,
        ..simulated(&[1])
    }
}

#[test]
fn a_stop_is_allowed_from_running_and_unavailable_where_no_task_holds_the_cluster() {
    let table = [
        (Running, true),
        (Stopping, false),
        (Stopped, false),
        (Unavailable, true),
    ];
    assert_eq!(ResourceStatus::ALL, table.map(|(status, _)| status));
    for (status, allowed) in table {
        let name = "ob_demo".to_owned();
        let refusal = Refusal::Status { name, status };
        let expected = if allowed { Ok(()) } else { Err(refusal) };
        assert_eq!(allow_stop(&cluster(status, None)), expected);
    }
}

#[test]
fn a_held_cluster_refuses_whatever_its_status_and_names_the_holder() {
    let holder = TaskId(7);
    for &status in ResourceStatus::ALL {
        let held = cluster(status, Some(holder));
        let name = "ob_demo".to_owned();
        let refusal = Refusal::Held { name, task: holder };
        assert_eq!(allow_stop(&held), Err(refusal.clone()));
        assert_eq!(allow_unregister(&held), Err(refusal));
        assert_eq!(allow_unregister(&cluster(status, None)), Ok(()));
    }
}

#[test]
fn refusals_tell_the_operator_what_is_in_the_way() {
    let held = allow_stop(&cluster(Running, Some(TaskId(7)))).unwrap_err();
    assert!(
        held.to_string()
            .starts_with("task 7 holds cluster ob_demo,")
    );
    let stopped = allow_stop(&cluster(Stopped, None)).unwrap_err();
    assert!(stopped.to_string().contains("cluster ob_demo in [STOPPED]"));
}

#[test]
fn the_debug_form_of_an_account_hides_its_password() {
    let account = SqlAccount {
        user: "root".to_owned(),
        password: "s3cret".to_owned(),
    };
    let shown = format!("{account:?}");
    assert!(shown.contains("root") && !shown.contains("s3cret"));
}

proptest! {
    #[test]
    fn a_whole_is_stopped_only_if_every_part_is(parts in vec(select(ResourceStatus::ALL), 1..8)) {
        let others = parts.iter().filter(|part| **part != Stopped).count();
        let expected = if others == 0 { Stopped } else { Unavailable };
        assert_eq!(roll_up(parts), expected);
    }
}

#[test]
fn parts_that_are_all_stopped_make_a_stopped_whole() {
    assert_eq!(roll_up([Stopped; 3]), Stopped);
    assert_eq!(roll_up([Stopped, Running, Stopped]), Unavailable);
}
