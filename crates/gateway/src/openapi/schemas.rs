//! Schemas of the types that answers are written from.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Schemas by name, as `components.schemas` has them.
#[derive(Default)]
pub(crate) struct Schemas(Map<String, Value>);

impl Schemas {
    /// A reference to the schema of a type, which is added with all that it consists of.
    pub(crate) fn of<T: ToSchema>(&mut self) -> Value {
        let mut parts = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut parts);
        for (name, schema) in parts {
            let schema = serde_json::to_value(schema).unwrap_or_default();
            self.0.insert(name, without_null(schema));
        }
        reference("schemas", &T::name())
    }

    /// A reference to a schema that no type stands for.
    pub(super) fn add(&mut self, name: &str, schema: Value) -> Value {
        self.0.insert(name.to_owned(), schema);
        reference("schemas", name)
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// A schema that never allows null: what has no value is left out of an answer.
fn without_null(schema: Value) -> Value {
    match schema {
        Value::Array(items) => items.into_iter().map(without_null).collect(),
        Value::Object(members) => {
            let mut members: Map<_, _> = members
                .into_iter()
                .map(|(key, value)| (key, without_null(value)))
                .collect();
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|it| it != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("oneOf") {
                choices.retain(|it| *it != json!({"type": "null"}));
                if let [only] = &choices[..] {
                    return only.clone();
                }
            }
            Value::Object(members)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_nowhere_allowed() {
        let cases = [
            (
                json!({"type": ["string", "null"]}),
                json!({"type": "string"}),
            ),
            (
                json!({"oneOf": [{"type": "null"}, {"$ref": "x"}]}),
                json!({"$ref": "x"}),
            ),
            (
                json!({"properties": {"a": {"type": ["integer", "null"], "format": "int64"}}}),
                json!({"properties": {"a": {"type": "integer", "format": "int64"}}}),
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(without_null(schema), expected);
        }
    }
}
