//! What servers of the MySQL protocol share.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};

pub(crate) fn url(port: u16) -> String {
    format!("mysql://root@127.0.0.1:{port}")
}

/// The URL of a new empty database of the server.
pub(crate) async fn fresh_database(server: &str) -> Result<String> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let name = format!("case_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut session = MySqlConnection::connect(server)
        .await
        .with_context(|| format!("connect to {server}"))?;
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut session)
        .await
        .with_context(|| format!("create the database {name}"))?;
    session.close().await?;
    Ok(format!("{server}/{name}"))
}

/// Whether the server answers a query: an open port or a greeting does not mean that it will.
pub(crate) async fn answers(server: &str) -> bool {
    let Ok(mut session) = MySqlConnection::connect(server).await else {
        return false;
    };
    let answer = sqlx::raw_sql("SELECT 1").execute(&mut session).await;
    let _ = session.close().await;
    answer.is_ok()
}
