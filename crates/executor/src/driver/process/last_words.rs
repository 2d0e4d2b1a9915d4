//! What a server that ended at once had to say.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// How much of the end of a log is read. A server writes tens of megabytes while it starts, and goes on writing
/// while it ends, on a busy machine for long after its last error.
const TAIL: u64 = 16 * 1024 * 1024;
/// How many errors are told, and how much of each.
const LINES: usize = 3;
const LINE_LENGTH: usize = 300;
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

impl LastWords {
    /// Reads what a server left since its logs were marked.
    pub(super) fn read(mark: &Mark, output: Option<&Path>, status: Option<ExitStatus>) -> Self {
        let log = mark.since().unwrap_or_default();
        let mut lines = last(with_level(&log, &["ERROR"]));
        if lines.is_empty() {
            let text = output
                .and_then(|path| tail(path, 0).ok())
                .unwrap_or_default();
            lines = last(text.lines().filter(|line| !line.trim().is_empty()));
        }
        Self {
            status: status.map(|status| status.to_string()),
            lines,
            damaged_data: with_level(&log, &["ERROR", "EDIAG"])
                .any(|line| line.contains(INVALID_DATA)),
        }
    }
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

/// The end of a server's log before it was started.
pub(super) struct Mark {
    log: PathBuf,
    length: u64,
}

impl Mark {
    pub(super) fn of(base_dir: &Path, program: &str) -> Self {
        let log = base_dir.join("log").join(format!("{program}.log"));
        let length = log.metadata().map_or(0, |meta| meta.len());
        Self { log, length }
    }

    /// Whether any error was written since.
    pub(super) fn has_errors(&self) -> bool {
        let since = self.since().unwrap_or_default();
        with_level(&since, &["ERROR"]).next().is_some()
    }

    /// The end of what was written since.
    fn since(&self) -> io::Result<String> {
        let length = self.log.metadata()?.len();
        // A shorter file is a new one.
        tail(
            &self.log,
            if length < self.length { 0 } else { self.length },
        )
    }
}

fn tail(path: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let from = from.max(file.metadata()?.len().saturating_sub(TAIL));
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.take(TAIL).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The lines of a log that have one of these levels, which follows the time in brackets.
fn with_level<'a>(log: &'a str, levels: &'a [&str]) -> impl Iterator<Item = &'a str> {
    log.lines().filter(|line| {
        let text = line.split_once("] ").map(|(_, text)| text);
        text.is_some_and(|text| levels.iter().any(|level| text.starts_with(level)))
    })
}

fn last<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let lines: Vec<&str> = lines.collect();
    let from = lines.len().saturating_sub(LINES);
    lines[from..]
        .iter()
        .map(|line| line.chars().take(LINE_LENGTH).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str =
        "[2026-01-01 00:00:01.000000] ERROR [OLD] start [errcode=-1] of a start before\n";

    fn base() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("log")).unwrap();
        let log = dir.path().join("log/observer.log");
        std::fs::write(&log, LOG).unwrap();
        (dir, log)
    }

    #[test]
    fn only_errors_of_this_start_are_told() {
        let (dir, log) = base();
        let mark = Mark::of(dir.path(), "observer");
        let news = "[2026-01-01 00:00:02.000000] INFO  [X] fine\n\
            [2026-01-01 00:00:03.000000] ERROR [SERVER] init [errcode=-4070] fail to start server storage meta service\n";
        std::fs::write(&log, format!("{LOG}{news}")).unwrap();
        let words = LastWords::read(&mark, None, None);
        assert_eq!(words.lines.len(), 1);
        assert!(words.damaged_data);
        assert!(
            words.to_string().contains("storage meta service"),
            "{words}"
        );
    }

    #[test]
    fn a_server_that_wrote_no_log_is_told_by_its_output() {
        let (dir, _) = base();
        let mark = Mark::of(dir.path(), "observer");
        let output = dir.path().join("output");
        std::fs::write(&output, "one\ntwo\n\nthree\nfour\n").unwrap();
        let words = LastWords::read(&mark, Some(&output), None);
        assert_eq!(words.lines, ["two", "three", "four"]);
        assert!(!words.damaged_data);
        let silent = LastWords::read(&mark, None, None);
        assert_eq!(silent.to_string(), "it left no error in its log");
    }

    #[test]
    fn a_log_that_was_begun_anew_is_read_from_its_beginning() {
        let (dir, log) = base();
        let mark = Mark::of(dir.path(), "observer");
        std::fs::write(&log, "[t] ERROR new\n").unwrap();
        assert_eq!(LastWords::read(&mark, None, None).lines, ["[t] ERROR new"]);
    }
}
