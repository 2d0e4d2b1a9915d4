//! Takes servers and zones out of service, and back into it.
//!
//! [`stop`] and [`start`] look first, so that what an earlier run achieved, its answer lost, is not asked for again.
//! [`restore`] does not trust a look: the kernel goes on with a stop for a while after the one who asked for it hung up.

use std::{fmt, time::Duration};

use slacktide_engine::cluster::Server;
use tokio::time::Instant;

use super::{
    error::SqlError,
    session::{Session, quoted},
};
use crate::run_log::RunLog;

/// OceanBase's error for a zone that is in another status than a statement needs.
const ZONE_STATUS_NOT_MATCH: i32 = 4633;

/// How long the kernel tries whether a server or zone may be stopped before it refuses, whether or not anybody waits
/// for its answer: its `internal_sql_execute_timeout`, as it is unless it was changed.
const KERNEL_TRIES: Duration = Duration::from_secs(30);

/// How long a stop may still take effect after the one who asked for it is gone.
pub(crate) const LATE_STOP: Duration = KERNEL_TRIES.saturating_add(Duration::from_secs(5));

/// How often it is looked whether a stop took effect late.
const WATCH: Duration = Duration::from_secs(1);

/// What is taken out of service or into it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    /// A server, known to its cluster by address and RPC port.
    Server(&'a Server),
    /// A zone, by its name.
    Zone(&'a str),
}

impl fmt::Display for Part<'_> {
    /// As it stands in a statement.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(server) => {
                let name = format!("{}:{}", server.ip, server.rpc_port);
                write!(f, "SERVER {}", quoted(&name))
            }
            Self::Zone(zone) => write!(f, "ZONE {}", quoted(zone)),
        }
    }
}

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

/// Whether something serves, as its cluster says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    In,
    Out,
}

impl Service {
    fn verb(self) -> &'static str {
        match self {
            Self::In => "START",
            Self::Out => "STOP",
        }
    }
}

/// Takes out of service: leaders move, replicas stay.
///
/// # Errors
/// [`SqlError::Refused`] where tenants would lose their majority (4179) or another zone has stopped servers (4660);
/// the last active zone is refused, too.
pub(crate) async fn stop(
    session: &mut Session,
    part: Part<'_>,
    log: &RunLog,
) -> Result<Change, SqlError> {
    change(session, part, Service::Out, log).await
}

/// Takes into service again.
///
/// # Errors
/// [`SqlError::Refused`] where a server's disk is not healthy (4179).
pub(crate) async fn start(
    session: &mut Session,
    part: Part<'_>,
    log: &RunLog,
) -> Result<Change, SqlError> {
    change(session, part, Service::In, log).await
}

/// Takes into service again whatever it looks like, and returns when it has been seen in service and `late`, the time
/// in which a stop may still take effect, is over. Each one that does is taken back.
///
/// # Errors
/// As of [`start`].
pub(crate) async fn restore(
    session: &mut Session,
    part: Part<'_>,
    late: Duration,
    log: &RunLog,
) -> Result<Change, SqlError> {
    let over = Instant::now() + late;
    let Some((service, text)) = look(session, part).await? else {
        return Ok(not_supported(session, log));
    };
    log.line(text);
    if !late.is_zero() {
        let seconds = late.as_secs();
        log.line(format!(
            "a stop of it may still be under way: watching for {seconds} s that it stays in service"
        ));
    }
    let mut change = match service {
        Service::In => Change::NotNeeded,
        Service::Out => Change::Made,
    };
    // Not believed before it was asked for.
    let mut serves = false;
    loop {
        if !serves {
            match alter(session, part, Service::In, log).await {
                // Stopped just now: the next look tells.
                Err(error) if is_zone_status(&error) && Instant::now() < over => {}
                altered => {
                    altered?;
                }
            }
        }
        match look(session, part).await? {
            Some((Service::Out, text)) => {
                log.line(text);
                (serves, change) = (false, Change::Made);
            }
            _ if Instant::now() >= over => return Ok(change),
            _ => serves = true,
        }
        tokio::time::sleep(WATCH).await;
    }
}

async fn change(
    session: &mut Session,
    part: Part<'_>,
    wanted: Service,
    log: &RunLog,
) -> Result<Change, SqlError> {
    let Some((service, text)) = look(session, part).await? else {
        return Ok(not_supported(session, log));
    };
    log.line(text);
    match service == wanted {
        true => Ok(Change::NotNeeded),
        false => alter(session, part, wanted, log).await,
    }
}

async fn alter(
    session: &mut Session,
    part: Part<'_>,
    wanted: Service,
    log: &RunLog,
) -> Result<Change, SqlError> {
    let statement = format!("ALTER SYSTEM {} {part}", wanted.verb());
    log.line(format!("{}: {statement}", session.address()));
    match session.execute(&statement).await {
        Ok(()) => Ok(Change::Made),
        // It is so already, or somebody else was faster.
        Err(error) if is_zone_status(&error) => match look(session, part).await? {
            Some((service, _)) if service == wanted => Ok(Change::NotNeeded),
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn is_zone_status(error: &SqlError) -> bool {
    error.code() == Some(ZONE_STATUS_NOT_MATCH)
}

/// Whether it serves, with a line for the log. `None` of an engine of one node.
async fn look(
    session: &mut Session,
    part: Part<'_>,
) -> Result<Option<(Service, String)>, SqlError> {
    let Some(topology) = session.topology().await? else {
        return Ok(None);
    };
    let address = session.address();
    let seen = match part {
        Part::Server(server) => topology.server(server).map(|state| {
            let in_service = state.stopped.is_none();
            (in_service, format!("{address}: {state}"))
        }),
        Part::Zone(zone) => topology.zone(zone).map(|state| {
            let status = &state.status;
            (
                state.is_active(),
                format!("{address}: zone {zone} is {status}"),
            )
        }),
    };
    let Some((in_service, text)) = seen else {
        return Err(session.unexpected(unknown(part)));
    };
    let service = match in_service {
        true => Service::In,
        false => Service::Out,
    };
    Ok(Some((service, text)))
}

fn unknown(part: Part<'_>) -> String {
    match part {
        Part::Server(server) => format!(
            "the cluster has no server {}:{}: correct its ip or rpc_port",
            server.ip, server.rpc_port
        ),
        Part::Zone(zone) => format!("the cluster has no zone {zone}"),
    }
}

fn not_supported(session: &Session, log: &RunLog) -> Change {
    log.line(format!(
        "{}: an engine of one node, without SQL for servers and zones",
        session.address()
    ));
    Change::NotSupported
}
