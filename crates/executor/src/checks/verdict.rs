//! How the parts of a check add up to a finding.

use slacktide_engine::finding::{Finding, FindingClass, FindingResult};

/// More of a kind says no more.
const MOST: usize = 5;

/// What the parts of a check came to. One part that was not made keeps the whole from being clear.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    found: Vec<String>,
    class: Option<FindingClass>,
    not_checked: Vec<String>,
}

impl Verdict {
    /// It could not be made at all.
    pub(super) fn of_unchecked(reason: &str) -> Self {
        let mut verdict = Self::default();
        verdict.not_checked(reason.to_owned());
        verdict
    }

    pub(super) fn found(&mut self, class: FindingClass, text: String) {
        self.class = self.class.max(Some(class));
        self.found.push(text);
    }

    pub(super) fn not_checked(&mut self, reason: String) {
        if !self.not_checked.contains(&reason) {
            self.not_checked.push(reason);
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.class = self.class.max(other.class);
        self.found.extend(other.found);
        for reason in other.not_checked {
            self.not_checked(reason);
        }
    }

    /// The finding; of `class` where nothing was found that has one of its own.
    pub(super) fn finding(self, check: i32, name: &'static str, class: FindingClass) -> Finding {
        let result = match (self.found.is_empty(), self.not_checked.is_empty()) {
            (false, _) => FindingResult::Found,
            (true, false) => FindingResult::NotChecked,
            (true, true) => FindingResult::Clear,
        };
        let mut parts = Vec::new();
        if !self.found.is_empty() {
            parts.push(told(&self.found));
        }
        if !self.not_checked.is_empty() {
            let reasons = told(&self.not_checked);
            parts.push(match result {
                FindingResult::Found => format!("not all was checked: {reasons}"),
                _ => reasons,
            });
        }
        Finding {
            check,
            name,
            class: self.class.unwrap_or(class),
            result,
            text: parts.join("; "),
        }
    }
}

/// The first few, and how many more there are.
pub(super) fn told(all: &[String]) -> String {
    let first = all
        .iter()
        .take(MOST)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match all.len().saturating_sub(MOST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
