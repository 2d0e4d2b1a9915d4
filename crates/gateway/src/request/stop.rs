//! The request to stop a cluster.

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use http::HeaderMap;
use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::Value;
use slacktide_api::v1::{StopClusterRequest, StopMode, TaskView};

use super::{body, path::Ids, query::Params};
use crate::{error::ApiError, router::Gateway};

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

const MODE: &str = "mode";
const MINOR_FREEZE: &str = "minorFreeze";
const VALIDATE_ONLY: &str = "validateOnly";

/// The documented call has no body; these are our additions to it.
const FIELDS: [&str; 3] = [MODE, MINOR_FREEZE, VALIDATE_ONLY];

/// `POST …/clusters/{id}/stop` as the gRPC API's request.
pub(crate) struct Stop(pub(crate) StopClusterRequest);

impl FromRequest<Gateway> for Stop {
    type Rejection = ApiError;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        // First of all, so that no refusal leaves a client sending to nobody.
        let body = body::read(&parts.headers, body, gateway.options().max_body).await?;
        let Ids([id]) = Ids::from_request_parts(&mut parts, gateway).await?;
        let request_id = idempotency_key(&parts.headers)?;
        refuse_in_query(&Params::of(&parts.uri))?;
        let mut message = StopClusterRequest {
            id,
            request_id,
            view: TaskView::Full.into(),
            ..StopClusterRequest::default()
        };
        if !body.is_empty() {
            if !body::is_json(&parts.headers) {
                return Err(ApiError::unsupported_media_type());
            }
            fill(&mut message, &body)?;
        }
        Ok(Self(message))
    }
}

/// The header `Idempotency-Key`. One that is there but empty is refused: its sender counts on it.
fn idempotency_key(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(String::new());
    };
    if values.next().is_some() {
        return Err(ApiError::field(IDEMPOTENCY_KEY, "must be given once"));
    }
    match value.to_str() {
        Ok(key) if !key.trim().is_empty() => Ok(key.to_owned()),
        _ => Err(ApiError::field(
            IDEMPOTENCY_KEY,
            "must be printable ASCII and not empty",
        )),
    }
}

fn refuse_in_query(params: &Params) -> Result<(), ApiError> {
    match params.names().find_map(ours) {
        Some(field) => Err(ApiError::field(
            field,
            "must be given in the request body, not in the query",
        )),
        None => Ok(()),
    }
}

/// Reads our fields. Others are ignored, but not those that were meant to be ours: a dry run whose
/// `validate_only` is ignored stops production.
fn fill(message: &mut StopClusterRequest, json: &[u8]) -> Result<(), ApiError> {
    let Members(members) = serde_json::from_slice(json)
        .map_err(|error| ApiError::malformed(format!("request body cannot be read: {error}")))?;
    let mut seen = Vec::new();
    for (name, value) in &members {
        let Some(field) = ours(name) else {
            continue;
        };
        if name != field {
            return Err(ApiError::field(
                name,
                &format!("must be written as {field}"),
            ));
        }
        if seen.contains(&field) {
            return Err(ApiError::field(field, "must be given once"));
        }
        seen.push(field);
        match field {
            MODE => message.mode = mode(value)?.into(),
            MINOR_FREEZE => message.minor_freeze = Some(boolean(field, value)?),
            _ => message.validate_only = boolean(field, value)?,
        }
    }
    Ok(())
}

/// The field of ours that a name is equal to, but for case and underscores.
fn ours(name: &str) -> Option<&'static str> {
    let letters = name.replace('_', "");
    FIELDS
        .into_iter()
        .find(|field| letters.eq_ignore_ascii_case(field))
}

fn mode(value: &Value) -> Result<StopMode, ApiError> {
    match value.as_str() {
        Some("GRACEFUL") => Ok(StopMode::Graceful),
        Some("IMMEDIATE") => Ok(StopMode::Immediate),
        _ => Err(ApiError::field(
            MODE,
            "must be \"GRACEFUL\" or \"IMMEDIATE\"",
        )),
    }
}

fn boolean(field: &str, value: &Value) -> Result<bool, ApiError> {
    let problem = "must be true or false";
    value
        .as_bool()
        .ok_or_else(|| ApiError::field(field, problem))
}

/// The members of a JSON object as they were written, repeated ones included.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
