//! What the checks before a stop found (`docs/contract.md`, "Checks before a stop"). No finding forbids a stop.

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingClass {
    /// To be known.
    Info,
    /// To be thought about.
    Warn,
    /// To be settled before the stop, by the manual's advice.
    Block,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingResult {
    /// Nothing stands against the stop.
    Clear,
    /// Something does.
    Found,
    /// It was not checked; that says nothing either way.
    NotChecked,
}

/// One check with its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Number of the check.
    pub check: i32,
    /// What was checked.
    pub name: &'static str,
    /// How much it weighs.
    pub class: FindingClass,
    /// What came of it.
    pub result: FindingResult,
    /// For humans: what was found, or why it was not checked.
    pub text: String,
}
