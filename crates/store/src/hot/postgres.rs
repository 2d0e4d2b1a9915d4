//! PostgreSQL: `jsonb_array_elements`. Connections that write are told never to hash, merge or scan, so that a
//! plan made for a small table does not stay when it has grown.

use super::{Column, Dialect, IDS, IS_AS_KNOWN, LOCK};

pub(super) struct Postgres;

impl Dialect for Postgres {
    fn rows(columns: &[Column]) -> String {
        let columns = columns
            .iter()
            .enumerate()
            .map(|(place, column)| match column {
                Column::Int(name) => format!("(value->>{place})::bigint AS {name}"),
                Column::Text(name) => format!("value->>{place} AS {name}"),
            });
        let columns: Vec<_> = columns.collect();
        format!(
            "(SELECT {} FROM jsonb_array_elements($1::jsonb)) AS new",
            columns.join(", ")
        )
    }

    fn select(table: &str, key: &str, columns: &str) -> String {
        let rows = Self::rows(&IDS);
        format!("SELECT {columns} FROM {rows} JOIN {table} ON {table}.{key} = new.id")
    }

    fn lock_tasks() -> String {
        // An UPDATE alone promises no order, and two commits that lock several tasks must not meet crosswise.
        let rows = Self::rows(&LOCK);
        format!(
            "UPDATE task SET version = task.version + 1 FROM ( \
             SELECT task.id FROM {rows} JOIN task ON {IS_AS_KNOWN} ORDER BY task.id FOR UPDATE OF task \
             ) AS held WHERE task.id = held.id"
        )
    }
}
