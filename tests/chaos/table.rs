//! What was done and what came of it, as it goes into the documentation.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::plan::Fault;

/// What came of the faults of one run.
#[derive(Debug, Default)]
pub struct Table {
    rows: BTreeMap<Fault, Row>,
    /// Facts beside the table, in order.
    pub facts: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct Row {
    /// How long it took until every shard was past what was under way.
    took: Vec<Duration>,
    /// What was observed, with how often.
    seen: BTreeMap<&'static str, usize>,
}

impl Table {
    pub fn note(&mut self, fault: Fault, took: Duration, seen: &[(&'static str, usize)]) {
        let row = self.rows.entry(fault).or_default();
        row.took.push(took);
        for (what, count) in seen {
            *row.seen.entry(what).or_default() += count;
        }
    }

    pub fn fact(&mut self, what: &str, value: impl fmt::Display) {
        self.facts.push((what.to_owned(), value.to_string()));
    }

    /// How often something was observed, over all faults.
    pub fn sum(&self, what: &str) -> usize {
        self.rows.values().filter_map(|row| row.seen.get(what)).sum()
    }

    pub fn count(&self, fault: Fault) -> usize {
        self.rows.get(&fault).map_or(0, |row| row.took.len())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| Fault | Times | Back after, median | Longest | Observed |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        for (fault, row) in &self.rows {
            let (median, longest) = spread(row.took.iter().map(Duration::as_secs_f64).collect());
            let seen: Vec<String> =
                row.seen.iter().filter(|(_, n)| **n > 0).map(|(what, n)| format!("{n} {what}")).collect();
            let (times, words) = (row.took.len(), fault.words());
            writeln!(f, "| {words} | {times} | {median:.1} s | {longest:.1} s | {} |", seen.join(", "))?;
        }
        writeln!(f, "\n| Figure | |\n|---|---|")?;
        self.facts.iter().try_for_each(|(what, value)| writeln!(f, "| {what} | {value} |"))
    }
}

/// The median and the largest of some numbers; 0 where there are none.
pub fn spread(mut numbers: Vec<f64>) -> (f64, f64) {
    numbers.sort_by(f64::total_cmp);
    (numbers.get(numbers.len() / 2).copied().unwrap_or(0.0), numbers.last().copied().unwrap_or(0.0))
}
