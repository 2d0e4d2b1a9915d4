//! Requests that no client library would send.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use crate::kit::{Kit, PASSWORD};

const GET_CLUSTER: &str = "/slacktide.v1.ClusterService/GetCluster";

/// One gRPC message: no compression, its length, its bytes.
fn message(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0], &length[..], bytes].concat()
}

fn as_admin() -> HeaderValue {
    let pair = STANDARD.encode(format!("admin:{PASSWORD}"));
    HeaderValue::try_from(format!("Basic {pair}")).unwrap()
}

/// Sends raw bytes to GetCluster, and returns the status that is answered.
async fn send(kit: &Kit, credentials: &[HeaderValue], body: Vec<u8>) -> Status {
    let mut request = http::Request::post(GET_CLUSTER)
        .header("content-type", "application/grpc")
        .body(Body::new(http_body_util::Full::from(body)))
        .unwrap();
    for value in credentials {
        request.headers_mut().append(AUTHORIZATION, value.clone());
    }
    let answer = kit.server.service().oneshot(request).await.unwrap();
    let headers: &HeaderMap = answer.headers();
    Status::from_header_map(headers).unwrap()
}

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone()
}

#[tokio::test]
async fn what_cannot_be_decoded_is_the_callers_fault() {
    let kit = Kit::new().await;
    let garbage = send(&kit, &[as_admin()], message(&[0xff; 8])).await;
    assert_eq!(garbage.code(), Code::InvalidArgument, "{garbage:?}");
    assert_eq!(reason(&garbage), "MALFORMED_MESSAGE");

    let cut_off = send(&kit, &[as_admin()], vec![0, 0, 0, 0, 9, 8]).await;
    assert_eq!(cut_off.code(), Code::InvalidArgument, "{cut_off:?}");

    let endless = send(&kit, &[as_admin()], message(&vec![0; 5 << 20])).await;
    assert_eq!(endless.code(), Code::ResourceExhausted, "{endless:?}");
    assert_eq!(reason(&endless), "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn credentials_that_are_given_twice_are_refused() {
    let kit = Kit::new().await;
    let twice = send(&kit, &[as_admin(), as_admin()], message(&[8, 1])).await;
    assert_eq!(twice.code(), Code::Unauthenticated);
    assert_eq!(reason(&twice), "MALFORMED_CREDENTIALS");
    let once = send(&kit, &[as_admin()], message(&[8, 1])).await;
    assert_eq!(once.code(), Code::NotFound);
}
