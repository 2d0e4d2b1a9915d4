//! The calls that change something: path, body and `Idempotency-Key` as the gRPC API's request.

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use http::HeaderMap;

use super::{
    body,
    fields::{Field, Fields},
    path::Path,
    query::Params,
};
use crate::{
    error::{ApiError, Fault},
    router::Gateway,
};

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// A call as the gRPC API's request.
pub(crate) struct Call<M>(pub(crate) M);

/// What a request of the gRPC API is made of.
pub(crate) trait Message: Sized {
    /// The members that the body may have, beside those that mean nothing to us.
    const TAKES: &'static [Field];

    fn new(path: &Path, fields: Fields, request_id: String) -> Result<Self, ApiError>;
}

impl<M: Message> FromRequest<Gateway> for Call<M> {
    type Rejection = ApiError;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        // First of all, so that no refusal leaves a client sending to nobody.
        let body = body::read(&parts.headers, body, gateway.options().max_body).await?;
        let path = Path::from_request_parts(&mut parts, gateway).await?;
        let request_id = idempotency_key(&parts.headers)?;
        Fields::refuse_in_query(&Params::of(&parts.uri))?;
        let fields = if body.is_empty() {
            Fields::default()
        } else if body::is_json(&parts.headers) {
            Fields::read(&body, M::TAKES)?
        } else {
            return Err(ApiError::unsupported_media_type());
        };
        Ok(Self(M::new(&path, fields, request_id)?))
    }
}

/// The header `Idempotency-Key`. One that is there but empty is refused: its sender counts on it.
fn idempotency_key(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(String::new());
    };
    if values.next().is_some() {
        return Err(ApiError::field(IDEMPOTENCY_KEY, Fault::GivenTwice));
    }
    match value.to_str() {
        Ok(key) if !key.trim().is_empty() => Ok(key.to_owned()),
        _ => Err(ApiError::field(IDEMPOTENCY_KEY, Fault::NotAKey)),
    }
}
