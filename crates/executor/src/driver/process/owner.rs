//! Who would start a server again after it was stopped.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use super::identity::Process;

/// Present exactly where systemd runs the host.
const SYSTEMD_RUNS: &str = "/run/systemd/system";
/// systemd answers in milliseconds; one that does not answer for this long is in trouble.
const SYSTEMD_ANSWERS: Duration = Duration::from_secs(5);
/// Parents that start their children again when they end.
const SUPERVISORS: [&str; 4] = ["obshell", "supervisord", "runsv", "s6-supervise"];

/// Who, if anyone, would start the server again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody that could be found.
    None,
    /// A systemd unit whose main process is this server.
    Systemd {
        /// The unit's name.
        unit: String,
    },
    /// The server runs in a systemd unit, and systemd did not say whether it is its main process.
    Unclear {
        /// The unit's name.
        unit: String,
        /// What went wrong.
        reason: String,
    },
    /// A parent that restarts its children, obshell's daemon for example.
    Supervisor {
        /// The parent.
        pid: i32,
        /// Its name.
        name: String,
    },
}

/// Finds the owner of a server.
///
/// A unit owns its main process only. Membership in its control group proves nothing: everything
/// that was started from a unit's shell or agent is in there too.
pub(super) async fn owner_of(process: &Process, systemctl: &Path) -> Owner {
    if !process.units.is_empty() && Path::new(SYSTEMD_RUNS).exists() {
        match owning_unit(&process.units, process.identity.pid, systemctl).await {
            Owner::None => {}
            owner => return owner,
        }
    }
    let parent = &process.parent;
    // A user's own systemd, whose units the system's does not know.
    let users_systemd = parent.name == "systemd" && parent.pid != 1;
    if users_systemd || SUPERVISORS.contains(&parent.name.as_str()) {
        return Owner::Supervisor {
            pid: parent.pid,
            name: parent.name.clone(),
        };
    }
    Owner::None
}

async fn owning_unit(units: &[String], pid: i32, systemctl: &Path) -> Owner {
    for unit in units {
        match main_pid(unit, systemctl).await {
            Ok(main) if main == Some(pid) => return Owner::Systemd { unit: unit.clone() },
            Ok(_) => {}
            Err(reason) => {
                return Owner::Unclear {
                    unit: unit.clone(),
                    reason,
                };
            }
        }
    }
    Owner::None
}

async fn main_pid(unit: &str, systemctl: &Path) -> Result<Option<i32>, String> {
    let mut command = Command::new(systemctl);
    command
        .args(["show", "--property=MainPID", "--value", "--", unit])
        .kill_on_drop(true);
    let output = match tokio::time::timeout(SYSTEMD_ANSWERS, command.output()).await {
        Ok(Ok(output)) => output,
        // A host without systemctl has no units to restart anything.
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(Err(error)) => return Err(format!("cannot run systemctl: {error}")),
        Err(_) => {
            return Err(format!(
                "systemctl did not answer within {} s",
                SYSTEMD_ANSWERS.as_secs()
            ));
        }
    };
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .ok()
        .filter(|pid| *pid != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fake_systemctl(dir: &Path, script: &str) -> std::path::PathBuf {
        let path = dir.join("systemctl");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    #[tokio::test]
    async fn only_the_unit_whose_main_process_it_is_owns_a_server() {
        let dir = tempfile::tempdir().unwrap();
        let systemctl =
            fake_systemctl(dir.path(), "[ \"$5\" = ob.service ] && echo 4711 || echo 0");
        let units = ["agent.service".to_owned(), "ob.service".to_owned()];
        assert_eq!(
            owning_unit(&units, 4711, &systemctl).await,
            Owner::Systemd {
                unit: "ob.service".into()
            }
        );
        assert_eq!(owning_unit(&units, 4712, &systemctl).await, Owner::None);
    }

    #[tokio::test]
    async fn a_systemd_that_does_not_answer_is_not_taken_for_no() {
        let dir = tempfile::tempdir().unwrap();
        let systemctl = fake_systemctl(dir.path(), "echo 'bus is down' >&2; exit 1");
        let owner = owning_unit(&["ob.service".to_owned()], 4711, &systemctl).await;
        assert_eq!(
            owner,
            Owner::Unclear {
                unit: "ob.service".into(),
                reason: "bus is down".into()
            }
        );
    }

    #[tokio::test]
    async fn a_host_without_systemctl_has_no_owning_unit() {
        let owner = owning_unit(
            &["ob.service".to_owned()],
            4711,
            Path::new("/nonexistent/systemctl"),
        )
        .await;
        assert_eq!(owner, Owner::None);
    }
}
