//! The directory of one server: the ground on which everything else is proven.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::obstacle::Obstacle;

/// Every directory that has been a server's holds at least one of these.
const MARKS: [&str; 2] = ["etc", "store"];
/// What a server writes when it is set up; without it, a start would set up a new, empty database.
const SET_UP: [&str; 3] = [
    "etc/observer.config.bin",
    "etc/observer.conf.bin",
    "etc/seekdb.data_version.bin",
];
/// The files whose record lock a running server holds.
const LOCK_FILES: [&str; 2] = ["run/observer.pid", "run/seekdb.pid"];

/// A file, by what does not change when it is renamed or seen through another mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    pub(super) dev: u64,
    pub(super) ino: u64,
}

impl From<&Metadata> for FileId {
    fn from(meta: &Metadata) -> Self {
        Self {
            dev: meta.dev(),
            ino: meta.ino(),
        }
    }
}

/// A base directory that exists and has been a server's.
pub(super) struct BaseDir {
    /// Without symbolic links.
    pub(super) path: PathBuf,
    id: FileId,
    /// Where the server's data is; `store` and what lies in it are often links to other disks.
    stores: Vec<PathBuf>,
    /// Owner of the server's own files, the user under which the server runs.
    pub(super) owner: u32,
    /// Their group.
    pub(super) group: u32,
}

impl BaseDir {
    /// Opens the registered directory.
    ///
    /// An absent or empty one is an [`Obstacle`], never "no server": it may be mistyped, or its
    /// disk not mounted.
    pub(super) fn open(registered: &Path) -> Result<Self, Obstacle> {
        let unusable = |error: &io::Error| {
            Obstacle::Lasting(format!(
                "base directory {} cannot be used: {error}; check base_dir and that its disk is mounted",
                registered.display()
            ))
        };
        let path = registered
            .canonicalize()
            .map_err(|error| unusable(&error))?;
        let id = FileId::from(&path.metadata().map_err(|error| unusable(&error))?);
        let mark = MARKS
            .iter()
            .find_map(|mark| path.join(mark).metadata().ok().filter(Metadata::is_dir));
        let Some(mark) = mark else {
            return Err(Obstacle::Lasting(format!(
                "base directory {} holds neither etc/ nor store/: check base_dir, that its disk is mounted, and that \
                 this executor may enter it",
                registered.display()
            )));
        };
        let stores = data_dirs(&path.join("store")).map_err(|error| unusable(&error))?;
        Ok(Self {
            path,
            id,
            stores,
            owner: mark.uid(),
            group: mark.gid(),
        })
    }

    /// Whether a server was set up here, so that it can be started without being told anything.
    pub(super) fn is_set_up(&self) -> bool {
        SET_UP.iter().any(|file| self.path.join(file).is_file())
    }

    /// Whether the process behind this directory of `/proc` works in the base directory, or has its
    /// data open.
    pub(super) fn is_used_by(&self, proc_dir: &Path) -> io::Result<bool> {
        if FileId::from(&proc_dir.join("cwd").metadata()?) == self.id {
            return Ok(true);
        }
        for fd in std::fs::read_dir(proc_dir.join("fd"))? {
            let Some(open) = super::procfs::unless_gone(std::fs::read_link(fd?.path()))? else {
                continue;
            };
            if self.stores.iter().any(|store| open.starts_with(store)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The processes that hold the record lock of a running server: none, or one.
    ///
    /// What the file says is not even read: it outlives its process, and racing starters overwrite
    /// it.
    pub(super) fn lock_holders(&self) -> Result<Vec<i32>, Obstacle> {
        let mut holders = Vec::new();
        for name in LOCK_FILES {
            let path = self.path.join(name);
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = match rustix::fs::open(&path, flags, Mode::empty()) {
                Ok(file) => file,
                Err(rustix::io::Errno::NOENT) => continue,
                Err(error) => {
                    return Err(Obstacle::Lasting(format!(
                        "cannot open {} to ask who holds its record lock: {error}; run the executor as the server's \
                         user or as root",
                        path.display()
                    )));
                }
            };
            let lock = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).map_err(|error| {
                Obstacle::Lasting(format!(
                    "cannot ask who holds the record lock of {}: {error}",
                    path.display()
                ))
            })?;
            let Some(lock) = lock else { continue };
            // 0: held in a pid namespace that is not seen from here. -1: held by an open file, not
            // by a process.
            match lock.pid.map(|pid| pid.as_raw_nonzero().get()) {
                Some(pid) if pid > 0 => holders.push(pid),
                _ => {
                    return Err(Obstacle::Lasting(format!(
                        "the record lock of {} is held by a process that cannot be seen from here, in another container \
                         for example: run the executor where the server runs",
                        path.display()
                    )));
                }
            }
        }
        holders.dedup();
        Ok(holders)
    }
}

fn data_dirs(store: &Path) -> io::Result<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    let Some(real) = super::procfs::unless_gone(store.canonicalize())? else {
        return Ok(dirs);
    };
    for entry in std::fs::read_dir(&real)? {
        let Some(inner) = super::procfs::unless_gone(entry?.path().canonicalize())? else {
            continue;
        };
        if !inner.starts_with(&real) {
            dirs.push(inner);
        }
    }
    dirs.push(real);
    Ok(dirs)
}
