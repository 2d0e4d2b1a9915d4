//! The body and headers of a stop that can't be taken: never a stop that wasn't meant.

use axum::body::Body;
use http::Method;

use crate::{
    scripted::Script,
    support::{Answer, MAX_BODY, Rest, request},
};

const STOP: &str = "/api/v2/ob/clusters/1/stop";

/// Sends a stop that must not reach the server.
async fn refused(body: impl Into<Body>, headers: &[(&'static str, &str)]) -> Answer {
    let rest = Rest::new(Script::default());
    let mut request = request(Method::POST, STOP, body);
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let answer = rest.send(request).await;
    assert!(
        rest.server.seen().stop.is_none(),
        "the server was asked to stop"
    );
    answer
}

#[tokio::test]
async fn fields_that_cannot_be_taken_are_named() {
    let cases = [
        (r#"{"mode": "immediate"}"#, "mode"),
        (r#"{"mode": 2}"#, "mode"),
        (r#"{"mode": null}"#, "mode"),
        (r#"{"minorFreeze": "yes"}"#, "minorFreeze"),
        (r#"{"validateOnly": 1}"#, "validateOnly"),
        (r#"{"validateOnly": null}"#, "validateOnly"),
        (
            r#"{"validateOnly": true, "validateOnly": false}"#,
            "validateOnly",
        ),
        (r#"{"Mode": "IMMEDIATE"}"#, "Mode"),
        (r#"{"minor_freeze": true}"#, "minor_freeze"),
    ];
    for (body, field) in cases {
        let answer = refused(body, &[]).await;
        assert_eq!(answer.status, 400, "{body}");
        let error = answer.error();
        assert_eq!(error["code"], 0, "{body}");
        assert_eq!(error["subErrors"][0]["field"], field, "{body}");
        assert!(
            error["message"].as_str().unwrap().starts_with(field),
            "{body}"
        );
    }
}

/// To ignore the wish would stop production where nothing was to be written.
#[tokio::test]
async fn a_dry_run_that_is_misspelt_never_becomes_a_stop() {
    for field in [
        "validate_only",
        "ValidateOnly",
        "VALIDATE_ONLY",
        "validateonly",
    ] {
        for others in ["", r#", "validateOnly": false"#, r#", "mode": "GRACEFUL""#] {
            let body = format!(r#"{{"{field}": true{others}}}"#);
            let answer = refused(body.clone(), &[]).await;
            assert_eq!(answer.status, 400, "{body}");
            assert_eq!(answer.error()["subErrors"][0]["field"], field, "{body}");
        }
    }
}

#[tokio::test]
async fn our_fields_are_not_taken_from_the_query() {
    for query in ["validateOnly=true", "validate_only", "mode=IMMEDIATE"] {
        let rest = Rest::new(Script::default());
        let answer = rest.post(&format!("{STOP}?{query}"), "").await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(rest.server.seen().stop.is_none());
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let deep = "[".repeat(1000);
    for body in [
        "{",
        "null",
        "[]",
        "1",
        "\"x\"",
        " ",
        "{} {}",
        "mode=IMMEDIATE",
        &deep,
    ] {
        let answer = refused(body.to_owned(), &[]).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.error()["code"], 0);
    }
    assert_eq!(refused(vec![b'{', 0xff, b'}'], &[]).await.status, 400);
}

#[tokio::test]
async fn another_content_type_is_refused_where_there_is_a_body() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = refused("{}", &form).await;
    assert_eq!(answer.status, 415);
    assert_eq!(answer.error()["code"], 0);

    let rest = Rest::new(Script::default());
    let mut request = request(Method::POST, STOP, "");
    let headers = request.headers_mut();
    headers.insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(rest.send(request).await.status, 200);
}

#[tokio::test]
async fn a_body_may_be_as_large_as_allowed_and_no_larger() {
    let body = |size: usize| format!("{{}}{}", " ".repeat(size - 2));
    let rest = Rest::new(Script::default());
    assert_eq!(rest.post(STOP, body(MAX_BODY)).await.status, 200);
    assert_eq!(refused(body(MAX_BODY + 1), &[]).await.status, 413);
}

#[tokio::test]
async fn an_idempotency_key_that_protects_nothing_is_refused() {
    for keys in [&["", ""][..1], &[" "], &["a", "b"], &["\u{e9}"]] {
        let headers: Vec<_> = keys.iter().map(|key| ("idempotency-key", *key)).collect();
        let answer = refused("", &headers).await;
        assert_eq!(answer.status, 400, "{keys:?}");
        assert_eq!(answer.error()["subErrors"][0]["field"], "Idempotency-Key");
    }
}
