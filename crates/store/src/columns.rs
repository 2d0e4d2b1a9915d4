//! The words that rows are written with: conversions between columns and the engine's types.

use std::{fmt::Display, str::FromStr};

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
