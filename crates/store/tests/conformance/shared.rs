//! The databases that processes share, as real servers of this test process: each case has a database of its own.

use slacktide_store::Location;
use slacktide_test_databases as servers;

use crate::backend::{Backend, Direct};

/// A database on PostgreSQL.
pub(crate) struct PostgreSql(String);

/// A database on MariaDB.
pub(crate) struct MariaDb(String);

/// A database on the OceanBase engine.
pub(crate) struct OceanBase(String);

macro_rules! shared {
    ($backend:ident, $server:ident, $name:literal, $schema:ident $(, $of_table:literal)?) => {
        impl Backend for $backend {
            const NAME: &'static str = $name;

            async fn fresh(case: &str) -> Option<Self> {
                let case = format!("{case} on {}", $name);
                let runs = servers::runs(&case, servers::$server::available());
                if !runs.expect("the server is there") {
                    return None;
                }
                let server = servers::$server::shared().await.expect("the server runs");
                let url = server.fresh_database().await.expect("a database");
                Some(Self(url))
            }

            fn location(&self) -> Location {
                Location::parse(&self.0).expect("a location")
            }

            async fn connect(&self) -> Direct {
                Direct::to(self.0.clone()).await
            }

            async fn schema(&self) -> Vec<String> {
                self.connect().await.lines($schema).await
            }

            $(async fn drop_index(&self, table: &str, index: &str) {
                self.execute(&format!("DROP INDEX {index} {} {table}", $of_table)).await;
            })?
        }
    };
}

shared!(PostgreSql, Postgres, "postgres", POSTGRES_SCHEMA);
shared!(MariaDb, MariaDb, "mariadb", MYSQL_SCHEMA, "ON");
shared!(OceanBase, OceanBase, "oceanbase", MYSQL_SCHEMA, "ON");

const POSTGRES_SCHEMA: &str = "SELECT line FROM ( \
     SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || \
     COALESCE('(' || character_maximum_length || ')', '') || ' ' || \
     CASE is_nullable WHEN 'NO' THEN 'NOT NULL' ELSE 'NULL' END || COALESCE(' DEFAULT ' || column_default, '') \
     AS line FROM information_schema.columns WHERE table_schema = 'public' \
     UNION ALL SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public') AS every ORDER BY line COLLATE \"C\"";

const MYSQL_SCHEMA: &str = "SELECT line FROM ( \
     SELECT CONCAT('column ', table_name, '.', column_name, ' ', column_type, ' ', \
     COALESCE(collation_name, '-'), ' ', IF(is_nullable = 'NO', 'NOT NULL', 'NULL'), \
     IF(column_default IS NULL OR column_default = 'NULL', '', CONCAT(' DEFAULT ', column_default))) AS line \
     FROM information_schema.columns WHERE table_schema = DATABASE() \
     UNION ALL SELECT CONCAT('index ', table_name, '.', index_name, IF(non_unique = 0, ' UNIQUE ', ' '), \
     GROUP_CONCAT(column_name ORDER BY seq_in_index)) AS line \
     FROM information_schema.statistics WHERE table_schema = DATABASE() \
     GROUP BY table_name, index_name, non_unique) AS every ORDER BY line";
