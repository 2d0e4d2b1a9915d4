//! Connections to a listener, accepted within bounds.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _, future::ready, stream};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    connection::{Connection, Io},
    patience::Limits,
};

/// How long to wait when the machine cannot accept, for want of file descriptors for example.
const PAUSE: Duration = Duration::from_secs(1);

/// How often to complain that there is no room.
const COMPLAINT_EVERY: Duration = Duration::from_secs(60);

/// Those who connect to `listener`, with their TLS handshakes done if there is a `tls`. Never ends, and never
/// yields an error. Who finds no room waits in the kernel's queue.
pub(super) fn connections(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: Limits,
) -> impl Stream<Item = io::Result<Connection>> + Send + 'static {
    let door = Door {
        listener,
        slots: Arc::new(Semaphore::new(limits.connections)),
        complained: None,
    };
    let accepted = stream::unfold(door, |mut door| async move {
        let accepted = door.next().await?;
        Some((accepted, door))
    });
    accepted
        .map(move |accepted| admit(accepted, tls.clone(), limits))
        .buffer_unordered(limits.connections)
        .filter_map(|admitted| ready(admitted.map(Ok)))
}

struct Door {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    complained: Option<Instant>,
}

struct Accepted {
    stream: TcpStream,
    remote: SocketAddr,
    slots: Arc<Semaphore>,
    slot: OwnedSemaphorePermit,
}

impl Door {
    async fn next(&mut self) -> Option<Accepted> {
        if self.slots.available_permits() == 0 {
            self.complain();
        }
        let slots = Arc::clone(&self.slots);
        let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
        let (stream, remote) = accept(&self.listener).await;
        Some(Accepted {
            stream,
            remote,
            slots,
            slot,
        })
    }

    fn complain(&mut self) {
        let recent = |at: Instant| at.elapsed() < COMPLAINT_EVERY;
        if !self.complained.is_some_and(recent) {
            self.complained = Some(Instant::now());
            tracing::warn!(
                address = self
                    .listener
                    .local_addr()
                    .ok()
                    .map(|address| address.to_string()),
                "as many connections are open as max_connections allows: new ones wait"
            );
        }
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot accept connections, trying again in {PAUSE:?}"
                );
                sleep(PAUSE).await;
            }
        }
    }
}

/// Whether the client went away before it was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn admit(accepted: Accepted, tls: Option<TlsAcceptor>, limits: Limits) -> Option<Connection> {
    let Accepted {
        stream,
        remote,
        slots,
        slot,
    } = accepted;
    // Else a short answer waits for the client to confirm the one before.
    stream.set_nodelay(true).ok()?;
    let io = match tls {
        None => Io::Plain(stream),
        Some(tls) => match timeout(limits.first, tls.accept(stream)).await {
            Ok(Ok(stream)) => Io::Tls(Box::new(stream)),
            Ok(Err(error)) => {
                tracing::debug!(%remote, %error, "the TLS handshake failed");
                return None;
            }
            Err(_) => {
                tracing::debug!(%remote, "the TLS handshake took too long");
                return None;
            }
        },
    };
    Some(Connection::new(io, remote, limits, slots, slot))
}
