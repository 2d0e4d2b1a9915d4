//! Lists, a page at a time.

use std::str::FromStr;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order as Direction, PaginatorTrait, QueryOrder,
    QuerySelect, Select,
};

use crate::error::StoreError;

/// Which part of a list to read, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many to pass over.
    pub offset: u64,
    /// How many to return at most.
    pub limit: u64,
    /// In which order.
    pub order: Order,
}

/// An order; the id decides between equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// A column of the table.
    pub column: &'static str,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The page.
    pub items: Vec<T>,
    /// How many there are over all pages.
    pub total: u64,
}

impl Page {
    pub(crate) async fn fetch<E, C>(
        self,
        select: Select<E>,
        db: &C,
    ) -> Result<Listed<E::Model>, StoreError>
    where
        E: EntityTrait<Model: Send + Sync>,
        E::Column: FromStr + ColumnTrait,
        C: ConnectionTrait,
    {
        let column = |name: &'static str| {
            E::Column::from_str(name).map_err(|_| StoreError::not_found("column", name))
        };
        let direction = if self.order.descending {
            Direction::Desc
        } else {
            Direction::Asc
        };
        let total = select.clone().count(db).await?;
        let items = select
            .order_by(column(self.order.column)?, direction.clone())
            .order_by(column("id")?, direction)
            .offset(self.offset)
            .limit(self.limit)
            .all(db)
            .await?;
        Ok(Listed { items, total })
    }
}
