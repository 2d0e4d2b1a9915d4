//! A shared database that goes away: killed and started again, or with its sessions ended. What was acknowledged
//! is there afterwards, what was not is refused with an error that may be tried again, and the store needs
//! nobody's help to work on.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use futures::future::join_all;
use slacktide_engine::{cluster::Cluster, status::TaskStatus};
use slacktide_store::{Duplicate, Location, Store, StoreError};
use slacktide_test_databases as servers;

use crate::{
    backend::Direct,
    kit::{
        LIMIT, begin, drive, executor, key, new_cluster, register, running, stop, stop_of, submit,
    },
};

/// How long a store may take to work again once its database does.
const BACK: Duration = Duration::from_secs(30);

const CLUSTERS: u8 = 40;

async fn open(url: &str) -> Store {
    let location = Location::parse(url).expect("a location");
    Store::migrate(&location).await.expect("it migrates");
    Store::open(&location).await.expect("it opens")
}

/// Registers clusters one after the other until told to stop. Returns the numbers of those that were
/// acknowledged.
async fn write_on(store: &Store, done: &AtomicBool) -> BTreeSet<u8> {
    let mut acknowledged = BTreeSet::new();
    for number in 2..250 {
        if done.load(Ordering::Relaxed) {
            break;
        }
        match store.register(new_cluster(number, 1, 1), None).await {
            Ok(_) => {
                acknowledged.insert(number);
            }
            // The registration may have been made, and the reading back have failed.
            Err(StoreError::Database { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error:?}"),
        }
    }
    acknowledged
}

async fn until_it_works(store: &Store) {
    let begun = Instant::now();
    while let Err(error) = store
        .add_user(&format!("{:?}", Instant::now()), "hash", &[])
        .await
    {
        assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
        assert!(begun.elapsed() < BACK, "it never works again: {error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    store.ping().await.expect("it says that it works");
}

/// Submits the stop of a cluster until it is accepted, as a caller with an idempotency key does that gets errors of the
/// network.
async fn submit_through(store: &Store, cluster: &Cluster, number: u8) {
    let begun = Instant::now();
    let key = key(&format!("request {number}"));
    loop {
        match store.submit(stop_of(cluster, Some(key.clone()))).await {
            Ok(_) => return,
            // An earlier attempt got through, only its answer did not.
            Err(StoreError::Conflict(_) | StoreError::Duplicate(Duplicate::RequestId)) => {
                match store.remembered(&key).await {
                    Ok(Some(_)) => return,
                    Ok(None) => panic!("cluster {number} is held, and not by this request"),
                    Err(_) => {}
                }
            }
            Err(StoreError::Database { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert!(begun.elapsed() < LIMIT, "it is never accepted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

macro_rules! outages {
    ($module:ident, $server:ident, $kill_sessions:expr) => {
        mod $module {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_killed_server_loses_nothing_that_was_acknowledged() {
                let case = concat!(stringify!($module), " killed");
                let runs = servers::runs(case, servers::$server::available());
                if !runs.expect("the server is there") {
                    return;
                }
                let started = servers::$server::start(servers::Options::default()).await;
                let mut server = started.expect("the server runs");
                let url = server.fresh_database().await.expect("a database");
                let store = open(&url).await;
                let e1 = executor("e1");
                let (task, begun) = running(&store, 0, 3, &e1).await;

                let done = AtomicBool::new(false);
                let writing = write_on(&store, &done);
                let breaking = async {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    server.kill().expect("it is killed");
                    let refused = store.user("nobody").await;
                    assert!(
                        matches!(refused, Err(StoreError::Database { .. })),
                        "{refused:?}"
                    );
                    let refused = store.add_user("nobody", "hash", &[]).await;
                    assert!(
                        matches!(refused, Err(StoreError::Database { .. })),
                        "{refused:?}"
                    );
                    server.start_again().await.expect("it starts again");
                    until_it_works(&store).await;
                    done.store(true, Ordering::Relaxed);
                };
                let (acknowledged, ()) = tokio::join!(writing, breaking);

                assert!(!acknowledged.is_empty());
                for number in acknowledged {
                    let found = store.cluster_by_name(&format!("ob_{number}")).await;
                    assert!(found.expect("an answer").is_some(), "ob_{number} is lost");
                }
                // The task that was running goes on.
                let ended = drive(&store, begun, &e1).await;
                assert_eq!(ended.id, task.task.id);
                assert_eq!(ended.state.status, TaskStatus::Successful);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_network_that_is_cut_makes_no_task_twice() {
                let case = concat!(stringify!($module), " cut");
                let runs = servers::runs(case, servers::$server::available());
                if !runs.expect("the server is there") {
                    return;
                }
                let server = servers::$server::shared().await.expect("the server runs");
                let url = server.fresh_database().await.expect("a database");
                let proxy = servers::Proxy::start(server.port()).await;
                let proxy = proxy.expect("a proxy");
                let through = proxy.in_front_of(&url).expect("a URL");
                let store = open(&through).await;
                let mut clusters = Vec::new();
                for number in 0..CLUSTERS {
                    clusters.push(register(&store, number, 1, 1).await);
                }

                let done = AtomicBool::new(false);
                let cutting = async {
                    let mut cuts = 0;
                    for pause in [1, 9, 40, 3, 90].into_iter().cycle() {
                        if done.load(Ordering::Relaxed) {
                            break;
                        }
                        cuts += 1;
                        proxy.cut();
                        proxy.restore();
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                    assert!(cuts > 5, "{cuts} cuts are too few to hit anything");
                };
                let submitting = async {
                    let numbered = (0..).zip(&clusters);
                    let submits =
                        numbered.map(|(number, cluster)| submit_through(&store, cluster, number));
                    // One after the other in each lane, so that it takes a while.
                    let mut lanes: Vec<_> = (0..4).map(|_| Vec::new()).collect();
                    for (number, submit) in submits.enumerate() {
                        lanes[number % 4].push(submit);
                    }
                    let lanes = lanes.into_iter().map(|lane| async move {
                        for submit in lane {
                            submit.await;
                        }
                    });
                    join_all(lanes).await;
                    done.store(true, Ordering::Relaxed);
                };
                tokio::join!(cutting, submitting);

                let direct = Direct::to(url).await;
                let tasks = "SELECT CONCAT(cluster_id, '') AS line FROM task ORDER BY cluster_id";
                let tasks = direct.lines(tasks).await;
                let expected: Vec<_> = (1..=CLUSTERS).map(|id| id.to_string()).collect();
                assert_eq!(tasks, expected, "one task for each cluster");
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn ended_sessions_are_made_anew() {
                let case = concat!(stringify!($module), " sessions");
                let runs = servers::runs(case, servers::$server::available());
                if !runs.expect("the server is there") {
                    return;
                }
                let server = servers::$server::shared().await.expect("the server runs");
                let url = server.fresh_database().await.expect("a database");
                let store = open(&url).await;
                let cluster = register(&store, 1, 1, 3).await;
                let e1 = executor("e1");
                let accepted = submit(&store, &cluster).await;
                let begun = begin(&store, &accepted, &e1).await;
                let direct = Direct::to(url).await;

                let done = AtomicBool::new(false);
                let killing = async {
                    for _ in 0..20 {
                        let kills = direct.lines($kill_sessions).await;
                        for kill in kills {
                            direct.try_execute(&kill).await;
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    done.store(true, Ordering::Relaxed);
                };
                let ((), acknowledged) = tokio::join!(killing, write_on(&store, &done));
                until_it_works(&store).await;
                for number in acknowledged {
                    let found = store.cluster_by_name(&format!("ob_{number}")).await;
                    assert!(found.expect("an answer").is_some(), "ob_{number} is lost");
                }
                let ended = tokio::time::timeout(LIMIT, drive(&store, begun, &e1));
                let ended = ended.await.expect("it ends");
                assert_eq!(ended.state.status, TaskStatus::Successful);
                let other = register(&store, 250, 1, 1).await;
                stop(&store, &other).await;
            }
        }
    };
}

outages!(
    postgres,
    Postgres,
    "SELECT 'SELECT pg_terminate_backend(' || pid || ')' AS line FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid()"
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_swallows_all_keeps_nobody_waiting_in_line() {
    let case = "a silent network";
    let runs = servers::runs(case, servers::Postgres::available());
    if !runs.expect("the server is there") {
        return;
    }
    let server = servers::Postgres::shared().await.expect("the server runs");
    let url = server.fresh_database().await.expect("a database");
    let proxy = servers::Proxy::start(server.port()).await.expect("a proxy");
    let store = open(&proxy.in_front_of(&url).expect("its URL")).await;

    proxy.cut();
    proxy.stall();
    let begun = Instant::now();
    let names: Vec<_> = (0..20).map(|number| format!("user {number}")).collect();
    let refused = join_all(names.iter().map(|name| store.add_user(name, "hash", &[]))).await;
    for refused in refused {
        assert!(
            matches!(refused, Err(StoreError::Database { .. })),
            "{refused:?}"
        );
    }
    assert!(begun.elapsed() < BACK, "{:?}", begun.elapsed());
    proxy.restore();
    until_it_works(&store).await;
}

const MYSQL_SESSIONS: &str = "SELECT CONCAT('KILL ', id) AS line FROM information_schema.processlist \
     WHERE db = DATABASE() AND id <> CONNECTION_ID()";

outages!(mariadb, MariaDb, MYSQL_SESSIONS);
outages!(oceanbase, OceanBase, MYSQL_SESSIONS);
