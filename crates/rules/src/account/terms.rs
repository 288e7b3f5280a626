//! Bills to be paid in terms: each part has a last day of its own, and is dunned only once that is past.
//!
//! What is paid or credited settles the earliest term first, and so does what is disputed: a customer who contests a
//! part of a bill is not dunned for that part, whichever term it was meant for.

use super::balance::Moved;
use super::pause::has_room;
use crate::{Account, Bill, Day, Id, Minor, Term, Timestamp, Zone};

/// The most terms of a bill.
const TERMS_MAX: usize = 240;

/// The terms of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillTerms {
    /// The bill.
    pub bill: Id,
    /// In the order of their days.
    pub terms: Vec<TermAside>,
}

/// A term, and what is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermAside {
    /// Last day and amount.
    pub term: Term,
    /// How many of the policy's notices before its last day are behind it.
    pub reminded: u16,
}

/// A part of a bill that falls due on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) bill: &'a Bill,
    pub(crate) due_on: Day,
    /// What of it may be dunned.
    pub(crate) owed: Minor,
}

impl Account {
    /// Remembers the terms of a bill; one that is due as a whole has none.
    pub(super) fn note_terms(&mut self, bill: &str, due_on: Day, terms: &[Term]) -> Moved {
        if terms.iter().all(|term| term.due_on == due_on) {
            return Ok(());
        }
        has_room(terms.len().saturating_sub(1), TERMS_MAX)?;
        let mut terms: Vec<_> = terms.iter().map(|term| TermAside { term: *term, reminded: 0 }).collect();
        terms.sort_by_key(|known| known.term.due_on);
        terms.dedup_by(|later, earlier| {
            let same = later.term.due_on == earlier.term.due_on;
            if same {
                earlier.term.amount += later.term.amount;
            }
            same
        });
        self.aside_mut().terms.push(BillTerms { bill: bill.into(), terms });
        Ok(())
    }

    /// The terms of a bill, in the order of their days; none: all of it is due on its last day.
    #[must_use]
    pub fn terms_of(&self, bill: &Bill) -> &[TermAside] {
        let known = self.aside.as_ref().and_then(|aside| aside.terms.iter().find(|known| known.bill == bill.id));
        known.map_or(&[], |known| &known.terms)
    }

    pub(super) fn has_terms(&self) -> bool {
        self.aside.as_ref().is_some_and(|aside| !aside.terms.is_empty())
    }

    /// The last day of the earliest term of which something may be dunned; of a bill without terms its own.
    #[must_use]
    pub fn first_due(&self, bill: &Bill) -> Day {
        if !self.has_terms() {
            return bill.due_on;
        }
        let terms = self.terms_of(bill);
        // Where nothing is left to be dunned it is the last one's.
        let last = terms.last().map_or(bill.due_on, |known| known.term.due_on);
        left_of(terms, bill.undisputed()).next().map_or(last, |(day, _)| day)
    }

    /// What of a bill may be dunned and has a last day that is past at an instant.
    pub(crate) fn due_at(&self, bill: &Bill, at: Timestamp, zone: Zone) -> Minor {
        self.due_of(bill, self.dunnable(bill), at, zone)
    }

    /// What of so much that is left of a bill has a last day that is past at an instant.
    pub(super) fn due_of(&self, bill: &Bill, left: Minor, at: Timestamp, zone: Zone) -> Minor {
        let terms = self.terms_of(bill);
        if terms.is_empty() {
            return if zone.end_of_day(bill.due_on) <= at { left } else { Minor::ZERO };
        }
        let comes = |known: &&TermAside| zone.end_of_day(known.term.due_on) > at;
        // A debit note makes the first term larger, but not due before its day.
        if terms.first().filter(comes).is_some() {
            return Minor::ZERO;
        }
        let later = terms.iter().filter(comes);
        (left - later.map(|known| known.term.amount).sum()).or_zero()
    }

    /// The part of a bill that falls due next after an instant, if any of that may be dunned.
    pub(crate) fn next_part<'a>(&'a self, bill: &'a Bill, at: Timestamp, zone: Zone) -> Option<Part<'a>> {
        let coming = |day: Day| zone.end_of_day(day) > at;
        let owed = self.dunnable(bill);
        let terms = self.terms_of(bill);
        let (due_on, owed) =
            if terms.is_empty() { (bill.due_on, owed) } else { left_of(terms, owed).find(|(day, _)| coming(*day))? };
        (owed > Minor::ZERO && coming(due_on)).then_some(Part { bill, due_on, owed })
    }

    /// What of a bill may be dunned, by the last day on which it is in time.
    pub(super) fn dunnable_by_day(&self, bill: &Bill) -> Vec<(Day, Minor)> {
        let owed = self.dunnable(bill);
        match self.terms_of(bill) {
            [] => vec![(bill.due_on, owed)],
            terms => left_of(terms, owed).collect(),
        }
    }

    /// All last days of what is owed, in order.
    pub(super) fn due_days(&self) -> Vec<Day> {
        let mut days: Vec<_> = self.bills.iter().map(|bill| bill.due_on).collect();
        let terms = self.aside.iter().flat_map(|aside| &aside.terms).flat_map(|known| &known.terms);
        days.extend(terms.map(|known| known.term.due_on));
        days.sort_unstable();
        days.dedup();
        days
    }

    /// What is left of the bills, the earliest last day first and charges that are not dunned behind all else: the place of
    /// the bill, and how much. `left` says how much of a bill counts.
    pub(super) fn left_by_day(&self, left: impl Fn(&Bill) -> Minor) -> Vec<(usize, Minor)> {
        let mut parts = Vec::new();
        for (place, bill) in self.bills.iter().enumerate() {
            let apart = self.is_apart(bill);
            match self.terms_of(bill) {
                [] => parts.push((apart, bill.due_on, place, left(bill))),
                terms => parts.extend(left_of(terms, left(bill)).map(|(day, amount)| (apart, day, place, amount))),
            }
        }
        parts.sort_by_key(|(apart, day, place, _)| (*apart, *day, *place));
        parts.into_iter().map(|(.., place, amount)| (place, amount)).collect()
    }
}

/// What is left of each term, where so much of their bill is: the earliest are settled first. A debit note makes the
/// first term larger.
fn left_of(terms: &[TermAside], left: Minor) -> impl Iterator<Item = (Day, Minor)> {
    let mut later: Minor = terms.iter().map(|known| known.term.amount).sum();
    let mut rest = left;
    terms.iter().filter_map(move |known| {
        later -= known.term.amount;
        let own = (rest - later).or_zero();
        rest -= own;
        (own > Minor::ZERO).then_some((known.term.due_on, own))
    })
}
