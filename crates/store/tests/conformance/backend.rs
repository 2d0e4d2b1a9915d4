//! The databases under test, and a way past the store to see and change what lies in them.

use std::{collections::BTreeSet, path::PathBuf};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement,
};
use slacktide_store::{Location, Store, StoreError};
use tempfile::TempDir;

/// Every table but those of the migrator and `sequence`: a number that was reserved and not used is no trace.
const TABLES: [&str; 11] = [
    "cluster",
    "custom_role",
    "executor",
    "idempotency_key",
    "server",
    "subtask",
    "subtask_log",
    "task",
    "task_revision",
    "user_account",
    "zone",
];

/// An empty database that no other case sees. What it takes goes when it is dropped.
pub(crate) trait Backend: Sized {
    /// How it is called in the names of golden files.
    const NAME: &'static str;

    /// Makes the database for a case; none where this machine has no such server, which is said.
    async fn fresh(case: &str) -> Option<Self>;

    /// Where it lies.
    fn location(&self) -> Location;

    /// One connection of another process, so to speak: a transaction may be spelled out on it.
    async fn connect(&self) -> Direct;

    /// The statements that make the schema as it is now, in a stable order and form.
    async fn schema(&self) -> Vec<String>;

    /// Opens a store on it. This may be done many times. A shared database is migrated first, as its operator
    /// does.
    async fn try_open(&self) -> Result<Store, StoreError> {
        let location = self.location();
        if location.is_shared() {
            Store::migrate(&location).await?;
        }
        Store::open(&location).await
    }

    /// Opens a store on it, which succeeds.
    async fn open(&self) -> Store {
        self.try_open().await.expect("the store opens")
    }

    /// Drops an index behind the store's back.
    async fn drop_index(&self, _table: &str, index: &str) {
        self.execute(&format!("DROP INDEX {index}")).await;
    }

    /// Every row of every table.
    async fn dump(&self) -> Dump {
        self.connect().await.dump().await
    }

    /// Changes rows behind the store's back.
    async fn execute(&self, sql: &str) {
        self.connect().await.execute(sql).await;
    }
}

/// A SQLite file in a directory of its own.
pub(crate) struct Sqlite {
    directory: TempDir,
}

impl Sqlite {
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("slacktide.db")
    }
}

impl Backend for Sqlite {
    const NAME: &'static str = "sqlite";

    async fn fresh(_case: &str) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        Some(Self { directory })
    }

    fn location(&self) -> Location {
        Location::sqlite(self.file())
    }

    async fn connect(&self) -> Direct {
        Direct::to(format!("sqlite://{}?mode=rwc", self.file().display())).await
    }

    async fn schema(&self) -> Vec<String> {
        let select = "SELECT sql AS line FROM sqlite_master WHERE sql IS NOT NULL \
             ORDER BY type DESC, name";
        let statements = self.connect().await.lines(select).await;
        let one_column_a_line = |sql: String| {
            sql.replace("\" ( ", "\" (\n    ")
                .replace("NULL, ", "NULL,\n    ")
        };
        statements.into_iter().map(one_column_a_line).collect()
    }
}

/// A connection past the store.
pub(crate) struct Direct {
    connection: DatabaseConnection,
}

impl Direct {
    /// Connects past the store.
    pub(crate) async fn to(url: String) -> Self {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let connection = Database::connect(options).await.expect("a connection");
        Self { connection }
    }

    /// Runs statements.
    pub(crate) async fn execute(&self, sql: &str) {
        let done = self.connection.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs a statement that may come too late for what it means.
    pub(crate) async fn try_execute(&self, sql: &str) {
        let _ = self.connection.execute_unprepared(sql).await;
    }

    /// Reads the one column `line` of a query.
    pub(crate) async fn lines(&self, select: &str) -> Vec<String> {
        let rows = self.query(select).await;
        rows.iter()
            .map(|row| row.try_get("", "line").expect("a line"))
            .collect()
    }

    async fn query(&self, select: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.connection.get_database_backend(), select);
        let rows = self.connection.query_all_raw(statement).await;
        rows.unwrap_or_else(|error| panic!("{select}: {error}"))
    }

    async fn dump(&self) -> Dump {
        let mut rows = BTreeSet::new();
        for table in TABLES {
            for row in self.query(&format!("SELECT * FROM {table}")).await {
                let columns = row.column_names();
                let values = columns.iter().map(|name| (name, value(&row, name)));
                rows.insert(format!("{table} {:?}", values.collect::<Vec<_>>()));
            }
        }
        Dump { rows }
    }
}

fn value(row: &QueryResult, column: &str) -> String {
    if let Ok(number) = row.try_get::<Option<i64>>("", column) {
        return format!("{number:?}");
    }
    let text: String = row.try_get("", column).expect("a number or a text");
    text
}

/// Every row of a database at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dump {
    rows: BTreeSet<String>,
}

impl Dump {
    /// The rows of a table.
    pub(crate) fn rows_of(&self, table: &str) -> usize {
        let of_table = |row: &&String| row.split_once(' ').is_some_and(|(name, _)| name == table);
        self.rows.iter().filter(of_table).count()
    }

    /// Fails, showing only the rows that differ, unless nothing changed between the two.
    #[track_caller]
    pub(crate) fn assert_same(&self, before: &Self, what: &str) {
        let changed: Vec<_> = self.rows.symmetric_difference(&before.rows).collect();
        assert!(changed.is_empty(), "{what} changed rows:\n{changed:#?}");
    }
}
