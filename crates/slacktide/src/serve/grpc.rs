//! Tells the requests of gRPC connections to their connections, and to the services who asks.

use http::Request;
use slacktide_server::{GrpcService, Http2};
use tonic::{body::Body, transport::server::TcpConnectInfo};
use tower::{BoxError, ServiceExt as _, service_fn, util::BoxCloneSyncService};

use super::{connection::Peer, requests::Answer};
use crate::config::Grpc;

/// The bounds of a connection by the settings.
pub(super) fn http2(settings: &Grpc) -> Http2 {
    Http2 {
        max_streams: settings.max_streams,
        max_resets: settings.max_resets,
        max_header: settings.max_header,
        keepalive_interval: settings.keepalive_interval.duration(),
        keepalive_timeout: settings.keepalive_timeout.duration(),
    }
}

/// The same service, for requests that come over connections: those count them, and the services find the
/// client's address where tonic puts it for its own connections.
pub(super) fn counted(service: GrpcService) -> GrpcService {
    BoxCloneSyncService::new(service_fn(move |mut request: Request<Body>| {
        let peer = request.extensions_mut().remove::<Peer>();
        let open = peer.as_ref().map(|peer| peer.requests.begin());
        if let Some(peer) = peer {
            request.extensions_mut().insert(TcpConnectInfo {
                local_addr: peer.local,
                remote_addr: Some(peer.remote),
            });
        }
        let answer = service.clone().oneshot(request);
        async move {
            let answer = answer.await?;
            Ok::<_, BoxError>(match open {
                Some(open) => answer.map(|body| Body::new(Answer::new(body, open))),
                None => answer,
            })
        }
    }))
}
