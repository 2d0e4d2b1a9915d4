//! What the rows of an answer say against a stop.

use std::collections::BTreeMap;

use crate::sql::Cells;

/// Each row, as it is.
pub(super) fn all(rows: &[Cells]) -> Vec<String> {
    rows.iter().map(|row| words(row)).collect()
}

/// Rows that end in `STATUS, IS_ERROR`: where the compaction failed.
pub(super) fn failed(rows: &[Cells]) -> Vec<String> {
    let failed = |row: &&Cells| cell_from_end(row, 0) == "YES";
    rows.iter().filter(failed).map(without_last).collect()
}

/// Rows that end in `STATUS, IS_ERROR`: where a compaction runs that has not failed.
pub(super) fn compacting(rows: &[Cells]) -> Vec<String> {
    let runs = |row: &&Cells| {
        cell_from_end(row, 0) != "YES"
            && ["COMPACTING", "VERIFYING"].contains(&cell_from_end(row, 1))
    };
    rows.iter().filter(runs).map(without_last).collect()
}

/// Rows of `zone, info`: where the compaction failed.
pub(super) fn failed_v3(rows: &[Cells]) -> Vec<String> {
    let failed = |row: &&Cells| cell(row, 1) != "MERGING";
    rows.iter().filter(failed).map(|row| words(row)).collect()
}

/// Rows of `zone, info`: where one runs.
pub(super) fn merging_v3(rows: &[Cells]) -> Vec<String> {
    let runs = |row: &&Cells| cell(row, 1) == "MERGING";
    rows.iter().filter(runs).map(|row| words(row)).collect()
}

/// Rows of `name, status, previous locality`: tenants that are not normal.
pub(super) fn not_normal(rows: &[Cells]) -> Vec<String> {
    let normal = |row: &&Cells| ["NORMAL", "TENANT_STATUS_NORMAL"].contains(&cell(row, 1));
    let tenants = rows.iter().filter(|row| !normal(row));
    tenants.map(without_last).collect()
}

/// Rows of `name, status, previous locality`: tenants that have one.
pub(super) fn moving(rows: &[Cells]) -> Vec<String> {
    let moving = rows.iter().filter(|row| !cell(row, 2).is_empty());
    moving.map(|row| cell(row, 0).to_owned()).collect()
}

/// Rows of `user, command, state of the transaction, how many`: how many sessions of each user do something.
pub(super) fn busy_by_user(rows: &[Cells]) -> Vec<String> {
    let busy = |row: &&Cells| !["Sleep", "Daemon"].contains(&cell(row, 1));
    counted(rows.iter().filter(busy), 0)
}

/// Rows of `user, command, state of the transaction, how many`: how many sessions have a transaction in which state.
pub(super) fn open_by_state(rows: &[Cells]) -> Vec<String> {
    let open = |row: &&Cells| !["", "IDLE"].contains(&cell(row, 2));
    counted(rows.iter().filter(open), 2)
}

/// Adds up the last cells of rows that have the same cell `key`.
fn counted<'a>(rows: impl Iterator<Item = &'a Cells>, key: usize) -> Vec<String> {
    let mut counts = BTreeMap::new();
    for row in rows {
        let count: u64 = cell_from_end(row, 0).parse().unwrap_or(1);
        *counts.entry(cell(row, key)).or_insert(0) += count;
    }
    counts
        .into_iter()
        .map(|(key, count)| format!("{key} {count}"))
        .collect()
}

/// A cell; NULL and a cell that is not there are empty.
fn cell(row: &[Option<String>], at: usize) -> &str {
    row.get(at).and_then(Option::as_deref).unwrap_or_default()
}

fn cell_from_end(row: &[Option<String>], nth: usize) -> &str {
    let cell = row.iter().nth_back(nth);
    cell.and_then(Option::as_deref).unwrap_or_default()
}

fn without_last(row: &Cells) -> String {
    let (_, others) = row.split_last().unwrap_or((&None, &[]));
    words(others)
}

fn words(cells: &[Option<String>]) -> String {
    let words: Vec<&str> = cells
        .iter()
        .map(|cell| cell.as_deref().unwrap_or("NULL"))
        .collect();
    words.join(" ")
}
