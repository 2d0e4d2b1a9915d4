//! Refuses database servers that are too old for what is asked of them.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{error::StoreError, session::Session};

/// Fails if the database server is too old.
pub(crate) async fn check(session: &Session) -> Result<(), StoreError> {
    let ask = match session.get_database_backend() {
        DbBackend::Postgres => "SELECT current_setting('server_version') AS version, '' AS comment",
        DbBackend::MySql => "SELECT VERSION() AS version, @@version_comment AS comment",
        // SQLite is built in.
        _ => return Ok(()),
    };
    let backend = session.get_database_backend();
    let row = session.query_one_raw(Statement::from_string(backend, ask));
    let row = row.await?;
    let row = row.ok_or_else(|| StoreError::not_found("version", "of the database server"))?;
    let (version, comment): (String, String) =
        (row.try_get("", "version")?, row.try_get("", "comment")?);
    judge(backend, &version, &comment).map_err(StoreError::Unusable)
}

fn judge(backend: DbBackend, version: &str, comment: &str) -> Result<(), String> {
    let says = |text: &str| version.contains(text) || comment.contains(text);
    let (name, oldest) = match backend {
        DbBackend::Postgres => ("PostgreSQL", (13, 0)),
        // OceanBase's VERSION() is a MySQL version that it stands in for.
        _ if says("OceanBase") => return Ok(()),
        _ if says("MariaDB") => ("MariaDB", (10, 6)),
        _ => ("MySQL", (8, 0)),
    };
    // Old MariaDB servers put this before their version, for old replicas.
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    match number(version) {
        Some(number) if number >= oldest => Ok(()),
        _ => Err(format!(
            "the database server is {name} {version}, and {name} {}.{} is the oldest that can be used: upgrade the \
             server",
            oldest.0, oldest.1
        )),
    }
}

fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_new_enough_and_refuses_the_rest_by_name() {
        let mysql = DbBackend::MySql;
        for (backend, version, comment, fits) in [
            (
                DbBackend::Postgres,
                "15.18 (Debian 15.18-0+deb12u1)",
                "",
                true,
            ),
            (DbBackend::Postgres, "13.0", "", true),
            (DbBackend::Postgres, "12.22", "", false),
            (DbBackend::Postgres, "9.6.24", "", false),
            (DbBackend::Postgres, "18beta1", "", true),
            (mysql, "8.0.36", "MySQL Community Server - GPL", true),
            (mysql, "9.1.0", "", true),
            (mysql, "5.7.44-log", "", false),
            (mysql, "10.11.14-MariaDB-0+deb12u2", "Debian 12", true),
            (mysql, "5.5.5-10.5.27-MariaDB", "", false),
            (mysql, "10.3.39-MariaDB", "", false),
            (
                mysql,
                "5.7.25-OceanBase seekdb-v1.4.0.0",
                "OceanBase 4.3.5.3 seekdb",
                true,
            ),
            (mysql, "what", "", false),
        ] {
            let judged = judge(backend, version, comment);
            assert_eq!(judged.is_ok(), fits, "{version}: {judged:?}");
        }
    }
}
