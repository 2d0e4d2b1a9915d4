//! What the API says of itself: an OpenAPI 3.1 document, made of the same table as the routing, and a page
//! that shows it.

mod document;
mod page;
mod responses;
mod schemas;

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};

pub(crate) use schemas::Schemas;

use crate::routes::Route;

/// Where the document is.
const DOCUMENT: &str = "/api/v2/openapi.json";
/// Where the page is.
const PAGE: &str = "/api/v2/docs";

/// The calls that show the document, for anybody: it tells of the server, not of what it manages.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(table: &[Route]) -> Router<S> {
    let document = document::of(table);
    let page = page::of(&document);
    // Pretty, so that a change shows as a change of a line.
    let json = format!("{document:#}\n");
    Router::new()
        .route(DOCUMENT, fixed("application/json", json))
        .route(PAGE, fixed("text/html; charset=utf-8", page))
}

fn fixed<S: Clone + Send + Sync + 'static>(
    content_type: &'static str,
    content: String,
) -> axum::routing::MethodRouter<S> {
    let content = Bytes::from(content);
    let headers: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
        ),
    ];
    get(move || async move { (headers, content) })
}
