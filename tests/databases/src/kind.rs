use std::path::Path;

use anyhow::Result;

use crate::Options;

/// What differs between the servers.
pub trait Kind: Send + Sync + 'static {
    /// The server's name, for messages.
    const NAME: &'static str;

    /// Whether this machine can run it, and if not, why.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    fn available() -> Result<(), String>;

    /// Makes the files of a new server.
    fn prepare(directory: &Path, options: Options) -> impl Future<Output = Result<()>> + Send;

    /// The command line that runs the server in the foreground.
    ///
    /// # Errors
    /// When a program is missing.
    fn command(directory: &Path, port: u16, options: Options) -> Result<Vec<String>>;

    /// What clients are told, without a database.
    fn url(port: u16) -> String;

    /// Whether the server serves requests.
    fn answers(port: u16) -> impl Future<Output = bool> + Send;
}
