//! The names of all settings. Other `SLACKTIDE_…` variables, such as those of the client verbs, are left alone:
//! a stray variable must not keep a server from starting.

pub(super) const KEYS: &[&str] = &[
    "data_dir",
    "host",
    "admin_password",
    "grpc.listen",
    "rest.listen",
    "rest.max_body",
    "admin.listen",
    "log.format",
    "log.filter",
    "trace.otlp_endpoint",
    "executor.capacity",
    "executor.lease_ttl",
    "executor.tick",
    "executor.drain_limit",
    "executor.watch_window",
    "executor.freeze_limit",
    "executor.sigusr1_limit",
    "executor.sigterm_limit",
    "executor.sigkill_limit",
];
