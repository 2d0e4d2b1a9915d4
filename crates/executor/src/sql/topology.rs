//! What a cluster says of its own servers and zones.

use slacktide_engine::cluster::Server;

use super::{
    error::SqlError,
    kind::EngineKind,
    session::{Cells, Session},
};

const SERVERS_V4: &str = "SELECT SVR_IP, SVR_PORT, ZONE, STATUS, STOP_TIME, START_SERVICE_TIME, WITH_ROOTSERVER \
     FROM oceanbase.DBA_OB_SERVERS";
const SERVERS_V3: &str = "SELECT svr_ip, svr_port, zone, status, stop_time, start_service_time, with_rootserver \
     FROM oceanbase.__all_server";
const ZONES_V4: &str = "SELECT ZONE, STATUS FROM oceanbase.DBA_OB_ZONES";
const ZONES_V3: &str =
    "SELECT zone, info FROM oceanbase.__all_zone WHERE name = 'status' AND zone <> ''";

/// A server, as its cluster sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerState {
    pub(crate) ip: String,
    pub(crate) rpc_port: u16,
    pub(crate) zone: String,
    /// `ACTIVE`, `INACTIVE` or `DELETING`.
    pub(crate) status: String,
    /// Since when it is stopped by `STOP SERVER`, if it is.
    pub(crate) stopped: Option<String>,
    /// Whether it serves.
    pub(crate) in_service: bool,
    /// Whether it leads the cluster.
    pub(crate) root_service: bool,
}

impl std::fmt::Display for ServerState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}:{} in {} is {}",
            self.ip, self.rpc_port, self.zone, self.status
        )?;
        if let Some(stopped) = &self.stopped {
            write!(f, ", stopped since {stopped}")?;
        }
        if !self.in_service {
            f.write_str(", not in service")?;
        }
        if self.root_service {
            f.write_str(", with the root service")?;
        }
        Ok(())
    }
}

/// A zone, as its cluster sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZoneState {
    pub(crate) name: String,
    /// `ACTIVE` or `INACTIVE`.
    pub(crate) status: String,
}

impl ZoneState {
    pub(crate) fn is_active(&self) -> bool {
        self.status == "ACTIVE"
    }
}

/// Servers and zones, as their cluster sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topology {
    pub(crate) servers: Vec<ServerState>,
    pub(crate) zones: Vec<ZoneState>,
}

impl Topology {
    /// The entry of a registered server.
    pub(crate) fn server(&self, server: &Server) -> Option<&ServerState> {
        let same =
            |state: &&ServerState| (&state.ip, state.rpc_port) == (&server.ip, server.rpc_port);
        self.servers.iter().find(same)
    }

    /// The entry of a registered zone.
    pub(crate) fn zone(&self, name: &str) -> Option<&ZoneState> {
        self.zones.iter().find(|zone| zone.name == name)
    }
}

impl Session {
    /// Servers and zones. `None` where the engine is of one node and has no such lists.
    ///
    /// # Errors
    /// [`SqlError`].
    pub(crate) async fn topology(&mut self) -> Result<Option<Topology>, SqlError> {
        let (servers, zones) = match self.kind().await? {
            EngineKind::V4 => (SERVERS_V4, ZONES_V4),
            EngineKind::V3 => (SERVERS_V3, ZONES_V3),
            EngineKind::SingleNode => return Ok(None),
        };
        let servers = self.rows(servers).await?.into_iter().map(server_state);
        let servers: Option<Vec<_>> = servers.collect();
        let zones = self.rows(zones).await?.into_iter().map(zone_state);
        let zones: Option<Vec<_>> = zones.collect();
        match (servers, zones) {
            (Some(servers), Some(zones)) => Ok(Some(Topology { servers, zones })),
            _ => Err(self.unexpected("its list of servers and zones cannot be understood")),
        }
    }
}

fn server_state(row: Cells) -> Option<ServerState> {
    let mut row = row.into_iter();
    Some(ServerState {
        ip: row.next()??,
        rpc_port: row.next()??.parse().ok()?,
        zone: row.next()??,
        status: row.next()??.to_ascii_uppercase(),
        stopped: time(row.next()?),
        in_service: time(row.next()?).is_some(),
        root_service: row
            .next()?
            .is_some_and(|with| with == "1" || with.eq_ignore_ascii_case("YES")),
    })
}

fn zone_state(row: Cells) -> Option<ZoneState> {
    let mut row = row.into_iter();
    Some(ZoneState {
        name: row.next()??,
        status: row.next()??.to_ascii_uppercase(),
    })
}

/// A time: NULL is none in 4.x, 0 in 3.x.
fn time(cell: Option<String>) -> Option<String> {
    cell.filter(|time| time != "0")
}
