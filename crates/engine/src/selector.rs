//! Which executors may work on a cluster: those that have the labels of its selector.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The most labels that a selector or an executor may have.
pub const MOST_LABELS: usize = 4;

/// The most characters of a label's key or value. With [`MOST_LABELS`], the text of a selector fits an indexed
/// column of every database.
pub const LABEL_LENGTH: usize = 22;

/// Labels, written `dc=a,rack=b` in the order of their keys. An empty selector is met by every executor.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selector(BTreeMap<String, String>);

/// A text that is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a list of labels: write key=value,key=value with at most {MOST_LABELS} labels, keys and values \
     of 1 to {LABEL_LENGTH} letters, digits, '-', '_' or '.'"
)]
pub struct NoSelector(String);

impl Selector {
    /// Makes a selector of labels.
    ///
    /// # Errors
    /// [`NoSelector`] where a key or value is not as it must be, or there are too many.
    pub fn new(labels: impl IntoIterator<Item = (String, String)>) -> Result<Self, NoSelector> {
        let selector = Self(labels.into_iter().collect());
        let fits = |word: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            (1..=LABEL_LENGTH).contains(&word.len()) && word.chars().all(allowed)
        };
        if selector.0.len() <= MOST_LABELS && selector.0.iter().all(|(k, v)| fits(k) && fits(v)) {
            Ok(selector)
        } else {
            Err(NoSelector(selector.to_string()))
        }
    }

    /// The labels, in the order of their keys.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Whether an executor with these labels meets it.
    pub fn is_met_by(&self, labels: &Self) -> bool {
        self.0
            .iter()
            .all(|(key, value)| labels.0.get(key) == Some(value))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (key, value)) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for Selector {
    type Err = NoSelector;

    fn from_str(text: &str) -> Result<Self, NoSelector> {
        let no_selector = || NoSelector(text.to_owned());
        let mut labels = BTreeMap::new();
        for label in text.split(',').filter(|_| !text.is_empty()) {
            let (key, value) = label.split_once('=').ok_or_else(no_selector)?;
            let twice = labels.insert(key.trim().to_owned(), value.trim().to_owned());
            if twice.is_some() {
                return Err(no_selector());
            }
        }
        Self::new(labels).map_err(|_| no_selector())
    }
}

impl TryFrom<String> for Selector {
    type Error = NoSelector;

    fn try_from(text: String) -> Result<Self, NoSelector> {
        text.parse()
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_met_by_executors_that_have_its_labels() {
        let labels: Selector = "rack=r1,dc=a".parse().unwrap();
        assert_eq!(labels.to_string(), "dc=a,rack=r1");
        for (selector, met) in [
            ("", true),
            ("dc=a", true),
            ("dc=b", false),
            ("host=x", false),
        ] {
            let selector: Selector = selector.parse().unwrap();
            assert_eq!(selector.is_met_by(&labels), met, "{selector}");
        }
    }

    #[test]
    fn what_is_no_list_of_labels_is_refused() {
        let long = format!("dc={}", "x".repeat(LABEL_LENGTH + 1));
        for text in [
            "dc",
            "=a",
            "dc=",
            "dc=a,dc=b",
            "dc=a,",
            "dc=\u{e9}",
            "a=1,b=1,c=1,d=1,e=1",
            &long,
        ] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
