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
