//! What must be possible on this host before a server is registered here.

use rustix::process::{Pid, PidfdFlags, geteuid, getpid, pidfd_open, test_kill_process};

use super::base_dir::BaseDir;
use super::error::{CheckError, FenceError};
use super::finding::Finding;
use super::identity::Process;
use super::{ProcessDriver, blocking};

pub(super) async fn check(driver: &ProcessDriver) -> Result<(), CheckError> {
    let base_dir = driver.target.base_dir.clone();
    let owner = blocking(move || BaseDir::open(&base_dir).map(|base| base.owner))
        .await
        .and_then(|opened| opened.map_err(super::obstacle::Obstacle::reason))
        .map_err(|reason| CheckError::Unknown { reason })?;
    pidfd_open(getpid(), PidfdFlags::empty()).map_err(|errno| CheckError::NoPidfd {
        source: errno.into(),
    })?;
    match driver.find().await {
        Finding::Unknown { reason } => return Err(CheckError::Unknown { reason }),
        Finding::Foreign(holder) => return Err(CheckError::Foreign(holder)),
        Finding::None => may_signal_user(owner)?,
        Finding::One(process) => may_signal(&process)?,
        Finding::Multiple(processes) => processes.iter().try_for_each(may_signal)?,
    }
    own_files_work(driver).await?;
    Ok(())
}

fn may_signal(process: &Process) -> Result<(), CheckError> {
    let pid = Pid::from_raw(process.identity.pid);
    match pid.map(test_kill_process) {
        Some(Err(rustix::io::Errno::PERM)) => Err(not_allowed(process.identity.uid)),
        _ => Ok(()),
    }
}

fn may_signal_user(owner: u32) -> Result<(), CheckError> {
    let own = geteuid();
    if own.is_root() || own.as_raw() == owner {
        Ok(())
    } else {
        Err(not_allowed(owner))
    }
}

fn not_allowed(owner: u32) -> CheckError {
    CheckError::MayNotSignal {
        own: geteuid().as_raw(),
        owner,
    }
}

/// Writes what is there already: only that proves that it can be written.
async fn own_files_work(driver: &ProcessDriver) -> Result<(), FenceError> {
    let file = driver.host_file().await?;
    file.lock(driver.lock_wait).await?.save_elsewhere().await
}
