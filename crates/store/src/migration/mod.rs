//! The schema, as migrations that are never edited once they have landed.
//!
//! Each is one idempotent DDL statement: MySQL and OceanBase cannot roll DDL back, so a migration that was
//! cut off is simply run again. The schema is portable: words for enums, integer microseconds for times,
//! JSON only as text, no database-native types.

mod v1;

use sea_orm_migration::{
    MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait,
    prelude::{DbErr, IndexCreateStatement, TableCreateStatement},
};

/// All migrations, in order.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        v1::statements()
            .into_iter()
            .map(|(name, ddl)| Box::new(Migration { name, ddl }) as Box<dyn MigrationTrait>)
            .collect()
    }
}

/// A named DDL statement.
struct Migration {
    name: &'static str,
    ddl: Ddl,
}

enum Ddl {
    Table(Box<TableCreateStatement>),
    Index(Box<IndexCreateStatement>),
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match &self.ddl {
            Ddl::Table(table) => manager.create_table((**table).clone()).await,
            Ddl::Index(index) => manager.create_index((**index).clone()).await,
        }
    }
}
