//! docs/sequences.md names a test for each sequence: those tests are there.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// As many as there are rows in the table: one that is no longer read as a row would not be missed otherwise.
const SEQUENCES: usize = 15;

/// What stands in code spans, in order.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn each_test_that_is_named_exists_where_it_is_said_to_be() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| {
        std::fs::read_to_string(root.join(path)).with_context(|| format!("read {path}"))
    };
    let document = read("docs/sequences.md")?;
    let rows: Vec<_> = (document.lines())
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .skip(1)
        .collect();
    ensure!(rows.len() == SEQUENCES, "{} sequences", rows.len());
    for row in rows {
        let (_, tests) = row.rsplit_once(" | ").context("no column of tests")?;
        let (mut file, mut source, mut found) = ("", String::new(), 0);
        for span in spans(tests) {
            if span.contains('/') {
                (file, source) = (span, read(span)?);
                continue;
            }
            let declared = [format!("fn {span}("), format!("fn {span}<")];
            ensure!(
                declared.iter().any(|function| source.contains(function)),
                "there is no test {span} in {file}"
            );
            found += 1;
        }
        ensure!(found > 0, "no test is named for: {row}");
    }
    Ok(())
}
