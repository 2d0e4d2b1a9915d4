//! The few sorts of columns that there are.

use sea_orm::{
    DbBackend,
    sea_query::{ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement},
};

/// A table without columns. On MySQL its texts are compared byte by byte, as the other databases do.
pub(super) fn new_table(backend: DbBackend, name: &'static str) -> TableCreateStatement {
    let mut table = Table::create().table(name).if_not_exists().take();
    if backend == DbBackend::MySql {
        table
            .engine("InnoDB")
            .character_set("utf8mb4")
            .collate("utf8mb4_bin");
    }
    table
}

pub(super) fn new_index(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create()
        .name(name)
        .table(table)
        .if_not_exists()
        .take();
    for column in columns {
        index.col(*column);
    }
    index
}

/// An id, a count, a truth value, or a time in microseconds.
pub(super) fn int(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

/// Text that an index may hold: MySQL's limit.
pub(super) fn key(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).string_len(191).not_null().take()
}

/// A word of an enum.
pub(super) fn word(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).string_len(32).not_null().take()
}

/// Text of any length: 16 MiB on MySQL, whose plain `text` holds 64 KiB.
pub(super) fn text(backend: DbBackend, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match backend {
        DbBackend::MySql => column.custom("mediumtext"),
        _ => column.text(),
    };
    column.not_null().take()
}
