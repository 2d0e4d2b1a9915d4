//! The words that rows are written with: conversions between columns and the engine's types.

use std::{borrow::Cow, fmt::Display, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};

use crate::error::StoreError;

/// Reads a word of an enum.
pub(crate) fn word<T>(kind: &'static str, key: i64, column: &str) -> Result<T, StoreError>
where
    T: FromStr<Err: Display>,
{
    column
        .parse()
        .map_err(|error| StoreError::corrupt(kind, key, error))
}

/// Reads a JSON column.
pub(crate) fn json<T: DeserializeOwned>(
    kind: &'static str,
    key: i64,
    column: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(column).map_err(|error| StoreError::corrupt(kind, key, error))
}

/// Writes a JSON column.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt("json", "value", error))
}

/// Text as every database keeps it: PostgreSQL has no NUL.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
