//! One page of a list.

use serde::Serialize;

use crate::{long::Long, request::list::Paging};

/// OCP's page: what it holds, and where it stands.
#[derive(Serialize)]
pub(crate) struct Page<T> {
    contents: Vec<T>,
    page: Position,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Position {
    number: i32,
    size: i32,
    total_elements: Long,
    total_pages: Long,
}

impl<T> Page<T> {
    pub(crate) fn new(paging: Paging, contents: Vec<T>, total: i64) -> Self {
        let size = i64::from(paging.size);
        let begun = i64::from(total % size > 0);
        Self {
            contents,
            page: Position {
                number: paging.number,
                size: paging.size,
                total_elements: Long(total),
                total_pages: Long(total / size + begun),
            },
        }
    }

    pub(crate) fn empty(paging: Paging) -> Self {
        Self::new(paging, Vec::new(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_begun_page_counts() {
        let paging = Paging {
            number: 2,
            size: 10,
        };
        for (total, pages) in [(0, 0), (1, 1), (10, 1), (11, 2), (20, 2), (21, 3)] {
            let page = Page::<()>::new(paging, Vec::new(), total);
            assert_eq!(page.page.total_pages, Long(pages), "{total}");
        }
    }
}
