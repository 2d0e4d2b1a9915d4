use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A shell that is the parent of the server. It sees the end of its input when this process goes away, even
/// by SIGKILL, and then ends the server and removes the directory.
///
/// The server's number stays its own until the shell has reaped it, so a signal never reaches a stranger.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    /// `None` once the shell was told that all is over.
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Guard {
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", include_str!("guard.sh"), "guard"])
            .arg(directory)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt from the terminal ends the test; the shell must live on to clean up after it.
            .process_group(0)
            .spawn()
            .context("start /bin/sh")?;
        let words = shell.stdin.take();
        let answers = shell.stdout.take().context("a piped output is there")?;
        Ok(Self {
            shell,
            words,
            answers: BufReader::new(answers),
        })
    }

    /// Starts the server and returns its process id.
    pub(crate) fn start(&mut self, command: &[String]) -> Result<u32> {
        let quoted: Vec<_> = command.iter().map(|word| quote(word)).collect();
        let pid = self.ask(&format!("start {}", quoted.join(" ")))?;
        pid.parse()
            .with_context(|| format!("read the process id {pid:?}"))
    }

    /// Kills the server and all of its processes, and waits until they are gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.order("kill")
    }

    pub(crate) fn pause(&mut self) -> Result<()> {
        self.order("pause")
    }

    pub(crate) fn resume(&mut self) -> Result<()> {
        self.order("resume")
    }

    fn order(&mut self, word: &str) -> Result<()> {
        let answer = self.ask(word)?;
        ensure!(answer == "done", "{word} the server: {answer}");
        Ok(())
    }

    fn ask(&mut self, words: &str) -> Result<String> {
        let input = self.words.as_mut().context("the guard has ended")?;
        writeln!(input, "{words}").context("write to the server's guard")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(
            !answer.is_empty(),
            "{words:?}: the server's guard has ended"
        );
        Ok(answer.trim_end().to_owned())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.words = None;
        let _ = self.shell.wait();
    }
}

/// Whether a process is there and not a zombie.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state comes after the name, which is in parentheses and may hold anything.
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some(None | Some('Z' | 'X')))
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
