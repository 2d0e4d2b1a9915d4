//! What operators and their probes ask of a process: is it alive, is it ready, what has it counted.

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    routing::get,
};

use crate::metrics;

/// `/metrics` (Prometheus text), `/healthz` (200 while the process answers at all) and `/readyz` (200, or
/// 503 with the reason that `ready` gives). Nothing here asks for credentials: bind it where only operators reach.
pub fn router(ready: impl Fn() -> Result<(), String> + Clone + Send + Sync + 'static) -> Router {
    let readiness = move || async move {
        match ready() {
            Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
            Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        }
    };
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readiness))
        .route(
            "/metrics",
            get(async || ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render())),
        )
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::Request,
    };
    use tower::ServiceExt;

    use super::*;

    async fn get_from(router: Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_process_that_is_not_ready_is_alive_and_says_why() {
        let router = router(|| Err("database is down".to_owned()));
        assert_eq!(get_from(router.clone(), "/healthz").await.0, StatusCode::OK);
        let (status, body) = get_from(router, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, "database is down\n");
    }

    #[tokio::test]
    async fn a_ready_process_says_so() {
        let (status, _) = get_from(router(|| Ok(())), "/readyz").await;
        assert_eq!(status, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_served_as_text() {
        metrics::observe_request("rest", "GET /api/v2/info", "200", Default::default());
        let (status, body) = get_from(router(|| Ok(())), "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains(r#"method="GET /api/v2/info""#));
    }
}
