//! Asks the kernel for the TCP sockets that listen, over netlink.
//!
//! `/proc/net/tcp` knows them too, but walks the table of all connections for it, which is as large as the host's
//! memory suggests: milliseconds of a processor for each look, however few sockets there are.

use std::io::{self, Read};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::procfs::Listener;

// Numbers of the kernel's interface, from its headers: sock_diag(7), netlink(7).
const AF_NETLINK: i32 = 16;
const NETLINK_SOCK_DIAG: i32 = 4;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const TCP_LISTEN: u8 = 10;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
/// The list changed while it was told.
const NLM_F_DUMP_INTR: u16 = 0x10;
const HEADER: usize = 16;

/// The kernel sends no larger datagram.
const BUFFER: usize = 64 * 1024;
/// It answers at once, or the answer was lost for want of memory.
const ANSWER: Duration = Duration::from_secs(1);

/// The listening sockets on `ports`, over IPv4 and IPv6.
///
/// # Errors
/// Where the kernel does not answer this question, or not in full: a container may forbid it.
pub(super) fn listeners(ports: &[u16]) -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    for family in [AF_INET, AF_INET6] {
        found.extend(of_family(family)?);
    }
    found.retain(|listener| ports.contains(&listener.port));
    Ok(found)
}

fn of_family(family: u8) -> io::Result<Vec<Listener>> {
    let protocol = Protocol::from(NETLINK_SOCK_DIAG);
    let mut socket = Socket::new(Domain::from(AF_NETLINK), Type::DGRAM, Some(protocol))?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.send(&request(family))?;
    let mut buffer = vec![0; BUFFER];
    let mut found = Vec::new();
    loop {
        let length = socket.read(&mut buffer)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        if length == 0 || read(datagram, &mut found).ok_or_else(garbled)?? {
            return Ok(found);
        }
    }
}

/// A header, and `struct inet_diag_req_v2`.
fn request(family: u8) -> Vec<u8> {
    const LENGTH: usize = HEADER + 56;
    let mut request = Vec::with_capacity(LENGTH);
    request.extend((LENGTH as u32).to_ne_bytes());
    request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    request.extend([0; 8]);
    request.extend([family, IPPROTO_TCP, 0, 0]);
    request.extend((1u32 << TCP_LISTEN).to_ne_bytes());
    // Of any address.
    request.resize(LENGTH, 0);
    request
}

/// Reads the messages of a datagram; `true` after the last one. `None`: they make no sense.
fn read(datagram: &[u8], found: &mut Vec<Listener>) -> Option<io::Result<bool>> {
    let mut rest = datagram;
    while !rest.is_empty() {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let body = rest.get(HEADER..length)?;
        if u16_at(rest, 6)? & NLM_F_DUMP_INTR != 0 {
            return Some(Err(io::ErrorKind::Interrupted.into()));
        }
        match u16_at(rest, 4)? {
            SOCK_DIAG_BY_FAMILY => found.extend(listener(body)?),
            // Both end with a number: zero, or an error below it.
            NLMSG_DONE | NLMSG_ERROR => {
                return Some(match i32::from_ne_bytes(array_at(body, 0)?) {
                    0 => Ok(true),
                    error => Err(io::Error::from_raw_os_error(error.saturating_neg())),
                });
            }
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(Ok(false))
}

/// Reads `struct inet_diag_msg`.
fn listener(body: &[u8]) -> Option<Option<Listener>> {
    let listener = Listener {
        port: u16::from_be_bytes(array_at(body, 4)?),
        uid: u32_at(body, 64)?,
        inode: u32_at(body, 68)?.into(),
    };
    Some((*body.get(1)? == TCP_LISTEN).then_some(listener))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_ne_bytes)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn garbled() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a garbled answer of the kernel")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_socket_is_listed_while_it_listens() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // A host without IPv6 has nothing to list there.
            let Ok(socket) = TcpListener::bind(address) else {
                continue;
            };
            let port = socket.local_addr().unwrap().port();
            let found = listeners(&[port]).unwrap();
            assert_eq!(found.len(), 1, "{address}");
            assert_eq!(found[0].uid, rustix::process::geteuid().as_raw());
            let fds = std::fs::read_dir("/proc/self/fd").unwrap();
            let name = format!("socket:[{}]", found[0].inode);
            let mut links = fds.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
            assert!(links.any(|link| link.as_os_str() == name.as_str()));
            drop(socket);
            assert_eq!(listeners(&[port]).unwrap(), []);
        }
    }

    #[test]
    fn an_answer_that_is_cut_short_or_an_error_is_no_empty_list() {
        let mut found = Vec::new();
        let mut message = request(AF_INET);
        assert!(read(&message[..40], &mut found).is_none());
        message[6..8].copy_from_slice(&NLM_F_DUMP_INTR.to_ne_bytes());
        assert!(read(&message, &mut found).unwrap().is_err());

        let mut refusal = Vec::new();
        refusal.extend(20u32.to_ne_bytes());
        refusal.extend(NLMSG_ERROR.to_ne_bytes());
        refusal.extend([0; 10]);
        refusal.extend((-2i32).to_ne_bytes());
        let error = read(&refusal, &mut found).unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(found, []);
    }
}
