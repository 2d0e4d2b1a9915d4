//! Registering, reading and forgetting clusters.

use slacktide_engine::{cluster::Cluster, id::ClusterId, status::ResourceStatus};
use slacktide_store::{Duplicate, NewCluster, StoreError};

use crate::{
    backend::Backend,
    kit::{FIRST, account, new_cluster, process, register, servers, stop, submit},
};

pub(crate) async fn reads_as_registered(db: impl Backend) {
    let store = db.open().await;
    let mut new = new_cluster(7, 3, 2);
    new.sql = Some(account("secret"));
    new.zones[1].servers[0].driver = process("db1", "/data/ob1");

    let cluster = store
        .register(new.clone(), None)
        .await
        .expect("it is registered");

    assert_eq!(
        (cluster.name.as_str(), cluster.ob_cluster_id),
        ("ob_7", new.ob_cluster_id)
    );
    assert_eq!(
        (&cluster.sql, cluster.creator.as_str()),
        (&new.sql, "admin")
    );
    assert_eq!((cluster.generation, cluster.active_task), (0, None));
    assert_eq!(cluster.create_time, cluster.update_time);
    assert_eq!(cluster.status, ResourceStatus::Running);
    assert_eq!(cluster.zones.len(), 3);
    for (zone, new_zone) in cluster.zones.iter().zip(&new.zones) {
        assert_eq!(
            (&zone.name, zone.status),
            (&new_zone.name, ResourceStatus::Running)
        );
        assert_eq!(zone.servers.len(), 2);
        for (server, new_server) in zone.servers.iter().zip(&new_zone.servers) {
            assert_eq!(
                (&server.ip, server.sql_port, server.rpc_port, &server.driver),
                (
                    &new_server.ip,
                    new_server.sql_port,
                    new_server.rpc_port,
                    &new_server.driver
                )
            );
            assert_eq!(
                (server.status, server.stop_time),
                (ResourceStatus::Running, None)
            );
        }
    }

    let by_id = store.cluster(cluster.id).await.expect("by id");
    assert_eq!(by_id, cluster);
    let by_name = store.cluster_by_name("ob_7").await.expect("by name");
    assert_eq!(by_name, Some(cluster));
    assert_eq!(store.cluster_by_name("ob_").await.expect("an answer"), None);
    let unknown = store.cluster(ClusterId(404)).await;
    assert!(
        matches!(
            unknown,
            Err(StoreError::NotFound {
                kind: "cluster",
                ..
            })
        ),
        "{unknown:?}"
    );
}

pub(crate) async fn refuses_what_is_taken(db: impl Backend) {
    let store = db.open().await;
    let mut first = new_cluster(1, 1, 1);
    first.zones[0].servers[0].driver = process("db1", "/data/ob1");
    store
        .register(first.clone(), None)
        .await
        .expect("it is registered");
    let taken = first.zones[0].servers[0].clone();
    // The second server of each, so that a refusal comes when rows have been written already.
    let second = |change: &dyn Fn(&mut NewCluster)| {
        let mut new = new_cluster(2, 1, 2);
        change(&mut new);
        new
    };
    let cases: [(&str, NewCluster, Option<Duplicate>); 8] = [
        (
            "name",
            second(&|new| new.name = "ob_1".to_owned()),
            Some(Duplicate::ClusterName),
        ),
        (
            "SQL address",
            second(&|new| {
                let server = &mut new.zones[0].servers[1];
                (server.ip, server.sql_port) = (taken.ip.clone(), taken.sql_port);
            }),
            Some(Duplicate::ServerAddress),
        ),
        (
            "RPC address",
            second(&|new| {
                let server = &mut new.zones[0].servers[1];
                (server.ip, server.rpc_port) = (taken.ip.clone(), taken.rpc_port);
            }),
            Some(Duplicate::ServerAddress),
        ),
        (
            "base directory",
            second(&|new| new.zones[0].servers[1].driver = taken.driver.clone()),
            Some(Duplicate::ServerAddress),
        ),
        (
            "address within the cluster",
            second(&|new| new.zones[0].servers[1].sql_port = new.zones[0].servers[0].sql_port),
            Some(Duplicate::ServerAddress),
        ),
        (
            "zone name within the cluster",
            second(&|new| {
                let zone = new_cluster(3, 1, 1).zones.remove(0);
                new.zones.push(zone);
            }),
            Some(Duplicate::Other),
        ),
        (
            "same directory on another host",
            second(&|new| new.zones[0].servers[1].driver = process("db2", "/data/ob1")),
            None,
        ),
        (
            "same zone name and ports elsewhere",
            new_cluster(4, 1, 2),
            None,
        ),
    ];
    for (what, new, expected) in cases {
        let before = db.dump().await;
        let registered = store.register(new, None).await;
        match (registered, expected) {
            (Ok(_), None) => {}
            (Err(StoreError::Duplicate(duplicate)), Some(expected)) => {
                assert_eq!(duplicate, expected, "{what}");
                db.dump().await.assert_same(&before, what);
            }
            (registered, expected) => panic!("{what}: {registered:?}, not {expected:?}"),
        }
    }
}

fn ids(cluster: &Cluster) -> (i64, i64, i64) {
    let zones = cluster.zones.iter().map(|zone| zone.id.0).min();
    let servers = cluster.servers().map(|server| server.id.0).min();
    (
        cluster.id.0,
        zones.expect("a zone"),
        servers.expect("a server"),
    )
}

pub(crate) async fn counts_ids_upwards(db: impl Backend) {
    let store = db.open().await;
    let first = register(&store, 1, 2, 2).await;
    store
        .unregister(first.id, None)
        .await
        .expect("it is forgotten");
    store.close().await;

    let store = db.open().await;
    let again = register(&store, 1, 2, 2).await;
    let (cluster, zone, server) = ids(&first);
    let (later_cluster, later_zone, later_server) = ids(&again);
    assert!(cluster < later_cluster, "{first:?} {again:?}");
    assert!(zone + 2 <= later_zone, "{first:?} {again:?}");
    assert!(server + 4 <= later_server, "{first:?} {again:?}");
}

/// More rows than one statement may have values for.
pub(crate) async fn registers_thousands_of_zones(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 6_000, 1).await;
    assert_eq!(cluster.zones.len(), 6_000);
    for (number, zone) in (1..).zip(&cluster.zones) {
        assert_eq!(zone.name, format!("zone{number}"));
        assert_eq!(zone.servers.len(), 1, "{}", zone.name);
    }
}

pub(crate) async fn forgets(db: impl Backend) {
    let store = db.open().await;
    register(&store, 9, 2, 2).await;
    let without = db.dump().await;
    let cluster = register(&store, 1, 2, 2).await;

    store
        .unregister(cluster.id, None)
        .await
        .expect("it is forgotten");

    db.dump().await.assert_same(&without, "a forgotten cluster");
    let gone = store.cluster(cluster.id).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    let twice = store.unregister(cluster.id, None).await;
    assert!(matches!(twice, Err(StoreError::Conflict(_))), "{twice:?}");
    // Its name and addresses are free.
    register(&store, 1, 2, 2).await;
}

pub(crate) async fn keeps_what_a_task_holds(db: impl Backend) {
    let store = db.open().await;
    let held = register(&store, 1, 1, 1).await;
    submit(&store, &held).await;
    let before = db.dump().await;

    let refused = store.unregister(held.id, None).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    db.dump().await.assert_same(&before, "a refusal to forget");

    // One whose task has let go of it may be forgotten; the task stays.
    let stopped = register(&store, 2, 1, 1).await;
    let task = stop(&store, &stopped).await;
    store
        .unregister(stopped.id, None)
        .await
        .expect("it is forgotten");
    let snapshot = store.task(task.id, true).await.expect("the task");
    assert_eq!(snapshot.task, task);
}

pub(crate) async fn goes_on_from_the_highest_generation(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 1).await;
    let task = stop(&store, &cluster).await;

    // Hosts remember the fences of a directory, whichever cluster it belongs to.
    let beside = register(&store, 2, 1, 1).await;
    assert!(beside.generation >= task.generation, "{beside:?}");
    for id in [cluster.id, beside.id] {
        let forgotten = store.unregister(id, None).await;
        forgotten.expect("it is forgotten");
    }
    store.close().await;

    let store = db.open().await;
    let again = register(&store, 1, 1, 1).await;
    assert!(again.generation >= task.generation, "{again:?}");
    let accepted = submit(&store, &again).await;
    assert!(accepted.task.generation > task.generation);
}

pub(crate) async fn takes_thousands_of_servers(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 3, 1_000).await;

    assert_eq!(servers(&cluster).len(), 3_000);
    let accepted = submit(&store, &cluster).await;
    assert_eq!(accepted.subtasks.len(), 2 * 3 + 3 * 3_000 + 6);
    let snapshot = store.task(accepted.task.id, true).await.expect("the task");
    assert_eq!(snapshot.subtasks, accepted.subtasks);
    let listed = store.clusters(&Default::default(), FIRST).await;
    assert_eq!(listed.expect("a list").items[0].zones.len(), 3);
}
