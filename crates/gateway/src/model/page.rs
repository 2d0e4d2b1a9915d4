//! Lists: one page of a long one, or all of a short one.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema},
};

use crate::{long::Long, request::list::Paging};

/// OCP's page: what it holds, and where it stands.
#[derive(Serialize)]
pub(crate) struct Page<T> {
    contents: Vec<T>,
    page: Position,
}

/// All of a list that OCP doesn't page.
#[derive(Serialize)]
pub(crate) struct Contents<T> {
    pub(crate) contents: Vec<T>,
}

#[derive(Serialize, ToSchema)]
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

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let position = Ref::from_schema_name(Position::name());
        list_of::<T>()
            .property("page", position)
            .required("page")
            .into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        add::<T>(schemas);
        add::<Position>(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Contents<T> {
    fn schema() -> RefOr<Schema> {
        list_of::<T>().into()
    }
}

impl<T: ToSchema> ToSchema for Contents<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        add::<T>(schemas);
    }
}

fn list_of<T: ToSchema>() -> ObjectBuilder {
    let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
    ObjectBuilder::new()
        .property("contents", items)
        .required("contents")
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
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
