//! The subtasks on the other ends of a subtask's edges, as ranges of ids.

use serde::{Deserialize, Serialize};

use crate::id::SubtaskId;

/// A set of subtasks, in order. A template numbers the instances of a step in a row, so the thousands of
/// neighbours that a barrier has are one range: what a commit reads does not grow with the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Neighbours(Vec<(SubtaskId, SubtaskId)>);

impl Neighbours {
    /// The subtasks, in order.
    pub fn iter(&self) -> impl Iterator<Item = SubtaskId> + '_ {
        self.0
            .iter()
            .flat_map(|(first, last)| (first.0..=last.0).map(SubtaskId))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let lengths = self.0.iter().map(|(first, last)| last.0 - first.0 + 1);
        usize::try_from(lengths.sum::<i64>()).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the subtask is one of them.
    pub fn contains(&self, id: SubtaskId) -> bool {
        self.0
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&id))
    }
}

impl FromIterator<SubtaskId> for Neighbours {
    /// Takes ids in ascending order.
    fn from_iter<I: IntoIterator<Item = SubtaskId>>(ids: I) -> Self {
        let mut ranges: Vec<(SubtaskId, SubtaskId)> = Vec::new();
        for id in ids {
            match ranges.last_mut() {
                Some((_, last)) if last.0 + 1 == id.0 => *last = id,
                _ => ranges.push((id, id)),
            }
        }
        Self(ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_as_few_ranges() {
        for ids in [&[][..], &[7], &[1, 2, 3], &[1, 2, 5, 7, 8]] {
            let ids: Vec<_> = ids.iter().copied().map(SubtaskId).collect();
            let neighbours: Neighbours = ids.iter().copied().collect();
            assert_eq!(neighbours.iter().collect::<Vec<_>>(), ids);
            assert_eq!(
                (neighbours.len(), neighbours.is_empty()),
                (ids.len(), ids.is_empty())
            );
            for id in (0..10).map(SubtaskId) {
                assert_eq!(neighbours.contains(id), ids.contains(&id));
            }
        }
    }

    #[test]
    fn a_range_is_stored_as_its_ends() {
        let neighbours: Neighbours = [1, 2, 3, 9].map(SubtaskId).into_iter().collect();
        let stored = serde_json::to_string(&neighbours).unwrap();
        assert_eq!(stored, "[[1,3],[9,9]]");
        assert_eq!(
            serde_json::from_str::<Neighbours>(&stored).unwrap(),
            neighbours
        );
    }
}
