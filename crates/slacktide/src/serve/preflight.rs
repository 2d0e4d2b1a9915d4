//! Joins server and executor at a dry run: the executor's checks before a stop.

use futures::future::BoxFuture;
use slacktide_engine::{cluster::Cluster, finding::Finding};
use slacktide_executor::Options;
use slacktide_server::Preflight;

/// Carries out the checks from this host.
pub(super) struct HostPreflight {
    options: Options,
}

impl HostPreflight {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
        }
    }
}

impl Preflight for HostPreflight {
    fn preflight<'a>(&'a self, cluster: &'a Cluster) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(slacktide_executor::preflight(cluster, &self.options))
    }
}
