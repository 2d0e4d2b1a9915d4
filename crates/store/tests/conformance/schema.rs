//! The schema is a promise: a migration that has landed is never edited.

use std::path::Path;

use slacktide_store::{Store, StoreError};

use crate::{
    backend::Backend,
    kit::{register, stop},
};

pub(crate) async fn is_as_promised<B: Backend>(db: B) {
    db.open().await.close().await;
    let statements = db.schema().await;
    let actual: String = statements.iter().map(|sql| format!("{sql};\n")).collect();

    let name = format!("schema.{}.sql", B::NAME);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/conformance")
        .join(&name);
    let promised = std::fs::read_to_string(&golden).unwrap_or_default();
    if promised != actual {
        let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        std::fs::write(&written, &actual).expect("the actual schema is written");
        panic!(
            "the schema is not the one in {golden:?}. Never edit a migration that has landed: add one. \
             If you did, copy {written:?} there."
        );
    }
}

pub(crate) async fn is_there_already_when_opened_again(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 1).await;
    stop(&store, &cluster).await;
    let (schema, rows) = (db.schema().await, db.dump().await);

    let again = db.open().await;

    assert_eq!(db.schema().await, schema);
    db.dump().await.assert_same(&rows, "opening twice");
    // Both may be used: `slacktide user add` beside a server that runs.
    register(&again, 2, 1, 1).await;
    register(&store, 3, 1, 1).await;
    store.close().await;
    again.close().await;

    let later = db.open().await;
    assert_eq!(db.schema().await, schema);
    later.cluster(cluster.id).await.expect("the cluster");
}

pub(crate) async fn resumes_a_migration(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 1).await;
    store.close().await;
    let (schema, rows) = (db.schema().await, db.dump().await);

    // Cut off after a statement was carried out and before that was noted.
    db.execute("DELETE FROM seaql_migrations WHERE version >= 'v1_s'")
        .await;
    db.drop_index("subtask", "v1_subtask_status").await;

    let store = db.open().await;
    assert_eq!(db.schema().await, schema);
    db.dump().await.assert_same(&rows, "a resumed migration");
    store.cluster(cluster.id).await.expect("the cluster");
}

pub(crate) async fn refuses_the_schema_of_a_later_version(db: impl Backend) {
    db.open().await.close().await;
    db.execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('v999_magic', 0)")
        .await;

    match db.try_open().await {
        Err(StoreError::Unusable(reason)) => {
            assert!(reason.contains("v999_magic"), "{reason}");
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("an older version must not write into a later one's tables"),
    }
}

pub(crate) async fn waits_for_another_migrator(db: impl Backend) {
    let location = db.location();
    let migrate = || Store::migrate(&location);
    let (first, second, third) = tokio::join!(migrate(), migrate(), migrate());
    for migrated in [first, second, third] {
        migrated.expect("it is migrated");
    }
    let stores = [db.open().await, db.open().await];
    for (number, store) in (0..).zip(&stores) {
        register(store, number, 1, 1).await;
    }
}

pub(crate) async fn wants_to_be_migrated(db: impl Backend) {
    let location = db.location();
    let fresh = Store::open(&location).await;
    match (location.is_shared(), fresh) {
        // A file is this process's own: it sees to it itself.
        (false, Ok(store)) => store.close().await,
        (true, Err(StoreError::Unusable(reason))) => {
            assert!(reason.contains("slacktide migrate"), "{reason}");
        }
        (_, Ok(_)) => panic!("a database without tables opens"),
        (_, Err(other)) => panic!("{other:?}"),
    }

    db.open().await.close().await;
    db.execute("DELETE FROM seaql_migrations WHERE version LIKE 'v2%' OR version LIKE 'v3%'")
        .await;
    let of_v1 = Store::open(&location).await;
    match (location.is_shared(), of_v1) {
        (false, Ok(_)) | (true, Err(StoreError::Unusable(_))) => {}
        (_, Ok(_)) => panic!("a database of an older version opens"),
        (_, Err(other)) => panic!("{other:?}"),
    }
    db.open().await.close().await;
}
