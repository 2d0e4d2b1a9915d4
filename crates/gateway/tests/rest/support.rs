//! Sends requests to the gateway, and looks at answers.

use std::convert::Infallible;

use axum::{Router, body::Body};
use bytes::Bytes;
use chrono::DateTime;
use http::{HeaderMap, Method, Request, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt as _;
use serde_json::Value;
use slacktide_api::v1::{
    cluster_service_server::ClusterServiceServer, info_service_server::InfoServiceServer,
    task_service_server::TaskServiceServer,
};
use slacktide_gateway::{Options, Upstream, router};
use tower::{ServiceExt as _, util::MapErr};

use crate::scripted::{CREDENTIALS, Script, Server};

pub(crate) const MAX_BODY: usize = 1024;

/// A gateway before a scripted server.
pub(crate) struct Rest {
    pub(crate) server: Server,
    router: Router,
}

/// An answer, all of it read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Rest {
    pub(crate) fn new(script: Script) -> Self {
        let server = Server::new(script);
        let services = tonic::service::Routes::new(ClusterServiceServer::new(server.clone()))
            .add_service(TaskServiceServer::new(server.clone()))
            .add_service(InfoServiceServer::new(server.clone()));
        let upstream = Upstream::new(MapErr::new(services, |never: Infallible| match never {}));
        Self {
            server,
            router: gateway(upstream),
        }
    }

    pub(crate) fn into_router(self) -> Router {
        self.router
    }

    /// Sends a request with the known credentials.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        let credentials = CREDENTIALS.parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, credentials);
        self.send_as_is(request).await
    }

    pub(crate) async fn send_as_is(&self, request: Request<Body>) -> Answer {
        send(&self.router, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, "")).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send(request(Method::POST, path, body)).await
    }
}

pub(crate) fn gateway(upstream: Upstream) -> Router {
    let options = Options {
        server: "a83ad33525".to_owned(),
        max_body: MAX_BODY,
    };
    router(upstream, options)
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

/// Sends a request with the known credentials. Returns whether the answer's body breaks off.
pub(crate) async fn send_broken(rest: &Rest, mut request: Request<Body>) -> bool {
    let credentials = CREDENTIALS.parse().unwrap();
    request.headers_mut().insert(AUTHORIZATION, credentials);
    let response = rest.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().collect().await.is_err()
}

pub(crate) fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(body.into())
        .unwrap()
}

impl Answer {
    /// The envelope, after a look at what is true of every envelope.
    pub(crate) fn envelope(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        let envelope: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(envelope["status"], self.status.as_u16());
        assert_eq!(envelope["successful"], self.status.is_success());
        assert_eq!(envelope["server"], "a83ad33525");
        assert!(envelope["duration"].is_u64());
        let trace_id = envelope["traceId"].as_str().unwrap();
        assert_eq!(trace_id.len(), 16);
        assert!(
            trace_id
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        );
        assert_eq!(self.header("x-trace-id"), trace_id);
        assert_timestamp(&envelope["timestamp"]);
        assert_eq!(envelope.get("data").is_some(), self.status.is_success());
        assert_eq!(envelope.get("error").is_none(), self.status.is_success());
        envelope
    }

    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK);
        self.envelope()["data"].take()
    }

    pub(crate) fn error(&self) -> Value {
        self.envelope()["error"].take()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// RFC 3339 with three fraction digits and a numeric offset.
pub(crate) fn assert_timestamp(value: &Value) {
    let text = value.as_str().unwrap();
    DateTime::parse_from_rfc3339(text).unwrap();
    assert_eq!(text.len(), "2021-03-02T10:29:04.849+08:00".len(), "{text}");
}

/// The instant that a timestamp names, in milliseconds.
pub(crate) fn millis(value: &Value) -> i64 {
    assert_timestamp(value);
    DateTime::parse_from_rfc3339(value.as_str().unwrap())
        .unwrap()
        .timestamp_millis()
}

/// Whether the keys of every object in a JSON text are sorted, as they are written.
pub(crate) fn assert_keys_sorted(json: &[u8]) {
    let Sorted = serde_json::from_slice(json).unwrap();
}

struct Sorted;

impl<'de> serde::Deserialize<'de> for Sorted {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SortedVisitor)
    }
}

struct SortedVisitor;

impl<'de> serde::de::Visitor<'de> for SortedVisitor {
    type Value = Sorted;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON without null")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Sorted, A::Error> {
        let mut last = String::new();
        while let Some((key, Sorted)) = map.next_entry::<String, Sorted>()? {
            assert!(last < key, "{key} follows {last}");
            last = key;
        }
        Ok(Sorted)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Sorted, A::Error> {
        while items.next_element::<Sorted>()?.is_some() {}
        Ok(Sorted)
    }

    fn visit_str<E>(self, _: &str) -> Result<Sorted, E> {
        Ok(Sorted)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Sorted, E> {
        Ok(Sorted)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Sorted, E> {
        Ok(Sorted)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Sorted, E> {
        Ok(Sorted)
    }
}
