//! What the processes that share a database call it: the addresses by which they reach it may differ.

use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query},
};

use crate::{
    connect::Store,
    error::{Duplicate, StoreError},
};

/// Its row in `sequence`, whose number is random and never counted up.
const NAME: &str = "identity";

/// The number of this database. Made where it has none.
pub(super) async fn identity(store: &Store) -> Result<i64, StoreError> {
    if let Some(known) = read(&store.reads).await? {
        return Ok(known);
    }
    match make(store).await {
        // Another process was faster.
        Ok(()) | Err(StoreError::Duplicate(Duplicate::Other)) => {}
        Err(error) => return Err(error),
    }
    let made = read(&store.reads).await?;
    made.ok_or_else(|| StoreError::not_found("sequence", NAME))
}

async fn read(db: &impl ConnectionTrait) -> Result<Option<i64>, StoreError> {
    let select = Query::select()
        .column("next")
        .from("sequence")
        .and_where(Expr::col("name").eq(NAME))
        .to_owned();
    let row = db.query_one(&select).await?;
    Ok(row.map(|row| row.try_get("", "next")).transpose()?)
}

async fn make(store: &Store) -> Result<(), StoreError> {
    let random = getrandom::u64().map_err(|error| StoreError::corrupt("sequence", NAME, error))?;
    let random = i64::try_from(random >> 1).unwrap_or(i64::MAX);
    store
        .writer
        .write("naming the database", move |tx| {
            Box::pin(async move {
                let insert = Query::insert()
                    .into_table("sequence")
                    .columns(["name", "next"])
                    .values_panic([NAME.into(), random.into()])
                    .to_owned();
                tx.db.execute(&insert).await?;
                Ok(())
            })
        })
        .await
}
