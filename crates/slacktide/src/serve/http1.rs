//! Serves a router over HTTP/1 until the process drains.

use std::{
    convert::Infallible,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    BoxError, Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
};
use futures::{Stream, StreamExt as _};
use http::{Request, Response};
use hyper::{
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    time::{Sleep, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use super::{
    connection::{Connection, Peer},
    connections::connections,
    patience::Limits,
    requests::Answer,
};
use crate::config::Rest;

/// How long connections have to end once the process drains.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How many connections may be open at the admin listener.
const ADMIN_CONNECTIONS: usize = 256;

/// What a request may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The longest head, in bytes.
    pub(super) head: usize,
    /// How long its body may take to arrive.
    pub(super) body: Duration,
}

impl Bounds {
    /// Those of the REST listener.
    pub(super) fn of(settings: &Rest) -> Self {
        Self {
            head: settings.max_header,
            body: settings.body_timeout.duration(),
        }
    }
}

/// Serves the admin listener for as long as the process lives, with the usual bounds of REST and room for a few
/// probes.
pub(super) async fn serve_to_the_last(router: Router, listener: TcpListener) -> io::Result<()> {
    let usual = Rest {
        max_connections: ADMIN_CONNECTIONS,
        ..Rest::default()
    };
    let connections = connections(listener, None, Limits::of_rest(&usual));
    let never = CancellationToken::new();
    serve(router, connections, Bounds::of(&usual), &never).await
}

/// Serves until `drain` fires; then takes no more connections, and waits for the open ones to end, but not for
/// ever.
pub(super) async fn serve(
    router: Router,
    connections: impl Stream<Item = io::Result<Connection>>,
    bounds: Bounds,
    drain: &CancellationToken,
) -> io::Result<()> {
    let serving = TaskTracker::new();
    let taking = async {
        let mut connections = pin!(connections);
        while let Some(connection) = connections.next().await {
            serving.spawn(serve_one(
                router.clone(),
                connection?,
                bounds,
                drain.clone(),
            ));
        }
        Ok::<_, io::Error>(())
    };
    // Its end closes the listener.
    let ended = drain.run_until_cancelled(taking).await;
    ended.unwrap_or(Ok(()))?;
    serving.close();
    // Who is still there then is cut off when the process ends.
    let _ = timeout(DRAIN_LIMIT, serving.wait()).await;
    Ok(())
}

async fn serve_one(
    router: Router,
    connection: Connection,
    bounds: Bounds,
    drain: CancellationToken,
) {
    let peer = connection.peer();
    let service = service_fn(|request| answer(router.clone(), &peer, request, bounds));
    let mut builder = http1::Builder::new();
    // The connection itself gives up on clients that are slow, with their TLS handshakes and their next requests.
    builder
        .header_read_timeout(None::<Duration>)
        .max_header_size(bounds.head);
    let mut served = pin!(builder.serve_connection(TokioIo::new(connection), service));
    let ended = match drain.run_until_cancelled(served.as_mut()).await {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(remote = %peer.remote, %error, "the connection broke");
    }
}

fn answer(
    router: Router,
    peer: &Peer,
    request: Request<Incoming>,
    bounds: Bounds,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
    let open = peer.requests.begin();
    let mut request = request.map(|body| Body::new(Prompt::new(body, bounds.body)));
    request.extensions_mut().insert(ConnectInfo(peer.remote));
    async move {
        let answer = router.oneshot(request).await?;
        Ok(answer.map(|body| Body::new(Answer::new(body, open))))
    }
}

/// The body of a request, which fails unless it arrives in time.
struct Prompt<B> {
    body: B,
    limit: Duration,
    /// Runs from when the body is first waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> Prompt<B> {
    fn new(body: B, limit: Duration) -> Self {
        Self {
            body,
            limit,
            timer: None,
        }
    }
}

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin> HttpBody for Prompt<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err("the body took too long to arrive".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
