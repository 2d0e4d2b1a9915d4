//! Where a verb's data goes.

use std::io::{self, ErrorKind, IsTerminal, Write};

use prost::Message;

use super::json;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    #[default]
    Table,
    /// The protobuf JSON mapping, for programs
    Json,
}

/// A verb's data: stdout in one of the formats.
pub(super) struct Output {
    pub(super) format: Format,
    /// Whether a person looks on, so that a picture may be redrawn.
    pub(super) live: bool,
    pub(super) data: Sink,
}

impl Output {
    pub(super) fn stdout(format: Format) -> Self {
        Self {
            format,
            live: io::stdout().is_terminal(),
            data: Sink::new(io::stdout()),
        }
    }

    /// Prints a message: `text` of it, or its JSON. `name` is the message's name in `slacktide.v1`.
    pub(super) fn message<M: Message>(
        &mut self,
        name: &str,
        message: &M,
        text: impl FnOnce(&M) -> String,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Table => self.data.write(&text(message))?,
            Format::Json => self.json(name, message)?,
        }
        Ok(())
    }

    /// Prints a message as JSON, whatever the format.
    pub(super) fn json(&mut self, name: &str, message: &impl Message) -> anyhow::Result<()> {
        self.data.write(&json::of(name, message)?)?;
        Ok(())
    }
}

/// A writer whose reader may go away. What is written after that is dropped, so that a verb still ends
/// with the exit code that it has found out.
pub(super) struct Sink {
    out: Box<dyn Write>,
    closed: bool,
}

impl Sink {
    pub(super) fn new(out: impl Write + 'static) -> Self {
        Self {
            out: Box::new(out),
            closed: false,
        }
    }

    /// Writes `text`, with a newline at its end if it has none.
    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let written = write!(self.out, "{text}{end}").and_then(|()| self.out.flush());
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other,
        }
    }
}

/// Tells the person at the terminal something that is not data.
pub(super) fn note(text: &str) {
    // With stderr gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
pub(super) mod recorded;

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_no_error() {
        let mut sink = Sink::new(Closed);
        sink.write("one").unwrap();
        sink.write("two").unwrap();
    }
}
