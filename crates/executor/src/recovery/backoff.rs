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
    /// How many attempts counted.
    times: u32,
    wait: Duration,
    due: Instant,
}

impl Backoff {
    /// How many attempts on the subtask counted before, and that one begins now; `None` if it is not time yet, or
    /// one is under way. Each is followed by [`count`](Self::count) or [`spare`](Self::spare); one that never
    /// returns, as from a disk that hangs, is waited for for the longest time that there is between two.
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
        tried.due = now + LONGEST;
        Some(tried.times)
    }

    /// The attempt failed, or took the run over: a run that is lost again at once waits, too.
    pub(crate) fn count(&mut self, subtask: SubtaskId, now: Instant) {
        if let Some(tried) = self.tried.get_mut(&subtask) {
            tried.times += 1;
            tried.wait = (tried.wait * 2).min(LONGEST);
            tried.due = now + tried.wait;
        }
    }

    /// The attempt says nothing of the next one: somebody else was faster, or there was no room.
    pub(crate) fn spare(&mut self, subtask: SubtaskId, now: Instant) {
        if let Some(tried) = self.tried.get_mut(&subtask) {
            tried.due = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SubtaskId = SubtaskId(1);

    #[test]
    fn what_never_passes_is_tried_once_a_minute_in_the_end() {
        let (mut backoff, start) = (Backoff::default(), Instant::now());
        let tries: Vec<_> = (0..1000)
            .filter(|second| {
                let now = start + Duration::from_secs(*second);
                let admitted = backoff.admit(ID, now).is_some();
                if admitted {
                    backoff.count(ID, now);
                }
                admitted
            })
            .collect();
        assert_eq!(tries[..7], [0, 1, 3, 7, 15, 31, 63]);
        assert!(tries[7..].windows(2).all(|pair| pair[1] - pair[0] == 60));
    }

    #[test]
    fn what_went_well_for_a_while_is_tried_at_once() {
        let (mut backoff, start) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.admit(ID, start), Some(0));
        backoff.count(ID, start);
        assert_eq!(backoff.admit(ID, start), None);
        assert_eq!(backoff.admit(SubtaskId(2), start), Some(0));
        backoff.spare(SubtaskId(2), start);
        let later = start + Duration::from_secs(6);
        assert_eq!(backoff.admit(ID, later), Some(0));
        assert_eq!(backoff.tried.len(), 1);
    }

    #[test]
    fn an_attempt_that_says_nothing_of_the_next_one_delays_nothing() {
        let (mut backoff, start) = (Backoff::default(), Instant::now());
        for tick in 0..100 {
            let now = start + Duration::from_secs(tick);
            assert_eq!(backoff.admit(ID, now), Some(0));
            backoff.spare(ID, now);
        }
        // Nor does it undo what others have counted.
        let later = start + Duration::from_secs(100);
        assert_eq!(backoff.admit(ID, later), Some(0));
        backoff.count(ID, later);
        let due = later + FIRST;
        assert_eq!(backoff.admit(ID, due), Some(1));
        backoff.spare(ID, due);
        assert_eq!(backoff.admit(ID, due), Some(1));
    }

    #[test]
    fn one_attempt_is_under_way_at_a_time() {
        let (mut backoff, start) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.admit(ID, start), Some(0));
        assert_eq!(backoff.admit(ID, start + LONGEST / 2), None);
        assert_eq!(backoff.admit(ID, start + LONGEST), Some(0));
    }
}
