//! One server process, so named that no other process can be taken for it.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::base_dir::BaseDir;
use super::owner::Owner;
use super::procfs::{self, Stat, unless_gone};

/// The programs that are database servers.
const SERVERS: [&str; 2] = ["observer", "seekdb"];

/// Names a process beyond doubt, over reuse of its pid, restarts of the server and reboots of the
/// host.
///
/// It is made durable before the first signal, so that a later run never takes another process for
/// this one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The boot of the host during which the process started.
    pub boot_id: String,
    /// Process id, as this executor's host counts.
    pub pid: i32,
    /// Clock ticks from boot to the start of the process.
    pub start_time: u64,
    /// Device of the program's file.
    pub exe_dev: u64,
    /// Inode of the program's file.
    pub exe_ino: u64,
    /// Base directory that the process serves, without symbolic links.
    pub base_dir: PathBuf,
    /// Effective user of the process.
    pub uid: u32,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} (start time {})", self.pid, self.start_time)
    }
}

/// How a server was launched, so that it can be launched again.
///
/// It may hold secrets: it is never logged, and `Debug` shows only its extent. Bytes that are not
/// UTF-8 are replaced.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The program's file.
    pub exe: PathBuf,
    /// Command line, the program's own name first.
    pub arguments: Vec<String>,
    /// Names and values of the environment.
    pub environment: Vec<(String, String)>,
}

/// By this variable a server is known that an executor of this host started, whatever becomes of that executor.
pub(super) const MARK: &str = "SLACKTIDE_START";

impl Launch {
    /// What the start that led to this launch gave it to be known by.
    pub(super) fn mark(&self) -> Option<&str> {
        let mut variables = self.environment.iter();
        let (_, mark) = variables.find(|(name, _)| name == MARK)?;
        Some(mark)
    }

    fn read(proc_dir: &Path, exe: PathBuf) -> io::Result<Self> {
        let environment = strings(&std::fs::read(proc_dir.join("environ"))?);
        Ok(Self {
            exe,
            arguments: strings(&std::fs::read(proc_dir.join("cmdline"))?),
            environment: environment
                .iter()
                .filter_map(|entry| entry.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch")
            .field("exe", &self.exe)
            .field("arguments", &self.arguments.len())
            .field("environment", &self.environment.len())
            .finish()
    }
}

fn strings(nul_separated: &[u8]) -> Vec<String> {
    let text = nul_separated.strip_suffix(b"\0").unwrap_or(nul_separated);
    if text.is_empty() {
        return Vec::new();
    }
    text.split(|byte| *byte == 0)
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}

/// The process that started another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Process id; 0 where it lies outside of what can be seen.
    pub pid: i32,
    /// Its name, or nothing where it cannot be read.
    pub name: String,
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "pid {} ({})",
            self.pid,
            if self.name.is_empty() {
                "?"
            } else {
                &self.name
            }
        )
    }
}

/// A server process that was found running.
#[derive(Clone, Debug)]
pub struct Process {
    /// Which process it is.
    pub identity: Identity,
    /// Whether it holds the record lock. A server that lost the race of two starts, or runs with
    /// `-N`, does not.
    pub holds_lock: bool,
    /// Who would start it again.
    pub owner: Owner,
    /// How it was launched.
    pub launch: Launch,
    /// Who started it.
    pub parent: Parent,
    /// How long it had been running when it was found.
    pub age: Duration,
    /// The systemd units in whose control group it runs; that alone does not make one its owner.
    pub(super) units: Vec<String>,
}

impl Process {
    /// The program's name.
    pub fn program(&self) -> &str {
        self.launch
            .exe
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    }

    /// Reads process `pid`. `None` when it has ended, or is no server of this base directory.
    ///
    /// # Errors
    /// When this executor may not examine it.
    pub(super) fn read(pid: i32, base: &BaseDir) -> io::Result<Option<Self>> {
        unless_gone(Self::read_living(pid, base)).map(Option::flatten)
    }

    fn read_living(pid: i32, base: &BaseDir) -> io::Result<Option<Self>> {
        let own_dir = procfs::dir(pid);
        let Some(dir) = procfs::living_dir(pid)? else {
            return Ok(None);
        };
        let exe = std::fs::read_link(dir.join("exe"))?;
        if !is_server(&exe) || !base.is_used_by(&dir)? {
            return Ok(None);
        }
        let program = dir.join("exe").metadata()?;
        let stat = Stat::read(&own_dir)?;
        let process = Self {
            identity: Identity {
                boot_id: procfs::boot_id()?,
                pid,
                start_time: stat.start_time,
                exe_dev: program.dev(),
                exe_ino: program.ino(),
                base_dir: base.path.clone(),
                uid: procfs::effective_uid(pid)?,
            },
            holds_lock: false,
            owner: Owner::None,
            launch: Launch::read(&dir, procfs::without_deleted(&exe).to_owned())?,
            parent: Parent {
                pid: stat.parent,
                name: procfs::name(stat.parent).unwrap_or_default(),
            },
            age: procfs::age(stat.start_time),
            units: procfs::service_units(&std::fs::read_to_string(own_dir.join("cgroup"))?),
        };
        // The number may have passed to another process between two of the reads above.
        Ok((Stat::read(&own_dir)?.start_time == stat.start_time).then_some(process))
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identity {
            pid, start_time, ..
        } = self.identity;
        write!(
            f,
            "pid {pid} ({}, start time {start_time}, up {} s",
            self.program(),
            self.age.as_secs()
        )?;
        if !self.holds_lock {
            f.write_str(", without the record lock")?;
        }
        f.write_str(")")
    }
}

/// Whether this program is a database server, by its file's name.
pub(super) fn is_server(exe: &Path) -> bool {
    procfs::without_deleted(exe)
        .file_name()
        .is_some_and(|name| SERVERS.iter().any(|server| name == *server))
}

/// Whether this program is a server of a cluster of several.
pub(super) fn is_observer(exe: &Path) -> bool {
    exe.file_name().is_some_and(|name| name == SERVERS[0])
}

/// Whether a process is a server whose program may not be read, by the name that it shows to everyone.
pub(super) fn is_server_name(name: &str) -> bool {
    SERVERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_launch_is_never_shown() {
        let launch = Launch {
            exe: "/ob/bin/observer".into(),
            arguments: vec!["observer".into(), "-o".into(), "key=hidden1".into()],
            environment: vec![("PASSWORD".into(), "hidden2".into())],
        };
        let shown = format!("{launch:?}");
        assert!(
            shown.contains("/ob/bin/observer") && !shown.contains("hidden"),
            "{shown}"
        );
    }

    #[test]
    fn an_empty_argument_is_kept() {
        assert_eq!(strings(b"observer\0\0-d\0"), ["observer", "", "-d"]);
        assert!(strings(b"").is_empty());
    }

    #[test]
    fn only_the_two_programs_are_servers() {
        assert!(is_server(Path::new("/ob/bin/observer")));
        assert!(is_server(Path::new("/x/seekdb (deleted)")));
        assert!(!is_server(Path::new("/usr/bin/observer-cli")));
        assert!(!is_server(Path::new("/observer/bin/bash")));
    }
}
