//! Query parameters.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Query};
use http::{Uri, request::Parts};

use crate::error::ApiError;

/// The query parameters, in their order. An empty value counts as not given, as OCP has it.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn of(uri: &Uri) -> Self {
        // A list of pairs takes any query: what can't be decoded is replaced, not refused.
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        Self(pairs.map(|Query(pairs)| pairs).unwrap_or_default())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.0.iter().filter(move |(key, _)| key == name);
        pairs
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A parameter that is given once; of several values the first counts.
    pub(crate) fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// A list: separated by commas, or the parameter given several times.
    pub(crate) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pieces = self.all(name).flat_map(|value| value.split(','));
        pieces.map(str::trim).filter(|piece| !piece.is_empty())
    }

    /// A parameter that is a Java `Long`.
    pub(crate) fn long(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.first(name) else {
            return Ok(None);
        };
        match value.parse() {
            Ok(long) => Ok(Some(long)),
            Err(_) => Err(ApiError::not_a_long(name, value)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_separated_by_commas_or_repeated() {
        let params = Params::of(&Uri::from_static("/?status=A,%20B,,&status=C&status="));
        assert_eq!(params.list("status").collect::<Vec<_>>(), ["A", "B", "C"]);
    }

    #[test]
    fn an_empty_value_is_not_given() {
        let params = Params::of(&Uri::from_static("/?clusterId=&name"));
        assert!(params.long("clusterId").unwrap().is_none());
        assert!(params.first("name").is_none());
    }

    #[test]
    fn an_undecodable_value_is_taken_as_it_comes() {
        let params = Params::of(&Uri::from_static("/?name=%ff%zz&size=5"));
        assert_eq!(params.first("size"), Some("5"));
    }
}
