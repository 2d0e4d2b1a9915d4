//! Schemas of query parameters.

use serde_json::{Value, json};

use super::list::{MAX_SIZE, Sortable, USUAL_SIZE};

pub(crate) fn page() -> Value {
    json!({"type": "integer", "minimum": 1, "default": 1})
}

pub(crate) fn size() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_SIZE, "default": USUAL_SIZE})
}

/// One of the properties, and a direction.
pub(crate) fn sort(sortable: &[Sortable]) -> Value {
    let names: Vec<_> = sortable.iter().map(|(name, _)| *name).collect();
    json!({"type": "string", "pattern": format!("^({})(,(asc|desc))?$", names.join("|"))})
}

pub(crate) fn text() -> Value {
    json!({"type": "string"})
}

/// A Java `Long`.
pub(crate) fn long() -> Value {
    json!({"type": "integer", "format": "int64"})
}

pub(crate) fn one_of(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

/// Several words, separated by commas.
pub(crate) fn any_of(words: &[&str]) -> Value {
    json!({"type": "array", "items": one_of(words)})
}
