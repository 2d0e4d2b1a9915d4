//! Leases: an executor's claim to be alive.
//!
//! A lease is a row with a counter that its executor raises. It is over when somebody saw the counter stand
//! still for one TTL of their own clock, and then takes the row away; subtasks of an executor without a row
//! are there to be taken over. No clock of one machine is ever compared with another's.

use sea_orm::ConnectionTrait;
use slacktide_engine::selector::Selector;

use crate::{clock, connect::Store, error::StoreError, signal::Wake, statement::statement};

/// An executor that begins to work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewExecutor {
    /// Its id, new at each start.
    pub id: String,
    /// The host that it runs on.
    pub host: String,
    /// Its labels.
    pub labels: Selector,
    /// How many runs it has room for.
    pub capacity: u32,
}

/// An executor's lease, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executor {
    /// Its id, new at each start.
    pub id: String,
    /// The host that it runs on.
    pub host: String,
    /// Raised with each renewal.
    pub counter: i64,
}

impl Store {
    /// Begins a lease. `alone`: the caller holds the data directory's lock, so every other lease is over.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_lease(&self, executor: NewExecutor, alone: bool) -> Result<(), StoreError> {
        self.writer
            .write("beginning a lease", move |tx| {
                let values = [
                    executor.id.clone().into(),
                    executor.host.clone().into(),
                    executor.labels.to_string().into(),
                    i64::from(executor.capacity).into(),
                    clock::now().0.into(),
                ];
                Box::pin(async move {
                    if alone {
                        tx.db.execute_unprepared("DELETE FROM executor").await?;
                    }
                    let insert = "INSERT INTO executor (id, host, labels, capacity, counter, start_time) \
                         VALUES (?, ?, ?, ?, 0, ?)";
                    tx.db.execute_raw(statement(tx.db, insert, values)).await?;
                    tx.wake(Wake::Work);
                    Ok(())
                })
            })
            .await
    }

    /// Renews a lease. `false` if it is over: somebody has taken it away.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn renew_lease(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        let renewed = self.writer.write("renewing a lease", move |tx| {
            let update = "UPDATE executor SET counter = counter + 1 WHERE id = ?";
            let update = statement(tx.db, update, [id.clone().into()]);
            Box::pin(async move { Ok(tx.db.execute_raw(update).await?.rows_affected()) })
        });
        Ok(renewed.await? == 1)
    }

    /// All leases.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn leases(&self) -> Result<Vec<Executor>, StoreError> {
        let rows = self.reads.query_all_raw(statement(
            &self.reads,
            "SELECT id, host, counter FROM executor",
            [],
        ));
        let rows = rows.await?;
        rows.into_iter()
            .map(|row| {
                Ok(Executor {
                    id: row.try_get("", "id")?,
                    host: row.try_get("", "host")?,
                    counter: row.try_get("", "counter")?,
                })
            })
            .collect()
    }

    /// Takes a lease away, if it still is as it was seen. An executor gives up its own so, too.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn end_lease(&self, seen: &Executor) -> Result<bool, StoreError> {
        let seen = seen.clone();
        let ended = self.writer.write("ending a lease", move |tx| {
            let values = [seen.id.clone().into(), seen.counter.into()];
            Box::pin(async move {
                let delete = "DELETE FROM executor WHERE id = ? AND counter = ?";
                let ended = tx
                    .db
                    .execute_raw(statement(tx.db, delete, values))
                    .await?
                    .rows_affected();
                tx.wake(Wake::Work);
                Ok(ended)
            })
        });
        Ok(ended.await? == 1)
    }
}
