//! The settings, with their defaults.

mod check;
mod listeners;
mod period;
mod roles;

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use slacktide_engine::selector::Selector;
use slacktide_executor::driver::process::Limits;

pub(crate) use listeners::{Grpc, Rest, Tls};
pub(crate) use period::Period;
pub(crate) use roles::{Role, Roles};

use listeners::Admin;

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
    /// Whether addresses that other hosts can reach may be served without TLS.
    pub(crate) allow_plaintext: bool,
    /// Whether addresses that other hosts can reach may be served while `admin` has the generated password.
    pub(crate) allow_generated_password: bool,
    /// What this process does.
    pub(crate) roles: Roles,
    pub(crate) database: Database,
    pub(crate) nats: Nats,
    pub(crate) tls: Tls,
    pub(crate) grpc: Grpc,
    pub(crate) rest: Rest,
    pub(crate) gateway: Gateway,
    pub(crate) admin: Admin,
    pub(crate) log: Log,
    pub(crate) trace: Trace,
    pub(crate) executor: Executor,
    pub(crate) retention: Retention,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// Which database to use, by its URL. Default: a SQLite file in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Nats {
    /// NATS servers that carry wake-ups between processes, with commas between them. Default: the database
    /// carries them where it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gateway {
    /// Where the gRPC server is that a gateway in a process of its own calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream: Option<String>,
    /// File with the certificates that sign that server's, where the machine does not trust them by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_ca: Option<PathBuf>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retention {
    /// How long tasks are kept once they have ended. Default: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep: Option<Period>,
    /// About how many rows of a table are deleted in one transaction.
    pub(crate) batch: usize,
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
    /// Labels, which clusters' selectors are matched with, such as `dc=a,rack=b`.
    pub(crate) labels: Selector,
    /// Directory for what drivers remember of their hosts. All executors of one host must share it. Default:
    /// `hosts` in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state_dir: Option<PathBuf>,
    /// How many runs are taken on at a time.
    pub(crate) capacity: usize,
    /// How many runs may work on this host at a time. 0: as many as `capacity` allows.
    pub(crate) per_host: usize,
    /// How often the servers of idle clusters are looked at. 0: never.
    pub(crate) observe_interval: Seconds,
    /// How long a host, or labels that are asked for, must have been without an executor before what waits for them fails.
    pub(crate) host_grace: Seconds,
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
    /// How long a server that was started must live to count as started, unless it greets earlier.
    pub(crate) settle_window: Seconds,
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

    /// Refuses a time of the setting `key` that is shorter than `least` seconds or longer than a day.
    fn check(self, key: &str, least: f64) -> anyhow::Result<()> {
        let Self(seconds) = self;
        anyhow::ensure!(
            (least..=86_400.0).contains(&seconds),
            "{key} is {seconds}: give seconds from {least} to 86400"
        );
        Ok(())
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
            allow_plaintext: false,
            allow_generated_password: false,
            roles: Roles::default(),
            database: Database::default(),
            nats: Nats::default(),
            tls: Tls::default(),
            grpc: Grpc::default(),
            rest: Rest::default(),
            gateway: Gateway::default(),
            admin: Admin::default(),
            log: Log::default(),
            trace: Trace::default(),
            executor: Executor::default(),
            retention: Retention::default(),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            keep: None,
            batch: 1000,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".to_owned(),
        }
    }
}

impl Default for Executor {
    fn default() -> Self {
        let options = slacktide_executor::Options::new("", "");
        Self {
            labels: Selector::default(),
            state_dir: None,
            capacity: options.capacity,
            per_host: options.per_host,
            observe_interval: options.observe_interval.into(),
            host_grace: options.host_grace.into(),
            lease_ttl: options.lease_ttl.into(),
            tick: options.tick.into(),
            drain_limit: options.drain_limit.into(),
            watch_window: options.watch_window.map(Seconds::from),
            settle_window: options.settle.into(),
            freeze_limit: options.freeze_limit.into(),
            sigusr1_limit: options.limits.usr1.into(),
            sigterm_limit: options.limits.term.into(),
            sigkill_limit: options.limits.kill.into(),
        }
    }
}

impl Settings {
    /// Where drivers remember their hosts.
    pub(crate) fn state_dir(&self) -> PathBuf {
        let set = self.executor.state_dir.clone();
        set.unwrap_or_else(|| self.data_dir.join("hosts"))
    }

    /// The executor's options. `alone`: no other executor can be alive.
    pub(crate) fn executor_options(&self, alone: bool) -> slacktide_executor::Options {
        let executor = &self.executor;
        slacktide_executor::Options {
            labels: executor.labels.clone(),
            capacity: executor.capacity,
            per_host: executor.per_host,
            observe_interval: executor.observe_interval.duration(),
            host_grace: executor.host_grace.duration(),
            settle: executor.settle_window.duration(),
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
            alone,
            ..slacktide_executor::Options::new(&self.host, self.state_dir())
        }
    }
}
