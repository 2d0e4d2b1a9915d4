//! Lists: filters, orders, pages.

use slacktide_engine::{
    cluster::Cluster,
    id::{ClusterId, TaskId},
    status::{ResourceStatus, TaskStatus},
    task::Task,
};
use slacktide_store::{ClusterFilter, Order, Page, Store, TaskFilter, VisibleTasks};

use crate::{
    backend::Backend,
    kit::{FIRST, new_cluster, register, stop, submit},
};

async fn clusters(store: &Store, filter: ClusterFilter, page: Page) -> (Vec<String>, u64) {
    let listed = store.clusters(&filter, page).await.expect("a list");
    let names = listed.items.into_iter().map(|cluster| cluster.name);
    (names.collect(), listed.total)
}

async fn tasks(store: &Store, filter: TaskFilter, page: Page) -> (Vec<Task>, u64) {
    let listed = store.tasks(&filter, page, false).await.expect("a list");
    assert!(listed.items.iter().all(|item| item.subtasks.is_empty()));
    let tasks = listed.items.into_iter().map(|item| item.task);
    (tasks.collect(), listed.total)
}

async fn named(store: &Store, number: u8, name: &str) -> Cluster {
    let mut new = new_cluster(number, 1, 1);
    new.name = name.to_owned();
    store.register(new, None).await.expect("it is registered")
}

fn page(offset: u64, limit: u64, column: &'static str, descending: bool) -> Page {
    let order = Order { column, descending };
    Page {
        offset,
        limit,
        order,
    }
}

pub(crate) async fn pages_clusters(db: impl Backend) {
    let store = db.open().await;
    let all = ClusterFilter::default;
    assert_eq!(clusters(&store, all(), FIRST).await, (Vec::new(), 0));
    for (number, name) in [(1, "b"), (2, "c"), (3, "a"), (4, "d")] {
        named(&store, number, name).await;
    }

    for (page, names) in [
        (FIRST, vec!["b", "c", "a", "d"]),
        (page(0, 2, "id", true), vec!["d", "a"]),
        (page(2, 2, "id", true), vec!["c", "b"]),
        (page(1, 2, "name", false), vec!["b", "c"]),
        (page(3, 9, "name", true), vec!["a"]),
        (page(4, 2, "name", true), vec![]),
        // All are equal by status, so the id decides.
        (page(1, 2, "status", false), vec!["c", "a"]),
    ] {
        let (listed, total) = clusters(&store, all(), page).await;
        assert_eq!(listed, names, "{page:?}");
        assert_eq!(total, 4);
    }
    let unknown = page(0, 2, "colour", false);
    let refused = store.clusters(&all(), unknown).await;
    assert!(refused.is_err(), "{refused:?}");
}

pub(crate) async fn filters_clusters(db: impl Backend) {
    let store = db.open().await;
    for (number, name) in [
        (1, "Trade_East"),
        (2, "tradeXwest"),
        (3, "100%"),
        (4, "a!b"),
    ] {
        named(&store, number, name).await;
    }
    let stopping = register(&store, 5, 1, 1).await;
    submit(&store, &stopping).await;
    let filter = |name: &str, statuses: &[ResourceStatus]| ClusterFilter {
        name: name.to_owned(),
        statuses: statuses.to_vec(),
        only: None,
    };
    use ResourceStatus::{Running, Stopped, Stopping};

    for (filter, names) in [
        (filter("TRADE", &[]), vec!["Trade_East", "tradeXwest"]),
        // What is a wildcard to a database is only a letter to a user.
        (filter("e_e", &[]), vec!["Trade_East"]),
        (filter("%", &[]), vec!["100%"]),
        (filter("!", &[]), vec!["a!b"]),
        (filter("' OR 1=1 --", &[]), vec![]),
        (filter("", &[Stopping]), vec!["ob_5"]),
        (filter("a", &[Stopping]), vec![]),
        (
            filter("a", &[Running, Stopping]),
            vec!["Trade_East", "tradeXwest", "a!b"],
        ),
        (filter("", &[Stopped]), vec![]),
    ] {
        let (listed, total) = clusters(&store, filter.clone(), FIRST).await;
        assert_eq!(listed, names, "{filter:?}");
        assert_eq!(total, names.len() as u64, "{filter:?}");
        let (_, total) = clusters(&store, filter.clone(), page(0, 1, "id", false)).await;
        assert_eq!(total, names.len() as u64, "the total is over all pages");
    }
}

pub(crate) async fn pages_tasks(db: impl Backend) {
    let store = db.open().await;
    let mut submitted = Vec::new();
    for number in 1..=3 {
        let cluster = register(&store, number, 1, 1).await;
        submitted.push(submit(&store, &cluster).await.task);
    }

    let newest = page(0, 2, "create_time", true);
    let (listed, total) = tasks(&store, TaskFilter::default(), newest).await;
    assert_eq!(listed, [submitted[2].clone(), submitted[1].clone()]);
    assert_eq!(total, 3);
    let rest = page(2, 2, "create_time", true);
    let (listed, _) = tasks(&store, TaskFilter::default(), rest).await;
    assert_eq!(listed, submitted[..1]);

    let whole = store.tasks(&TaskFilter::default(), FIRST, true).await;
    for item in whole.expect("a list").items {
        let alone = store.task(item.task.id, true).await;
        assert_eq!(item, alone.expect("the task"));
    }
}

pub(crate) async fn filters_tasks(db: impl Backend) {
    let store = db.open().await;
    let east = named(&store, 1, "Trade_East").await;
    let west = named(&store, 2, "trade_west").await;
    let stopped = stop(&store, &east).await.id;
    let running = submit(&store, &west).await.task.id;
    let all = TaskFilter::default;
    let filters = [
        (all(), vec![stopped, running]),
        (
            TaskFilter {
                statuses: vec![TaskStatus::Successful, TaskStatus::Failed],
                ..all()
            },
            vec![stopped],
        ),
        (
            TaskFilter {
                cluster: Some(west.id),
                ..all()
            },
            vec![running],
        ),
        (
            TaskFilter {
                cluster_name: "E_E".to_owned(),
                ..all()
            },
            vec![stopped],
        ),
        (
            TaskFilter {
                name: "stop ob".to_owned(),
                ..all()
            },
            vec![stopped, running],
        ),
        (
            TaskFilter {
                name: "start".to_owned(),
                ..all()
            },
            vec![],
        ),
        (
            TaskFilter {
                statuses: vec![TaskStatus::Running],
                cluster: Some(east.id),
                ..all()
            },
            vec![],
        ),
    ];
    for (filter, ids) in filters {
        let (listed, total) = tasks(&store, filter.clone(), FIRST).await;
        let listed: Vec<_> = listed.into_iter().map(|task| task.id).collect();
        assert_eq!(listed, ids, "{filter:?}");
        assert_eq!(total, ids.len() as u64, "{filter:?}");
    }
}

pub(crate) async fn show_what_may_be_seen(db: impl Backend) {
    let store = db.open().await;
    let (mut of_cluster, mut ids) = (Vec::new(), Vec::new());
    for number in 1..=3 {
        let cluster = register(&store, number, 1, 1).await;
        ids.push(submit(&store, &cluster).await.task.id);
        of_cluster.push(cluster);
    }

    let only = |clusters: &[ClusterId]| ClusterFilter {
        only: Some(clusters.to_vec()),
        ..ClusterFilter::default()
    };
    let two = [of_cluster[0].id, of_cluster[2].id, ClusterId(99)];
    let (listed, total) = clusters(&store, only(&two), page(0, 1, "id", false)).await;
    assert_eq!((listed, total), (vec![of_cluster[0].name.clone()], 2));
    assert_eq!(clusters(&store, only(&[]), FIRST).await, (vec![], 0));

    for (seen, clusters, expected) in [
        (&ids[..1], &[of_cluster[1].id][..], &ids[..2]),
        (&ids[..2], &[of_cluster[1].id], &ids[..2]),
        (&[TaskId(99)], &[], &[]),
        (&[], &[], &[]),
    ] {
        let filter = TaskFilter {
            only: Some(VisibleTasks {
                tasks: seen.to_vec(),
                clusters: clusters.to_vec(),
            }),
            ..TaskFilter::default()
        };
        let (listed, total) = tasks(&store, filter, FIRST).await;
        let listed: Vec<_> = listed.into_iter().map(|task| task.id).collect();
        assert_eq!((&*listed, total), (expected, expected.len() as u64));
    }
}
