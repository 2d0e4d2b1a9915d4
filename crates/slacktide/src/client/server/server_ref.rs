//! How a server is named on the command line: by its id or by its address.

use std::net::{IpAddr, SocketAddr};

use anyhow::anyhow;
use slacktide_api::v1::Cluster;

use super::super::id;

/// The server that a verb works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerRef {
    Id(i64),
    /// Where its MySQL port listens.
    Address(SocketAddr),
}

impl ServerRef {
    /// What has a colon is an address, all else an id.
    ///
    /// # Errors
    /// What either looks like.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains(':') {
            let address = text.parse().map(Self::Address);
            return address
                .map_err(|_| "an address is like 10.0.0.1:2881 or [fe80::1]:2881".to_owned());
        }
        let id = id::parse(text).map(Self::Id);
        id.map_err(|fault| format!("{fault}; an address is like 10.0.0.1:2881"))
    }
}

/// The id of the server at an address.
///
/// # Errors
/// That there is none, with those that there are.
pub(super) fn at(cluster: &Cluster, address: SocketAddr) -> anyhow::Result<i64> {
    let servers = || cluster.zones.iter().flat_map(|zone| &zone.servers);
    let found = servers().find(|server| {
        let ip: Option<IpAddr> = server.ip.parse().ok();
        ip == Some(address.ip()) && server.sql_port == i32::from(address.port())
    });
    found.map(|server| server.id).ok_or_else(|| {
        anyhow!(
            "no server of cluster {} listens at {address}: `slacktide cluster get {}` shows them",
            cluster.name,
            cluster.id
        )
    })
}

#[cfg(test)]
mod tests {
    use slacktide_api::v1::{Server, Zone};

    use super::*;

    #[test]
    fn a_server_is_found_by_its_address_however_it_is_written() {
        let server = |id, ip: &str| Server {
            id,
            ip: ip.to_owned(),
            sql_port: 2881,
            ..Server::default()
        };
        let cluster = Cluster {
            id: 3,
            name: "ob_demo".to_owned(),
            zones: vec![Zone {
                servers: vec![server(5, "10.0.0.1"), server(6, "fe80::1")],
                ..Zone::default()
            }],
            ..Cluster::default()
        };
        let id = |address: &str| at(&cluster, address.parse().unwrap());
        assert_eq!(id("10.0.0.1:2881").unwrap(), 5);
        assert_eq!(id("[fe80:0::1]:2881").unwrap(), 6);
        assert_eq!(
            id("10.0.0.1:2882").unwrap_err().to_string(),
            "no server of cluster ob_demo listens at 10.0.0.1:2882: `slacktide cluster get 3` shows them"
        );
    }

    #[test]
    fn ids_and_addresses_are_told_apart() {
        assert_eq!(ServerRef::parse("7"), Ok(ServerRef::Id(7)));
        let address = "127.0.0.1:2881".parse().unwrap();
        assert_eq!(
            ServerRef::parse("127.0.0.1:2881"),
            Ok(ServerRef::Address(address))
        );
        for text in [
            "0",
            "-1",
            "ob1",
            "10.0.0.1",
            "ob1:2881",
            "fe80::1:2881:",
            "",
        ] {
            let refused = ServerRef::parse(text).unwrap_err();
            assert!(refused.contains("an address is like"), "{text}: {refused}");
        }
    }
}
