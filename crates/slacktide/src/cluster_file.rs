//! The cluster file: what `cluster register -f` and `cluster update -f` read, as TOML.
//!
//! The file never holds a password: `sql.password_env` names the environment variable that does.
//! What a value means is the server's to judge; here only its presence, type and range are.

mod table;

use std::env::VarError;

use slacktide_api::v1::{
    ClusterSpec, Driver, ProcessDriver, ServerSpec, SimulatedDriver, SqlAccount, ZoneSpec, driver,
};

use crate::syntax;
use table::{Problem, Table};

/// Why a cluster file can't be used.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum ClusterFileError {
    /// The text is no TOML; where, and why.
    #[error("{0}")]
    Syntax(String),
    /// A field is missing, unknown or has an unusable value.
    #[error("line {line}: `{field}` {problem}")]
    Field {
        /// Path from the top of the file, for example `zones[0].servers[1].ip`.
        field: String,
        /// Line of the field, or of the table that lacks it, from 1.
        line: usize,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// Reads a cluster file. `env` looks an environment variable up; an empty one is an empty password.
///
/// # Errors
/// [`ClusterFileError`] with the first fault found.
pub(crate) fn parse(
    text: &str,
    env: impl Fn(&str) -> Result<String, VarError>,
) -> Result<ClusterSpec, ClusterFileError> {
    let document = toml::de::DeTable::parse(text)
        .map_err(|error| ClusterFileError::Syntax(syntax::fault(text, &error)))?;
    let cluster = Table::root(text, &document);
    cluster.only(&["name", "ob_cluster_id", "selector", "sql", "zones"])?;
    Ok(ClusterSpec {
        name: cluster.string("name")?,
        ob_cluster_id: cluster.integer("ob_cluster_id", i64::MAX)?,
        sql: cluster
            .optional_table("sql")?
            .map(|sql| sql_account(&sql, env))
            .transpose()?,
        zones: each(&cluster, "zones", zone)?,
        selector: cluster.optional("selector", Table::labels)?,
    })
}

fn sql_account(
    sql: &Table<'_>,
    env: impl Fn(&str) -> Result<String, VarError>,
) -> Result<SqlAccount, ClusterFileError> {
    sql.only(&["user", "password_env"])?;
    let variable = sql.string("password_env")?;
    let password = match env(&variable) {
        Ok(password) => password,
        Err(VarError::NotPresent) => {
            return Err(sql.fault("password_env", Problem::Unset(variable)));
        }
        Err(VarError::NotUnicode(_)) => {
            return Err(sql.fault("password_env", Problem::NotUnicode(variable)));
        }
    };
    Ok(SqlAccount {
        user: sql.string("user")?,
        password,
    })
}

fn zone(zone: &Table<'_>) -> Result<ZoneSpec, ClusterFileError> {
    zone.only(&["name", "servers"])?;
    Ok(ZoneSpec {
        name: zone.string("name")?,
        servers: each(zone, "servers", server)?,
    })
}

fn server(server: &Table<'_>) -> Result<ServerSpec, ClusterFileError> {
    server.only(&["ip", "sql_port", "rpc_port", "driver"])?;
    Ok(ServerSpec {
        ip: server.string("ip")?,
        sql_port: server.integer("sql_port", PORT_MAX)?,
        rpc_port: server.integer("rpc_port", PORT_MAX)?,
        driver: Some(driver(&server.table("driver")?)?),
    })
}

const PORT_MAX: i32 = 65_535;

fn driver(driver: &Table<'_>) -> Result<Driver, ClusterFileError> {
    let kind = match driver.string("kind")?.as_str() {
        "process" => {
            driver.only(&["kind", "base_dir", "executor_host"])?;
            driver::Kind::Process(ProcessDriver {
                base_dir: driver.string("base_dir")?,
                executor_host: driver.optional("executor_host", Table::string)?,
            })
        }
        "simulated" => {
            driver.only(&["kind", "stop_ms", "fail_stops", "hang"])?;
            driver::Kind::Simulated(SimulatedDriver {
                stop_ms: driver.optional("stop_ms", |t, key| t.integer(key, i64::MAX))?,
                fail_stops: driver.optional("fail_stops", |t, key| t.integer(key, i32::MAX))?,
                hang: driver.optional("hang", Table::boolean)?,
            })
        }
        _ => {
            let expected = "`process` or `simulated`";
            return Err(driver.fault("kind", Problem::Expected(expected)));
        }
    };
    Ok(Driver { kind: Some(kind) })
}

fn each<T>(
    parent: &Table<'_>,
    key: &str,
    read: impl Fn(&Table<'_>) -> Result<T, ClusterFileError>,
) -> Result<Vec<T>, ClusterFileError> {
    parent.tables(key)?.iter().map(read).collect()
}

#[cfg(test)]
mod tests;
