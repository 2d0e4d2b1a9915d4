//! Where a store's data lie.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use sqlx::{mysql::MySqlConnectOptions, postgres::PgConnectOptions};

/// Where a store's data lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file of this process's own. It is made, and brought up to date, when it is opened.
    Sqlite(PathBuf),
    /// A PostgreSQL database that processes share.
    Postgres(SharedUrl),
    /// A MySQL, MariaDB or OceanBase database that processes share.
    Mysql(SharedUrl),
}

/// The URL of a shared database. Shows its password to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedUrl(String);

/// A text that names no database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database URL {reason}: write sqlite:FILE, postgres://USER:PASSWORD@HOST:PORT/DATABASE, or \
     mysql://USER:PASSWORD@HOST:PORT/DATABASE (oceanbase:// is the same; a user like root@sys is written root%40sys)"
)]
pub struct BadLocation {
    reason: String,
}

impl Location {
    /// A SQLite file.
    pub fn sqlite(file: impl Into<PathBuf>) -> Self {
        Self::Sqlite(file.into())
    }

    /// Reads a URL: `sqlite:`, `postgres://` or `postgresql://`, `mysql://`, `mariadb://` or `oceanbase://`.
    /// What follows `sqlite:` is a path as it stands, with no escapes.
    ///
    /// # Errors
    /// [`BadLocation`]; its text holds no password.
    pub fn parse(url: &str) -> Result<Self, BadLocation> {
        let bad = |reason: &str| BadLocation {
            reason: reason.to_owned(),
        };
        let (scheme, rest) = url
            .split_once(':')
            .ok_or_else(|| bad("has no scheme such as sqlite:"))?;
        match scheme {
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" => Err(bad("names no file")),
                file => Ok(Self::Sqlite(file.into())),
            },
            "postgres" | "postgresql" => {
                let parsed: PgConnectOptions = url
                    .parse()
                    .map_err(|_| bad("cannot be read as PostgreSQL's"))?;
                match parsed.get_database() {
                    Some(_) => Ok(Self::Postgres(SharedUrl(url.to_owned()))),
                    None => Err(bad("names no database")),
                }
            }
            "mysql" | "mariadb" | "oceanbase" => {
                let url = format!("mysql:{rest}");
                let parsed: MySqlConnectOptions =
                    url.parse().map_err(|_| bad("cannot be read as MySQL's"))?;
                match parsed.get_database() {
                    Some(_) => Ok(Self::Mysql(SharedUrl(url))),
                    None => Err(bad("names no database")),
                }
            }
            other => Err(bad(&format!("has the unknown scheme {other:?}"))),
        }
    }

    /// The file, if this process has the data for itself.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(file) => Some(file),
            Self::Postgres(_) | Self::Mysql(_) => None,
        }
    }

    /// Whether several processes may use it at a time.
    pub fn is_shared(&self) -> bool {
        self.file().is_none()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Postgres(url) | Self::Mysql(url) => url.fmt(f),
        }
    }
}

impl SharedUrl {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SharedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What comes before the last `@` is the account; the rest may hold a password only in its query.
        let (scheme, rest) = self.0.split_once("//").unwrap_or(("", &self.0));
        let rest = rest.split('?').next().unwrap_or_default();
        match rest.rsplit_once('@') {
            Some((account, place)) => {
                let user = account.split(':').next().unwrap_or_default();
                write!(f, "{scheme}//{user}@{place}")
            }
            None => write!(f, "{scheme}//{rest}"),
        }
    }
}

impl fmt::Debug for SharedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_scheme() {
        let mysql = |url: &str| Location::Mysql(SharedUrl(url.to_owned()));
        for (url, expected) in [
            ("sqlite:a b?.db", Location::sqlite("a b?.db")),
            ("sqlite:///var/x.db", Location::sqlite("/var/x.db")),
            (
                "postgres://u:p@h:1/d",
                Location::Postgres(SharedUrl("postgres://u:p@h:1/d".to_owned())),
            ),
            ("mysql://u:p@h:1/d", mysql("mysql://u:p@h:1/d")),
            (
                "oceanbase://root%40sys@h/d",
                mysql("mysql://root%40sys@h/d"),
            ),
        ] {
            assert_eq!(Location::parse(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn refuses_what_names_no_database() {
        for url in [
            "",
            "slacktide.db",
            "sqlite:",
            "oracle://h/d",
            "postgres://u:secret@h:port/d",
            "postgres://u:secret@h",
            "mysql://u:secret@h",
        ] {
            let error = Location::parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn shows_no_password() {
        let location = Location::parse("mysql://u:se%40cret@h:1/d?password=secret").unwrap();
        assert_eq!(location.to_string(), "mysql://u@h:1/d");
        assert!(!format!("{location:?}").contains("cret"));
    }
}
