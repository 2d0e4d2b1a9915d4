//! Which settings are refused though they have the right kind.

use std::time::Duration;

use anyhow::{Context, ensure};
use slacktide_server::password;
use slacktide_store::Location;

use super::{super::mask, Role, Settings};

/// How long an idempotency key counts, and with it the task that it names.
const LEAST_KEPT: Duration = Duration::from_secs(24 * 3_600);

impl Settings {
    /// Refuses values that have the right kind but make no sense.
    pub(in super::super) fn check(&self) -> anyhow::Result<()> {
        ensure!(
            !self.host.trim().is_empty(),
            "host is empty: give this host a name"
        );
        if let Some(password) = &self.admin_password {
            ensure!(
                (1..=password::MAX_LEN).contains(&password.len()),
                "admin_password must have 1 to {} bytes; without one, a password is generated",
                password::MAX_LEN
            );
        }
        self.check_listeners()?;
        self.check_roles()?;
        self.check_nats()?;
        if let Some(keep) = self.retention.keep {
            ensure!(
                keep.duration() >= LEAST_KEPT,
                "retention.keep is {keep}: tasks are kept for 24h at least, as long as a request may name them again"
            );
        }
        ensure!(
            self.retention.batch > 0,
            "retention.batch is 0: give how many rows are deleted in one transaction"
        );
        self.check_executor()
    }

    /// Where the data lie.
    ///
    /// # Errors
    /// That database.url is none.
    pub(crate) fn location(&self) -> anyhow::Result<Location> {
        match &self.database.url {
            Some(url) => Location::parse(url).context("database.url is not usable"),
            None => Ok(Location::sqlite(self.data_dir.join("slacktide.db"))),
        }
    }

    fn check_roles(&self) -> anyhow::Result<()> {
        let has = |role| self.roles.has(role);
        let location = self.location()?;
        ensure!(
            location.is_shared() || has(Role::Server) == has(Role::Executor),
            "roles is {}, but with SQLite one process is both server and executor: name a database that \
             processes can share in database.url, or leave out roles",
            self.roles
        );
        let Some(upstream) = &self.gateway.upstream else {
            ensure!(
                self.gateway.upstream_ca.is_none(),
                "gateway.upstream_ca is set without gateway.upstream: there is nobody to trust"
            );
            ensure!(
                !has(Role::Gateway) || has(Role::Server),
                "roles is {}: a gateway without a server in its process needs the server's address in \
                 gateway.upstream",
                self.roles
            );
            return Ok(());
        };
        ensure!(
            !(has(Role::Gateway) && has(Role::Server)),
            "gateway.upstream is set, but the gateway of this process calls the server in it: leave out \
             gateway.upstream, or the role server"
        );
        let uri: Option<http::Uri> = upstream.parse().ok();
        let usable = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.authority().is_some()
                && uri.path() == "/"
        });
        ensure!(
            usable,
            "gateway.upstream is {upstream:?}: it must be like https://db.example.org:50051, or http:// without TLS"
        );
        ensure!(
            self.gateway.upstream_ca.is_none() || upstream.starts_with("https://"),
            "gateway.upstream_ca is set, but gateway.upstream is {upstream:?}: only https:// has certificates"
        );
        Ok(())
    }

    /// What cannot be an address would be a link that is down for ever, and costs latency without a word.
    fn check_nats(&self) -> anyhow::Result<()> {
        for url in self.nats.url.iter().flat_map(|urls| urls.split(',')) {
            let url = url.trim();
            ensure!(
                is_nats(url),
                "nats.url has {:?}, which is no address of a NATS server: write nats://HOST:PORT or tls://HOST:PORT, \
                 several with commas between",
                mask::addresses(url)
            );
        }
        Ok(())
    }

    fn check_executor(&self) -> anyhow::Result<()> {
        let executor = &self.executor;
        ensure!(
            executor.capacity > 0,
            "executor.capacity is 0: an executor must run something"
        );
        let times = [
            ("executor.lease_ttl", Some(executor.lease_ttl), 1.0),
            ("executor.tick", Some(executor.tick), 0.01),
            (
                "executor.observe_interval",
                Some(executor.observe_interval),
                0.0,
            ),
            ("executor.host_grace", Some(executor.host_grace), 0.0),
            ("executor.settle_window", Some(executor.settle_window), 0.0),
            ("executor.drain_limit", Some(executor.drain_limit), 0.0),
            ("executor.watch_window", executor.watch_window, 0.0),
            ("executor.freeze_limit", Some(executor.freeze_limit), 0.0),
            ("executor.sigusr1_limit", Some(executor.sigusr1_limit), 0.0),
            ("executor.sigterm_limit", Some(executor.sigterm_limit), 0.0),
            ("executor.sigkill_limit", Some(executor.sigkill_limit), 0.0),
        ];
        for (key, time, least) in times {
            if let Some(time) = time {
                time.check(key, least)?;
            }
        }
        ensure!(
            executor.tick.0 * 3.0 <= executor.lease_ttl.0,
            "executor.tick is more than a third of executor.lease_ttl: a lease is renewed at ticks"
        );
        Ok(())
    }
}

/// Whether it has the scheme of NATS, a host, and nothing but a port behind it.
fn is_nats(url: &str) -> bool {
    let Some(("nats" | "tls", place)) = url.split_once("://") else {
        return false;
    };
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let authority = place.strip_suffix('/').unwrap_or(place);
    let Ok(authority) = authority.parse::<http::uri::Authority>() else {
        return false;
    };
    let port = authority.as_str().strip_prefix(authority.host());
    let port = port.map(|port| port.strip_prefix(':').unwrap_or(port));
    port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
}
