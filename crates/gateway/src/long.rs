//! Java's `Long` in JSON.

use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, Type},
};

/// The largest magnitude that every JSON reader holds exactly: 2^53 - 1.
const MAX_SAFE: u64 = (1 << 53) - 1;

/// An int64. Written as a number where every JSON reader can hold it, else as a string, as OCP does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Long(pub(crate) i64);

impl Serialize for Long {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.unsigned_abs() > MAX_SAFE {
            serializer.collect_str(&self.0)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl PartialSchema for Long {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^-?[0-9]{16,19}$"));
        OneOfBuilder::new()
            .description(Some(
                "An int64; text where its magnitude is beyond 2^53 - 1.",
            ))
            .item(number)
            .item(text)
            .into()
    }
}

impl ToSchema for Long {}

/// `values`, each as a [`Long`].
pub(crate) fn longs(values: Vec<i64>) -> Vec<Long> {
    values.into_iter().map(Long).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_double_cannot_hold_becomes_a_string() {
        let cases = [
            (0, "0"),
            (-1, "-1"),
            (9_007_199_254_740_991, "9007199254740991"),
            (-9_007_199_254_740_991, "-9007199254740991"),
            (9_007_199_254_740_992, r#""9007199254740992""#),
            (-9_007_199_254_740_992, r#""-9007199254740992""#),
            (i64::MAX, r#""9223372036854775807""#),
            (i64::MIN, r#""-9223372036854775808""#),
        ];
        for (value, json) in cases {
            assert_eq!(serde_json::to_string(&Long(value)).unwrap(), json);
        }
    }
}
