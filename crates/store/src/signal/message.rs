//! Wake-ups as the links carry them: words with spaces between.
//!
//! `w` work, `c` runs to cancel, `t<task>:<revision>` a task, `a` anything. A reader skips words that it does not
//! know: a process of another version may have sent them.

use std::fmt::Write as _;

use slacktide_engine::id::TaskId;

use super::{Wake, local::Local, outgoing::Pending};

/// PostgreSQL takes payloads below 8000 bytes.
const LONGEST: usize = 7_000;

/// The messages that say what is pending.
pub(super) fn write(pending: &Pending) -> Vec<String> {
    let mut messages = vec![String::new()];
    let mut say = |word: std::fmt::Arguments<'_>| {
        if messages.last().is_none_or(|last| last.len() > LONGEST) {
            messages.push(String::new());
        }
        if let Some(message) = messages.last_mut() {
            let gap = if message.is_empty() { "" } else { " " };
            // Writing to a String does not fail.
            let _ = write!(message, "{gap}{word}");
        }
    };
    if pending.anything {
        say(format_args!("a"));
    }
    if pending.work {
        say(format_args!("w"));
    }
    if pending.cancel {
        say(format_args!("c"));
    }
    for (task, revision) in &pending.tasks {
        say(format_args!("t{task}:{revision}"));
    }
    messages
}

/// Wakes those whom a message is for.
pub(super) fn deliver(message: &str, local: &Local) {
    for word in message.split(' ') {
        if word == "a" {
            local.deliver_all();
        } else if let Some(wake) = read(word) {
            local.deliver(wake);
        }
    }
}

fn read(word: &str) -> Option<Wake> {
    match word {
        "w" => Some(Wake::Work),
        "c" => Some(Wake::Cancel),
        _ => {
            let (task, revision) = word.strip_prefix('t')?.split_once(':')?;
            let task = TaskId(task.parse().ok()?);
            Some(Wake::Task(task, revision.parse().ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let pending = Pending {
            work: true,
            cancel: true,
            anything: false,
            tasks: [(TaskId(12), 7)].into(),
        };
        let messages = write(&pending);
        assert_eq!(messages, ["w c t12:7"]);
        let wakes: Vec<_> = messages[0].split(' ').filter_map(read).collect();
        let expected = [Wake::Work, Wake::Cancel, Wake::Task(TaskId(12), 7)];
        assert_eq!(wakes, expected);
    }

    #[test]
    fn much_is_told_in_several_messages_none_of_which_is_too_long() {
        let tasks: std::collections::HashMap<_, _> = (0..2_000)
            .map(|task| (TaskId(i64::MAX - task), i64::MAX))
            .collect();
        let pending = Pending {
            tasks: tasks.clone(),
            ..Pending::default()
        };
        let messages = write(&pending);
        assert!(messages.iter().all(|message| message.len() < 8_000));
        let words = messages.iter().flat_map(|message| message.split(' '));
        let read: std::collections::HashMap<_, _> = words
            .map(|word| match read(word) {
                Some(Wake::Task(task, revision)) => (task, revision),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(read, tasks);
    }

    #[test]
    fn strange_words_are_skipped() {
        for word in [
            "",
            "x",
            "t",
            "t1",
            "t1:",
            "t:1",
            "ta:1",
            "t1:9999999999999999999999",
            "w1",
        ] {
            assert_eq!(read(word), None, "{word:?}");
        }
        let local = Local::default();
        let mut watcher = local.task(TaskId(1));
        deliver("x9  t1:2 \u{1F300}", &local);
        assert_eq!(*watcher.borrow_and_update(), 2);
    }
}
