//! Paths that are not what they seem: each is refused, and none reaches a call that it does not name.

use crate::{scripted::Script, socket::Socket, tasks::task};

const SAID: &[u16] = &[400, 404];

#[tokio::test]
async fn a_path_that_another_reader_takes_for_another_is_refused() {
    let socket = Socket::open(Script {
        task: task(),
        ..Script::default()
    })
    .await;
    let lines = [
        // Empty segments and trailing slashes.
        "POST //api/v2/ob/clusters/21/stop",
        "POST /api/v2//ob/clusters/21/stop",
        "POST /api/v2/ob/clusters//stop",
        "POST /api/v2/ob/clusters/21//stop",
        "POST /api/v2/ob/clusters/21/stop/",
        "POST /api/v2/ob/clusters/21/zones//stop",
        "GET /api/v2/ob/clusters/",
        "GET /api/v2/info/",
        // Escaped slashes.
        "POST /api/v2/ob/clusters/21%2fstop",
        "POST /api/v2/ob/clusters/21%2Fstop",
        "POST /api/v2/ob/clusters%2f21/stop",
        "POST /api/v2/ob/clusters/21/zones/z%2fy/stop",
        "POST /api/v2/ob/clusters/21/zones/z%5cy/stop",
        "GET /api%2fv2%2finfo",
        // Dots.
        "POST /api/v2/ob/clusters/22/../21/stop",
        "POST /api/v2/ob/clusters/21/zones/../stop",
        "POST /api/v2/ob/clusters/21/zones/%2e%2e/stop",
        "POST /api/v2/ob/clusters/21/zones/./stop",
        "POST /api/v2/ob/clusters/21/zones/.%2E/stop",
        "POST /api/v2/time/../ob/clusters/21/stop",
        "GET /api/v2/time/../info",
        "GET /api/v2/ob/clusters/..",
        // What is left of other servers' habits.
        "POST /api/v2/ob/clusters/21;a=b/stop",
        "POST /api/v2/ob/clusters/21/stop;a=b",
        "POST /api/v2/ob/clusters/21/stop%00",
        "POST /api/v2/ob/clusters/21/zones/%0d%0a/stop",
        "POST /api/v2/ob/clusters/21/zones/%ff/stop",
        "POST /API/v2/ob/clusters/21/stop",
        "POST /api/v2/ob/clusters/21/stop.json",
        "POST /api/v2/ob/clusters/21%20/stop",
        "POST /api/v2/ob/clusters/%32%31;/stop",
        "GET /api/v2/openapi.json/",
        "GET *",
    ];
    for line in lines {
        let answer = socket.send(line, &[], "").await;
        assert!(
            SAID.contains(&answer.status.as_u16()),
            "{line}: {}",
            answer.status
        );
        if answer.body.is_empty() {
            // What is no HTTP is refused before it is ours.
            assert_eq!(line, "GET *");
        } else {
            assert_eq!(answer.error()["code"], 0, "{line}");
        }
        let seen = socket.server.seen();
        assert!(
            seen.stop.is_none() && seen.change.is_none() && seen.get_cluster.is_none(),
            "{line} reached a call"
        );
    }
}

#[tokio::test]
async fn a_path_may_be_escaped_where_everybody_reads_it_alike() {
    let socket = Socket::open(Script {
        task: task(),
        ..Script::default()
    })
    .await;
    for line in [
        "POST /api/v2/ob/clusters/%32%31/stop",
        "POST http://example.org/api/v2/ob/clusters/21/stop",
        "POST /api/v2/ob/clusters/21/stop?",
        "POST /api/v2/ob/clusters/21/stop?x=../..%2f",
    ] {
        let answer = socket.send(line, &[], "").await;
        assert_eq!(answer.status, 200, "{line}");
        let asked = socket.server.seen().stop.take().unwrap();
        assert_eq!(asked.id, 21, "{line}");
    }
}
