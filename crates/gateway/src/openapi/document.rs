//! The document.

use http::Method;
use serde_json::{Map, Value, json};

use super::{responses, schemas::Schemas};
use crate::{
    request::fields::Field,
    routes::{Operation, Parameter, Route},
};

const ABOUT: &str = "Stops OceanBase clusters, and starts them again, by the calls of OCP's `/api/v2`. Members \
that have no value are absent. An int64 beyond 2^53 - 1 is text. Error messages are English or Chinese, by \
`Accept-Language`.";

/// The OpenAPI document of a table of calls.
pub(super) fn of(table: &[Route]) -> Value {
    let mut schemas = Schemas::default();
    let mut paths = Map::new();
    for route in table {
        let operation = operation(route, &mut schemas);
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.as_str().to_lowercase()] = operation;
    }
    let responses = responses::faults(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "slacktide",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "responses": responses,
            "schemas": schemas.into_value(),
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
        "security": [{"basic": []}],
    })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let operation = &route.operation;
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.about,
        "tags": [tag(route.path)],
        "parameters": parameters(route),
        "responses": responses::of(operation, schemas),
    });
    if let Some(taken) = operation.body {
        described["requestBody"] = body(taken);
    }
    if operation.open {
        described["security"] = json!([]);
    }
    described
}

fn tag(path: &str) -> &'static str {
    if path.starts_with("/api/v2/ob/") {
        "clusters"
    } else if path.starts_with("/api/v2/tasks/") {
        "tasks"
    } else {
        "system"
    }
}

fn parameters(route: &Route) -> Vec<Value> {
    let operation = &route.operation;
    let in_path = route.path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({"name": name, "in": "path", "required": true, "schema": path_schema(name)}))
    });
    let in_query = operation.query.iter().map(|parameter| {
        let Parameter { name, about, schema } = parameter;
        json!({"name": name, "in": "query", "description": about, "schema": schema(), "explode": false, "style": "form"})
    });
    in_path
        .chain(in_query)
        .chain(idempotency_key(operation, &route.method))
        .collect()
}

fn path_schema(name: &str) -> Value {
    match name {
        // What `request::path::guard` lets through, but for dots alone.
        "zoneName" => json!({"type": "string", "pattern": "^[^/\\\\\\x00-\\x1f\\x7f]+$"}),
        _ => json!({"type": "integer", "format": "int64"}),
    }
}

fn idempotency_key(operation: &Operation, method: &Method) -> Option<Value> {
    let changes = *method == Method::POST && operation.body.is_some();
    changes.then(|| {
        json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same request under the same key is done once, and answered as the first time.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
        })
    })
}

fn body(taken: &[Field]) -> Value {
    let members = taken
        .iter()
        .map(|field| (field.name().to_owned(), field.schema()));
    let schema = json!({"type": "object", "properties": Map::from_iter(members)});
    json!({"required": false, "content": {"application/json": {"schema": schema}}})
}
