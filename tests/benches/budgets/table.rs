//! The table that a run prints.

use std::fmt::Display;
use std::time::Duration;

/// Rows, printed as they are measured and again, all together, at the end.
pub(crate) struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// A figure without a budget.
    pub(crate) fn fact(&mut self, what: impl Display, value: impl Display) {
        self.add([
            what.to_string(),
            value.to_string(),
            String::new(),
            String::new(),
        ]);
    }

    /// A time that is to be at most its budget.
    pub(crate) fn at_most(&mut self, what: impl Display, value: Duration, budget: Duration) {
        let ratio = value.as_secs_f64() / budget.as_secs_f64();
        self.add([
            what.to_string(),
            time(value),
            format!("<= {}", time(budget)),
            format!("{ratio:.2}{}", if ratio > 1.0 { " OVER" } else { "" }),
        ]);
    }

    /// A number that is to be at most its budget.
    pub(crate) fn at_most_number(
        &mut self,
        what: impl Display,
        value: f64,
        budget: f64,
        unit: &str,
    ) {
        let ratio = value / budget;
        self.add([
            what.to_string(),
            format!("{value:.2} {unit}"),
            format!("<= {budget} {unit}"),
            format!("{ratio:.2}{}", if ratio > 1.0 { " OVER" } else { "" }),
        ]);
    }

    /// A rate that is to be at least its budget.
    pub(crate) fn at_least(&mut self, what: impl Display, rate: f64, budget: f64, unit: &str) {
        let ratio = rate / budget;
        self.add([
            what.to_string(),
            format!("{rate:.0} {unit}"),
            format!(">= {budget:.0} {unit}"),
            format!("{ratio:.2}{}", if ratio < 1.0 { " UNDER" } else { "" }),
        ]);
    }

    pub(crate) fn machine(&mut self) {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        self.fact(
            "machine",
            format!("{cores} cores of {model}, Linux {}", kernel.trim()),
        );
    }

    pub(crate) fn print(&self) {
        let width = |column: usize| {
            let lengths = self.rows.iter().map(|row| row[column].chars().count());
            lengths.max().unwrap_or(0)
        };
        let (what, value, budget) = (width(0), width(1), width(2));
        println!(
            "\n{:what$}  {:value$}  {:budget$}  ratio",
            "what", "measured", "budget"
        );
        for row in &self.rows {
            println!(
                "{:what$}  {:value$}  {:budget$}  {}",
                row[0], row[1], row[2], row[3]
            );
        }
    }

    fn add(&mut self, row: [String; 4]) {
        println!("{}: {} {} {}", row[0], row[1], row[2], row[3]);
        self.rows.push(row);
    }
}

/// A time with three digits that matter.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 0.001 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{:.0} us", seconds * 1e6)
    }
}

/// The value below which this share of the times lies.
pub(crate) fn percentile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    let index = (last as f64 * share).round() as usize;
    times.get(index).copied().unwrap_or_default()
}
