//! What a start finds out before it does anything.

use super::base_dir::BaseDir;
use super::command::StartCommand;
use super::identity::Launch;
use super::log_tail::LogTail;
use super::start::unknown;
use super::start_error::StartError;
use super::{ProcessDriver, blocking, spawn};

/// What is needed to run the server, and to tell of its end.
pub(super) struct Prepared {
    pub(super) base: BaseDir,
    pub(super) command: StartCommand,
    /// The server's own log, from where this start begins.
    pub(super) log: LogTail,
}

impl Prepared {
    /// Finds out how the server is to be run. `launch` is how it ran before, if that is known.
    pub(super) async fn of(
        driver: &ProcessDriver,
        launch: Option<Launch>,
    ) -> Result<Self, StartError> {
        let base_dir = driver.target.base_dir.clone();
        let prepared = blocking(move || {
            let base = BaseDir::open(&base_dir).map_err(|obstacle| unknown(obstacle.reason()))?;
            spawn::may_start(&base)?;
            let command = StartCommand::of(&base, launch.as_ref())?;
            let program = command.exe.file_name().unwrap_or_default();
            let log = format!("{}.log", program.to_string_lossy());
            let log = LogTail::from_end(base.path.join("log").join(log));
            Ok(Self { base, command, log })
        });
        prepared.await.map_err(unknown)?
    }
}
