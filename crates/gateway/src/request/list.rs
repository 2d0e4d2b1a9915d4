//! Paging and order of lists, as OCP's (Spring Data's) parameters say them.

use super::query::Params;
use crate::error::{ApiError, Fault};

pub(super) const USUAL_SIZE: i32 = 10;
pub(super) const MAX_SIZE: i32 = 2000;

/// `page` and `size`. Whatever can't be meant is replaced by the usual, never refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paging {
    /// Number of the page, from 1.
    pub(crate) number: i32,
    /// How many a page holds.
    pub(crate) size: i32,
}

impl Paging {
    pub(crate) fn of(params: &Params) -> Self {
        let positive = |name| {
            let value: Option<i32> = params.first(name).and_then(|value| value.parse().ok());
            value.filter(|value| *value >= 1)
        };
        Self {
            number: positive("page").unwrap_or(1),
            size: positive("size").unwrap_or(USUAL_SIZE).min(MAX_SIZE),
        }
    }

    /// How many lie before the page. A page beyond the end of all lists stays beyond it.
    pub(crate) fn skip(self) -> i32 {
        (self.number - 1).saturating_mul(self.size)
    }
}

/// A property that a list can be sorted by: REST's name and the gRPC API's.
pub(crate) type Sortable = (&'static str, &'static str);

/// `sort=property[,asc|desc]` as the gRPC API's `order_by`; empty where no order is asked for.
pub(crate) fn order_by(params: &Params, sortable: &[Sortable]) -> Result<String, ApiError> {
    let mut words: Vec<_> = params.list("sort").collect();
    let is = |word: &&str, direction: &str| word.eq_ignore_ascii_case(direction);
    let descending = words.last().is_some_and(|word| is(word, "desc"));
    if descending || words.last().is_some_and(|word| is(word, "asc")) {
        words.pop();
    }
    let property = match words[..] {
        [] => return Ok(String::new()),
        [property] => property,
        _ => return Err(ApiError::unsortable(Fault::SeveralProperties)),
    };
    let Some((_, field)) = sortable.iter().find(|(name, _)| *name == property) else {
        let known: Vec<_> = sortable.iter().map(|(name, _)| *name).collect();
        return Err(ApiError::unsortable(Fault::NoneOf(known.join(", "))));
    };
    let direction = if descending { " desc" } else { "" };
    Ok(format!("{field}{direction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::of(&format!("/?{query}").parse().unwrap())
    }

    #[test]
    fn paging_falls_back_to_the_usual() {
        let cases = [
            ("", 1, 10),
            ("page=3&size=20", 3, 20),
            ("page=0&size=0", 1, 10),
            ("page=-1&size=-5", 1, 10),
            ("page=x&size=1.5", 1, 10),
            ("page=99999999999&size=99999999999", 1, 10),
            ("size=2000", 1, 2000),
            ("size=2001", 1, 2000),
        ];
        for (query, number, size) in cases {
            assert_eq!(
                Paging::of(&params(query)),
                Paging { number, size },
                "{query}"
            );
        }
    }

    #[test]
    fn a_page_beyond_all_lists_does_not_wrap_around() {
        let last = Paging::of(&params("page=2147483647&size=2000"));
        assert_eq!(last.skip(), i32::MAX);
        assert_eq!(Paging::of(&params("page=3&size=20")).skip(), 40);
    }

    #[test]
    fn sort_becomes_order_by() {
        let sortable = [("id", "id"), ("createTime", "create_time")];
        let cases = [
            ("", ""),
            ("sort=", ""),
            ("sort=desc", ""),
            ("sort=id", "id"),
            ("sort=id,asc", "id"),
            ("sort=createTime,DESC", "create_time desc"),
            ("sort=createTime%2Cdesc", "create_time desc"),
        ];
        for (query, expected) in cases {
            assert_eq!(
                order_by(&params(query), &sortable).unwrap(),
                expected,
                "{query}"
            );
        }
        for query in [
            "sort=create_time",
            "sort=id,createTime",
            "sort=id,up",
            "sort=ID",
        ] {
            assert!(order_by(&params(query), &sortable).is_err(), "{query}");
        }
    }
}
