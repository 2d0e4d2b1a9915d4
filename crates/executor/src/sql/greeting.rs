//! Whether a server greets: the least that proves that somebody serves a port.

use std::{io, time::Duration};

use tokio::{io::AsyncReadExt, net::TcpStream};

use super::error::SqlError;

/// First byte of a greeting: the version of the protocol.
const GREETING: u8 = 10;
/// First byte of an error that is sent in its place.
const ERROR: u8 = 0xff;
/// No greeting is longer.
const LONGEST: usize = 4096;

/// Connects and waits for the server's greeting.
///
/// # Errors
/// [`SqlError`]: an error that the server sends in place of its greeting is sorted as any other.
pub(crate) async fn greeting(ip: &str, port: u16, limit: Duration) -> Result<(), SqlError> {
    let address = format!("{ip}:{port}");
    match tokio::time::timeout(limit, first_packet(ip, port)).await {
        Err(_) => Err(SqlError::Timeout {
            address,
            request: "a connection",
            limit,
        }),
        Ok(Err(error)) => Err(SqlError::Unreachable {
            address,
            reason: error.to_string(),
        }),
        Ok(Ok(packet)) => judge(address, &packet),
    }
}

async fn first_packet(ip: &str, port: u16) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((ip, port)).await?;
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let length = usize::from(header[0]) | usize::from(header[1]) << 8;
    let mut packet = vec![0; length.min(LONGEST)];
    stream.read_exact(&mut packet).await?;
    Ok(packet)
}

fn judge(address: String, packet: &[u8]) -> Result<(), SqlError> {
    match packet {
        [GREETING, ..] => Ok(()),
        [ERROR, low, high, text @ ..] => {
            let code = u16::from_le_bytes([*low, *high]);
            let text = String::from_utf8_lossy(text).into_owned();
            Err(SqlError::of_code(address, code, text))
        }
        _ => Err(SqlError::Unexpected {
            address,
            reason: "something else than a database server answers on the SQL port".to_owned(),
        }),
    }
}
