use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Result;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::programs::{need, text};
use crate::{Options, Server, kind::Kind};

/// A NATS server, without accounts.
pub type Nats = Server<NatsKind>;

/// NATS as Debian or anybody else packages it.
#[derive(Debug)]
pub enum NatsKind {}

impl Nats {
    /// The one server of this test process. Started on the first call.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Nats> = OnceCell::const_new();
        SHARED
            .get_or_try_init(|| Self::start(Options::default()))
            .await
    }
}

impl Kind for NatsKind {
    const NAME: &'static str = "NATS";

    fn available() -> Result<(), String> {
        program().map(drop)
    }

    async fn prepare(_: &Path, _: Options) -> Result<()> {
        Ok(())
    }

    fn command(_: &Path, port: u16, _: Options) -> Result<Vec<String>> {
        let program = program().map_err(anyhow::Error::msg)?;
        let address = ["-a", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned);
        Ok([program].into_iter().chain(address).collect())
    }

    fn url(port: u16) -> String {
        format!("nats://127.0.0.1:{port}")
    }

    async fn answers(port: u16) -> bool {
        let Ok(mut session) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
            return false;
        };
        let mut greeting = [0; 4];
        session.read_exact(&mut greeting).await.is_ok() && greeting == *b"INFO"
    }
}

fn program() -> Result<String, String> {
    let found = need(&["nats-server"], &[], "the package nats-server")?;
    Ok(text(&found))
}
