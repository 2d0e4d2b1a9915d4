//! HTTP around the calls: unknown paths, wrong methods, HEAD, and bodies on a real connection.

use std::time::Duration;

use axum::body::Body;
use http::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
};

use crate::{
    scripted::{CREDENTIALS, Script},
    support::{Rest, request},
};

/// How long a client waits before it is a failure. Much more than the gateway ever takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn rest() -> Rest {
    Rest::new(Script::default())
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    for path in [
        "/",
        "/api/v2/ob/cluster",
        "/api/v2/ob/clusters/",
        "/api/v2/ob/clusters/1/shake",
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = rest().send(request(method, path, "{}")).await;
            assert_eq!(answer.status, 404, "{path}");
            assert_eq!(answer.error()["code"], 0);
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let brew = Method::from_bytes(b"BREW").unwrap();
    let cases = [
        (Method::GET, "/api/v2/ob/clusters/1/stop", "POST,OPTIONS"),
        (Method::HEAD, "/api/v2/ob/clusters/1/stop", "POST,OPTIONS"),
        (Method::POST, "/api/v2/ob/clusters", "GET,HEAD,OPTIONS"),
        (
            Method::DELETE,
            "/api/v2/tasks/instances/1",
            "GET,HEAD,OPTIONS",
        ),
        (Method::PUT, "/api/v2/time", "GET,HEAD,OPTIONS"),
        (Method::TRACE, "/api/v2/info", "GET,HEAD,OPTIONS"),
        (brew, "/api/v2/info", "GET,HEAD,OPTIONS"),
    ];
    for (method, path, allowed) in cases {
        let head = method == Method::HEAD;
        let answer = rest().send(request(method, path, "")).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.header("allow"), allowed, "{path}");
        if !head {
            assert_eq!(answer.error()["code"], 1008);
        }
    }
}

#[tokio::test]
async fn options_are_told_to_anybody() {
    for (path, allowed) in [
        ("/api/v2/ob/clusters/1/stop", "POST,OPTIONS"),
        ("/api/v2/tasks/instances", "GET,HEAD,OPTIONS"),
        ("/api/v2/time", "GET,HEAD,OPTIONS"),
    ] {
        let rest = rest();
        let answer = rest.send_as_is(request(Method::OPTIONS, path, "")).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("allow"), allowed, "{path}");
        assert!(answer.body.is_empty());
        assert_eq!(rest.server.seen().calls, 0);
    }
    let answer = rest()
        .send_as_is(request(Method::OPTIONS, "/nowhere", ""))
        .await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn what_rules_json_out_is_not_acceptable_and_nothing_is_done() {
    let rest = rest();
    let mut request = request(Method::POST, "/api/v2/ob/clusters/1/stop", "{}");
    let accept = "text/html, */*;q=0".parse().unwrap();
    request.headers_mut().insert("accept", accept);
    let answer = rest.send(request).await;
    assert_eq!(answer.status, 406);
    assert_eq!(answer.error()["code"], 0);
    assert!(rest.server.seen().stop.is_none());
}

#[tokio::test]
async fn every_answer_has_a_trace_id() {
    for (method, path) in [
        (Method::GET, "/api/v2/time"),
        (Method::GET, "/api/v2/openapi.json"),
        (Method::HEAD, "/api/v2/info"),
        (Method::HEAD, "/nowhere"),
        (Method::OPTIONS, "/api/v2/info"),
    ] {
        let answer = rest().send(request(method, path, "")).await;
        assert_eq!(answer.header("x-trace-id").len(), 16, "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let rest = rest();
    let got = rest.get("/api/v2/info").await;
    let head = rest.send(request(Method::HEAD, "/api/v2/info", "")).await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), got.header("content-type"));
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn a_client_that_is_still_sending_sees_the_answer() {
    let body = vec![b' '; 2 * 1024 * 1024];
    for (path, status) in [
        ("/api/v2/ob/clusters/1/stop", "413"),
        ("/api/v2/nowhere", "404"),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {CREDENTIALS}\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = over_tcp(&head, &body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains("\"successful\":false"), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_waits_to_send_is_answered_at_once() {
    let head = format!(
        "POST /api/v2/ob/clusters/1/stop HTTP/1.1\r\nhost: x\r\nauthorization: {CREDENTIALS}\r\n\
         connection: close\r\nexpect: 100-continue\r\ncontent-length: 100000000\r\n\r\n"
    );
    let answer = over_tcp(&head, &[]).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_malformed() {
    let broken = Body::from_stream(tokio_stream::iter([
        Ok(bytes::Bytes::from_static(b"{")),
        Err(std::io::Error::other("connection reset")),
    ]));
    let answer = rest().post("/api/v2/ob/clusters/1/stop", broken).await;
    assert_eq!(answer.status, 400);
}

/// Sends to a served gateway all that is given, and then reads all that comes. The sockets' buffers are too
/// small to swallow what nobody reads.
async fn over_tcp(head: &str, body: &[u8]) -> String {
    let small_socket = || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        socket.set_send_buffer_size(16 * 1024).unwrap();
        socket
    };
    let listening = small_socket();
    listening.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listening.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let served = axum::serve(listener, rest().into_router()).into_future();
    let talk = async {
        let mut stream = small_socket().connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    tokio::select! {
        answer = talk => answer,
        ended = served => panic!("the gateway stopped serving: {ended:?}"),
        () = tokio::time::sleep(PATIENCE) => panic!("no answer within {PATIENCE:?}"),
    }
}
