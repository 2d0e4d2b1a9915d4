//! What every database that slacktide can live in must do: one suite, stamped for each backend.
//!
//! A case is an `async fn(impl Backend)` in the file of its topic and a word in the list below; one that is
//! missing there is dead code to the compiler. A new database implements [`backend::Backend`] and adds one
//! line at the end of this file. What only one database has is tested in a file of its name.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, which the allowance for test functions does not reach"
)]

mod backend;
mod backup;
mod clusters;
mod commit;
mod concurrency;
mod corrupt;
mod durability;
mod fencing;
mod idempotency;
mod kit;
mod known;
mod leases;
mod lists;
mod mend;
mod old_file;
mod operators;
mod outage;
mod retention;
mod roles;
mod roster;
mod runs;
mod schema;
mod shared;
mod sharing;
mod signals;
mod sqlite;
mod stranded;
mod submit;
mod users;
mod watching;

use backend::Sqlite;
use shared::{MariaDb, OceanBase, PostgreSql};

macro_rules! suite {
    ($backend:ident) => {
        cases! { $backend
            clusters: reads_as_registered, refuses_what_is_taken, counts_ids_upwards, registers_thousands_of_zones,
                forgets,
                keeps_what_a_task_holds, goes_on_from_the_highest_generation, takes_thousands_of_servers;
            commit: runs_a_stop_to_its_end, keeps_the_cluster_of_a_failed_task, claims_within_room,
                claims_for_its_own_host_only, loads_the_subtask_and_its_barrier_and_never_the_graph,
                knows_no_ended_or_unknown_task, moves_the_update_time;
            concurrency: accepts_one_of_racing_submits, gives_no_id_twice, commits_many_tasks_at_once,
                spares_the_neighbours_of_a_refused_commit, gives_a_run_to_one_claimant,
                opens_a_barrier_whose_last_upstreams_end_at_once;
            corrupt: names_the_row_that_it_cannot_read, refuses_to_commit_on_a_corrupt_row;
            durability: keeps_everything_over_a_restart, finishes_what_was_handed_over_before_it_closes,
                carries_out_what_a_vanished_caller_asked;
            fencing: drops_late_results_whole, drops_a_late_result_that_names_the_epoch_of_a_skip,
                refuses_what_the_graph_has_not, stops_a_task_that_lost_its_cluster,
                guards_intents;
            idempotency: remembers_what_was_made, scopes_keys, makes_one_of_two_under_one_key, forgets_after_a_day,
                remembers_no_refusal;
            known: is_given_up_where_another_process_committed;
            leases: counts_renewals, ends_only_what_was_seen, begins_alone, offers_ready_subtasks,
                offers_what_a_dead_executor_left, lists_an_executors_runs;
            lists: pages_clusters, filters_clusters, pages_tasks, filters_tasks,
                show_what_may_be_seen;
            mend: replaces_settings, refuses_a_taken_directory, swaps_directories_and_lets_go_of_none,
                moves_what_waits_to_another_host, moves_what_waits_to_other_labels, touches_no_other_cluster, goes_on_from_the_highest_generation;
            retention: forgets_what_ended_long_ago, keeps_what_holds_its_cluster, keeps_what_is_not_over,
                forgets_old_keys;
            roles: are_found_by_name, are_made_once, are_kept_while_a_user_has_them, are_not_granted_once_deleted;
            roster: shows_what_each_executor_runs;
            operators: retries_what_failed, refuses_a_command_whole, cancels_what_runs, waits_before_it_tries_again,
                finds_what_is_overdue, offers_by_labels,
                records_what_is_observed_of_idle_clusters_only;
            runs: journals_processes, tells_a_run_what_it_works_on, keeps_logs_by_run;
            schema: is_as_promised, is_there_already_when_opened_again, resumes_a_migration,
                refuses_the_schema_of_a_later_version, waits_for_another_migrator, wants_to_be_migrated;
            signals: wake_a_watcher_with_the_last_revision, wake_the_watchers_of_many_tasks,
                stay_silent_when_nothing_changed,
                wake_an_executor_when_there_is_work;
            stranded: tells_what_waits_for_a_host, tells_what_waits_for_labels, tells_what_a_dead_host_has_left,
                offers_lost_runs;
            submit: holds_the_cluster, refuses_a_plan_that_is_no_longer_true, outlives_its_cluster;
            users: are_found_by_name, are_made_once, change_as_they_were_read, are_deleted, are_paged;
            watching: shows_no_rows_of_a_later_revision_under_an_earlier_one, pages_a_long_history;
        }
    };
}

macro_rules! cases {
    ($backend:ident $($topic:ident: $($case:ident),+;)+) => {$(
        mod $topic {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                use crate::backend::Backend;
                use super::super::$backend;
                if let Some(db) = $backend::fresh(stringify!($topic::$case)).await {
                    crate::$topic::$case(db).await;
                }
            }
        )+}
    )+};
}

mod on_sqlite {
    suite!(Sqlite);
}

mod on_postgres {
    suite!(PostgreSql);
}

mod on_mariadb {
    suite!(MariaDb);
}

mod on_oceanbase {
    suite!(OceanBase);
}
