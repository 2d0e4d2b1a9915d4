//! What a server that ended at once had to say.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::ExitStatus;

use super::log_tail::LogTail;

/// How many errors are told, and how much of each.
const LINES: usize = 3;
const LINE_LENGTH: usize = 300;
/// How much of the end of its output is read.
const OUTPUT: u64 = 64 * 1024;
/// The code by which a server says that its data is damaged, in a line of an error or of its diagnosis.
const INVALID_DATA: &str = "=-4070";

/// The last errors of a server that ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LastWords {
    /// How its process ended, where this executor was told.
    pub status: Option<String>,
    /// The last errors in its log, else the last lines of its output; oldest first.
    pub lines: Vec<String>,
    /// Whether the server says that its data is damaged (-4070).
    pub damaged_data: bool,
}

impl fmt::Display for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(status) = &self.status {
            write!(f, "{status}; ")?;
        }
        if self.lines.is_empty() {
            return f.write_str("it left no error in its log");
        }
        write!(f, "its last errors: {}", self.lines.join(" | "))
    }
}

/// Picks the errors out of a server's log while that is still written.
#[derive(Debug)]
pub(super) struct Errors {
    log: LogTail,
    found: LastWords,
}

impl Errors {
    /// Those that are written to this log from now on.
    pub(super) fn of(log: LogTail) -> Self {
        let found = LastWords::default();
        Self { log, found }
    }

    /// Reads what was written since the last look, and returns whether any error was written at all. Blocks.
    pub(super) fn look(&mut self) -> bool {
        // What cannot be read tells nothing.
        let _ = self.log.read_lines(|line| self.found.judge(line));
        !self.found.lines.is_empty()
    }

    /// The last words of the server, with the end of its output where its log has no errors. Blocks.
    pub(super) fn last_words(self, output: Option<&File>, status: Option<ExitStatus>) -> LastWords {
        let Self { log, mut found } = self;
        found.judge(&log.unended());
        if found.lines.is_empty() {
            let text = output.and_then(|output| end_of(output).ok());
            let text = text.unwrap_or_default();
            let told = text.lines().filter(|line| !line.trim().is_empty());
            told.for_each(|line| found.keep(line));
        }
        found.status = status.map(|status| status.to_string());
        found
    }
}

impl LastWords {
    fn judge(&mut self, line: &str) {
        let is_error = has_level(line, "ERROR");
        if is_error {
            self.keep(line);
        }
        let is_diagnosis = is_error || has_level(line, "EDIAG");
        self.damaged_data |= is_diagnosis && line.contains(INVALID_DATA);
    }

    /// Keeps a line, and the last few of those before it.
    fn keep(&mut self, line: &str) {
        if self.lines.len() == LINES {
            self.lines.remove(0);
        }
        let line = line.chars().take(LINE_LENGTH).collect();
        self.lines.push(line);
    }
}

/// Whether a line of a log has this level, which follows the time in brackets.
fn has_level(line: &str, level: &str) -> bool {
    line.split_once("] ")
        .is_some_and(|(_, text)| text.starts_with(level))
}

fn end_of(output: &File) -> io::Result<String> {
    let length = output.metadata()?.len();
    let mut text = vec![0; usize::try_from(length.min(OUTPUT)).unwrap_or_default()];
    let read = output.read_at(&mut text, length.saturating_sub(OUTPUT))?;
    text.truncate(read);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;

    const LOG: &str =
        "[2026-01-01 00:00:01.000000] ERROR [OLD] start [errcode=-1] of a start before\n";

    fn base() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("observer.log");
        std::fs::write(&log, LOG).unwrap();
        (dir, log)
    }

    fn append(log: &PathBuf, text: &str) {
        let mut file = File::options().append(true).open(log).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn only_errors_of_this_start_are_told() {
        let (_dir, log) = base();
        let mut errors = Errors::of(LogTail::from_end(log.clone()));
        append(&log, "[2026-01-01 00:00:02.000000] INFO  [X] fine\n");
        assert!(!errors.look());
        append(
            &log,
            "[2026-01-01 00:00:03.000000] ERROR [SERVER] init [errcode=-4070] fail to start server storage meta service\n",
        );
        assert!(errors.look());
        let words = errors.last_words(None, None);
        assert_eq!(words.lines.len(), 1);
        assert!(words.damaged_data);
        assert!(
            words.to_string().contains("storage meta service"),
            "{words}"
        );
    }

    #[test]
    fn the_last_few_errors_are_told_over_all_looks() {
        let (_dir, log) = base();
        let mut errors = Errors::of(LogTail::from_end(log.clone()));
        for number in 1..=5 {
            append(&log, &format!("[t] ERROR number {number}\n"));
            assert!(errors.look());
        }
        append(&log, "[t] EDIAG ret=-4070\n[t] ERROR cut off");
        assert!(errors.look(), "an error once found stays found");
        let words = errors.last_words(None, None);
        let told = ["number 4", "number 5", "cut off"].map(|text| format!("[t] ERROR {text}"));
        assert_eq!(words.lines, told);
        assert!(words.damaged_data);
    }

    #[test]
    fn a_server_that_wrote_no_log_is_told_by_its_output() {
        let (dir, log) = base();
        let errors = || Errors::of(LogTail::from_end(log.clone()));
        let output = dir.path().join("output");
        std::fs::write(&output, "one\ntwo\n\nthree\nfour\n").unwrap();
        let words = errors().last_words(Some(&File::open(output).unwrap()), None);
        assert_eq!(words.lines, ["two", "three", "four"]);
        assert!(!words.damaged_data);
        let silent = errors().last_words(None, None);
        assert_eq!(silent.to_string(), "it left no error in its log");
    }
}
