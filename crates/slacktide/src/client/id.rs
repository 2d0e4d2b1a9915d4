//! Ids on the command line.

/// Reads the id of a cluster, a task or a subtask.
///
/// # Errors
/// What an id looks like.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.ok_or_else(|| format!("an id is a whole number from 1 to {}", i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_positive_whole_numbers_are_ids() {
        assert_eq!(parse("1"), Ok(1));
        assert_eq!(parse("9223372036854775807"), Ok(i64::MAX));
        for text in ["0", "-1", "abc", "1.5", "9223372036854775808", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
