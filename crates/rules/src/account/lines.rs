//! What bills are made of, as long as something of them is owed: what a customer contests who contests a line.

use crate::{Account, Body, Id, Line, Minor};

/// Of a bill with more lines none is remembered: who contests one of them contests the bill.
const LINES_MAX: usize = 64;

/// The lines of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillLines {
    /// The bill.
    pub bill: Id,
    /// At least two, in the order of the bill.
    pub lines: Vec<KnownLine>,
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLine {
    /// Unique within the bill.
    pub id: Id,
    /// May be negative.
    pub amount: Minor,
}

impl Account {
    /// The lines of a bill, where they are remembered.
    #[must_use]
    pub fn lines_of(&self, bill: &str) -> &[KnownLine] {
        let known = self.aside.iter().flat_map(|aside| &aside.lines).find(|known| *known.bill == *bill);
        known.map_or(&[], |known| &known.lines)
    }

    /// Remembers the lines of a bill that was issued. Of one line there is nothing to tell apart.
    pub(super) fn keep_lines(&mut self, body: &Body<'_>) {
        let Body::BillIssued { bill_id, lines, .. } = body else { return };
        if !(2..=LINES_MAX).contains(&lines.len()) || self.bill(bill_id).is_none() {
            return;
        }
        let known = |line: &Line<'_>| KnownLine { id: line.line_id.into(), amount: line.amount };
        let lines = lines.iter().map(known).collect();
        self.aside_mut().lines.push(BillLines { bill: (*bill_id).into(), lines });
    }

    /// What these lines of a bill come to; `None`: one of them is not known, or there is nothing to pay for them.
    pub(super) fn sum_of_lines(&self, bill: &str, ids: &[&str]) -> Option<Minor> {
        let known = self.lines_of(bill);
        let is_contested = |line: &&KnownLine| ids.iter().any(|id| **id == *line.id);
        if ids.iter().any(|id| known.iter().all(|line| *line.id != **id)) {
            return None;
        }
        let sum: Minor = known.iter().filter(is_contested).map(|line| line.amount).sum();
        (sum > Minor::ZERO).then_some(sum)
    }
}
