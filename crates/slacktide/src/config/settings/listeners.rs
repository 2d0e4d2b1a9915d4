//! Where a process listens, with which certificate, and what it bears from those who connect.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use super::{Role, Seconds, Settings};

/// More connections than a host has file descriptors for are a slip of the finger.
const MOST_CONNECTIONS: usize = 1_000_000;

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tls {
    /// File with the certificate that gRPC and REST are served with, and those that lead to its root, in PEM.
    /// Default: no TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cert: Option<PathBuf>,
    /// File with the certificate's private key, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Grpc {
    /// Address on which gRPC is served.
    pub(crate) listen: SocketAddr,
    /// How many connections may be open; more of them wait.
    pub(crate) max_connections: usize,
    /// How many calls and watches may be open on one connection.
    pub(crate) max_streams: u32,
    /// How many calls a client may have canceled before they were looked at; with more its connection ends.
    pub(crate) max_resets: usize,
    /// How large the metadata of a call may be, in bytes.
    pub(crate) max_header: u32,
    /// How long a new connection may take for its TLS handshake, and then for its first bytes.
    pub(crate) header_timeout: Seconds,
    /// How long a connection may be without a call.
    pub(crate) idle_timeout: Seconds,
    /// How often a connection is probed.
    pub(crate) keepalive_interval: Seconds,
    /// How long the answer to a probe may take.
    pub(crate) keepalive_timeout: Seconds,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rest {
    /// Address on which REST is served.
    pub(crate) listen: SocketAddr,
    /// How many connections may be open; more of them wait.
    pub(crate) max_connections: usize,
    /// How long the head of a request may be, in bytes.
    pub(crate) max_header: usize,
    /// The longest request body, in bytes.
    pub(crate) max_body: usize,
    /// How long the TLS handshake, and then the head of a request, may take to arrive.
    pub(crate) header_timeout: Seconds,
    /// How long the body of a request may take to arrive.
    pub(crate) body_timeout: Seconds,
    /// How long a connection may be without a request, and how long a client may take none of its answer.
    pub(crate) idle_timeout: Seconds,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    /// Address on which health, readiness and metrics are served.
    pub(crate) listen: SocketAddr,
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: loopback(50051),
            max_connections: 10_000,
            max_streams: 256,
            max_resets: 64,
            max_header: 16 * 1024,
            header_timeout: seconds(10),
            idle_timeout: seconds(900),
            keepalive_interval: seconds(30),
            keepalive_timeout: seconds(20),
        }
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            listen: loopback(8080),
            max_connections: 10_000,
            max_header: 16 * 1024,
            max_body: slacktide_gateway::Options::USUAL_MAX_BODY,
            header_timeout: seconds(10),
            body_timeout: seconds(30),
            // Longer than the minute for which load balancers keep connections by default: of the two ends, the
            // one that sends requests must be the first to close.
            idle_timeout: seconds(75),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: loopback(9464),
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn seconds(seconds: u64) -> Seconds {
    Duration::from_secs(seconds).into()
}

impl Settings {
    /// Refuses listeners that are in each other's way, half a certificate, and bounds that let nobody in.
    pub(super) fn check_listeners(&self) -> anyhow::Result<()> {
        self.check_addresses()?;
        ensure!(
            self.tls.cert.is_none() || self.tls.key.is_some(),
            "tls.cert is set without tls.key: name the file with the certificate's private key, too"
        );
        ensure!(
            self.tls.key.is_none() || self.tls.cert.is_some(),
            "tls.key is set without tls.cert: name the file with the key's certificate, too"
        );
        self.check_bounds()
    }

    fn check_addresses(&self) -> anyhow::Result<()> {
        let has = |role| self.roles.has(role);
        let listeners = [
            ("grpc.listen", self.grpc.listen, has(Role::Server)),
            ("rest.listen", self.rest.listen, has(Role::Gateway)),
            ("admin.listen", self.admin.listen, true),
        ];
        let used: Vec<_> = listeners.into_iter().filter(|(.., used)| *used).collect();
        for (number, (one, a, _)) in used.iter().enumerate() {
            for (other, b, _) in used.iter().skip(number + 1) {
                let overlap =
                    a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
                ensure!(
                    a.port() != b.port() || a.port() == 0 || !overlap,
                    "{one} and {other} are both on port {}: give each its own",
                    a.port()
                );
            }
        }
        Ok(())
    }

    fn check_bounds(&self) -> anyhow::Result<()> {
        let Self { grpc, rest, .. } = self;
        let header = usize::try_from(grpc.max_header)?;
        let streams = usize::try_from(grpc.max_streams)?;
        for (key, number, least, most) in [
            (
                "grpc.max_connections",
                grpc.max_connections,
                1,
                MOST_CONNECTIONS,
            ),
            (
                "rest.max_connections",
                rest.max_connections,
                1,
                MOST_CONNECTIONS,
            ),
            ("grpc.max_streams", streams, 1, 100_000),
            ("grpc.max_resets", grpc.max_resets, 1, 100_000),
            // Less would not hold the credentials of every caller.
            ("grpc.max_header", header, 4096, 1 << 20),
            ("rest.max_header", rest.max_header, 4096, 1 << 20),
        ] {
            ensure!(
                (least..=most).contains(&number),
                "{key} is {number}: give a number from {least} to {most}"
            );
        }
        for (key, time) in [
            ("grpc.header_timeout", grpc.header_timeout),
            ("grpc.idle_timeout", grpc.idle_timeout),
            ("grpc.keepalive_interval", grpc.keepalive_interval),
            ("grpc.keepalive_timeout", grpc.keepalive_timeout),
            ("rest.header_timeout", rest.header_timeout),
            ("rest.body_timeout", rest.body_timeout),
            ("rest.idle_timeout", rest.idle_timeout),
        ] {
            time.check(key, 0.1)?;
        }
        Ok(())
    }
}
