//! PostgreSQL carries wake-ups by LISTEN and NOTIFY, on one connection.
//!
//! NOTIFY comes after the commit that it tells of, not within it: PostgreSQL lets only one transaction that
//! notifies commit at a time, so that the writers of all processes would wait for each other.

use sqlx::{
    ConnectOptions as _, PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

use super::link::{Broken, Link, Session};

pub(super) struct PostgresLink {
    options: PgConnectOptions,
    channel: String,
}

pub(super) struct PostgresSession {
    listener: PgListener,
    channel: String,
    /// Process id of this connection's server process: messages come back to their sender, too.
    own: u32,
}

impl PostgresLink {
    /// To the database of `pool`, on a connection beside it.
    pub(super) fn new(pool: &PgPool, identity: i64) -> Self {
        let options = PgConnectOptions::clone(&pool.connect_options());
        Self {
            options: options
                .application_name("slacktide wake-ups")
                .disable_statement_logging(),
            channel: format!("slacktide_{identity:x}"),
        }
    }
}

impl Link for PostgresLink {
    const NAME: &'static str = "PostgreSQL";
    type Session = PostgresSession;

    async fn connect(&self) -> Result<PostgresSession, Broken> {
        // A listener takes its connection from a pool, and would replace a broken one in silence.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(self.options.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        // NOTIFY is a transaction of its own. What it says may be lost with the server: no disk is waited for.
        sqlx::query("SET synchronous_commit = off")
            .execute(&mut listener)
            .await?;
        let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut listener)
            .await?;
        listener.listen(&self.channel).await?;
        Ok(PostgresSession {
            listener,
            channel: self.channel.clone(),
            own: own.unsigned_abs(),
        })
    }
}

impl Session for PostgresSession {
    async fn publish(&mut self, message: String) -> Result<(), Broken> {
        sqlx::query("SELECT pg_notify($1, $2)")
            .bind(&self.channel)
            .bind(message)
            .execute(&mut self.listener)
            .await?;
        Ok(())
    }

    async fn receive(&mut self) -> Result<String, Broken> {
        loop {
            match self.listener.try_recv().await? {
                Some(message) if message.process_id() == self.own => {}
                Some(message) => return Ok(message.payload().to_owned()),
                None => return Err("the server closed the connection".into()),
            }
        }
    }

    async fn check(&mut self) -> Result<(), Broken> {
        sqlx::query("SELECT 1").execute(&mut self.listener).await?;
        Ok(())
    }
}
