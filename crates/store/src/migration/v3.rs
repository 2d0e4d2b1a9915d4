//! What managing users needs: roles that are not built in, and users who are kept out.

use sea_orm::DbBackend;

use super::{
    Ddl, add_column,
    columns::{int, key, text},
    v1::{table, unique},
};

pub(super) fn statements(backend: DbBackend) -> Vec<(&'static str, Ddl)> {
    let columns = [
        key("name"),
        text(backend, "expressions"),
        key("creator"),
        int("create_time"),
        int("version"),
    ];
    vec![
        (
            "v3_custom_role",
            table(backend, "custom_role", &[int("id")], &columns, &["id"]),
        ),
        unique("v3_custom_role_name", "custom_role", &["name"]),
        (
            "v3_user_account_locked",
            add_column("user_account", int("locked").default(0).take()),
        ),
    ]
}
