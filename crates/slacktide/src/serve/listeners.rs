//! The addresses that the process serves on: taken first, opened last.

use std::{io, net::SocketAddr};

use anyhow::anyhow;
use tokio::net::{TcpListener, TcpSocket};

use crate::config::{Role, Settings};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// The addresses of a process's roles, taken.
pub(super) struct Listeners {
    grpc: Option<Bound>,
    rest: Option<Bound>,
    admin: Bound,
}

/// The addresses of a process's roles, open.
pub(super) struct Listening {
    pub(super) grpc: Option<TcpListener>,
    pub(super) rest: Option<TcpListener>,
}

impl Listeners {
    /// Takes the addresses that the roles of the settings need.
    ///
    /// # Errors
    /// Which is not to be had, and why.
    pub(super) fn take(settings: &Settings) -> anyhow::Result<Self> {
        let take = |role, setting, address| {
            let needed = settings.roles.has(role);
            needed.then(|| Bound::take(setting, address)).transpose()
        };
        Ok(Self {
            grpc: take(Role::Server, "grpc.listen", settings.grpc.listen)?,
            rest: take(Role::Gateway, "rest.listen", settings.rest.listen)?,
            admin: Bound::take("admin.listen", settings.admin.listen)?,
        })
    }

    /// Opens them, once every role is ready: REST last, for it needs all of the others. The admin listener
    /// comes by itself, since it outlives the roles.
    ///
    /// # Errors
    /// Which another process opened faster.
    pub(super) fn open(self) -> anyhow::Result<(TcpListener, Listening)> {
        let open = |bound: Option<Bound>| bound.map(Bound::listen).transpose();
        let grpc = open(self.grpc)?;
        let admin = self.admin.listen()?;
        let rest = open(self.rest)?;
        Ok((admin, Listening { grpc, rest }))
    }
}

/// Where a listener listens, for the log.
pub(super) fn address_of(listener: Option<&TcpListener>) -> Option<String> {
    let address = listener?.local_addr().ok()?;
    Some(address.to_string())
}

/// An address that is taken: nobody else can listen on it, and nobody can connect to it yet.
struct Bound {
    setting: &'static str,
    address: SocketAddr,
    socket: TcpSocket,
}

impl Bound {
    /// Takes the address that `setting` names.
    ///
    /// # Errors
    /// That it is not to be had, and why.
    fn take(setting: &'static str, address: SocketAddr) -> anyhow::Result<Self> {
        let socket = bind(address).map_err(|error| refused(setting, address, error))?;
        Ok(Self {
            setting,
            address,
            socket,
        })
    }

    /// Opens the address to connections.
    ///
    /// # Errors
    /// That another process, which had taken it as well, was faster.
    fn listen(self) -> anyhow::Result<TcpListener> {
        let Self {
            setting,
            address,
            socket,
        } = self;
        let listening = socket.listen(BACKLOG);
        listening.map_err(|error| refused(setting, address, error))
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of an earlier process that are not forgotten yet must not hinder this one.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn refused(setting: &str, address: SocketAddr, error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::AddrInUse {
        return anyhow!(
            "cannot listen on {address}: something listens there already; stop it, or choose another {setting}"
        );
    }
    anyhow::Error::new(error).context(format!(
        "cannot listen on {address}; choose another {setting}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[tokio::test]
    async fn a_taken_address_is_refused_by_setting() {
        let holder = TcpListener::bind(loopback()).await.unwrap();
        let address = holder.local_addr().unwrap();
        let refused = Bound::take("rest.listen", address).err().unwrap();
        assert_eq!(
            format!("{refused:#}"),
            format!(
                "cannot listen on {address}: something listens there already; stop it, or choose another rest.listen"
            )
        );
    }

    #[tokio::test]
    async fn nobody_connects_before_it_listens() {
        let bound = Bound::take("rest.listen", loopback()).unwrap();
        let address = bound.socket.local_addr().unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
        let listener = bound.listen().unwrap();
        let (connected, accepted) =
            tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
        connected.unwrap();
        accepted.unwrap();
    }
}
