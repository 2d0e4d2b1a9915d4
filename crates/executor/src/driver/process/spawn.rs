//! Runs a server's program so that it outlives this executor.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::process::geteuid;
use tokio::process::{Child, Command};

use super::base_dir::BaseDir;
use super::command::StartCommand;
use super::identity::MARK;
use super::start_error::StartError;

/// Makes a session of its own for a program: the end of this executor's session reaches it no more.
const SETSID: [&str; 2] = ["/usr/bin/setsid", "/bin/setsid"];

/// What the program writes before its own log is open, beside that log.
pub(super) const OUTPUT: &str = "slacktide_start.log";

/// A program that was just run: the server itself, or a launcher that ends once the server is on its way.
pub(super) struct Newborn {
    child: Child,
    /// What it wrote, where that is kept.
    pub(super) output: io::Result<File>,
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

/// Runs the command in the base directory as the owner of the server's files, with the mark of its start.
pub(super) fn spawn(
    base: &BaseDir,
    start: &StartCommand,
    mark: Option<&str>,
) -> io::Result<Newborn> {
    let setsid = SETSID.iter().find(|path| Path::new(path).is_file());
    let setsid =
        setsid.ok_or_else(|| io::Error::other("setsid is not there: install util-linux"))?;
    // A server without a place for its output runs as well.
    let output = open_output(base);
    let mut command = Command::new(setsid);
    command
        .arg(&start.exe)
        .args(&start.arguments)
        .env_clear()
        .envs(start.environment.iter().map(|(name, value)| (name, value)))
        .envs(mark.map(|mark| (MARK, mark)))
        .current_dir(&base.path)
        .stdin(Stdio::null())
        .stdout(copy(output.as_ref().ok())?)
        .stderr(copy(output.as_ref().ok())?)
        .kill_on_drop(false);
    if geteuid().is_root() && base.owner != 0 {
        command.uid(base.owner).gid(base.group);
    }
    Ok(Newborn {
        child: command.spawn()?,
        output,
    })
}

/// Opened by this executor, perhaps as root, in a directory where another user may put what he likes: never through a
/// link, and nothing but a file that is his or this executor's under this one name.
fn open_output(base: &BaseDir) -> io::Result<File> {
    let own = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = own | OFlags::RDONLY | OFlags::DIRECTORY;
    let base_dir = openat(CWD, &base.path, dir, Mode::empty())?;
    let log = openat(&base_dir, "log", dir, Mode::empty())?;
    let refused = |what: &str| Err(io::Error::other(what));
    if fstat(&log)?.st_uid != base.owner {
        return refused("the directory is another user's");
    }
    let flags = own | OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK;
    let file = File::from(openat(&log, OUTPUT, flags, Mode::from_raw_mode(0o640))?);
    let meta = file.metadata()?;
    let is_own = meta.uid() == base.owner || meta.uid() == geteuid().as_raw();
    if !meta.is_file() || !is_own || meta.nlink() != 1 {
        return refused("it is no file of the server's own");
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
