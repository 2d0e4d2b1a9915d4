//! Who listens on the server's ports.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::obstacle::Obstacle;
use super::procfs::{self, Listener};
use super::sock_diag;

/// A process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// The TCP port.
    pub port: u16,
    /// The process.
    pub pid: i32,
    /// Its name.
    pub name: String,
    /// Its working directory, where it can be read.
    pub cwd: Option<PathBuf>,
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "port {} is held by pid {} ({}",
            self.port, self.pid, self.name
        )?;
        if let Some(cwd) = &self.cwd {
            write!(f, " in {}", cwd.display())?;
        }
        f.write_str(")")
    }
}

/// The processes that listen on any of `ports`; empty when the ports are free.
pub(super) fn holders(ports: &[u16]) -> Result<Vec<PortHolder>, Obstacle> {
    let mut ownerless = listeners(ports)
        .map_err(|error| Obstacle::Lasting(format!("cannot list TCP sockets: {error}")))?;
    if ownerless.is_empty() {
        return Ok(Vec::new());
    }
    let pids = procfs::pids()
        .map_err(|error| Obstacle::Lasting(format!("cannot list processes: {error}")))?;
    let mut holders: Vec<PortHolder> = Vec::new();
    let mut denied = false;
    for pid in pids {
        if ownerless.is_empty() {
            break;
        }
        let Ok(sockets) = sockets(pid) else {
            denied = true;
            continue;
        };
        // One process may listen on a port more than once: over IPv4 and IPv6, say.
        ownerless.retain(|listener| {
            let owned = sockets.contains(&listener.inode);
            if owned
                && !holders
                    .iter()
                    .any(|known| (known.port, known.pid) == (listener.port, pid))
            {
                holders.push(describe(listener.port, pid));
            }
            !owned
        });
    }
    match ownerless.first() {
        None => Ok(holders),
        Some(Listener { port, uid, .. }) if denied => Err(Obstacle::Lasting(format!(
            "port {port} is listened on by a process of uid {uid} that this executor may not examine: run the executor \
             as the server's user or as root"
        ))),
        Some(Listener { port, uid, .. }) => Err(Obstacle::Passing(format!(
            "port {port} is listened on by a process of uid {uid} that cannot be seen from here, in another container \
             for example"
        ))),
    }
}

fn listeners(ports: &[u16]) -> io::Result<Vec<Listener>> {
    sock_diag::listeners(ports).or_else(|_| listed_in_proc(ports))
}

fn listed_in_proc(ports: &[u16]) -> io::Result<Vec<Listener>> {
    let mut found = procfs::listeners(&std::fs::read_to_string("/proc/net/tcp")?, ports);
    // Absent where the host has no IPv6.
    if let Some(table) = procfs::unless_gone(std::fs::read_to_string("/proc/net/tcp6"))? {
        found.extend(procfs::listeners(&table, ports));
    }
    Ok(found)
}

fn sockets(pid: i32) -> io::Result<Vec<u64>> {
    let mut inodes = Vec::new();
    let Some(dir) = procfs::living_dir(pid)? else {
        return Ok(inodes);
    };
    let Some(fds) = procfs::unless_gone(std::fs::read_dir(dir.join("fd")))? else {
        return Ok(inodes);
    };
    for fd in fds {
        let Some(fd) = procfs::unless_gone(fd)? else {
            continue;
        };
        let Some(target) = procfs::unless_gone(std::fs::read_link(fd.path()))? else {
            continue;
        };
        let inode: Option<u64> = target.to_str().and_then(|text| {
            text.strip_prefix("socket:[")?
                .strip_suffix(']')?
                .parse()
                .ok()
        });
        inodes.extend(inode);
    }
    Ok(inodes)
}

fn describe(port: u16, pid: i32) -> PortHolder {
    PortHolder {
        port,
        pid,
        name: procfs::name(pid).unwrap_or_default(),
        cwd: std::fs::read_link(procfs::dir(pid).join("cwd")).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_listening_port_names_its_process_and_a_closed_one_is_free() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = holders(&[port]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].port, found[0].pid),
            (port, i32::try_from(std::process::id()).unwrap())
        );
        drop(listener);
        assert_eq!(holders(&[port]).unwrap(), []);
    }

    #[test]
    fn a_host_that_answers_no_questions_over_netlink_is_read_from_proc() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(
            listed_in_proc(&[port]).unwrap(),
            sock_diag::listeners(&[port]).unwrap()
        );
    }
}
