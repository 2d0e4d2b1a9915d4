//! Ids in paths.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::error::ApiError;

/// The ids in a path, in their order. Each must be a Java `Long`; whether it names anything is the
/// server's question.
pub(crate) struct Ids<const N: usize>(pub(crate) [i64; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Ids<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::malformed(format!("path cannot be read: {error}")))?;
        let mut ids = [0; N];
        for (id, (name, value)) in ids.iter_mut().zip(&params) {
            *id = value
                .parse()
                .map_err(|_| ApiError::not_a_long(name, value))?;
        }
        Ok(Self(ids))
    }
}
