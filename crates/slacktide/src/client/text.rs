//! How things look to people: durations, times, statuses, aligned columns.

use std::{collections::HashMap, time::Duration};

use comfy_table::{Table, presets};
use prost_types::Timestamp;
use slacktide_api::v1::{
    ClusterStatus, FindingClass, Operation, ServerStatus, SubtaskStatus, TaskStatus, ZoneStatus,
};

/// `45 ms`, `1.2 s`, `2 m 05 s`, `1 h 02 m`.
pub(super) fn elapsed(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0 => format!("{} ms", took.subsec_millis()),
        1..60 => format!("{seconds}.{} s", took.subsec_millis() / 100),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A time to the millisecond, in UTC; `-` for none.
pub(super) fn time(at: Option<&Timestamp>) -> String {
    let Some(at) = at else {
        return "-".to_owned();
    };
    let nanos = at.nanos - at.nanos % 1_000_000;
    Timestamp { nanos, ..*at }.to_string()
}

/// `text`, or `-` where there is none, so that a column is never blank.
pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-" } else { text }.to_owned()
}

/// A status, with what led to it unless that is plain execution: `RUNNING (RETRY)`.
pub(super) fn standing(status: impl Word, operation: Operation) -> String {
    match operation {
        Operation::Execute | Operation::Unspecified => status.word().to_owned(),
        _ => format!("{} ({})", status.word(), operation.word()),
    }
}

/// Labels as the configuration has them: `dc=a,rack=b`, by key.
pub(super) fn labels(labels: &HashMap<String, String>) -> String {
    let mut pairs: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.sort_unstable();
    pairs.join(",")
}

/// On one line, whatever it was on.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Rows under a header, aligned, without lines between them.
pub(super) fn columns<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header)
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// An enum's value in OCP's word for it: without the prefix that protobuf asks for.
pub(super) trait Word {
    fn word(self) -> &'static str;
}

macro_rules! words {
    ($($kind:ty: $prefix:literal;)*) => {$(
        impl Word for $kind {
            fn word(self) -> &'static str {
                let name = self.as_str_name();
                name.strip_prefix($prefix).unwrap_or(name)
            }
        }
    )*};
}

words! {
    ClusterStatus: "CLUSTER_STATUS_";
    ZoneStatus: "ZONE_STATUS_";
    ServerStatus: "SERVER_STATUS_";
    TaskStatus: "TASK_STATUS_";
    SubtaskStatus: "SUBTASK_STATUS_";
    Operation: "OPERATION_";
    FindingClass: "FINDING_CLASS_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_at_a_glance() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (59_999, "59.9 s"),
            (125_000, "2 m 05 s"),
            (3_720_000, "1 h 02 m"),
        ] {
            assert_eq!(elapsed(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn columns_align_and_lines_end_without_blanks() {
        let rows = vec![
            ["1".to_owned(), "海".to_owned(), "RUNNING".to_owned()],
            ["20".to_owned(), "ob".to_owned(), "-".to_owned()],
        ];
        assert_eq!(
            columns(["ID", "NAME", "STATUS"], rows),
            "ID  NAME  STATUS\n1   海    RUNNING\n20  ob    -"
        );
    }

    #[test]
    fn statuses_are_ocps_words() {
        assert_eq!(ClusterStatus::Unavailable.word(), "UNAVAILABLE");
        assert_eq!(Operation::Rollback.word(), "ROLLBACK");
    }
}
