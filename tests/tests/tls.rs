//! TLS on gRPC and REST: who is let in with which certificate, and how it is renewed.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustix::process::Signal;
use slacktide_api::v1::{GetInfoRequest, info_service_client::InfoServiceClient};
use slacktide_tests::{Setup, Slacktide, directory, within};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use tonic::{
    Code,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

const LIMIT: Duration = Duration::from_secs(90);

/// Signs certificates for this machine, into files of its own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    dir: TempDir,
}

impl Authority {
    fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key)?;
        let authority = Self {
            issuer: Issuer::new(params, key),
            dir: directory()?,
        };
        fs::write(authority.ca(), cert.pem())?;
        authority.issue()?;
        Ok(authority)
    }

    /// Makes a new certificate with a new key in place of the last one.
    fn issue(&self) -> Result<()> {
        let key = KeyPair::generate()?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let cert = CertificateParams::new(names)?.signed_by(&key, &self.issuer)?;
        fs::write(self.key(), key.serialize_pem())?;
        fs::write(self.cert(), cert.pem())?;
        Ok(())
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    fn cert(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    fn setup(&self) -> Setup {
        Setup::default()
            .setting("tls.cert", text(&self.cert()))
            .setting("tls.key", text(&self.key()))
    }

    /// Shakes hands with a listener, offering protocols.
    async fn connect(&self, address: &str, offered: &[&[u8]]) -> Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.ca())?)?;
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost")?;
        Ok(TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?)
    }

    async fn rest(&self, address: &str) -> Result<Kept> {
        let stream = self.connect(address, &[b"http/1.1"]).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Ok(Kept {
            sender,
            _driver: driver,
        })
    }

    fn channel(&self, address: &str) -> Result<Channel> {
        let ca = Certificate::from_pem(fs::read(self.ca())?);
        let port = address
            .rsplit(':')
            .next()
            .context("an address has a port")?;
        let endpoint = Endpoint::from_shared(format!("https://localhost:{port}"))?;
        let tls = ClientTlsConfig::new().ca_certificate(ca);
        Ok(endpoint.tls_config(tls)?.connect_lazy())
    }
}

/// A connection to REST that is kept.
struct Kept {
    sender: SendRequest<Empty<Bytes>>,
    _driver: JoinSet<Result<(), hyper::Error>>,
}

impl Kept {
    async fn time(&mut self) -> Result<StatusCode> {
        let request = Request::get("/api/v2/time").header("host", "localhost");
        self.sender.ready().await?;
        let answer = self
            .sender
            .send_request(request.body(Empty::new())?)
            .await?;
        let (head, body) = answer.into_parts();
        body.collect().await?;
        Ok(head.status)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn protocol(stream: &TlsStream<TcpStream>) -> Option<&[u8]> {
    stream.get_ref().1.alpn_protocol()
}

fn certificate(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    chain.first().unwrap().to_vec()
}

/// Whether the call went through TLS to the server, which then wants to know who calls.
async fn is_asked_who(channel: &Channel) -> bool {
    let mut info = InfoServiceClient::new(channel.clone());
    let asked = info.get_info(GetInfoRequest {}).await;
    asked.unwrap_err().code() == Code::Unauthenticated
}

#[tokio::test]
async fn grpc_rest_and_the_command_line_speak_tls() -> Result<()> {
    within(LIMIT, "TLS", async {
        let authority = Authority::new()?;
        let slacktide = authority.setup().start().await?;
        let (grpc, rest) = (slacktide.grpc_address(), slacktide.rest_address());

        assert_eq!(authority.rest(&rest).await?.time().await?, StatusCode::OK);
        assert!(is_asked_who(&authority.channel(&grpc)?).await);
        let offered: [&[u8]; 2] = [b"h2", b"http/1.1"];
        let to_grpc = authority.connect(&grpc, &offered).await?;
        assert_eq!(protocol(&to_grpc), Some(&b"h2"[..]));
        let to_rest = authority.connect(&rest, &offered).await?;
        assert_eq!(protocol(&to_rest), Some(&b"http/1.1"[..]));
        let neither = authority.connect(&grpc, &[b"http/1.1"]).await;
        assert!(neither.is_err(), "gRPC is HTTP/2");

        let endpoint = format!("https://{grpc}");
        let ca = authority.ca();
        let list = ["cluster", "list", "--endpoint", &endpoint];
        let trusting = [&list[..], &["--ca", text(&ca)]].concat();
        let listed = slacktide.command(&trusting).await?;
        assert!(listed.status.success(), "{listed:?}");
        // Another authority, whose word the server's certificate does not have.
        let stranger = Authority::new()?;
        let strange = stranger.ca();
        let distrusting = [&list[..], &["--ca", text(&strange)]].concat();
        let refused = slacktide.command(&distrusting).await?;
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && told.contains("does not prove that it is the server"),
            "{told}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn who_speaks_no_tls_gets_no_answer() -> Result<()> {
    within(LIMIT, "plain HTTP", async {
        let authority = Authority::new()?;
        let slacktide = authority.setup().start().await?;
        let mut stream = TcpStream::connect(slacktide.rest_address()).await?;
        stream
            .write_all(b"GET /api/v2/time HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await?;
        let mut answer = Vec::new();
        // An alert of TLS, at most, and the end.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_renewed_certificate_is_served_while_open_connections_go_on() -> Result<()> {
    within(LIMIT, "renewal", async {
        let authority = Authority::new()?;
        let slacktide = authority.setup().start().await?;
        let (grpc, rest) = (slacktide.grpc_address(), slacktide.rest_address());
        let mut kept = authority.rest(&rest).await?;
        assert_eq!(kept.time().await?, StatusCode::OK);
        let channel = authority.channel(&grpc)?;
        assert!(is_asked_who(&channel).await);
        let served = async || Ok(certificate(&authority.connect(&rest, &[]).await?));
        let first: Vec<u8> = served().await?;

        // Half a renewal changes nothing, and is told.
        let key = fs::read(authority.key())?;
        fs::write(authority.key(), "none")?;
        slacktide.process().signal(Signal::HUP)?;
        while !slacktide.output().contains("holds no private key in PEM") {
            // A log line is announced by nothing.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let still: Result<Vec<u8>> = served().await;
        assert_eq!(still?, first);
        fs::write(authority.key(), key)?;

        authority.issue()?;
        slacktide.process().signal(Signal::HUP)?;
        loop {
            let now: Result<Vec<u8>> = served().await;
            if now? != first {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let to_grpc = certificate(&authority.connect(&grpc, &[b"h2"]).await?);
        assert_ne!(to_grpc, first);
        assert_eq!(kept.time().await?, StatusCode::OK);
        assert!(is_asked_who(&channel).await);

        // Without a signal, too.
        authority.issue()?;
        loop {
            let now: Result<Vec<u8>> = served().await;
            if now? != to_grpc {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(kept.time().await?, StatusCode::OK);
        assert!(slacktide.process().is_running());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_gateway_calls_its_server_through_tls() -> Result<()> {
    within(LIMIT, "gateway", async {
        let authority = Authority::new()?;
        let server = authority.setup().setting("roles", "server,executor");
        let server = server.start().await?;
        // Ready is who reaches its server.
        let gateway = Setup::default()
            .setting("roles", "gateway")
            .setting(
                "gateway.upstream",
                &format!("https://{}", server.grpc_address()),
            )
            .setting("gateway.upstream_ca", text(&authority.ca()))
            .start()
            .await?;
        let info = gateway.rest().get("/api/v2/info").await?;
        assert_eq!(info.status, StatusCode::OK);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_server_whose_key_is_missing_does_not_start_and_says_which() -> Result<()> {
    within(LIMIT, "no key", async {
        let authority = Authority::new()?;
        fs::remove_file(authority.key())?;
        let told = format!("{:#}", authority.setup().start().await.unwrap_err());
        let named = format!("tls.key: cannot read {}", text(&authority.key()));
        assert!(told.contains(&named), "{told}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_address_that_others_can_reach_needs_tls_or_leave() -> Result<()> {
    within(LIMIT, "exposure", async {
        let slacktide = Slacktide::start().await?;
        let home = directory()?;
        let data_dir = home.path().join("data");
        // Refused before it listens.
        let exposed = [
            "serve",
            "--data-dir",
            text(&data_dir),
            "--grpc-listen",
            "127.0.0.1:0",
            "--rest-listen",
            "0.0.0.0:0",
            "--admin-listen",
            "127.0.0.1:0",
        ];
        let refused = slacktide.command(&exposed).await?;
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success()
                && told.contains("rest.listen is 0.0.0.0:0")
                && told.contains("--allow-plaintext"),
            "{told}"
        );
        assert!(!data_dir.exists(), "nothing was made");
        // The leave to go without TLS is none to go with a password that a file tells.
        let allowed = [&exposed[..], &["--allow-plaintext"]].concat();
        let refused = slacktide.command(&allowed).await?;
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && told.contains("--allow-generated-password"),
            "{told}"
        );
        Ok(())
    })
    .await
}
