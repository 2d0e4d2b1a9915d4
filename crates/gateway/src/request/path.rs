//! Parameters in paths.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::error::ApiError;

/// The parameters of a path, decoded.
pub(crate) struct Path(Vec<(String, String)>);

impl Path {
    /// A parameter that must be a Java `Long`; whether it names anything is the server's question.
    pub(crate) fn long(&self, name: &str) -> Result<i64, ApiError> {
        let value = self.text(name);
        value.parse().map_err(|_| ApiError::not_a_long(name, value))
    }

    /// A parameter as it was written.
    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::malformed(format!("path cannot be read: {error}")))?;
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
