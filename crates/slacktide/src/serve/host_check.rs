//! Joins server and executor at registration: the process driver checks what a registration names.

use futures::future::BoxFuture;
use slacktide_executor::Options;
use slacktide_server::HostCheck;
use slacktide_store::NewServer;

/// Checks base directories with this host's process driver.
pub(super) struct ProcessCheck {
    options: Options,
}

impl ProcessCheck {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
        }
    }
}

impl HostCheck for ProcessCheck {
    fn check(&self, server: &NewServer) -> BoxFuture<'_, Result<(), String>> {
        let server = server.clone();
        Box::pin(async move { slacktide_executor::check_host(&server, &self.options).await })
    }
}

/// A process without an executor: what it may do on its host says nothing of what executors may do on theirs.
pub(super) struct NoExecutor;

impl HostCheck for NoExecutor {
    fn check(&self, _: &NewServer) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
