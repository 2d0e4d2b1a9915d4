//! What a caller says of a cluster, checked field by field. Every fault is collected with its path.

use std::{
    collections::HashMap,
    net::IpAddr,
    path::{Component, Path},
};

use slacktide_api::v1::{self as pb, driver};
use slacktide_engine::{
    cluster::{Driver, SqlAccount},
    selector::Selector,
};
use slacktide_store::{NewCluster, NewServer, NewZone};

use crate::app::Violations;

/// The longest name, in characters.
const MAX_NAME: usize = 64;

/// The longest path that Linux takes, without its end.
const MAX_PATH: usize = 4095;

/// The longest simulated stop: an hour.
const MAX_STOP_MS: u64 = 3_600_000;

/// The most bytes of a host's name: with an executor's number behind it, it fits an indexed column of every database.
const MAX_HOST: usize = 170;

/// Reads the field `cluster` of a request. Where there are violations the value is not to be used.
pub(in crate::grpc) fn new_cluster(
    spec: Option<pb::ClusterSpec>,
    own_host: &str,
    creator: &str,
    violations: &mut Violations,
) -> NewCluster {
    let Some(spec) = spec else {
        violations.add("cluster", "is required");
        return NewCluster {
            name: String::new(),
            ob_cluster_id: 0,
            sql: None,
            selector: Selector::default(),
            zones: Vec::new(),
            creator: String::new(),
        };
    };
    let mut reader = Reader {
        own_host,
        violations,
        taken: HashMap::new(),
    };
    reader.name("cluster.name", &spec.name);
    if spec.ob_cluster_id < 1 {
        let rule = format!("must be at least 1, not {}", spec.ob_cluster_id);
        reader.violations.add("cluster.ob_cluster_id", rule);
    }
    if spec.zones.is_empty() {
        reader
            .violations
            .add("cluster.zones", "must have at least one zone");
    }
    NewCluster {
        sql: spec.sql.map(|sql| reader.sql(sql)),
        selector: reader.selector(spec.selector),
        zones: (0..)
            .zip(spec.zones)
            .map(|(index, zone)| reader.zone(index, zone))
            .collect(),
        name: spec.name,
        ob_cluster_id: spec.ob_cluster_id,
        creator: creator.to_owned(),
    }
}

struct Reader<'a> {
    own_host: &'a str,
    violations: &'a mut Violations,
    /// What must be unique in the cluster, with the field that has it.
    taken: HashMap<Unique, String>,
}

/// A value that only one zone or server may have.
#[derive(PartialEq, Eq, Hash)]
enum Unique {
    Zone(String),
    SqlAddress(String, u16),
    RpcAddress(String, u16),
    BaseDir(String, String),
}

impl Reader<'_> {
    fn name(&mut self, field: &str, name: &str) {
        let length = name.chars().count();
        if !(1..=MAX_NAME).contains(&length) {
            let rule = format!("must have 1 to {MAX_NAME} characters, not {length}");
            self.violations.add(field, rule);
        } else if name.chars().any(char::is_control) {
            self.violations
                .add(field, "must not have control characters");
        }
    }

    fn sql(&mut self, sql: pb::SqlAccount) -> SqlAccount {
        let length = sql.user.chars().count();
        if !(1..=128).contains(&length) || sql.user.chars().any(char::is_control) {
            let rule = "must have 1 to 128 characters, none of them a control character";
            self.violations.add("cluster.sql.user", rule);
        }
        SqlAccount {
            user: sql.user,
            password: sql.password,
        }
    }

    fn selector(&mut self, labels: HashMap<String, String>) -> Selector {
        Selector::new(labels).unwrap_or_else(|error| {
            self.violations.add("cluster.selector", error.to_string());
            Selector::default()
        })
    }

    fn zone(&mut self, index: usize, zone: pb::ZoneSpec) -> NewZone {
        let field = format!("cluster.zones[{index}]");
        self.name(&format!("{field}.name"), &zone.name);
        self.unique(Unique::Zone(zone.name.clone()), format!("{field}.name"));
        if zone.servers.is_empty() {
            let rule = "must have at least one server";
            self.violations.add(format!("{field}.servers"), rule);
        }
        NewZone {
            name: zone.name,
            servers: (0..)
                .zip(zone.servers)
                .map(|(index, server): (usize, _)| {
                    self.server(&format!("{field}.servers[{index}]"), server)
                })
                .collect(),
        }
    }

    fn server(&mut self, field: &str, server: pb::ServerSpec) -> NewServer {
        let ip = match server.ip.parse::<IpAddr>() {
            // One spelling of each address, so that equal ones are found.
            Ok(ip) => ip.to_canonical().to_string(),
            Err(_) => {
                let rule = format!("must be an IP address, not {:?}", server.ip);
                self.violations.add(format!("{field}.ip"), rule);
                server.ip
            }
        };
        let (sql_field, rpc_field) = (format!("{field}.sql_port"), format!("{field}.rpc_port"));
        let sql_port = self.port(&sql_field, server.sql_port);
        let rpc_port = self.port(&rpc_field, server.rpc_port);
        if let Some(port) = sql_port {
            self.unique(Unique::SqlAddress(ip.clone(), port), sql_field);
        }
        if let Some(port) = rpc_port {
            if sql_port == Some(port) {
                let rule = format!("must not be the sql_port {port}");
                self.violations.add(rpc_field.clone(), rule);
            }
            self.unique(Unique::RpcAddress(ip.clone(), port), rpc_field);
        }
        NewServer {
            ip,
            sql_port: sql_port.unwrap_or_default(),
            rpc_port: rpc_port.unwrap_or_default(),
            driver: self.driver(&format!("{field}.driver"), server.driver),
        }
    }

    fn port(&mut self, field: &str, port: i32) -> Option<u16> {
        let valid = u16::try_from(port).ok().filter(|port| *port > 0);
        if valid.is_none() {
            let rule = format!("must be 1 to 65535, not {port}");
            self.violations.add(field, rule);
        }
        valid
    }

    fn driver(&mut self, field: &str, driver: Option<pb::Driver>) -> Driver {
        match driver.and_then(|driver| driver.kind) {
            Some(driver::Kind::Process(process)) => {
                self.process(&format!("{field}.process"), process)
            }
            Some(driver::Kind::Simulated(simulated)) => {
                self.simulated(&format!("{field}.simulated"), &simulated)
            }
            None => {
                self.violations
                    .add(field, "is required: process or simulated");
                self.simulated(field, &pb::SimulatedDriver::default())
            }
        }
    }

    fn process(&mut self, field: &str, process: pb::ProcessDriver) -> Driver {
        let host = if process.executor_host.is_empty() {
            self.own_host.to_owned()
        } else {
            process.executor_host
        };
        if host.len() > MAX_HOST || host.chars().any(char::is_control) {
            let rule = "must have at most 170 bytes, none of them a control character";
            self.violations.add(format!("{field}.executor_host"), rule);
        }
        let base_dir_field = format!("{field}.base_dir");
        let base_dir = match normalized(&process.base_dir) {
            Ok(base_dir) => {
                let unique = Unique::BaseDir(host.clone(), base_dir.clone());
                self.unique(unique, base_dir_field);
                base_dir
            }
            Err(rule) => {
                self.violations.add(base_dir_field, rule);
                process.base_dir
            }
        };
        Driver::Process { base_dir, host }
    }

    fn simulated(&mut self, field: &str, simulated: &pb::SimulatedDriver) -> Driver {
        let stop_ms = u64::try_from(simulated.stop_ms).ok();
        let stop_ms = stop_ms.filter(|ms| *ms <= MAX_STOP_MS).unwrap_or_else(|| {
            let rule = format!("must be 0 to {MAX_STOP_MS}, not {}", simulated.stop_ms);
            self.violations.add(format!("{field}.stop_ms"), rule);
            0
        });
        let fail_stops = u32::try_from(simulated.fail_stops).unwrap_or_else(|_| {
            let rule = format!("must not be negative, but is {}", simulated.fail_stops);
            self.violations.add(format!("{field}.fail_stops"), rule);
            0
        });
        Driver::Simulated {
            stop_ms,
            fail_stops,
            hang: simulated.hang,
        }
    }

    /// Notes a value that may occur once.
    fn unique(&mut self, value: Unique, field: String) {
        match self.taken.get(&value) {
            Some(first) => {
                let rule = format!("is the same as {first}");
                self.violations.add(field, rule);
            }
            None => {
                self.taken.insert(value, field);
            }
        }
    }
}

/// A base directory in the one spelling under which it is compared: no `//`, no `/` at its end.
fn normalized(path: &str) -> Result<String, &'static str> {
    if !path.starts_with('/') {
        return Err("must be an absolute path");
    }
    if path.len() > MAX_PATH || path.contains('\0') {
        return Err("must be a path of at most 4095 bytes without a NUL");
    }
    // `Path` drops a `.` between slashes, where it means nothing.
    let mut components = Path::new(path).components();
    if components.any(|component| component == Component::ParentDir) {
        return Err("must not have `..` in it");
    }
    let normalized: std::path::PathBuf = Path::new(path).components().collect();
    match normalized.to_str() {
        Some(text) if text != "/" => Ok(text.to_owned()),
        _ => Err("must be a directory below `/`"),
    }
}

#[cfg(test)]
mod tests;
