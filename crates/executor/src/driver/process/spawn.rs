//! Runs a server's program so that it outlives this executor.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::fs::OFlags;
use rustix::process::geteuid;
use tokio::process::{Child, Command};

use super::base_dir::BaseDir;
use super::command::StartCommand;
use super::start_error::StartError;

/// Makes a session of its own for a program: the end of this executor's session reaches it no more.
const SETSID: [&str; 2] = ["/usr/bin/setsid", "/bin/setsid"];

/// What the program writes before its own log is open, beside that log.
const OUTPUT: &str = "slacktide_start.log";

/// A program that was just run: the server itself, or a launcher that ends once the server is on its way.
pub(super) struct Newborn {
    child: Child,
    pub(super) output: Option<PathBuf>,
}

impl Newborn {
    /// How it ended, once it has.
    ///
    /// Dropped before that, it is reaped when it ends, as long as this executor lives, and by init after.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

/// Who may start the server of this directory: its owner, or root for its owner.
pub(super) fn may_start(base: &BaseDir) -> Result<(), StartError> {
    let own = geteuid();
    if own.is_root() || own.as_raw() == base.owner {
        return Ok(());
    }
    Err(StartError::WrongUser {
        own: own.as_raw(),
        owner: base.owner,
    })
}

/// Runs the command in the base directory as the owner of the server's files.
pub(super) fn spawn(base: &BaseDir, start: &StartCommand) -> io::Result<Newborn> {
    let setsid = SETSID.iter().find(|path| Path::new(path).is_file());
    let setsid =
        setsid.ok_or_else(|| io::Error::other("setsid is not there: install util-linux"))?;
    // A server without a place for its output runs as well.
    let output = open_output(base).ok();
    let mut command = Command::new(setsid);
    command
        .arg(&start.exe)
        .args(&start.arguments)
        .env_clear()
        .envs(start.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&base.path)
        .stdin(Stdio::null())
        .stdout(copy(output.as_ref())?)
        .stderr(copy(output.as_ref())?)
        .kill_on_drop(false);
    if geteuid().is_root() && base.owner != 0 {
        command.uid(base.owner).gid(base.group);
    }
    Ok(Newborn {
        child: command.spawn()?,
        output: output.map(|_| output_path(base)),
    })
}

fn output_path(base: &BaseDir) -> PathBuf {
    base.path.join("log").join(OUTPUT)
}

/// Opened by this executor, perhaps as root, in another user's directory: never through a link.
fn open_output(base: &BaseDir) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options
        .create(true)
        .append(true)
        .mode(0o640)
        .custom_flags(flags);
    let file = options.open(output_path(base))?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("the place for the output is no file"));
    }
    file.set_len(0)?;
    if geteuid().is_root() {
        fchown(&file, Some(base.owner), Some(base.group))?;
    }
    Ok(file)
}

fn copy(output: Option<&File>) -> io::Result<Stdio> {
    output.map_or_else(|| Ok(Stdio::null()), |file| Ok(file.try_clone()?.into()))
}
