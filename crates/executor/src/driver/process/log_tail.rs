//! Reads a log that grows: at each look what was written since the last one, in memory of a fixed size.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};

/// How much is read at one look. A server writes tens of megabytes while it starts, and goes on writing while it ends,
/// on a busy machine for long after its last error: what is older than this is passed over.
const MOST: u64 = 16 * 1024 * 1024;
/// How much is in memory at a time.
const BUFFER: usize = 64 * 1024;
/// How much is kept of a line that is not written to its end yet; of a longer one, this much is looked at.
const LINE: usize = 16 * 1024;

/// A place in a log.
#[derive(Clone, Debug)]
pub(super) struct LogTail {
    path: PathBuf,
    /// Up to where it was read.
    read: u64,
    /// The beginning of a line whose end is not written yet.
    begun: Vec<u8>,
}

impl LogTail {
    /// The end of the log as it is now, or its beginning if there is none yet.
    pub(super) fn from_end(path: PathBuf) -> Self {
        let read = path.metadata().map_or(0, |meta| meta.len());
        let begun = Vec::new();
        Self { path, read, begun }
    }

    /// Takes each line that was ended since. A log that is shorter than before is a new one. Blocks.
    pub(super) fn read_lines(&mut self, mut take: impl FnMut(&str)) -> io::Result<()> {
        let Some(file) = self.open()? else {
            return Ok(());
        };
        let length = file.metadata()?.len();
        if length < self.read {
            self.read = 0;
            self.begun.clear();
        }
        let oldest = length.saturating_sub(MOST);
        if oldest > self.read {
            self.read = oldest;
            self.begun.clear();
        }
        let mut buffer = vec![0; BUFFER];
        // What is written while this reads is for the next look: this one ends.
        while self.read < length {
            let most = usize::try_from(length - self.read).map_or(BUFFER, |left| left.min(BUFFER));
            let count = file.read_at(&mut buffer[..most], self.read)?;
            if count == 0 {
                break;
            }
            self.read += count as u64;
            self.split(&buffer[..count], &mut take);
        }
        Ok(())
    }

    /// The beginning of the line whose end is not written yet.
    pub(super) fn unended(&self) -> String {
        String::from_utf8_lossy(&self.begun).into_owned()
    }

    /// Whoever may write to the log's directory may put there what never answers, or is no file.
    fn open(&self) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(&self.path, flags, Mode::empty())?);
        Ok(file.metadata()?.is_file().then_some(file))
    }

    fn split(&mut self, text: &[u8], take: &mut impl FnMut(&str)) {
        let mut pieces = text.split(|byte| *byte == b'\n');
        let unended = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.begin(piece);
            take(&String::from_utf8_lossy(&self.begun));
            self.begun.clear();
        }
        self.begin(unended);
    }

    fn begin(&mut self, piece: &[u8]) {
        let room = LINE.saturating_sub(self.begun.len());
        self.begun.extend(&piece[..piece.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn log(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("observer.log");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn append(path: &PathBuf, text: &str) {
        let mut file = File::options().append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn lines(tail: &mut LogTail) -> Vec<String> {
        let mut lines = Vec::new();
        tail.read_lines(|line| lines.push(line.to_owned())).unwrap();
        lines
    }

    #[test]
    fn each_look_reads_only_what_was_written_since_the_last_one() {
        let (_dir, path) = log("of a start before\n");
        let mut tail = LogTail::from_end(path.clone());
        assert!(lines(&mut tail).is_empty());
        append(&path, "one\ntw");
        assert_eq!(lines(&mut tail), ["one"]);
        assert_eq!(tail.unended(), "tw");
        // Bytes that were read are not read again, whatever has become of them.
        let read = usize::try_from(tail.read).unwrap();
        std::fs::write(&path, "X".repeat(read)).unwrap();
        append(&path, "o\nthree\n");
        assert_eq!(lines(&mut tail), ["two", "three"]);
        assert!(lines(&mut tail).is_empty());
    }

    #[test]
    fn a_log_that_was_begun_anew_is_read_from_its_beginning() {
        let (_dir, path) = log("of a start before\n");
        let mut tail = LogTail::from_end(path.clone());
        append(&path, "unended");
        assert!(lines(&mut tail).is_empty());
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(lines(&mut tail), ["new"]);
    }

    #[test]
    fn memory_is_bounded_however_much_was_written_and_however_long_a_line_is() {
        let (_dir, path) = log("");
        let mut tail = LogTail::from_end(path.clone());
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(3 * MOST).unwrap();
        append(&path, "\nlast\n");
        let mut longest = 0;
        tail.read_lines(|line| longest = longest.max(line.len()))
            .unwrap();
        assert_eq!(longest, LINE);
        assert!(tail.begun.capacity() <= 2 * LINE);
        append(&path, "next\n");
        assert_eq!(lines(&mut tail), ["next"]);
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("observer.log");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        assert!(lines(&mut LogTail::from_end(path)).is_empty());
    }
}
