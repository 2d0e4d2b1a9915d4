//! What the checks before a stop found.

use slacktide_api::v1::{Finding, FindingClass, FindingResult};

use super::text::{self, Word};

/// A line for each check: those that found something first, the weightiest on top, and then those that could
/// not be made, which say nothing either way.
pub(super) fn table(found: &[Finding]) -> String {
    let mut ordered: Vec<_> = found.iter().collect();
    ordered.sort_by_key(|finding| (rank(finding), finding.check));
    let row = |finding: &&Finding| {
        [
            finding.check.to_string(),
            finding.name.clone(),
            weight(finding),
            text::or_dash(&text::one_line(&finding.text)),
        ]
    };
    let rows = ordered.iter().map(row).collect();
    text::columns(["CHECK", "OF", "RESULT", "TEXT"], rows)
}

/// The result; how much it weighs only where something was found.
fn weight(finding: &Finding) -> String {
    match finding.result() {
        FindingResult::Found => finding.class().word().to_owned(),
        FindingResult::NotChecked => "not checked".to_owned(),
        FindingResult::Clear => "clear".to_owned(),
        FindingResult::Unspecified => "-".to_owned(),
    }
}

fn rank(finding: &Finding) -> u8 {
    match (finding.result(), finding.class()) {
        (FindingResult::Found, FindingClass::Block) => 0,
        (FindingResult::Found, FindingClass::Warn) => 1,
        (FindingResult::Found, _) => 2,
        (FindingResult::NotChecked | FindingResult::Unspecified, _) => 3,
        (FindingResult::Clear, _) => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_comes_first_by_weight_and_nothing_is_called_clear_unchecked() {
        let finding = |check, class: FindingClass, result: FindingResult| Finding {
            check,
            name: format!("name{check}"),
            class: class.into(),
            result: result.into(),
            text: format!("text{check}"),
        };
        let found = [
            finding(3, FindingClass::Block, FindingResult::Clear),
            finding(6, FindingClass::Warn, FindingResult::Found),
            finding(7, FindingClass::Block, FindingResult::NotChecked),
            finding(10, FindingClass::Block, FindingResult::Found),
        ];
        let table = table(&found);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<_> = table.lines().map(words).collect();
        assert_eq!(
            lines,
            [
                "CHECK OF RESULT TEXT",
                "10 name10 BLOCK text10",
                "6 name6 WARN text6",
                "7 name7 not checked text7",
                "3 name3 clear text3",
            ]
        );
    }
}
