//! The gateway on a real socket, and a client that sends what it is given, byte for byte.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use crate::{
    scripted::{CREDENTIALS, Script, Server},
    support::{Answer, Rest},
};

/// How long an answer may take before it is a failure. Much more than it ever does.
const PATIENCE: Duration = Duration::from_secs(20);

/// A served gateway.
pub(crate) struct Socket {
    pub(crate) server: Server,
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Socket {
    pub(crate) async fn open(script: Script) -> Self {
        let rest = Rest::new(script);
        let server = rest.server.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async {
            axum::serve(listener, rest.into_router()).await.unwrap();
        });
        Self {
            server,
            address,
            _serving: serving,
        }
    }

    /// Sends a request of the known user, for instance `POST /api/v2/ob/clusters/21/stop`.
    pub(crate) async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let signed_in = [&[("authorization", CREDENTIALS)], headers].concat();
        self.send_as_is(line, &signed_in, body).await
    }

    pub(crate) async fn send_as_is(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.address
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body);
        let talk = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let answer = timeout(PATIENCE, talk).await;
        read(&answer.unwrap_or_else(|_| panic!("no answer to {line}")))
    }
}

/// An answer as it came.
fn read(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers: HeaderMap = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            let name: HeaderName = name.parse().unwrap();
            (name, value.trim().parse().unwrap())
        })
        .collect();
    let body = &bytes[end + 4..];
    let chunked = headers.contains_key("transfer-encoding");
    Answer {
        status: status.parse::<StatusCode>().unwrap(),
        headers,
        body: if chunked {
            joined(body).into()
        } else {
            Bytes::copy_from_slice(body)
        },
    }
}

/// A body out of its chunks.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|it| it == b"\r\n").unwrap();
        let size = std::str::from_utf8(&chunks[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let begin = end + 2;
        body.extend_from_slice(&chunks[begin..begin + size]);
        if size == 0 {
            return body;
        }
        chunks = &chunks[begin + size + 2..];
    }
}
