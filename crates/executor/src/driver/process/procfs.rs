//! What `/proc` says, parsed. Nothing here knows about database servers.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{major, minor};

/// The fields of `/proc/PID/stat` that this driver needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) name: String,
    pub(super) state: char,
    pub(super) parent: i32,
    /// Clock ticks after boot at which the process started; with the boot it makes a pid unique.
    pub(super) start_time: u64,
}

impl Stat {
    /// The name may hold spaces and parentheses, so the fields are counted from the last closing
    /// one.
    fn parse(text: &str) -> Option<Self> {
        let open = text.find('(')?;
        let close = text.rfind(')')?;
        let mut fields = text.get(close + 1..)?.split_ascii_whitespace();
        Some(Self {
            name: text.get(open + 1..close)?.to_owned(),
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            // Field 22; the two above were fields 3 and 4.
            start_time: fields.nth(17)?.parse().ok()?,
        })
    }

    pub(super) fn read(dir: &Path) -> io::Result<Self> {
        let path = dir.join("stat");
        let text = std::fs::read(&path)?;
        Self::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("cannot parse {}", path.display()),
            )
        })
    }

    /// A zombie or a dead thread: its memory and working directory are no longer to be seen under
    /// its own number.
    pub(super) fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// `/proc/PID`.
pub(super) fn dir(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// All processes that this executor may see.
pub(super) fn pids() -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        if let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        {
            pids.push(pid);
        }
    }
    Ok(pids)
}

/// A directory of `/proc` under which the files of `pid` can be read.
///
/// A process whose first thread has ended shows nothing under its own number, while its other
/// threads still hold locks and ports; then the directory of one of those is given. `None` when all
/// threads have ended.
pub(super) fn living_dir(pid: i32) -> io::Result<Option<PathBuf>> {
    let own = dir(pid);
    let Some(stat) = unless_gone(Stat::read(&own))? else {
        return Ok(None);
    };
    if !stat.is_zombie() {
        return Ok(Some(own));
    }
    let Some(threads) = unless_gone(std::fs::read_dir(own.join("task")))? else {
        return Ok(None);
    };
    for thread in threads {
        let Some(thread) = unless_gone(thread)? else {
            continue;
        };
        if unless_gone(Stat::read(&thread.path()))?.is_some_and(|stat| !stat.is_zombie()) {
            return Ok(Some(thread.path()));
        }
    }
    Ok(None)
}

/// The name that a process gave itself, readable for every process.
pub(super) fn name(pid: i32) -> io::Result<String> {
    let text = std::fs::read(dir(pid).join("comm"))?;
    Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
}

/// Effective user of a process.
pub(super) fn effective_uid(pid: i32) -> io::Result<u32> {
    let text = std::fs::read_to_string(dir(pid).join("status"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|uids| uids.split_ascii_whitespace().nth(1)?.parse().ok())
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("no Uid in the status of pid {pid}"),
            )
        })
}

/// Changes with every boot of the host.
pub(super) fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// How long ago a process with this start time began; zero when the host does not say.
pub(super) fn age(start_time: u64) -> Duration {
    let uptime = std::fs::read_to_string("/proc/uptime").ok();
    let uptime = uptime
        .and_then(|text| text.split_ascii_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or(0.0);
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let started = Duration::from_millis(start_time.saturating_mul(1000) / ticks);
    Duration::try_from_secs_f64(uptime)
        .unwrap_or_default()
        .saturating_sub(started)
}

/// A file name without the mark that the kernel appends when the file was replaced or removed.
pub(super) fn without_deleted(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    Path::new(OsStr::from_bytes(
        bytes.strip_suffix(b" (deleted)").unwrap_or(bytes),
    ))
}

/// `Ok(None)` where the process or thread has ended meanwhile.
pub(super) fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// A TCP socket that waits for connections.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) port: u16,
    pub(super) uid: u32,
    pub(super) inode: u64,
}

/// The listening sockets on `ports`, from the text of `/proc/net/tcp` or `tcp6`.
pub(super) fn listeners(table: &str, ports: &[u16]) -> Vec<Listener> {
    const LISTEN: &str = "0A";
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let port = u16::from_str_radix(fields.get(1)?.rsplit_once(':')?.1, 16).ok()?;
        let wanted = *fields.get(3)? == LISTEN && ports.contains(&port);
        let listener = Listener {
            port,
            uid: fields.get(7)?.parse().ok()?,
            inode: fields.get(9)?.parse().ok()?,
        };
        wanted.then_some(listener)
    };
    table.lines().skip(1).filter_map(parse).collect()
}

/// The systemd units in which a process runs, innermost first, from the text of `/proc/PID/cgroup`.
pub(super) fn service_units(cgroups: &str) -> Vec<String> {
    let mut units = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if !controllers.is_empty() && controllers != "name=systemd" {
            continue;
        }
        for unit in path
            .rsplit('/')
            .filter(|component| component.ends_with(".service"))
        {
            if !units.iter().any(|known| known == unit) {
                units.push(unit.to_owned());
            }
        }
    }
    units
}

/// Who holds the `flock` on a file, from the text of `/proc/locks`.
pub(super) fn flock_holder(locks: &str, dev: u64, inode: u64) -> Option<i32> {
    let file = format!("{:02x}:{:02x}:{inode}", major(dev), minor(dev));
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let held = *fields.get(1)? == "FLOCK" && *fields.get(5)? == file;
        held.then(|| fields.get(4)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let text = "83 (a) S (b) Z 7 83 83 0 -1 4194304 5 9 6 0 122 39 1 0 20 0 75 0 156775 590 6998 184 2 3\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(
            stat,
            Stat {
                name: "a) S (b".into(),
                state: 'Z',
                parent: 7,
                start_time: 156_775
            }
        );
        assert!(stat.is_zombie());
    }

    #[test]
    fn a_truncated_stat_is_refused() {
        assert_eq!(Stat::parse("83 (observer) S 1 83"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn only_listening_sockets_on_the_asked_ports_are_taken() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 00000000:5E24 00000000:0000 0A 00000000:00000000 00:00000000 00000000   500        0 30849 1 0 100 0 0 10 0\n\
            1: 0100007F:5E24 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   500        0 30850 1 0 100 0 0 10 0\n\
            2: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 535 1 0 100 0 0 10 0\n";
        assert_eq!(
            listeners(table, &[24100, 24101]),
            [Listener {
                port: 24100,
                uid: 500,
                inode: 30849
            }]
        );
        let six = "head\n 0: 00000000000000000000000001000000:5E25 00000000000000000000000000000000:0000 0A \
            00000000:00000000 00:00000000 00000000  0  0 77 1 0 100 0 0 10 0\n";
        assert_eq!(
            listeners(six, &[24100, 24101]),
            [Listener {
                port: 24101,
                uid: 0,
                inode: 77
            }]
        );
    }

    #[test]
    fn units_come_from_the_systemd_hierarchies_only_innermost_first() {
        let both = "12:pids:/other.service\n1:name=systemd:/system.slice/seekdb.service\n\
            0::/user.slice/user-1.slice/user@1.service/app.slice/db.service\n";
        assert_eq!(
            service_units(both),
            ["seekdb.service", "db.service", "user@1.service"]
        );
        assert!(service_units("0::/user.slice/user-0.slice/session-1.scope\n").is_empty());
    }

    #[test]
    fn the_holder_of_a_flock_is_found_by_device_and_inode() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 fe:00:42 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 fe:00:42 0 EOF\n\
            3: FLOCK  ADVISORY  WRITE 13 fe:01:42 0 EOF\n";
        let dev = rustix::fs::makedev(0xfe, 0);
        assert_eq!(flock_holder(locks, dev, 42), Some(12));
        assert_eq!(flock_holder(locks, dev, 43), None);
    }

    #[test]
    fn a_replaced_program_keeps_its_name() {
        assert_eq!(
            without_deleted(Path::new("/ob/bin/observer (deleted)")),
            Path::new("/ob/bin/observer")
        );
        assert_eq!(
            without_deleted(Path::new("/ob/bin/observer")),
            Path::new("/ob/bin/observer")
        );
    }

    #[test]
    fn this_process_is_read_as_it_is() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let stat = Stat::read(&dir(pid)).unwrap();
        assert!(stat.start_time > 0 && !stat.is_zombie());
        assert!(pids().unwrap().contains(&pid));
        assert_eq!(living_dir(pid).unwrap(), Some(dir(pid)));
        assert_eq!(
            effective_uid(pid).unwrap(),
            rustix::process::geteuid().as_raw()
        );
        assert!(age(stat.start_time) < Duration::from_secs(24 * 3600));
        assert!(!boot_id().unwrap().is_empty());
    }
}
