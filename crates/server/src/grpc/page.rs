//! Pages of lists: sizes, tokens and orders as callers send them.
//!
//! A token is an offset with a digest of the query that it continues, so that it is of no use for another.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use sha2::{Digest as _, Sha256};
use slacktide_api::v1::{ListClustersRequest, ListTasksRequest, ListUsersRequest};
use slacktide_store::{Order, Page};

use crate::app::{AppError, Violations};

const DEFAULT_SIZE: u64 = 10;
const MAX_SIZE: i32 = 2000;

/// How much of a query's digest a token carries.
const CHECK: usize = 8;

/// What a request says of its page.
pub(super) trait Paged: Message + Clone + Default {
    /// What may be sorted by, each with the store's column for it.
    const COLUMNS: &'static [(&'static str, &'static str)];
    /// The order where none is asked for.
    const DEFAULT: Order;

    fn page_size(&mut self) -> &mut i32;
    fn page_token(&mut self) -> &mut String;
    fn skip(&mut self) -> &mut i32;
    fn order_by(&self) -> &str;
}

macro_rules! paged {
    ($request:ident, $default:expr, { $($field:literal => $column:literal,)* }) => {
        impl Paged for $request {
            const COLUMNS: &'static [(&'static str, &'static str)] = &[$(($field, $column)),*];
            const DEFAULT: Order = $default;

            fn page_size(&mut self) -> &mut i32 {
                &mut self.page_size
            }

            fn page_token(&mut self) -> &mut String {
                &mut self.page_token
            }

            fn skip(&mut self) -> &mut i32 {
                &mut self.skip
            }

            fn order_by(&self) -> &str {
                &self.order_by
            }
        }
    };
}

const fn by_id(descending: bool) -> Order {
    Order {
        column: "id",
        descending,
    }
}

paged!(ListClustersRequest, by_id(false), {
    "id" => "id",
    "name" => "name",
    "status" => "status",
    "create_time" => "create_time",
    "update_time" => "update_time",
});
// A task is stored with its kind, which stands for the name.
paged!(ListTasksRequest, by_id(true), {
    "id" => "id",
    "name" => "kind",
    "status" => "status",
    "create_time" => "create_time",
    "finish_time" => "finish_time",
});
paged!(ListUsersRequest, by_id(false), {
    "id" => "id",
    "name" => "name",
    "create_time" => "create_time",
});

/// A page that was asked for, and how the next one is.
pub(super) struct Paging {
    pub(super) page: Page,
    check: [u8; CHECK],
}

impl Paging {
    /// Takes the page out of a request.
    pub(super) fn take<R: Paged>(
        request: &mut R,
        violations: &mut Violations,
    ) -> Result<Self, AppError> {
        let order = order::<R>(request.order_by())?;
        let size = std::mem::take(request.page_size());
        let token = std::mem::take(request.page_token());
        let skip = std::mem::take(request.skip());
        let check = check(request);

        if !(0..=MAX_SIZE).contains(&size) {
            violations.add(
                "page_size",
                format!("must be 1 to {MAX_SIZE}, or 0 for {DEFAULT_SIZE}"),
            );
        }
        let begin = offset_of(&token, check).unwrap_or_else(|| {
            violations.add(
                "page_token",
                "must be the next_page_token of the same query",
            );
            0
        });
        let skip = u64::try_from(skip).unwrap_or_else(|_| {
            violations.add("skip", "must not be negative");
            0
        });
        let limit = match u64::try_from(size) {
            Ok(0) | Err(_) => DEFAULT_SIZE,
            Ok(size) => size,
        };
        let page = Page {
            offset: begin + skip,
            limit,
            order,
        };
        Ok(Self { page, check })
    }

    /// The token of the page after one with so many items; empty after the last.
    pub(super) fn next_token(&self, items: usize, total: u64) -> String {
        let next = self.page.offset + items as u64;
        if items == 0 || next >= total {
            return String::new();
        }
        let mut token = next.to_be_bytes().to_vec();
        token.extend(self.check);
        URL_SAFE_NO_PAD.encode(token)
    }
}

fn order<R: Paged>(order_by: &str) -> Result<Order, AppError> {
    if order_by.is_empty() {
        return Ok(R::DEFAULT);
    }
    let (name, descending) = match order_by.strip_suffix(" desc") {
        Some(name) => (name, true),
        None => (order_by, false),
    };
    let found = R::COLUMNS.iter().find(|(field, _)| *field == name);
    match found {
        Some((_, column)) => Ok(Order { column, descending }),
        None => Err(AppError::Unsortable {
            field: name.to_owned(),
            allowed: Vec::from_iter(R::COLUMNS.iter().map(|(field, _)| *field)).join(", "),
        }),
    }
}

/// Digest of what is left of a request without its page: filters, order and view.
fn check(query: &impl Message) -> [u8; CHECK] {
    let digest: [u8; 32] = Sha256::digest(query.encode_to_vec()).into();
    let mut check = [0; CHECK];
    check.copy_from_slice(&digest[..CHECK]);
    check
}

fn offset_of(token: &str, check: [u8; CHECK]) -> Option<u64> {
    if token.is_empty() {
        return Some(0);
    }
    let decoded = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (offset, own) = decoded.split_first_chunk()?;
    let offset = u64::from_be_bytes(*offset);
    // What no database can count to was not made here.
    (own == check && offset <= i64::MAX as u64 / 2).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(request: &ListTasksRequest) -> (Paging, Vec<String>) {
        let mut violations = Violations::default();
        let paging = Paging::take(&mut request.clone(), &mut violations).unwrap();
        let fields = violations.0.into_iter().map(|fault| fault.field).collect();
        (paging, fields)
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let mut request = ListTasksRequest {
            page_size: 4,
            skip: 1,
            name: "stop".to_owned(),
            ..Default::default()
        };
        let (first, _) = take(&request);
        assert_eq!((first.page.offset, first.page.limit), (1, 4));
        request.skip = 0;
        request.page_token = first.next_token(4, 9);
        let (second, faults) = take(&request);
        assert_eq!((second.page.offset, faults), (5, vec![]));
        assert_eq!(second.next_token(4, 9), "");
        assert_eq!(second.next_token(0, 100), "");
    }

    #[test]
    fn a_token_is_of_no_use_for_another_query() {
        let mut request = ListTasksRequest::default();
        request.page_token = take(&request).0.next_token(10, 20);
        request.page_size = 50;
        assert_eq!(take(&request).0.page.offset, 10, "the size may change");
        request.name = "start".to_owned();
        assert_eq!(take(&request).1, ["page_token"]);
        for broken in ["x", "AAAA", "!!"] {
            request.page_token = broken.to_owned();
            assert_eq!(take(&request).1, ["page_token"], "{broken}");
        }
    }

    #[test]
    fn sizes_and_skips_have_limits() {
        for (page_size, skip, faults) in [
            (0, 0, vec![]),
            (2000, 7, vec![]),
            (2001, 0, vec!["page_size"]),
            (-1, -1, vec!["page_size", "skip"]),
        ] {
            let request = ListTasksRequest {
                page_size,
                skip,
                ..Default::default()
            };
            assert_eq!(take(&request).1, faults, "{page_size} {skip}");
        }
    }

    #[test]
    fn orders_are_the_documented_ones() {
        let order = |by: &str| order::<ListTasksRequest>(by).map_err(|error| error.to_string());
        assert_eq!(order(""), Ok(by_id(true)));
        let by_status = |descending| Order {
            column: "status",
            descending,
        };
        assert_eq!(order("status"), Ok(by_status(false)));
        assert_eq!(order("status desc"), Ok(by_status(true)));
        for unknown in ["cluster_id", "id asc", "ID", " desc", "id; DROP TABLE task"] {
            assert!(order(unknown).is_err(), "{unknown}");
        }
    }
}
