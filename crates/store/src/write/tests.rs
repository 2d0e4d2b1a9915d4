//! The gateway when the database ends transactions by itself.

use std::time::Duration;

use sea_orm::ConnectionTrait;

use crate::{Location, Store, StoreError, users::User};

async fn add(store: &Store, name: &str) -> Result<User, StoreError> {
    store.add_user(name, "hash", &[]).await
}

/// What a full disk does: SQLite ends the transaction, and nobody tells the connection.
async fn lose_a_transaction(store: &Store) {
    let lost = store.writer.write("losing a transaction", |tx| {
        Box::pin(async move {
            tx.db.execute_unprepared("ROLLBACK").await?;
            Ok(())
        })
    });
    assert!(matches!(lost.await, Err(StoreError::Database { .. })));
}

#[tokio::test]
async fn what_is_answered_after_a_lost_transaction_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let file = Location::sqlite(dir.path().join("slacktide.db"));
    let store = Store::open(&file).await.unwrap();
    add(&store, "before").await.unwrap();
    lose_a_transaction(&store).await;
    assert!(store.ping().await.is_err());
    assert!(
        add(&store, "before").await.is_err(),
        "a job that is rolled back"
    );
    add(&store, "after").await.unwrap();
    assert!(store.ping().await.is_ok());

    let beside = Store::open(&file).await.unwrap();
    let names: Vec<_> = beside
        .users()
        .await
        .unwrap()
        .into_iter()
        .map(|user| user.name)
        .collect();
    assert_eq!(names, ["after", "before"]);
}

#[tokio::test]
async fn a_store_that_nobody_writes_to_notices_that_the_database_takes_writes_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = Location::sqlite(dir.path().join("slacktide.db"));
    let store = Store::open(&file).await.unwrap();
    lose_a_transaction(&store).await;
    assert!(store.ping().await.is_err());
    let healed = async {
        while store.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), healed)
        .await
        .unwrap();
}
