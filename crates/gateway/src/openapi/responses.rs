//! The answers of the document.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::schemas::{Schemas, reference};
use crate::{
    error::ErrorBody,
    routes::{Operation, Shown},
};

/// Statuses of refusals and failures, with when they come.
const FAULTS: [(StatusCode, &str); 14] = [
    (
        StatusCode::BAD_REQUEST,
        "A parameter, the body or the path cannot be taken; or a task's state refuses (4007, 4009).",
    ),
    (
        StatusCode::UNAUTHORIZED,
        "Not signed in, or not rightly (3000).",
    ),
    (StatusCode::FORBIDDEN, "Not permitted (3100)."),
    (
        StatusCode::NOT_FOUND,
        "There is no such cluster (11001), zone (12002), server (13001), task or subtask (4001).",
    ),
    (StatusCode::NOT_ACCEPTABLE, "`Accept` rules out JSON."),
    (
        StatusCode::CONFLICT,
        "A status refuses (11007, 12004, 13003), a task holds the cluster (11020), or the request conflicts with another one (1005).",
    ),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON."),
    (StatusCode::TOO_MANY_REQUESTS, "Throttled."),
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "Failed for an unknown reason (1999).",
    ),
    (
        StatusCode::NOT_IMPLEMENTED,
        "The server does not know the call (1998).",
    ),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "Draining, or something that is needed does not answer.",
    ),
    (
        StatusCode::GATEWAY_TIMEOUT,
        "The server did not answer in time.",
    ),
    (
        StatusCode::METHOD_NOT_ALLOWED,
        "The path does not take the method (1008); `Allow` has those that it takes.",
    ),
];

/// `components.responses`: the errors, by their status.
pub(super) fn faults(schemas: &mut Schemas) -> Value {
    let error = schemas.of::<ErrorBody>();
    let schema = schemas.add("Refusal", envelope(None, Some(error)));
    let response = |(status, about): (StatusCode, &str)| {
        let response = json!({
            "description": about,
            "headers": trace_id(),
            "content": {"application/json": {"schema": schema.clone()}},
        });
        (status.as_str().to_owned(), response)
    };
    FAULTS
        .map(response)
        .into_iter()
        .collect::<Map<_, _>>()
        .into()
}

/// The answers of one call.
pub(super) fn of(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    responses.insert("200".to_owned(), success(operation, schemas));
    for (status, _) in FAULTS {
        if may_answer(operation, status) {
            let status = status.as_str();
            responses.insert(status.to_owned(), reference("responses", status));
        }
    }
    responses.into()
}

fn success(operation: &Operation, schemas: &mut Schemas) -> Value {
    let content = match operation.answer {
        Shown::Data(schema) => {
            let schema = envelope(Some(schema(schemas)), None);
            json!({"application/json": {"schema": schema}})
        }
        Shown::Done => json!({"application/json": {"schema": envelope(None, None)}}),
        Shown::Text => json!({"text/plain": {"schema": {"type": "string"}}}),
        Shown::File => json!({"application/octet-stream": {}}),
    };
    json!({"description": "Done.", "headers": trace_id(), "content": content})
}

fn may_answer(operation: &Operation, status: StatusCode) -> bool {
    let json = matches!(operation.answer, Shown::Data(_) | Shown::Done);
    match status {
        // Of another method than the document has.
        StatusCode::METHOD_NOT_ALLOWED => false,
        StatusCode::INTERNAL_SERVER_ERROR => true,
        _ if operation.open => false,
        StatusCode::NOT_ACCEPTABLE => json,
        StatusCode::CONFLICT
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE => operation.body.is_some(),
        _ => true,
    }
}

/// OCP's envelope around what an answer has.
fn envelope(data: Option<Value>, error: Option<Value>) -> Value {
    let successful = error.is_none();
    let mut required = vec![
        "duration",
        "server",
        "status",
        "successful",
        "timestamp",
        "traceId",
    ];
    let mut properties = json!({
        "duration": {"type": "integer", "minimum": 0, "description": "Milliseconds that the server took."},
        "server": {"type": "string", "minLength": 1, "description": "Name of the host that answered."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "successful": {"const": successful},
        "timestamp": {"type": "string", "format": "date-time"},
        "traceId": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    });
    for (name, schema) in [("data", data), ("error", error)] {
        if let Some(schema) = schema {
            properties[name] = schema;
            required.push(name);
        }
    }
    json!({"type": "object", "properties": properties, "required": required})
}

fn trace_id() -> Value {
    json!({
        "x-trace-id": {
            "description": "The same as `traceId`.",
            "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        },
    })
}
