//! MySQL, MariaDB and OceanBase: `JSON_TABLE`. STRAIGHT_JOIN makes MySQL and MariaDB begin with the rows; the
//! hint makes OceanBase, which hashes and scans the whole table otherwise.

use super::{Column, Dialect, IDS};

pub(super) struct Mysql;

fn hint(table: &str) -> String {
    format!("/*+ LEADING(new {table}) USE_NL({table}) */")
}

impl Dialect for Mysql {
    fn rows(columns: &[Column]) -> String {
        let columns = columns
            .iter()
            .enumerate()
            .map(|(place, column)| match column {
                Column::Int(name) => format!("{name} BIGINT PATH '$[{place}]'"),
                Column::Text(name) => format!("{name} MEDIUMTEXT PATH '$[{place}]'"),
            });
        let columns: Vec<_> = columns.collect();
        format!(
            "JSON_TABLE(?, '$[*]' COLUMNS ({})) AS new",
            columns.join(", ")
        )
    }

    fn select(table: &str, key: &str, columns: &str) -> String {
        let (hint, rows) = (hint(table), Self::rows(&IDS));
        format!(
            "SELECT {hint} {columns} FROM {rows} STRAIGHT_JOIN {table} ON {table}.{key} = new.id"
        )
    }

    fn update(table: &str, columns: &[Column], set: &[(&str, &str)], guard: &str) -> String {
        let set: Vec<_> = set
            .iter()
            .map(|(column, value)| format!("{table}.{column} = {value}"))
            .collect();
        let (hint, rows) = (hint(table), Self::rows(columns));
        format!(
            "UPDATE {hint} {rows} STRAIGHT_JOIN {table} ON {guard} SET {}",
            set.join(", ")
        )
    }
}
