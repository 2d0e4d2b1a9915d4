use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// Below the range from which Linux takes the ports of outgoing connections: one of those could otherwise
/// occupy a port between the moment when it is handed out and the moment when a server binds it. Above the
/// range that the kit for whole-process tests uses.
const FIRST: u32 = 30_000;
const COUNT: u32 = 2_700;

/// A TCP port of the loopback interface on which nobody listens, and which this test program is not given again
/// for a long time.
///
/// # Errors
/// When every port is taken.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Programs that run at the same time begin at different places.
    let offset = std::process::id().wrapping_mul(37);
    (0..COUNT)
        .map(|_| offset.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT + FIRST)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("find a free port: all are taken")
}
