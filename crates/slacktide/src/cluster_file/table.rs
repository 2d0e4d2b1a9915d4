//! A table of the cluster file that knows where it stands, so that every fault can say so.

use std::{collections::HashMap, fmt, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::ClusterFileError;
use crate::syntax;

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// A required field is not there.
    #[error("is missing")]
    Missing,
    /// A field that the table does not have.
    #[error("is not a field here; there are {0}")]
    Unknown(String),
    /// The value is of the wrong type, or none of those that are possible.
    #[error("must be {0}")]
    Expected(&'static str),
    /// The number is out of range.
    #[error("must be from 0 to {max}, not {given}")]
    OutOfRange {
        /// The largest value that is possible.
        max: i64,
        /// The number as written.
        given: String,
    },
    /// The field names an environment variable that is not set.
    #[error(
        "names the environment variable {0}, which is not set; set it, if only to the empty string"
    )]
    Unset(String),
    /// The field names an environment variable that is no text.
    #[error("names the environment variable {0}, which is not valid UTF-8")]
    NotUnicode(String),
}

/// A table with its path and its place in the file.
#[derive(Clone)]
pub(super) struct Table<'a> {
    text: &'a str,
    path: String,
    span: Range<usize>,
    entries: &'a DeTable<'a>,
}

impl fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Table").field(&self.path).finish()
    }
}

impl<'a> Table<'a> {
    pub(super) fn root(text: &'a str, document: &'a Spanned<DeTable<'a>>) -> Self {
        Self {
            text,
            path: String::new(),
            span: document.span(),
            entries: document.get_ref(),
        }
    }

    /// Refuses every field but these: a misspelt one is not silently left out.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ClusterFileError> {
        let stranger = |key: &&Spanned<_>| !known.contains(&AsRef::<str>::as_ref(key.get_ref()));
        // Of several, the first in the file; the map is ordered by name.
        let Some(key) = self
            .entries
            .keys()
            .filter(stranger)
            .min_by_key(|key| key.span().start)
        else {
            return Ok(());
        };
        let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
        Err(self.fault_at(
            key.get_ref(),
            &key.span(),
            Problem::Unknown(known.join(", ")),
        ))
    }

    pub(super) fn string(&self, key: &str) -> Result<String, ClusterFileError> {
        match self.value(key)?.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.fault(key, Problem::Expected("a string"))),
        }
    }

    pub(super) fn boolean(&self, key: &str) -> Result<bool, ClusterFileError> {
        match self.value(key)?.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.fault(key, Problem::Expected("true or false"))),
        }
    }

    /// A whole number from 0 to `max`.
    pub(super) fn integer<T>(&self, key: &str, max: T) -> Result<T, ClusterFileError>
    where
        T: TryFrom<i64> + Into<i64>,
    {
        let DeValue::Integer(written) = self.value(key)?.get_ref() else {
            return Err(self.fault(key, Problem::Expected("a whole number")));
        };
        let max = max.into();
        i64::from_str_radix(written.as_str(), written.radix())
            .ok()
            .filter(|number| (0..=max).contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| {
                let given = written.to_string();
                self.fault(key, Problem::OutOfRange { max, given })
            })
    }

    /// A table of strings.
    pub(super) fn labels(&self, key: &str) -> Result<HashMap<String, String>, ClusterFileError> {
        let labels = self.table(key)?;
        let keys = labels.entries.keys().map(|key| key.get_ref().to_string());
        keys.map(|key| labels.string(&key).map(|value| (key, value)))
            .collect()
    }

    pub(super) fn table(&self, key: &str) -> Result<Table<'a>, ClusterFileError> {
        let value = self.value(key)?;
        self.child(key.to_owned(), value)
    }

    pub(super) fn optional_table(&self, key: &str) -> Result<Option<Table<'a>>, ClusterFileError> {
        let present = self.entries.contains_key(key);
        present.then(|| self.table(key)).transpose()
    }

    /// The field as `read` reads it; its type's zero if it is absent.
    pub(super) fn optional<T: Default>(
        &self,
        key: &str,
        read: impl FnOnce(&Self, &str) -> Result<T, ClusterFileError>,
    ) -> Result<T, ClusterFileError> {
        if self.entries.contains_key(key) {
            read(self, key)
        } else {
            Ok(T::default())
        }
    }

    /// The tables of a `[[key]]`.
    pub(super) fn tables(&self, key: &str) -> Result<Vec<Table<'a>>, ClusterFileError> {
        let DeValue::Array(items) = self.value(key)?.get_ref() else {
            return Err(self.fault(key, Problem::Expected("a list of tables")));
        };
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| self.child(format!("{key}[{index}]"), item))
            .collect()
    }

    /// A fault of one field, at its line; at the table's own where the field is absent.
    pub(super) fn fault(&self, key: &str, problem: Problem) -> ClusterFileError {
        let span = self
            .entries
            .get(key)
            .map_or(self.span.clone(), Spanned::span);
        self.fault_at(key, &span, problem)
    }

    fn value(&self, key: &str) -> Result<&'a Spanned<DeValue<'a>>, ClusterFileError> {
        self.entries
            .get(key)
            .ok_or_else(|| self.fault(key, Problem::Missing))
    }

    fn child(
        &self,
        name: String,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Result<Table<'a>, ClusterFileError> {
        let DeValue::Table(entries) = value.get_ref() else {
            let problem = Problem::Expected("a table");
            return Err(self.fault_at(&name, &value.span(), problem));
        };
        Ok(Table {
            text: self.text,
            path: self.path_of(&name),
            span: value.span(),
            entries,
        })
    }

    fn fault_at(&self, key: &str, span: &Range<usize>, problem: Problem) -> ClusterFileError {
        ClusterFileError::Field {
            field: self.path_of(key),
            line: syntax::line_of(self.text, span.start),
            problem,
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}
