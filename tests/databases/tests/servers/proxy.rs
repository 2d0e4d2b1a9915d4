use std::time::Duration;

use slacktide_test_databases::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_millis(200);

/// A server that sends back whatever it gets.
async fn echo() -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut sessions = JoinSet::new();
        loop {
            let (mut session, _) = listener.accept().await.unwrap();
            sessions.spawn(async move {
                let (mut from, mut to) = session.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    (port, serving)
}

async fn say(session: &mut TcpStream, word: &[u8; 4]) -> std::io::Result<()> {
    session.write_all(word).await?;
    heard(session, word).await
}

async fn heard(session: &mut TcpStream, word: &[u8; 4]) -> std::io::Result<()> {
    let mut answer = [0; 4];
    session.read_exact(&mut answer).await?;
    assert_eq!(&answer, word);
    Ok(())
}

#[tokio::test]
async fn a_cut_ends_connections_and_a_restored_link_takes_new_ones() {
    let (port, _echo) = echo().await;
    let proxy = Proxy::start(port).await.unwrap();
    let connect = async || {
        TcpStream::connect(("127.0.0.1", proxy.port()))
            .await
            .unwrap()
    };
    let mut session = connect().await;
    say(&mut session, b"one.").await.unwrap();

    proxy.cut();
    let cut = timeout(LIMIT, session.read(&mut [0; 4])).await.unwrap();
    assert!(matches!(cut, Ok(0) | Err(_)), "{cut:?}");
    let mut refused = connect().await;
    let cut = timeout(LIMIT, refused.read(&mut [0; 4])).await.unwrap();
    assert!(matches!(cut, Ok(0) | Err(_)), "{cut:?}");

    proxy.restore();
    say(&mut connect().await, b"two.").await.unwrap();
}

#[tokio::test]
async fn a_stall_holds_back_what_arrives_after_it() {
    let (port, _echo) = echo().await;
    let proxy = Proxy::start(port).await.unwrap();
    let mut session = TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .unwrap();
    say(&mut session, b"one.").await.unwrap();

    proxy.stall();
    session.write_all(b"two.").await.unwrap();
    assert!(
        timeout(SILENCE, heard(&mut session, b"two."))
            .await
            .is_err()
    );
    proxy.restore();
    timeout(LIMIT, heard(&mut session, b"two."))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_url_is_led_through_the_proxy() {
    let proxy = Proxy::start(1).await.unwrap();
    let url = proxy
        .in_front_of("postgres://postgres@127.0.0.1:5432/case_1")
        .unwrap();
    assert_eq!(
        url,
        format!("postgres://postgres@127.0.0.1:{}/case_1", proxy.port())
    );
    let url = proxy.in_front_of("nats://127.0.0.1:4222").unwrap();
    assert_eq!(url, format!("nats://127.0.0.1:{}", proxy.port()));
}
