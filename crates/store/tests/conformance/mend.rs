//! Mending a registered cluster: its account, its selector and its servers' drivers.

use slacktide_engine::{commit::Claimant, id::ClusterId, selector::Selector};
use slacktide_store::{Candidates, Duplicate, ServerSettings, StoreError};

use crate::{
    backend::Backend,
    kit::{
        account, begin, executor, new_cluster, process, register, servers, simulated, stop, submit,
    },
};

pub(crate) async fn replaces_settings(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 2).await;
    let mended_server = servers(&cluster)[1].id;
    let settings = vec![ServerSettings {
        id: mended_server,
        driver: process("db1", "/data/ob1"),
    }];

    let mended = store
        .mend(
            cluster.id,
            Some(account("new")),
            Default::default(),
            settings,
            None,
        )
        .await
        .expect("it is mended");

    assert_eq!(mended.sql, Some(account("new")));
    assert_eq!(servers(&mended)[0], servers(&cluster)[0]);
    assert_eq!(servers(&mended)[1].driver, process("db1", "/data/ob1"));
    assert!(mended.update_time > cluster.update_time);
    assert_eq!(
        (mended.create_time, mended.generation, mended.status),
        (cluster.create_time, cluster.generation, cluster.status)
    );
    let read = store.cluster(cluster.id).await.expect("the cluster");
    assert_eq!(read, mended);

    let without = store
        .mend(cluster.id, None, Default::default(), Vec::new(), None)
        .await;
    assert_eq!(without.expect("it is mended").sql, None);
    let unknown = store
        .mend(ClusterId(404), None, Default::default(), Vec::new(), None)
        .await;
    assert!(
        matches!(unknown, Err(StoreError::NotFound { .. })),
        "{unknown:?}"
    );
}

pub(crate) async fn refuses_a_taken_directory(db: impl Backend) {
    let store = db.open().await;
    let mut first = new_cluster(1, 1, 1);
    first.zones[0].servers[0].driver = process("db1", "/data/ob1");
    let first = store.register(first, None).await.expect("it is registered");
    let second = register(&store, 2, 1, 2).await;
    let driver_of = |index: usize, base_dir| ServerSettings {
        id: servers(&second)[index].id,
        driver: process("db1", base_dir),
    };
    let before = db.dump().await;

    let settings = vec![driver_of(0, "/data/ob2"), driver_of(1, "/data/ob1")];
    let taken = store
        .mend(
            second.id,
            Some(account("new")),
            Default::default(),
            settings,
            None,
        )
        .await;

    assert!(
        matches!(taken, Err(StoreError::Duplicate(Duplicate::ServerAddress))),
        "{taken:?}"
    );
    db.dump().await.assert_same(&before, "a refused update");

    // A directory that was given up is free again.
    let elsewhere = vec![ServerSettings {
        id: servers(&first)[0].id,
        driver: simulated(),
    }];
    let moved = store
        .mend(first.id, None, Default::default(), elsewhere, None)
        .await;
    moved.expect("it is mended");
    let settings = vec![driver_of(1, "/data/ob1")];
    let mended = store
        .mend(second.id, None, Default::default(), settings, None)
        .await;
    mended.expect("the directory is free");
}

pub(crate) async fn swaps_directories_and_lets_go_of_none(db: impl Backend) {
    let store = db.open().await;
    let mut new = new_cluster(1, 1, 3);
    for (server, base_dir) in new.zones[0].servers.iter_mut().zip(["/a", "/b", "/c"]) {
        server.driver = process("db1", base_dir);
    }
    let cluster = store.register(new, None).await.expect("it is registered");
    let settings = |index: usize, base_dir| ServerSettings {
        id: servers(&cluster)[index].id,
        driver: process("db1", base_dir),
    };

    let swapped = vec![settings(0, "/b"), settings(1, "/a")];
    let mended = store
        .mend(cluster.id, None, Default::default(), swapped, None)
        .await;

    let mended = mended.expect("it is mended");
    let drivers: Vec<_> = servers(&mended).iter().map(|s| s.driver.clone()).collect();
    assert_eq!(drivers, ["/b", "/a", "/c"].map(|dir| process("db1", dir)));
    let account_only = store.mend(
        cluster.id,
        Some(account("new")),
        Default::default(),
        Vec::new(),
        None,
    );
    account_only.await.expect("it is mended");
    // Also the directories that an update does not name stay taken.
    for base_dir in ["/a", "/b", "/c"] {
        let mut other = new_cluster(2, 1, 1);
        other.zones[0].servers[0].driver = process("db1", base_dir);
        let taken = store.register(other, None).await;
        assert!(
            matches!(taken, Err(StoreError::Duplicate(Duplicate::ServerAddress))),
            "{base_dir}: {taken:?}"
        );
    }
}

pub(crate) async fn moves_what_waits_to_another_host(db: impl Backend) {
    let store = db.open().await;
    let mut new = new_cluster(1, 1, 2);
    for (server, base_dir) in new.zones[0].servers.iter_mut().zip(["/a", "/b"]) {
        server.driver = process("here", base_dir);
    }
    let cluster = store.register(new, None).await.expect("it is registered");
    let accepted = submit(&store, &cluster).await;
    let room_for_one = Claimant {
        room: 1,
        ..executor("e1")
    };
    let begun = begin(&store, &accepted, &room_for_one).await;
    let before = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!((before.ready.len(), before.lost.len()), (1, 1));

    let elsewhere = servers(&cluster).into_iter().map(|server| ServerSettings {
        id: server.id,
        driver: process("there", &format!("/data/{}", server.id)),
    });
    let mended = store.mend(
        cluster.id,
        None,
        Default::default(),
        elsewhere.collect(),
        None,
    );
    mended.await.expect("it is mended");

    // What runs ends where it is; what waits is for the other host.
    let here = store.candidates("here", &[], 10).await.expect("candidates");
    let there = store
        .candidates("there", &[], 10)
        .await
        .expect("candidates");
    let split = |ready, lost| Candidates { ready, lost };
    assert_eq!(here, split(Vec::new(), before.lost));
    assert_eq!(there, split(before.ready, Vec::new()));
    let snapshot = store.task(begun.task.id, true).await.expect("the task");
    let hosts = snapshot.subtasks.iter().filter(|s| s.server.is_some());
    let here = hosts.filter(|subtask| subtask.host.as_deref() == Some("here"));
    assert_eq!(
        here.map(|s| s.id).collect::<Vec<_>>(),
        [begun.claimed[0].id]
    );
}

pub(crate) async fn moves_what_waits_to_other_labels(db: impl Backend) {
    let store = db.open().await;
    let labels = |text: &str| -> Selector { text.parse().expect("labels") };
    let mut new = new_cluster(1, 1, 2);
    new.selector = labels("dc=a");
    let cluster = store.register(new, None).await.expect("it is registered");
    let accepted = submit(&store, &cluster).await;
    let room_for_one = Claimant {
        room: 1,
        labels: labels("dc=a"),
        ..executor("e1")
    };
    let begun = begin(&store, &accepted, &room_for_one).await;
    let with = async |text| {
        let met = [labels(text)];
        store
            .candidates("here", &met, 10)
            .await
            .expect("candidates")
    };
    let before = with("dc=a").await;
    assert_eq!((before.ready.len(), before.lost.len()), (1, 1));

    let mended = store.mend(cluster.id, None, labels("dc=b"), Vec::new(), None);
    let mended = mended.await.expect("it is mended");

    assert_eq!(mended.selector, labels("dc=b"));
    let split = |ready, lost| Candidates { ready, lost };
    assert_eq!(with("dc=a").await, split(Vec::new(), before.lost));
    assert_eq!(with("dc=b").await, split(before.ready, Vec::new()));
    let snapshot = store.task(begun.task.id, true).await.expect("the task");
    let as_before = snapshot.subtasks.iter();
    let as_before = as_before.filter(|subtask| subtask.selector == labels("dc=a"));
    assert_eq!(
        as_before.map(|subtask| subtask.id).collect::<Vec<_>>(),
        [begun.claimed[0].id]
    );
}

pub(crate) async fn touches_no_other_cluster(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 1).await;
    let other = register(&store, 2, 1, 1).await;
    let of_other = vec![ServerSettings {
        id: servers(&other)[0].id,
        driver: process("db1", "/data/ob1"),
    }];

    let mended = store
        .mend(cluster.id, None, Default::default(), of_other, None)
        .await;

    let mended = mended.expect("it is mended");
    assert_eq!(servers(&mended), servers(&cluster));
    let untouched = store.cluster(other.id).await.expect("the cluster");
    assert_eq!(untouched, other);
}

pub(crate) async fn goes_on_from_the_highest_generation(db: impl Backend) {
    let store = db.open().await;
    let free = register(&store, 1, 1, 1).await;
    let held = register(&store, 2, 1, 1).await;
    let stopped = register(&store, 3, 1, 1).await;
    let accepted = submit(&store, &held).await;
    stop(&store, &stopped).await;
    db.execute("UPDATE cluster SET generation = 7 WHERE name = 'ob_3'")
        .await;
    let mend = async |id| {
        let mended = store
            .mend(id, None, Default::default(), Vec::new(), None)
            .await;
        mended.expect("it is mended").generation
    };

    assert!(mend(free.id).await >= 7);
    // A task that runs keeps the generation that its fences name.
    assert_eq!(mend(held.id).await, accepted.task.generation);
}
