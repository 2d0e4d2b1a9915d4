//! The server's side of the MySQL protocol, as far as a client needs it that sends statements as text.

use std::io::{self, Read, Write};
use std::net::TcpStream;

const VERSION: &[u8] = b"5.7.25-OceanBase-scripted\0";
/// Long password, connect with database, protocol 4.1, transactions, secure connection, authentication by plugin.
const CAPABILITIES: u32 = 0x0008_a209;
const SALT: &[u8; 20] = b"01234567890123456789";
const PLUGIN: &[u8] = b"mysql_native_password\0";
const UTF8MB4: u8 = 45;
const AUTOCOMMIT: [u8; 2] = [2, 0];
const VAR_STRING: u8 = 0xfd;

pub(super) enum Command {
    Quit,
    Query(String),
    Other,
}

/// A connection. Packets are numbered within each exchange.
pub(super) struct Wire {
    stream: TcpStream,
    next: u8,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        // An answer is several packets, and each would wait 40 ms for the one before to be acknowledged.
        let _ = stream.set_nodelay(true);
        Self { stream, next: 0 }
    }

    /// Greets, and returns the user who answers.
    pub(super) fn shake_hands(&mut self) -> io::Result<String> {
        let [low, high] = [CAPABILITIES as u16, (CAPABILITIES >> 16) as u16];
        let mut greeting = vec![10];
        greeting.extend(VERSION);
        greeting.extend(1_u32.to_le_bytes());
        greeting.extend(&SALT[..8]);
        greeting.push(0);
        greeting.extend(low.to_le_bytes());
        greeting.push(UTF8MB4);
        greeting.extend(AUTOCOMMIT);
        greeting.extend(high.to_le_bytes());
        greeting.push(21);
        greeting.extend([0; 10]);
        greeting.extend(&SALT[8..]);
        greeting.push(0);
        greeting.extend(PLUGIN);
        self.send(&greeting)?;
        let answer = self.receive()?;
        // Capabilities, longest packet, character set, 23 bytes of nothing.
        let user = answer.get(32..).unwrap_or_default();
        let user = user.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(user).into_owned())
    }

    pub(super) fn command(&mut self) -> io::Result<Command> {
        self.next = 0;
        let packet = self.receive()?;
        Ok(match packet.split_first() {
            Some((1, _)) | None => Command::Quit,
            Some((3, statement)) => Command::Query(String::from_utf8_lossy(statement).into_owned()),
            Some(_) => Command::Other,
        })
    }

    pub(super) fn ok(&mut self) -> io::Result<()> {
        self.send(&[0, 0, 0, AUTOCOMMIT[0], AUTOCOMMIT[1], 0, 0])
    }

    pub(super) fn error(&mut self, code: u16, text: &str) -> io::Result<()> {
        self.send_error(code, &format!("#HY000{text}"))
    }

    /// An error in place of a greeting; it has no SQL state.
    pub(super) fn refuse(&mut self, code: u16, text: &str) -> io::Result<()> {
        self.send_error(code, text)
    }

    fn send_error(&mut self, code: u16, text: &str) -> io::Result<()> {
        let mut packet = vec![0xff];
        packet.extend(code.to_le_bytes());
        packet.extend(text.as_bytes());
        self.send(&packet)
    }

    pub(super) fn rows(&mut self, rows: &[Vec<Option<String>>]) -> io::Result<()> {
        // A result without rows has a column all the same.
        let columns = rows.first().map_or(1, Vec::len);
        self.send(&length(columns))?;
        for column in 0..columns {
            self.send(&definition(&format!("c{column}")))?;
        }
        self.end_of_part()?;
        for row in rows {
            let mut packet = Vec::new();
            for cell in row {
                match cell {
                    None => packet.push(0xfb),
                    Some(cell) => packet.extend(text(cell)),
                }
            }
            self.send(&packet)?;
        }
        self.end_of_part()
    }

    /// Returns when the client ends the connection.
    pub(super) fn wait_for_end(&mut self) -> io::Result<()> {
        io::copy(&mut self.stream, &mut io::sink()).map(drop)
    }

    fn end_of_part(&mut self) -> io::Result<()> {
        self.send(&[0xfe, 0, 0, AUTOCOMMIT[0], AUTOCOMMIT[1]])
    }

    fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        let [first, second, third, _] = u32::try_from(payload.len())
            .map_err(io::Error::other)?
            .to_le_bytes();
        let mut packet = vec![first, second, third, self.next];
        packet.extend(payload);
        self.next = self.next.wrapping_add(1);
        self.stream.write_all(&packet)
    }

    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header)?;
        let [first, second, third, number] = header;
        self.next = number.wrapping_add(1);
        let mut payload = vec![0; u32::from_le_bytes([first, second, third, 0]) as usize];
        self.stream.read_exact(&mut payload)?;
        Ok(payload)
    }
}

/// A number with its own length; a text is preceded by one.
fn length(number: usize) -> Vec<u8> {
    match number {
        0..=250 => vec![number as u8],
        251..=0xffff => [&[0xfc], &(number as u16).to_le_bytes()[..]].concat(),
        _ => [&[0xfe], &(number as u64).to_le_bytes()[..]].concat(),
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut packet = length(text.len());
    packet.extend(text.as_bytes());
    packet
}

fn definition(name: &str) -> Vec<u8> {
    let mut packet = Vec::new();
    for part in ["def", "", "", "", name, name] {
        packet.extend(text(part));
    }
    packet.push(12);
    packet.extend([UTF8MB4, 0]);
    packet.extend(1024_u32.to_le_bytes());
    packet.push(VAR_STRING);
    packet.extend([0; 5]);
    packet
}
