use super::*;
use tracing_subscriber::layer::SubscriberExt;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Runs `test` under a subscriber as `init` installs it.
fn traced(test: impl FnOnce()) {
    let provider = provider_builder(false).build();
    let subscriber = tracing_subscriber::registry().with(layer(&provider, false));
    tracing::subscriber::with_default(subscriber, test);
}

fn headers(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
}

fn full_trace_id(span: &Span) -> String {
    traceparent(span).unwrap()[3..35].to_owned()
}

#[test]
fn a_callers_traceparent_is_adopted() {
    traced(|| {
        let span = request_span("rest", "GET /api/v2/time", &headers("traceparent", PARENT));
        assert_eq!(trace_id(&span), "8448eb211c80319c");
        let own = traceparent(&span).unwrap();
        assert!(own.starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
        assert!(
            own.ends_with("-01"),
            "the caller's sampling decision travels on: {own}"
        );
        assert!(
            !own.contains("b7ad6b7169203331"),
            "the span has an id of its own"
        );
    });
}

#[test]
fn traceparent_wins_over_x_trace_id() {
    traced(|| {
        let mut both = headers("traceparent", PARENT);
        both.insert("x-trace-id", HeaderValue::from_static("00000000000000aa"));
        assert_eq!(
            trace_id(&request_span("rest", "m", &both)),
            "8448eb211c80319c"
        );
    });
}

#[test]
fn x_trace_id_is_adopted_when_it_has_16_or_32_digits() {
    traced(|| {
        let span = request_span("rest", "m", &headers("x-trace-id", "60f1De7A5b3c2d1e"));
        assert_eq!(full_trace_id(&span), "000000000000000060f1de7a5b3c2d1e");
        let span = request_span(
            "rest",
            "m",
            &headers("x-trace-id", "0af7651916cd43dd8448eb211c80319c"),
        );
        assert_eq!(full_trace_id(&span), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace_id(&span), "8448eb211c80319c");
    });
}

#[test]
fn any_other_x_trace_id_begins_a_trace_with_a_zero_upper_half() {
    traced(|| {
        for unusable in [
            "",
            "abc",
            "+0f1de7a5b3c2d1e",
            "60f1de7a5b3c2d1e0",
            "0000000000000000",
            "zzzzzzzzzzzzzzzz",
        ] {
            let span = request_span("rest", "m", &headers("x-trace-id", unusable));
            let id = full_trace_id(&span);
            assert_eq!(&id[..16], "0000000000000000");
            assert_ne!(&id[16..], "0000000000000000");
            assert_eq!(&id[16..], trace_id(&span));
        }
    });
}

#[test]
fn each_request_begins_a_trace_of_its_own() {
    traced(|| {
        let ids = [(); 2].map(|()| trace_id(&request_span("grpc", "m", &HeaderMap::new())));
        assert_ne!(ids[0], ids[1]);
    });
}

#[test]
fn a_request_inside_another_span_is_a_root() {
    traced(|| {
        let outer = request_span("grpc", "outer", &HeaderMap::new());
        let inner = outer.in_scope(|| request_span("grpc", "inner", &HeaderMap::new()));
        assert_ne!(trace_id(&outer), trace_id(&inner));
    });
}

#[test]
fn a_trace_survives_a_call_and_the_tasks_row() {
    traced(|| {
        let gateway = request_span("rest", "POST stop", &HeaderMap::new());
        let mut metadata = HeaderMap::new();
        inject(&gateway, &mut metadata);
        let server = request_span("grpc", "StopCluster", &metadata);
        let stored = traceparent(&server);
        let run = run_span(stored.as_deref(), 7, 9, "Stop observer process", 3);
        assert_eq!(trace_id(&run), trace_id(&gateway));
        assert_ne!(traceparent(&run), stored);
    });
}

#[test]
fn a_run_with_a_broken_traceparent_begins_a_trace() {
    traced(|| {
        for broken in [None, Some(""), Some("00-zz-00-01")] {
            let id = full_trace_id(&run_span(broken, 7, 9, "Wait node", 3));
            assert!(id.starts_with("0000000000000000"), "{id}");
        }
    });
}

#[test]
fn without_a_subscriber_an_id_is_made_up_and_nothing_is_sent() {
    let span = request_span("rest", "m", &headers("traceparent", PARENT));
    let id = trace_id(&span);
    assert_eq!(id.len(), 16);
    assert!(id.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert_eq!(traceparent(&span), None);
    let mut sent = HeaderMap::new();
    inject(&span, &mut sent);
    assert!(sent.is_empty());
}
