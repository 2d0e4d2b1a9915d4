use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::{Credentials, within};

const LIMIT: Duration = Duration::from_secs(30);

/// An HTTP client for one port of this machine, used by one user. Each call has its own connection.
#[derive(Clone, Debug)]
pub struct Rest {
    address: SocketAddr,
    authorization: Option<String>,
}

/// The same over one connection that is kept, one call at a time.
#[derive(Clone, Debug)]
pub struct KeptRest {
    rest: Rest,
    sender: Arc<Mutex<http1::SendRequest<Full<Bytes>>>>,
    _driver: Arc<JoinSet<Result<(), hyper::Error>>>,
}

impl KeptRest {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(rest: &Rest) -> Result<Self> {
        let stream = TcpStream::connect(rest.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Ok(Self {
            rest: rest.clone(),
            sender: Arc::new(Mutex::new(sender)),
            _driver: Arc::new(driver),
        })
    }

    /// POST with a body, which may be empty.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Answer> {
        let headers = [("content-type", "application/json")];
        let request = self.rest.request(Method::POST, path, &headers, body)?;
        let mut sender = self.sender.lock().await;
        sender.ready().await?;
        read(sender.send_request(request).await?).await
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is something else.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Rest {
    /// A client for a port of the loopback interface.
    #[must_use]
    pub fn new(port: u16, credentials: &Credentials) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            address,
            authorization: credentials.header(),
        }
    }

    /// GET.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, &[], "").await
    }

    /// POST with a body, which may be empty.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Answer> {
        self.call(
            Method::POST,
            path,
            &[("content-type", "application/json")],
            body,
        )
        .await
    }

    /// Any call.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        let request = self.request(method, path, headers, body)?;
        within(LIMIT, path, self.send(request)).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", self.address.to_string());
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
            .body(Full::new(body.into()))
            .context("build the request")
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Drives the connection; ends with this call.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        read(sender.send_request(request).await?).await
    }
}

async fn read(response: Response<Incoming>) -> Result<Answer> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
    })
}
