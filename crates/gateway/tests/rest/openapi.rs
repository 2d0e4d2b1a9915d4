//! The OpenAPI document: that it is the one that is checked in, and that answers are as it says.

use std::{fs, path::Path};

use http::Method;
use serde_json::Value;
use slacktide_api::v1::Task;

use crate::{
    clusters::cluster,
    scripted::Script,
    stop::seed_task,
    support::{Answer, Rest, request},
    tasks::task,
};

const DOCUMENT: &str = "/api/v2/openapi.json";

fn rest() -> Rest {
    Rest::new(Script {
        task: Task {
            context: seed_task().context,
            ..task()
        },
        clusters: vec![cluster()],
        total_size: 1,
        log: "line".to_owned(),
        pieces: vec!["PK"],
        ..Script::default()
    })
}

async fn document() -> Answer {
    let rest = rest();
    let answer = rest.send_as_is(request(Method::GET, DOCUMENT, "")).await;
    assert_eq!(rest.server.seen().calls, 0, "the document needs no sign-in");
    answer
}

#[tokio::test]
async fn the_document_is_the_one_that_is_checked_in() {
    let answer = document().await;
    assert_eq!(answer.header("content-type"), "application/json");
    let served = std::str::from_utf8(&answer.body).unwrap();
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if fs::read_to_string(&checked_in).ok().as_deref() != Some(served) {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi.json");
        fs::write(&new, served).unwrap();
        panic!(
            "the document has changed: if it should, copy {} to {}",
            new.display(),
            checked_in.display()
        );
    }
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let document: Value = serde_json::from_slice(&document().await.body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let target = document.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some(), "{reference}");
    }
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str));
            members
                .values()
                .for_each(|value| collect(value, references));
        }
        _ => {}
    }
}

/// Every call of the document, with ids that are known: answered with success in the documented schema, and
/// without sign-in, or with an id that is none, with a documented error.
#[tokio::test]
async fn every_call_answers_as_the_document_says() {
    let document: Value = serde_json::from_slice(&document().await.body).unwrap();
    let mut calls = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            calls += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            let filled = path
                .replace("{id}", "21")
                .replace("{zoneName}", "zone1")
                .replace("{serverId}", "5")
                .replace("{taskInstanceId}", "7")
                .replace("{subtaskInstanceId}", "70");
            let rest = rest();
            let known = rest.send(request(method.clone(), &filled, "")).await;
            assert_eq!(known.status, 200, "{path}");
            conforms(&document, operation, path, &known);

            let stranger = rest.send_as_is(request(method.clone(), &filled, "")).await;
            conforms(&document, operation, path, &stranger);
            let spoilt = filled.replace("21", "x").replace('7', "x");
            let spoilt = rest.send(request(method, &spoilt, "")).await;
            conforms(&document, operation, path, &spoilt);
        }
    }
    assert!(calls >= 25, "{calls}");
}

fn conforms(document: &Value, operation: &Value, path: &str, answer: &Answer) {
    let response = &operation["responses"][answer.status.as_str()];
    assert!(
        response.is_object(),
        "{path} answers with {} unannounced",
        answer.status
    );
    let response = resolved(document, response);
    let media_type = answer.header("content-type").split(';').next().unwrap();
    let content = &response["content"][media_type];
    assert!(
        content.is_object(),
        "{path} answers {media_type} unannounced"
    );
    if media_type == "application/json" {
        let value: Value = serde_json::from_slice(&answer.body).unwrap();
        fits(document, &content["schema"], &value, path);
    }
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// The part of JSON Schema that the document uses; and, beyond it, no member may be unknown.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    assert!(
        matches(document, schema, value),
        "{at} is {value}, not {schema}"
    );
}

fn matches(document: &Value, schema: &Value, value: &Value) -> bool {
    let schema = resolved(document, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting = choices
            .iter()
            .filter(|choice| matches(document, choice, value));
        return fitting.count() == 1;
    }
    let is_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    let is_word = schema["enum"]
        .as_array()
        .is_none_or(|words| words.contains(value));
    let is_constant = schema.get("const").is_none_or(|constant| constant == value);
    let is_time = schema["format"] != "date-time"
        || chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap_or_default()).is_ok();
    is_type && is_word && is_constant && is_time && parts_match(document, schema, value)
}

fn parts_match(document: &Value, schema: &Value, value: &Value) -> bool {
    match value {
        Value::Array(items) => items
            .iter()
            .all(|item| matches(document, &schema["items"], item)),
        Value::Object(members) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let complete = required
                .filter_map(Value::as_str)
                .all(|it| members.contains_key(it));
            let others = schema.get("additionalProperties");
            complete
                && members.iter().all(|(name, value)| {
                    match schema["properties"].get(name).or(others) {
                        Some(schema) => matches(document, schema, value),
                        None => panic!("{name} is not in the schema {schema}"),
                    }
                })
        }
        _ => true,
    }
}

#[tokio::test]
async fn the_page_shows_every_call_and_needs_nothing_from_elsewhere() {
    let page = rest()
        .send_as_is(request(Method::GET, "/api/v2/docs", ""))
        .await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let html = std::str::from_utf8(&page.body).unwrap();
    let document: Value = serde_json::from_slice(&document().await.body).unwrap();
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(html.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for outside in ["<script", "src=", "http://", "https://", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
}
