//! The settings, with their defaults.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use slacktide_executor::driver::process::Limits;
use slacktide_server::password;

/// All settings.
#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Directory that holds the database and everything else that must last.
    pub(crate) data_dir: PathBuf,
    /// Name of this host, which `process` servers are tied to. Default: the machine's name.
    pub(crate) host: String,
    /// Password of the user `admin` at the first start. Without one it is generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admin_password: Option<String>,
    pub(crate) grpc: Grpc,
    pub(crate) rest: Rest,
    pub(crate) admin: Admin,
    pub(crate) log: Log,
    pub(crate) trace: Trace,
    pub(crate) executor: Executor,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Grpc {
    /// Address on which gRPC is served.
    pub(crate) listen: SocketAddr,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rest {
    /// Address on which REST is served.
    pub(crate) listen: SocketAddr,
    /// The longest request body, in bytes.
    pub(crate) max_body: usize,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    /// Address on which health, readiness and metrics are served.
    pub(crate) listen: SocketAddr,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// How log lines look.
    pub(crate) format: LogFormat,
    /// Which events are logged, as directives such as `info,slacktide_executor=debug`.
    pub(crate) filter: String,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Trace {
    /// Where spans are sent by OTLP over gRPC, such as `http://127.0.0.1:4317`. Default: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otlp_endpoint: Option<String>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Executor {
    /// How many runs are taken on at a time.
    pub(crate) capacity: usize,
    /// How long a lease lives without being renewed.
    pub(crate) lease_ttl: Seconds,
    /// How often to look for work though nothing woke the executor.
    pub(crate) tick: Seconds,
    /// How long a drain waits for runs to end before they are handed back.
    pub(crate) drain_limit: Seconds,
    /// How long to watch for a server that comes back after a stop. Default: 12 s where something that
    /// restarts processes owns it, else not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) watch_window: Option<Seconds>,
    /// How long a minor freeze may take before the stop goes on without it.
    pub(crate) freeze_limit: Seconds,
    /// How long a server is given after SIGUSR1; at least 15 s are sensible, 5 s of it are a fixed pause.
    pub(crate) sigusr1_limit: Seconds,
    /// How long a server is given after SIGTERM.
    pub(crate) sigterm_limit: Seconds,
    /// How long a server is given after SIGKILL.
    pub(crate) sigkill_limit: Seconds,
}

/// A time in seconds; fractions are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Seconds(f64);

impl Seconds {
    /// The time. Values were checked when they were read.
    pub(crate) fn duration(self) -> Duration {
        Duration::try_from_secs_f64(self.0).unwrap_or_default()
    }
}

impl From<Duration> for Seconds {
    fn from(duration: Duration) -> Self {
        Self(duration.as_secs_f64())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./slacktide-data"),
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            admin_password: None,
            grpc: Grpc::default(),
            rest: Rest::default(),
            admin: Admin::default(),
            log: Log::default(),
            trace: Trace::default(),
            executor: Executor::default(),
        }
    }
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: loopback(50051),
        }
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            listen: loopback(8080),
            max_body: slacktide_gateway::Options::USUAL_MAX_BODY,
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

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info,sea_orm_migration=warn".to_owned(),
        }
    }
}

impl Default for Executor {
    fn default() -> Self {
        let options = slacktide_executor::Options::new("", "");
        Self {
            capacity: options.capacity,
            lease_ttl: options.lease_ttl.into(),
            tick: options.tick.into(),
            drain_limit: options.drain_limit.into(),
            watch_window: options.watch_window.map(Seconds::from),
            freeze_limit: options.freeze_limit.into(),
            sigusr1_limit: options.limits.usr1.into(),
            sigterm_limit: options.limits.term.into(),
            sigkill_limit: options.limits.kill.into(),
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Settings {
    /// Refuses values that have the right kind but make no sense.
    pub(super) fn check(&self) -> anyhow::Result<()> {
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
        let executor = &self.executor;
        ensure!(
            executor.capacity > 0,
            "executor.capacity is 0: an executor must run something"
        );
        let times = [
            ("executor.lease_ttl", Some(executor.lease_ttl), 1.0),
            ("executor.tick", Some(executor.tick), 0.01),
            ("executor.drain_limit", Some(executor.drain_limit), 0.0),
            ("executor.watch_window", executor.watch_window, 0.0),
            ("executor.freeze_limit", Some(executor.freeze_limit), 0.0),
            ("executor.sigusr1_limit", Some(executor.sigusr1_limit), 0.0),
            ("executor.sigterm_limit", Some(executor.sigterm_limit), 0.0),
            ("executor.sigkill_limit", Some(executor.sigkill_limit), 0.0),
        ];
        for (key, time, least) in times {
            if let Some(Seconds(seconds)) = time {
                ensure!(
                    (least..=86_400.0).contains(&seconds),
                    "{key} is {seconds}: give seconds from {least} to 86400"
                );
            }
        }
        ensure!(
            executor.tick.0 * 3.0 <= executor.lease_ttl.0,
            "executor.tick is more than a third of executor.lease_ttl: a lease is renewed at ticks"
        );
        Ok(())
    }

    fn check_listeners(&self) -> anyhow::Result<()> {
        let grpc = ("grpc.listen", self.grpc.listen);
        let rest = ("rest.listen", self.rest.listen);
        let admin = ("admin.listen", self.admin.listen);
        for ((one, a), (other, b)) in [(grpc, rest), (grpc, admin), (rest, admin)] {
            let overlap = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
            ensure!(
                a.port() != b.port() || a.port() == 0 || !overlap,
                "{one} and {other} are both on port {}: give each its own",
                a.port()
            );
        }
        Ok(())
    }

    /// The executor's options. `state_dir` is where drivers remember their hosts.
    pub(crate) fn executor_options(&self, state_dir: PathBuf) -> slacktide_executor::Options {
        let executor = &self.executor;
        slacktide_executor::Options {
            host: self.host.clone(),
            state_dir,
            capacity: executor.capacity,
            lease_ttl: executor.lease_ttl.duration(),
            tick: executor.tick.duration(),
            drain_limit: executor.drain_limit.duration(),
            watch_window: executor.watch_window.map(Seconds::duration),
            limits: Limits {
                usr1: executor.sigusr1_limit.duration(),
                term: executor.sigterm_limit.duration(),
                kill: executor.sigkill_limit.duration(),
            },
            freeze_limit: executor.freeze_limit.duration(),
            // A SQLite database has one serving process, which holds the data directory's lock.
            alone: true,
        }
    }
}
