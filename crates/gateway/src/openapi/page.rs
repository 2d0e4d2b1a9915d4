//! The document as a page to read: without scripts, and without anything from elsewhere.

use std::fmt::Write as _;

use serde_json::Value;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
code,pre{font-family:ui-monospace,monospace;font-size:13px}details{border-top:1px solid #ccc;padding:.4rem 0}\
summary{cursor:pointer}b{display:inline-block;width:3.5rem}td,th{text-align:left;vertical-align:top;padding:.1rem 1rem .1rem 0}\
pre{background:#f5f5f5;padding:.6rem;overflow:auto}";

/// The page of a document.
pub(super) fn of(document: &Value) -> String {
    let info = &document["info"];
    let mut page = format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style>\
         <h1>{title} {}</h1><p>{}<p>As OpenAPI: <a href=\"openapi.json\">openapi.json</a><h2>Calls</h2>",
        text(&info["version"]),
        text(&info["description"]),
        title = text(&info["title"]),
    );
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            add_call(&mut page, path, method, operation);
        }
    }
    page.push_str("<h2>Types</h2>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        let name = escaped(name);
        add(
            &mut page,
            format_args!("<details id=\"{name}\"><summary><code>{name}</code></summary>"),
        );
        add_json(&mut page, schema);
        page.push_str("</details>");
    }
    page.push_str("</html>\n");
    page
}

fn add_call(page: &mut String, path: &str, method: &str, operation: &Value) {
    add(
        page,
        format_args!(
            "<details><summary><b>{}</b><code>{}</code> {}</summary>",
            escaped(&method.to_uppercase()),
            escaped(path),
            text(&operation["summary"]),
        ),
    );
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    page.push_str("<table>");
    for parameter in parameters {
        add(
            page,
            format_args!(
                "<tr><td><code>{}</code><td>{}<td>{}",
                text(&parameter["name"]),
                text(&parameter["in"]),
                text(&parameter["description"]),
            ),
        );
    }
    page.push_str("</table>");
    let body = &operation["requestBody"]["content"]["application/json"]["schema"]["properties"];
    if body.is_object() {
        page.push_str("<p>Body, optional:");
        add_json(page, body);
    }
    let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
        ["data"];
    if answer.is_object() {
        page.push_str("<p>Answer:");
        add_json(page, answer);
    }
    let statuses = members(&operation["responses"]).map(|(status, _)| escaped(status));
    let statuses = Vec::from_iter(statuses).join(", ");
    add(page, format_args!("<p>Statuses: {statuses}</details>"));
}

fn add_json(page: &mut String, json: &Value) {
    let json = escaped(&format!("{json:#}"));
    add(page, format_args!("<pre>{json}</pre>"));
}

fn add(page: &mut String, html: std::fmt::Arguments<'_>) {
    // Writing into a text never fails.
    let _ = page.write_fmt(html);
}

fn members(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = object.as_object().into_iter().flatten();
    members.map(|(key, value)| (key.as_str(), value))
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
