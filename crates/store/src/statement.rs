//! Hand-written statements in the words of a database.

use std::borrow::Cow;

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

/// A statement whose values stand for its `?`, in order. No text of ours has a `?` in it otherwise.
pub(crate) fn statement(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    let backend = db.get_database_backend();
    Statement::from_sql_and_values(backend, placed(backend, sql), values)
}

fn placed(backend: DbBackend, sql: &str) -> Cow<'_, str> {
    if backend != DbBackend::Postgres || !sql.contains('?') {
        return Cow::Borrowed(sql);
    }
    let mut parts = sql.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (number, part) in (1..).zip(parts) {
        text.push_str(&format!("${number}{part}"));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_values_where_the_database_wants_numbers() {
        let sql = "SELECT 1 WHERE a = ? AND b = ?";
        assert_eq!(placed(DbBackend::Sqlite, sql), sql);
        assert_eq!(placed(DbBackend::MySql, sql), sql);
        let numbered = "SELECT 1 WHERE a = $1 AND b = $2";
        assert_eq!(placed(DbBackend::Postgres, sql), numbered);
        assert_eq!(placed(DbBackend::Postgres, numbered), numbered);
    }
}
