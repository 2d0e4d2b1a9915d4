//! Trace context on its way through the gateway. Alone installs the process-wide subscriber.

use http::Method;
use slacktide_telemetry::LogFormat;

use crate::{
    scripted::Script,
    support::{Rest, request},
};

#[tokio::test]
async fn the_callers_trace_goes_on_to_the_server_and_back() {
    let _guard = slacktide_telemetry::init(&slacktide_telemetry::Options {
        format: LogFormat::Text,
        filter: "off".to_owned(),
        otlp_endpoint: None,
        service_instance: "test".to_owned(),
        version: "0",
    })
    .unwrap();

    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = traced("traceparent", parent).await;
    assert_eq!(
        answer,
        (
            "8448eb211c80319c".to_owned(),
            "0af7651916cd43dd8448eb211c80319c".to_owned()
        )
    );

    let answer = traced("x-trace-id", "1551f7149ed5483b").await;
    assert_eq!(
        answer,
        (
            "1551f7149ed5483b".to_owned(),
            "00000000000000001551f7149ed5483b".to_owned()
        )
    );

    let (shown, sent) = traced("x-trace-id", "not hexadecimal").await;
    assert_eq!(
        sent,
        format!("{:032x}", u64::from_str_radix(&shown, 16).unwrap())
    );
}

/// The trace id in the envelope, and the one that the server was given.
async fn traced(name: &'static str, value: &str) -> (String, String) {
    let rest = Rest::new(Script::default());
    let mut request = request(Method::GET, "/api/v2/info", "");
    request.headers_mut().insert(name, value.parse().unwrap());
    let envelope = rest.send(request).await.envelope();
    let seen = rest.server.seen();
    let parent = seen.metadata.get("traceparent").unwrap().to_str().unwrap();
    let sent = parent.split('-').nth(1).unwrap();
    (
        envelope["traceId"].as_str().unwrap().to_owned(),
        sent.to_owned(),
    )
}
