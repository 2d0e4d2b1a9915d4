//! What listeners bear from clients that are slow, idle, greedy or hostile, while a good one gets in.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join_all};
use http::{Method, StatusCode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use slacktide_api::v1::{GetInfoRequest, ListClustersRequest};
use slacktide_tests::{Setup, Slacktide, within};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tonic::Code;

const LIMIT: Duration = Duration::from_secs(120);

/// What an idle crowd may cost a good client.
const PROMPT: Duration = Duration::from_secs(5);

/// Reads until the server ends the connection.
async fn to_the_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    // That it ends with a reset is as good.
    let _ = stream.read_to_end(&mut read).await;
    read
}

/// Lets this process have as many files open as it may; returns how many that are.
fn open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[tokio::test]
async fn five_thousand_idle_connections_keep_nobody_out() -> Result<()> {
    within(LIMIT, "idle connections", async {
        // As many as a machine allows that does not allow so many.
        let crowd_size = usize::try_from(open_files().saturating_sub(500))?.min(5_000);
        let slacktide = Slacktide::start().await?;
        for address in [slacktide.rest_address(), slacktide.grpc_address()] {
            let mut crowd = Vec::with_capacity(crowd_size);
            for _ in 0..crowd_size / 100 {
                let some = (0..100).map(|_| TcpStream::connect(&address));
                crowd.extend(try_join_all(some).await?);
            }
            let begin = Instant::now();
            let info = slacktide.rest().get("/api/v2/info").await?;
            assert_eq!(info.status, StatusCode::OK);
            let api = slacktide.api()?;
            api.info.clone().get_info(GetInfoRequest {}).await?;
            let took = begin.elapsed();
            assert!(took < PROMPT, "{address}: {took:?}");
            // Nobody asked anything: the server ends them by itself.
            let ends = crowd.iter_mut().map(to_the_end);
            within(Duration::from_secs(40), "end of idle connections", async {
                join_all(ends).await;
                Ok(())
            })
            .await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn those_who_drip_their_requests_make_room_for_a_good_client() -> Result<()> {
    within(LIMIT, "slow loris", async {
        let slacktide = Setup::default()
            .setting("rest.max_connections", "40")
            .setting("rest.header_timeout", "1")
            .start()
            .await?;
        let address = slacktide.rest_address();
        let mut attackers = JoinSet::new();
        for _ in 0..200 {
            let address = address.clone();
            // Comes again whenever it is thrown out, and is never done with its request.
            attackers.spawn(async move {
                loop {
                    let Ok(mut stream) = TcpStream::connect(&address).await else {
                        continue;
                    };
                    let mut head = &b"GET /api/v2/time HTTP/1.1\r\n"[..];
                    while stream.write_all(head).await.is_ok() {
                        head = b"x: y\r\n";
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            });
        }
        // Once the slots are taken.
        while !slacktide.output().contains("new ones wait") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for _ in 0..3 {
            let info = slacktide.rest().get("/api/v2/info").await?;
            assert_eq!(info.status, StatusCode::OK);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_connection_ends_when_its_client_is_slow_or_gone() -> Result<()> {
    within(LIMIT, "timeouts", async {
        let slacktide = Setup::default()
            .setting("rest.header_timeout", "1")
            .setting("rest.body_timeout", "1")
            .setting("rest.idle_timeout", "3")
            .start()
            .await?;
        let connect = async || TcpStream::connect(slacktide.rest_address()).await;
        let timed = async |request: &[u8]| -> Result<(Duration, String)> {
            let mut stream = connect().await?;
            let begin = Instant::now();
            stream.write_all(request).await?;
            let read = to_the_end(&mut stream).await;
            Ok((begin.elapsed(), String::from_utf8(read)?))
        };
        let second = Duration::from_secs(1);

        let (took, answer) = timed(b"").await?;
        assert!(took >= second / 2 && took < 10 * second, "{took:?}");
        assert_eq!(answer, "");
        let (took, answer) = timed(b"GET /api/v2/time HTTP/1.1\r\nhost: a").await?;
        assert!(took >= second / 2 && took < 10 * second, "{took:?}");
        assert!(!answer.contains("200 OK"), "{answer}");
        // Kept for another request, as long as that may take to come.
        let (took, answer) = timed(b"GET /api/v2/time HTTP/1.1\r\nhost: a\r\n\r\n").await?;
        assert!(took > 2 * second && took < 15 * second, "{took:?}");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        let unfinished = format!(
            "POST /api/v2/ob/clusters/1/stop HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\n\
             content-type: application/json\r\ncontent-length: 20\r\n\r\n{{",
            Slacktide::admin()
                .header()
                .context("admin has a password")?
        );
        let (took, answer) = timed(unfinished.as_bytes()).await?;
        assert!(took < 10 * second, "{took:?}");
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_too_large_is_refused() -> Result<()> {
    within(LIMIT, "sizes", async {
        let slacktide = Slacktide::start().await?;
        let rest = slacktide.rest();
        let large = "x".repeat(20 * 1024);
        let headers = [("x-large", large.as_str())];
        let head = rest.call(Method::GET, "/api/v2/info", &headers, "");
        let status = head.await?.status;
        assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        let body = " ".repeat(70 * 1024);
        let status = rest.post("/api/v2/ob/clusters/1/stop", body).await?.status;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);

        let api = slacktide.api()?;
        let mut asked = tonic::Request::new(GetInfoRequest {});
        asked.metadata_mut().insert("x-large", large.parse()?);
        let refused = api.info.clone().get_info(asked).await;
        ensure!(refused.is_err(), "metadata of 20 KiB were taken");
        let message = ListClustersRequest {
            page_token: "x".repeat(5 << 20),
            ..Default::default()
        };
        let refused = api.clusters.clone().list_clusters(message).await;
        let code = refused.err().context("5 MiB were taken")?.code();
        assert!(
            matches!(code, Code::OutOfRange | Code::ResourceExhausted),
            "{code:?}"
        );
        // None of it is in a good client's way.
        api.info.clone().get_info(GetInfoRequest {}).await?;
        Ok(())
    })
    .await
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or_default()
        .to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn a_flood_of_calls_that_are_canceled_at_once_ends_its_connection() -> Result<()> {
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    /// END_STREAM and END_HEADERS.
    const WHOLE: u8 = 5;
    /// GET http /, by the static table.
    const HEAD: [u8; 3] = [0x82, 0x86, 0x84];
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    within(LIMIT, "reset flood", async {
        let slacktide = Slacktide::start().await?;
        let mut stream = TcpStream::connect(slacktide.grpc_address()).await?;
        let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        sent.extend(frame(SETTINGS, 0, 0, &[]));
        for number in 0..20_000 {
            let stream = number * 2 + 1;
            sent.extend(frame(HEADERS, WHOLE, stream, &HEAD));
            sent.extend(frame(RST_STREAM, 0, stream, &CANCEL));
        }
        let (mut reader, mut writer) = stream.split();
        let flood = async {
            // Fails when the server has had enough.
            let _ = writer.write_all(&sent).await;
            Ok::<_, anyhow::Error>(())
        };
        let watch = async {
            let mut first = None;
            let mut head = [0; 9];
            while reader.read_exact(&mut head).await.is_ok() {
                let length = usize::from(head[1]) << 8 | usize::from(head[2]);
                let mut payload = vec![0; length];
                if reader.read_exact(&mut payload).await.is_err() {
                    break;
                }
                first.get_or_insert(head[3]);
            }
            Ok(first)
        };
        let ((), first) = tokio::try_join!(flood, watch)?;
        assert_eq!(first, Some(SETTINGS));
        // The farewell itself may be lost in the reset. That the connection came to its end is what was awaited.
        slacktide
            .api()?
            .info
            .clone()
            .get_info(GetInfoRequest {})
            .await?;
        Ok(())
    })
    .await
}
