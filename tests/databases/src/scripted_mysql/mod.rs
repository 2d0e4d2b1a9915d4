//! A server that speaks the MySQL protocol and answers by a script: for what the engine at hand lacks, the SQL of
//! a cluster of several nodes above all.
//!
//! ```text
//!   ScriptedMysql::start(Script::new().rows("FROM oceanbase.DBA_OB_ZONES", &[&["zone1", "ACTIVE"]])
//!       .error("STOP ZONE", 4660, "cannot stop server or stop zone in multiple zones"))
//! ```

mod script;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use script::{Greeting, Script};

use script::Answer;
use wire::{Command, Wire};

/// A running server. It listens on a loopback port until it is dropped.
#[derive(Debug)]
pub struct ScriptedMysql {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    script: Mutex<Script>,
    statements: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl ScriptedMysql {
    /// Starts a server on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            statements: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&serving);
                // A client that goes away in the middle is none of the server's business.
                std::thread::spawn(move || drop(serve(&shared, stream)));
            }
        });
        Ok(Self { address, shared })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on, sessions and statements are answered by this script.
    pub fn play(&self, script: Script) {
        *lock(&self.shared.script) = script;
    }

    /// All statements that were received, in order.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        lock(&self.shared.statements).clone()
    }

    /// The statements that hold `text`.
    #[must_use]
    pub fn received(&self, text: &str) -> Vec<String> {
        let mut statements = self.statements();
        statements.retain(|statement| statement.contains(text));
        statements
    }
}

impl Drop for ScriptedMysql {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn serve(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    let mut wire = Wire::new(stream);
    let greeting = lock(&shared.script).greet();
    match greeting {
        Greeting::Silence => return wire.wait_for_end(),
        Greeting::Error { code, text } => return wire.refuse(code, &text),
        Greeting::Normal => {}
    }
    let user = wire.shake_hands()?;
    if lock(&shared.script).denies(&user) {
        return wire.error(
            1045,
            &format!("Access denied for user '{user}'@'localhost'"),
        );
    }
    wire.ok()?;
    loop {
        match wire.command()? {
            Command::Quit => return Ok(()),
            Command::Other => wire.ok()?,
            Command::Query(statement) => {
                lock(&shared.statements).push(statement.clone());
                let answer = lock(&shared.script).answer(&statement);
                match answer {
                    Answer::Ok => wire.ok()?,
                    Answer::Rows(rows) => wire.rows(&rows)?,
                    Answer::Error { code, text } => wire.error(code, &text)?,
                    Answer::Silence => return wire.wait_for_end(),
                    Answer::HangUp => return Ok(()),
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
