//! The gRPC server that a gateway in a process of its own calls.

use std::{path::Path, time::Duration};

use anyhow::Context;
use slacktide_gateway::Upstream;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tower::{BoxError, ServiceExt as _, util::BoxCloneSyncService};

use crate::trust;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a call may take to begin its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// A silent connection is probed this often, so that a server that is gone without a word is noticed.
const PROBE_EVERY: Duration = Duration::from_secs(10);
/// How long a report of health may take.
const HEALTH_LIMIT: Duration = Duration::from_secs(2);

/// A way to the server, which is made when it is first used and again after each break.
#[derive(Clone)]
pub(super) struct Remote {
    url: String,
    channel: Channel,
}

impl Remote {
    /// The server at `url`. Behind `https://` it must prove who it is, by the certificates in the file `ca` or else
    /// by those that the machine trusts.
    ///
    /// # Errors
    /// That the address is none, or the file holds no certificates.
    pub(super) fn new(url: &str, ca: Option<&Path>) -> anyhow::Result<Self> {
        let unusable = || format!("gateway.upstream {url:?} is not usable");
        let mut endpoint = Endpoint::from_shared(url.to_owned()).with_context(unusable)?;
        if endpoint.uri().scheme_str() == Some("https") {
            let roots = trust::roots("gateway.upstream_ca", ca)?;
            endpoint = endpoint.tls_config(roots).with_context(unusable)?;
        }
        let channel = endpoint
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PROBE_EVERY)
            .keep_alive_timeout(PROBE_EVERY)
            .connect_lazy();
        let url = url.to_owned();
        Ok(Self { url, channel })
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What the gateway calls.
    pub(super) fn upstream(&self) -> Upstream {
        BoxCloneSyncService::new(self.channel.clone().map_err(BoxError::from))
    }

    /// Whether the server says that it serves.
    pub(super) async fn serves(&self) -> bool {
        let mut health = HealthClient::new(self.channel.clone());
        let asked = health.check(HealthCheckRequest::default());
        match tokio::time::timeout(HEALTH_LIMIT, asked).await {
            Ok(Ok(answer)) => answer.into_inner().status() == ServingStatus::Serving,
            Ok(Err(_)) | Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tonic::transport::{Server, server::TcpIncoming};

    use super::*;

    #[tokio::test]
    async fn a_server_serves_when_it_is_there_and_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let remote = Remote::new(&url, None).unwrap();
        let (reporter, health) = tonic_health::server::health_reporter();
        let serving = Server::builder()
            .add_service(health)
            .serve_with_incoming(TcpIncoming::from(listener));
        let asked = async {
            assert!(remote.serves().await);
            reporter
                .set_service_status("", tonic_health::ServingStatus::NotServing)
                .await;
            assert!(!remote.serves().await);
        };
        tokio::select! {
            () = asked => {}
            ended = serving => ended.unwrap(),
        }
    }

    #[tokio::test]
    async fn a_server_that_is_away_does_not_serve() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        assert!(!Remote::new(&url, None).unwrap().serves().await);
    }
}
