//! Takes servers and zones out of service, and back into it.
//!
//! Looks first, so that what an earlier run achieved, its answer lost, is not asked for again.

use slacktide_engine::cluster::Server;

use super::{
    error::SqlError,
    session::{Session, quoted},
    topology::{ServerState, Topology, ZoneState},
};
use crate::run_log::RunLog;

/// OceanBase's error for a zone that is in another status than a statement needs.
const ZONE_STATUS_NOT_MATCH: i32 = 4633;

/// What came of a request to change a server or zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was changed.
    Made,
    /// It was that way already.
    NotNeeded,
    /// An engine of one node has no such thing.
    NotSupported,
}

/// Takes a server out of service: its leaders move, its replicas stay.
///
/// # Errors
/// [`SqlError::Refused`] where tenants would lose their majority (4179) or another zone has stopped servers (4660).
pub(crate) async fn stop_server(
    session: &mut Session,
    server: &Server,
    log: &RunLog,
) -> Result<Change, SqlError> {
    let wanted = |state: &ServerState| state.stopped.is_some();
    change_server(session, server, "STOP", wanted, log).await
}

/// Takes a server into service again.
///
/// # Errors
/// [`SqlError::Refused`] where its disk is not healthy (4179).
pub(crate) async fn start_server(
    session: &mut Session,
    server: &Server,
    log: &RunLog,
) -> Result<Change, SqlError> {
    let wanted = |state: &ServerState| state.stopped.is_none();
    change_server(session, server, "START", wanted, log).await
}

/// Takes a zone out of service.
///
/// # Errors
/// As of [`stop_server`]; the last active zone is refused, too.
pub(crate) async fn stop_zone(
    session: &mut Session,
    zone: &str,
    log: &RunLog,
) -> Result<Change, SqlError> {
    let wanted = |state: &ZoneState| !state.is_active();
    change_zone(session, zone, "STOP", wanted, log).await
}

/// Takes a zone into service again.
///
/// # Errors
/// [`SqlError`].
pub(crate) async fn start_zone(
    session: &mut Session,
    zone: &str,
    log: &RunLog,
) -> Result<Change, SqlError> {
    change_zone(session, zone, "START", ZoneState::is_active, log).await
}

async fn change_server(
    session: &mut Session,
    server: &Server,
    verb: &str,
    wanted: impl Fn(&ServerState) -> bool,
    log: &RunLog,
) -> Result<Change, SqlError> {
    let Some(topology) = topology(session, log).await? else {
        return Ok(Change::NotSupported);
    };
    let name = format!("{}:{}", server.ip, server.rpc_port);
    let Some(state) = topology.server(server) else {
        return Err(session.unexpected(format!(
            "the cluster has no server {name}: correct its ip or rpc_port"
        )));
    };
    log.line(format!("{}: {state}", session.address()));
    if wanted(state) {
        return Ok(Change::NotNeeded);
    }
    let statement = format!("ALTER SYSTEM {verb} SERVER {}", quoted(&name));
    alter(session, &statement, log).await
}

async fn change_zone(
    session: &mut Session,
    zone: &str,
    verb: &str,
    wanted: impl Fn(&ZoneState) -> bool,
    log: &RunLog,
) -> Result<Change, SqlError> {
    let Some(state) = zone_state(session, zone, log).await? else {
        return Ok(Change::NotSupported);
    };
    if wanted(&state) {
        return Ok(Change::NotNeeded);
    }
    let statement = format!("ALTER SYSTEM {verb} ZONE {}", quoted(zone));
    match alter(session, &statement, log).await {
        // Somebody else was faster.
        Err(error) if error.code() == Some(ZONE_STATUS_NOT_MATCH) => {
            let state = zone_state(session, zone, log).await?;
            state
                .filter(wanted)
                .map_or(Err(error), |_| Ok(Change::NotNeeded))
        }
        altered => altered,
    }
}

async fn zone_state(
    session: &mut Session,
    zone: &str,
    log: &RunLog,
) -> Result<Option<ZoneState>, SqlError> {
    let Some(topology) = topology(session, log).await? else {
        return Ok(None);
    };
    let Some(state) = topology.zone(zone) else {
        return Err(session.unexpected(format!("the cluster has no zone {zone}")));
    };
    log.line(format!(
        "{}: zone {zone} is {}",
        session.address(),
        state.status
    ));
    Ok(Some(state.clone()))
}

async fn topology(session: &mut Session, log: &RunLog) -> Result<Option<Topology>, SqlError> {
    let topology = session.topology().await?;
    if topology.is_none() {
        log.line(format!(
            "{}: an engine of one node, without SQL for servers and zones",
            session.address()
        ));
    }
    Ok(topology)
}

async fn alter(session: &mut Session, statement: &str, log: &RunLog) -> Result<Change, SqlError> {
    log.line(format!("{}: {statement}", session.address()));
    session.execute(statement).await?;
    Ok(Change::Made)
}
