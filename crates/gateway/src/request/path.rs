//! Parameters in paths.

use axum::{
    extract::{FromRequestParts, RawPathParams, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::request::Parts;

use super::body;
use crate::error::{ApiError, Text};

/// Refuses a path that another reader of URLs, a proxy say, might take for another path than we do. Whoever
/// guards some paths before us must not be deceived.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let refusal = if !is_plain(path) {
        ApiError::malformed(Text::MalformedPath)
    } else if path.contains("//") {
        ApiError::no_such_path(path)
    } else {
        return next.run(request).await;
    };
    body::discard(request.into_body()).await;
    refusal.into_response()
}

/// Whether a path means the same however often it is decoded and cleaned up, but for empty segments.
fn is_plain(path: &str) -> bool {
    let decoded = decoded(path.as_bytes());
    let odd = |byte: &u8| byte.is_ascii_control() || *byte == b'\\';
    let slashes = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'/').count();
    slashes(&decoded) == slashes(path.as_bytes())
        && !decoded.iter().any(odd)
        && !decoded.split(|byte| *byte == b'/').any(is_dots)
}

fn is_dots(segment: &[u8]) -> bool {
    matches!(segment, b"." | b"..")
}

/// The bytes behind `%XX`; what is no such escape stays as it is.
fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => digit(high).zip(digit(low)),
            _ => None,
        };
        let byte = escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        if byte.is_some() {
            rest = &tail[2..];
        }
        bytes.push(byte.unwrap_or(*first));
    }
    bytes
}

/// The parameters of a path, decoded.
#[derive(Default)]
pub(crate) struct Path(Vec<(String, String)>);

impl Path {
    /// A parameter that must be a Java `Long`; whether it names anything is the server's question.
    pub(crate) fn long(&self, name: &str) -> Result<i64, ApiError> {
        let value = self.text(name);
        value.parse().map_err(|_| ApiError::not_a_long(name, value))
    }

    /// A parameter as it was written.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.given(name).unwrap_or_default()
    }

    /// A parameter, if the path has it.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::malformed(Text::MalformedPath))?;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Ok(Self(params.iter().map(owned).collect()))
    }
}

/// The ids in a path that has nothing else, in their order.
pub(crate) struct Ids<const N: usize>(pub(crate) [i64; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Ids<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::from_request_parts(parts, state).await?;
        let mut ids = [0; N];
        for (id, (name, _)) in ids.iter_mut().zip(&path.0) {
            *id = path.long(name)?;
        }
        Ok(Self(ids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_everybody_reads_alike_is_plain() {
        for plain in [
            "/", "/a/b", "/a%20b", "/...", "/.a", "/a..b", "//a/", "/%zz", "/a%", "/%c3%a9", "*",
        ] {
            assert!(is_plain(plain), "{plain}");
        }
        for odd in [
            "/a/../b",
            "/a/..",
            "/./a",
            "/a/%2e%2E/b",
            "/.%2e/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%0d%0ab",
            "/%7f",
        ] {
            assert!(!is_plain(odd), "{odd}");
        }
    }
}
