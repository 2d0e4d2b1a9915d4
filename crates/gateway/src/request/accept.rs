//! What a caller takes for an answer.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header::ACCEPT};

use super::body;
use crate::error::ApiError;

/// Refuses a request whose `Accept` rules out the JSON that it would be answered with, before anything is
/// done. The refusal is JSON all the same: there is nothing else to say it in.
pub(crate) async fn json(request: Request, next: Next) -> Response {
    if takes_json(request.headers()) {
        return next.run(request).await;
    }
    body::discard(request.into_body()).await;
    ApiError::not_acceptable().into_response()
}

/// Whether any range of `Accept` has JSON in it. A header that is absent, or that can't be read, has.
fn takes_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    let none = values.peek().is_none();
    none || values.any(|value| {
        value.to_str().map_or(true, |value| {
            value.trim().is_empty() || value.split(',').any(range_takes_json)
        })
    })
}

fn range_takes_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let named = ["application/json", "application/*", "*/*", "*"]
        .iter()
        .any(|json| name.eq_ignore_ascii_case(json));
    named && !parts.any(is_zero)
}

/// Whether a parameter is the weight that rules a range out.
fn is_zero(parameter: &str) -> bool {
    let weight = parameter
        .split_once('=')
        .filter(|(name, _)| name.eq_ignore_ascii_case("q"));
    weight
        .and_then(|(_, weight)| weight.parse::<f32>().ok())
        .is_some_and(|weight| weight == 0.0)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn takes(values: &[&'static str]) -> bool {
        let values = values
            .iter()
            .map(|value| (ACCEPT, HeaderValue::from_static(value)));
        takes_json(&values.collect())
    }

    #[test]
    fn json_is_taken_unless_it_is_ruled_out() {
        for accept in [
            "",
            "*/*",
            "application/json",
            "Application/JSON;charset=utf-8",
            "application/*;q=0.1",
            "text/html, image/gif, *; q=.2, */*; q=.2",
            "text/plain, application/json; q=0.001",
        ] {
            assert!(takes(&[accept]), "{accept}");
        }
        for accept in [
            "text/plain",
            "application/xml, text/*",
            "*/*;q=0",
            "application/json;q=0.0",
        ] {
            assert!(!takes(&[accept]), "{accept}");
        }
        assert!(takes(&[]));
        assert!(takes(&["text/plain", "*/*"]));
    }
}
