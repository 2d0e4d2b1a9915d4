//! `slacktide user …`: works on the database itself, so that there is a way in when nobody can sign in.

use std::{
    fmt,
    io::{IsTerminal, Read, Write},
    process::ExitCode,
};

use anyhow::{Context, ensure};
use slacktide_server::{roles::Role, users};

use crate::{config::Settings, database::Database};

/// Manage users, in the database itself
#[derive(Debug, clap::Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; the password is read from standard input or from SLACKTIDE_NEW_PASSWORD
    Add {
        /// Name of the user
        name: String,
        /// Built-in role of the user, for example CLUSTER_VIEWER; may be given several times
        #[arg(long = "role", required = true, value_name = "ROLE")]
        roles: Vec<Role>,
        #[command(flatten)]
        password: NewPassword,
    },
    /// List the users with their roles
    List,
}

impl UserCommand {
    /// Carries the verb out.
    ///
    /// # Errors
    /// Why it was not.
    pub(crate) async fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let store = Database::existing(settings)?.open().await?;
        let mut out = std::io::stdout();
        match self {
            Self::Add {
                name,
                roles,
                password,
            } => {
                let user = users::add(&store, &name, &password.read()?, &roles).await?;
                writeln!(
                    out,
                    "added user {} with the roles {}",
                    user.name,
                    user.roles.join(", ")
                )?;
            }
            Self::List => {
                for user in store.users().await? {
                    writeln!(out, "{}  {}  {}", user.id, user.name, user.roles.join(","))?;
                }
            }
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// The password that somebody is to have from now on: from the environment, else from standard input.
#[derive(Clone, clap::Args)]
pub(crate) struct NewPassword {
    #[arg(
        long = "new-password",
        env = "SLACKTIDE_NEW_PASSWORD",
        hide = true,
        hide_env_values = true
    )]
    given: Option<String>,
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl NewPassword {
    /// Reads it.
    ///
    /// # Errors
    /// That there is none.
    pub(crate) fn read(self) -> anyhow::Result<String> {
        self.given.map_or_else(read_password, Ok)
    }
}

fn read_password() -> anyhow::Result<String> {
    let mut input = std::io::stdin();
    let mut password = String::new();
    let read = if input.is_terminal() {
        write!(std::io::stderr(), "password (it is shown): ")?;
        input.read_line(&mut password)
    } else {
        input.read_to_string(&mut password)
    };
    read.context("cannot read the password from standard input")?;
    let password = password.trim_end_matches(['\n', '\r']);
    ensure!(
        !password.is_empty(),
        "no password given: write it to standard input, or set SLACKTIDE_NEW_PASSWORD"
    );
    Ok(password.to_owned())
}
