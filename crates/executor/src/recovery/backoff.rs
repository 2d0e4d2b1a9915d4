//! Spaces out what does not pass by itself.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use slacktide_engine::id::SubtaskId;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// When a subtask's run may be taken over or ended again. A reason that never passes is met once a minute in the
/// end, and not at each tick.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tried: HashMap<SubtaskId, Tried>,
}

#[derive(Debug)]
struct Tried {
    times: u32,
    wait: Duration,
    due: Instant,
}

impl Backoff {
    /// How often the subtask was tried before, and that it is tried now; `None` if it is not time yet.
    pub(crate) fn admit(&mut self, subtask: SubtaskId, now: Instant) -> Option<u32> {
        // What was not tried again soon after it was due went well.
        self.tried
            .retain(|_, tried| now < tried.due + tried.wait * 4);
        let tried = self.tried.entry(subtask).or_insert(Tried {
            times: 0,
            wait: FIRST / 2,
            due: now,
        });
        if now < tried.due {
            return None;
        }
        let before = tried.times;
        tried.times += 1;
        tried.wait = (tried.wait * 2).min(LONGEST);
        tried.due = now + tried.wait;
        Some(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_passes_is_tried_once_a_minute_in_the_end() {
        let (mut backoff, start) = (Backoff::default(), Instant::now());
        let tries: Vec<_> = (0..1000)
            .filter(|second| {
                let now = start + Duration::from_secs(*second);
                backoff.admit(SubtaskId(1), now).is_some()
            })
            .collect();
        assert_eq!(tries[..7], [0, 1, 3, 7, 15, 31, 63]);
        assert!(tries[7..].windows(2).all(|pair| pair[1] - pair[0] == 60));
    }

    #[test]
    fn what_went_well_for_a_while_is_tried_at_once() {
        let (mut backoff, start) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.admit(SubtaskId(1), start), Some(0));
        assert_eq!(backoff.admit(SubtaskId(1), start), None);
        assert_eq!(backoff.admit(SubtaskId(2), start), Some(0));
        let later = start + Duration::from_secs(6);
        assert_eq!(backoff.admit(SubtaskId(1), later), Some(0));
        assert_eq!(backoff.tried.len(), 1);
    }
}
