//! SQLite: `jsonb_each`.

use super::{Column, Dialect, IDS};

pub(super) struct Sqlite;

impl Dialect for Sqlite {
    fn rows(columns: &[Column]) -> String {
        let columns = columns
            .iter()
            .enumerate()
            .map(|(place, column)| format!("value->>{place} AS {}", column.name()));
        let columns: Vec<_> = columns.collect();
        format!("(SELECT {} FROM jsonb_each(?)) AS new", columns.join(", "))
    }

    fn select(table: &str, key: &str, columns: &str) -> String {
        // CROSS keeps the planner from turning the join around.
        let rows = Self::rows(&IDS);
        format!("SELECT {columns} FROM {rows} CROSS JOIN {table} ON {table}.{key} = new.id")
    }
}
