//! Requests under a key: carried out once, whatever is sent twice.

use std::time::Duration;

use slacktide_engine::id::UserId;
use slacktide_store::{Duplicate, Key, Remembered, Store, StoreError, clock};

use crate::{
    backend::Backend,
    kit::{key, new_cluster, register, stop, stop_of},
};

async fn remembered(store: &Store, key: &Key) -> Option<i64> {
    let found = store.remembered(key).await.expect("an answer");
    found.map(|found| found.resource)
}

pub(crate) async fn remembers_what_was_made(db: impl Backend) {
    let store = db.open().await;
    assert_eq!(remembered(&store, &key("register")).await, None);

    let registering = store.register(new_cluster(1, 1, 1), Some(key("register")));
    let cluster = registering.await.expect("it is registered");
    let mending = store.mend(
        cluster.id,
        None,
        Default::default(),
        Vec::new(),
        Some(key("mend")),
    );
    mending.await.expect("it is mended");
    let submission = stop_of(&cluster, Some(key("stop")));
    let task = store.submit(submission).await.expect("it is accepted").task;
    let other = register(&store, 2, 1, 1).await;
    let forgetting = store.unregister(other.id, Some(key("unregister")));
    forgetting.await.expect("it is forgotten");

    for (request_id, resource) in [
        ("register", cluster.id.0),
        ("mend", cluster.id.0),
        ("stop", task.id.0),
        ("unregister", other.id.0),
    ] {
        let found = store.remembered(&key(request_id)).await;
        let expected = Remembered {
            request_hash: format!("digest of {request_id}"),
            resource,
        };
        assert_eq!(found.expect("an answer"), Some(expected));
    }
}

pub(crate) async fn scopes_keys(db: impl Backend) {
    let store = db.open().await;
    let scopes = [
        key("a"),
        key("b"),
        Key {
            user: UserId(101),
            ..key("a")
        },
        Key {
            rpc: "RegisterCluster",
            ..key("a")
        },
    ];
    for (number, scope) in (1..).zip(&scopes) {
        assert_eq!(remembered(&store, scope).await, None, "{scope:?}");
        let registering = store.register(new_cluster(number, 1, 1), Some(scope.clone()));
        let cluster = registering.await.expect("the key is free in its scope");
        assert_eq!(remembered(&store, scope).await, Some(cluster.id.0));
    }
    // The digest is no part of the scope: it tells a repetition from another request under the same key.
    let other_request = Key {
        request_hash: "another".to_owned(),
        ..key("a")
    };
    assert_ne!(remembered(&store, &other_request).await, None);
}

pub(crate) async fn makes_one_of_two_under_one_key(db: impl Backend) {
    let store = db.open().await;
    let first = register(&store, 1, 1, 1).await;
    let second = register(&store, 2, 1, 1).await;

    let (a, b) = tokio::join!(
        store.submit(stop_of(&first, Some(key("a")))),
        store.submit(stop_of(&second, Some(key("a")))),
    );

    let (made, refused, loser) = match (a, b) {
        (Ok(made), Err(refused)) => (made, refused, second.id),
        (Err(refused), Ok(made)) => (made, refused, first.id),
        both => panic!("one is made and one refused, not {both:?}"),
    };
    assert!(
        matches!(refused, StoreError::Duplicate(Duplicate::RequestId)),
        "{refused:?}"
    );
    assert_eq!(remembered(&store, &key("a")).await, Some(made.task.id.0));
    let untouched = store.cluster(loser).await.expect("the cluster");
    assert_eq!((untouched.active_task, untouched.generation), (None, 0));
    assert_eq!(db.dump().await.rows_of("task"), 1);

    // The same request again, as a client sends it that lost the answer: the key speaks before the cluster.
    let again = store.submit(stop_of(&first, Some(key("a")))).await;
    assert!(
        matches!(again, Err(StoreError::Duplicate(Duplicate::RequestId))),
        "{again:?}"
    );
}

pub(crate) async fn forgets_after_a_day(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 1).await;
    let mend = async |id: &str| {
        store
            .mend(
                cluster.id,
                None,
                Default::default(),
                Vec::new(),
                Some(key(id)),
            )
            .await
    };
    mend("a").await.expect("it is mended");
    let age = async |age: Duration| {
        let age = i64::try_from(age.as_micros()).expect("a small number");
        let then = clock::now().0 - age;
        db.execute(&format!("UPDATE idempotency_key SET create_time = {then}"))
            .await;
    };
    const DAY: Duration = Duration::from_secs(24 * 3600);
    const MINUTE: Duration = Duration::from_secs(60);

    age(DAY - MINUTE).await;
    assert_eq!(remembered(&store, &key("a")).await, Some(cluster.id.0));
    let repeated = mend("a").await;
    assert!(
        matches!(repeated, Err(StoreError::Duplicate(Duplicate::RequestId))),
        "{repeated:?}"
    );

    age(DAY + MINUTE).await;
    assert_eq!(remembered(&store, &key("a")).await, None);
    mend("a").await.expect("the key is free again");
    assert_eq!(remembered(&store, &key("a")).await, Some(cluster.id.0));

    // What is too old to be found does not stay either.
    age(DAY + MINUTE).await;
    mend("b").await.expect("it is mended");
    assert_eq!(db.dump().await.rows_of("idempotency_key"), 1);
}

pub(crate) async fn remembers_no_refusal(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 1).await;
    stop(&store, &cluster).await;

    let refused = store.submit(stop_of(&cluster, Some(key("stop")))).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    let taken = store.register(new_cluster(1, 1, 1), Some(key("register")));
    let taken = taken.await;
    assert!(matches!(taken, Err(StoreError::Duplicate(_))), "{taken:?}");
    let unknown = store.unregister(
        slacktide_engine::id::ClusterId(404),
        Some(key("unregister")),
    );
    let unknown = unknown.await;
    assert!(
        matches!(unknown, Err(StoreError::Conflict(_))),
        "{unknown:?}"
    );

    for request_id in ["stop", "register", "unregister"] {
        assert_eq!(remembered(&store, &key(request_id)).await, None);
    }
}
