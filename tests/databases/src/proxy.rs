use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::ports::free_port;

/// A network between clients and one server, which a test can make fail. Ends, with its connections, on drop.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    link: watch::Sender<Link>,
    _serving: JoinSet<()>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    state: State,
    /// How often it was cut: a connection may look only after it was restored.
    cuts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Stalled,
    Cut,
}

impl Proxy {
    /// Begins to pass connections on to a port of the loopback interface.
    ///
    /// # Errors
    /// When it can't listen.
    pub async fn start(target: u16) -> Result<Self> {
        let port = free_port()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .context("listen for connections to pass on")?;
        let (link, seen) = watch::channel(Link {
            state: State::Up,
            cuts: 0,
        });
        let mut serving = JoinSet::new();
        serving.spawn(serve(
            listener,
            SocketAddr::from((Ipv4Addr::LOCALHOST, target)),
            seen,
        ));
        Ok(Self {
            port,
            link,
            _serving: serving,
        })
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a server with the proxy's port in place of the server's.
    ///
    /// # Errors
    /// When the URL has no port.
    pub fn in_front_of(&self, url: &str) -> Result<String> {
        let (head, tail) = url
            .split_once("127.0.0.1:")
            .with_context(|| format!("{url} names no port of 127.0.0.1"))?;
        let database = tail.trim_start_matches(|c: char| c.is_ascii_digit());
        Ok(format!("{head}127.0.0.1:{}{database}", self.port))
    }

    /// Closes every connection, and each new one at once, until [`Self::restore`].
    pub fn cut(&self) {
        self.link.send_modify(|link| {
            link.state = State::Cut;
            link.cuts += 1;
        });
    }

    /// Lets nothing through in either direction until [`Self::restore`]; connections stay, and new ones get no
    /// answer. As with a lost network, what was on its way arrives later.
    pub fn stall(&self) {
        self.link.send_modify(|link| link.state = State::Stalled);
    }

    /// Ends a cut or a stall.
    pub fn restore(&self) {
        self.link.send_modify(|link| link.state = State::Up);
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, link: watch::Receiver<Link>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(connect(client, target, link.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Passes one connection on until either side or the link ends it.
async fn connect(client: TcpStream, target: SocketAddr, link: watch::Receiver<Link>) {
    let mut watched = link.clone();
    let before = watched.borrow().cuts;
    let passing = async {
        up(&mut link.clone()).await;
        let Ok(server) = TcpStream::connect(target).await else {
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::join!(
            pass(from_client, to_server, link.clone()),
            pass(from_server, to_client, link),
        );
    };
    tokio::select! {
        () = passing => {}
        _ = watched.wait_for(|link| link.state == State::Cut || link.cuts > before) => {}
    }
}

/// Copies one direction. Its end is passed on, too: the writer is dropped.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut link: watch::Receiver<Link>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        up(&mut link).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    up(&mut link).await;
    let _ = to.shutdown().await;
}

async fn up(link: &mut watch::Receiver<Link>) {
    // Without a sender the proxy is gone, and this task with it.
    let _ = link.wait_for(|link| link.state == State::Up).await;
}
