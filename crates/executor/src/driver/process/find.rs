//! Finds the server of a base directory: by record lock first, then by what `/proc` shows.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::Target;
use super::base_dir::BaseDir;
use super::finding::Finding;
use super::identity::{self, Identity, Process};
use super::obstacle::Obstacle;
use super::ports;
use super::procfs::{self, is_gone};

/// Pauses before looking again while the picture changes.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(50),
];

/// No program stays between fork and exec for longer.
const YOUNG: Duration = Duration::from_secs(1);

/// Looks at the base directory. Blocks for a few milliseconds, at most about a hundred while the
/// picture changes.
pub(super) fn find(target: &Target) -> Finding {
    let mut pauses = PAUSES.iter();
    loop {
        let (finding, may_change) = match look(target) {
            Ok(finding) => {
                let may_change = may_pass(&finding);
                (finding, may_change)
            }
            Err(obstacle) => {
                let passing = matches!(obstacle, Obstacle::Passing(_));
                (
                    Finding::Unknown {
                        reason: obstacle.reason(),
                    },
                    passing,
                )
            }
        };
        match pauses.next() {
            Some(pause) if may_change => std::thread::sleep(*pause),
            _ => return finding,
        }
    }
}

/// A server that runs a helper is two processes for an instant, between fork and exec; the second
/// has no lock. If the first one ends just then, the second is alone.
fn may_pass(finding: &Finding) -> bool {
    match finding {
        Finding::Multiple(_) => true,
        Finding::One(process) => !process.holds_lock && process.age < YOUNG,
        _ => false,
    }
}

/// Whether exactly this process still lives, as this server.
pub(super) fn is_alive(target: &Target, identity: &Identity) -> Result<bool, Obstacle> {
    let base = BaseDir::open(&target.base_dir)?;
    match Process::read(identity.pid, &base) {
        Ok(process) => Ok(process.is_some_and(|process| process.identity == *identity)),
        Err(error) => Err(unreadable(identity.pid, &error)),
    }
}

fn look(target: &Target) -> Result<Finding, Obstacle> {
    let base = BaseDir::open(&target.base_dir)?;
    let holders = base.lock_holders()?;
    let (mut servers, hidden) = scan(&base)?;
    for holder in holders {
        match servers
            .iter_mut()
            .find(|server| server.identity.pid == holder)
        {
            Some(server) => server.holds_lock = true,
            None => {
                let name = procfs::name(holder).unwrap_or_else(|_| "not to be seen".into());
                return Err(hidden.unwrap_or_else(|| {
                    Obstacle::Passing(format!(
                        "the record lock of {} is held by pid {holder} ({name}), which is no server of this directory: find \
                         out what it is and end it by hand",
                        base.path.display()
                    ))
                }));
            }
        }
    }
    match servers.len() {
        0 => prove_none(target, &base, hidden),
        1 => Ok(servers
            .pop()
            .map_or(Finding::None, |server| Finding::One(Box::new(server)))),
        _ => Ok(Finding::Multiple(servers)),
    }
}

fn prove_none(
    target: &Target,
    base: &BaseDir,
    hidden: Option<Obstacle>,
) -> Result<Finding, Obstacle> {
    if let Some(obstacle) = hidden {
        return Err(obstacle);
    }
    // With hidepid, /proc shows a user only its own processes; then pid 1 is missing too.
    if rustix::process::geteuid().as_raw() != base.owner && !Path::new("/proc/1/stat").exists() {
        return Err(Obstacle::Lasting(format!(
            "/proc hides the processes of uid {}, to whom {} belongs: run the executor as that user or as root",
            base.owner,
            base.path.display()
        )));
    }
    Ok(ports::holders(&target.ports())?
        .into_iter()
        .next()
        .map_or(Finding::None, Finding::Foreign))
}

/// All servers of the base directory that `/proc` shows, and the reason why there may be one that
/// it does not show.
fn scan(base: &BaseDir) -> Result<(Vec<Process>, Option<Obstacle>), Obstacle> {
    let pids = procfs::pids()
        .map_err(|error| Obstacle::Lasting(format!("cannot list processes: {error}")))?;
    let mut servers = Vec::new();
    let mut hidden = None;
    for pid in pids {
        let found = if may_be_server(pid) {
            Process::read(pid, base)
        } else {
            Ok(None)
        };
        match found {
            Ok(found) => servers.extend(found),
            // A server runs under the owner of its files. Those of other users are other servers.
            Err(error) => match procfs::effective_uid(pid) {
                Ok(uid) if uid != base.owner && uid != 0 => {}
                _ => hidden = Some(unreadable(pid, &error)),
            },
        }
    }
    Ok((servers, hidden))
}

/// A cheap sieve: one link for most processes.
fn may_be_server(pid: i32) -> bool {
    match std::fs::read_link(procfs::dir(pid).join("exe")) {
        Ok(exe) => identity::is_server(&exe),
        // Kernel threads, processes whose first thread has ended, and those that may not be
        // examined.
        Err(_) => procfs::name(pid).is_ok_and(|name| identity::is_server_name(&name)),
    }
}

fn unreadable(pid: i32, error: &io::Error) -> Obstacle {
    let reason = format!(
        "pid {pid} may not be examined: {error}; run the executor as the server's user or as root"
    );
    if is_gone(error) {
        Obstacle::Passing(reason)
    } else {
        Obstacle::Lasting(reason)
    }
}
