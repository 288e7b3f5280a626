//! Two systems' acts on the same accounts: which are the same, and what stood here where only the other one acted.

use std::collections::BTreeMap;

use dunning_rules::Timestamp;

use crate::exit::{Exit, Failure};

/// More acts and decisions than these are not held in memory.
const ACTS_MAX: usize = 20_000_000;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Notice,
    Bar,
    Restoration,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Notice, Self::Bar, Self::Restoration];

    pub(super) const fn word(self) -> &'static str {
        ["notices", "bars", "restorations"][self as usize]
    }
}

/// Something that one of the two did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) account: String,
    pub(super) at: Timestamp,
    pub(super) kind: Kind,
    /// The step, or the other system's word.
    pub(super) what: String,
}

/// The time that is compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// In milliseconds: two acts that lie no further apart are one.
    pub(super) tolerance: i64,
}

impl Span {
    fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// At the edges, one of two that are one may lie outside.
    fn is_near(&self, at: Timestamp) -> bool {
        self.from.plus(-self.tolerance) <= at && at < self.until.plus(self.tolerance)
    }
}

/// When, and in which word.
type Said = (Timestamp, u32);

#[derive(Debug, Default)]
struct OfAccount {
    ours: [Vec<Said>; 3],
    theirs: [Vec<Said>; 3],
    /// Decisions that commanded nothing.
    decided: Vec<Said>,
}

/// All that both did.
#[derive(Debug)]
pub(super) struct Acts {
    span: Span,
    accounts: BTreeMap<Box<str>, OfAccount>,
    words: Vec<Box<str>>,
    numbers: BTreeMap<Box<str>, u32>,
    count: usize,
    ours: usize,
    /// Records that this version cannot read.
    pub(super) unreadable: u64,
    /// Acts of kinds that are not compared.
    pub(super) passed_over: u64,
}

/// An act of one alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alone {
    pub(super) account: String,
    pub(super) at: Timestamp,
    pub(super) what: String,
    /// What was decided here last, where the other one acted alone.
    pub(super) stood: String,
}

/// What was found, by kind.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) both: [u64; 3],
    pub(super) here: [Vec<Alone>; 3],
    pub(super) there: [Vec<Alone>; 3],
    pub(super) unreadable: u64,
    pub(super) passed_over: u64,
}

impl Found {
    pub(super) fn differs(&self) -> bool {
        self.here.iter().chain(&self.there).any(|alone| !alone.is_empty())
    }
}

impl Acts {
    pub(super) fn new(span: Span) -> Self {
        Self {
            span,
            accounts: BTreeMap::new(),
            words: Vec::new(),
            numbers: BTreeMap::new(),
            count: 0,
            ours: 0,
            unreadable: 0,
            passed_over: 0,
        }
    }

    /// True where nothing was decided here.
    pub(super) const fn is_empty(&self) -> bool {
        self.ours == 0
    }

    /// Something that would have been done here.
    pub(super) fn ours(&mut self, act: Act) -> Result<(), Failure> {
        self.ours += 1;
        self.add(&act.account, act.at, &act.what, |known| &mut known.ours[act.kind as usize])
    }

    /// Something that the other system did.
    pub(super) fn theirs(&mut self, act: Act) -> Result<(), Failure> {
        self.add(&act.account, act.at, &act.what, |known| &mut known.theirs[act.kind as usize])
    }

    /// Something that was decided here and commands nothing.
    pub(super) fn decided(&mut self, account: &str, at: Timestamp, word: &str) -> Result<(), Failure> {
        self.ours += 1;
        if at >= self.span.until.plus(self.span.tolerance) {
            return Ok(());
        }
        let word = self.word(word);
        let from = self.span.from;
        let decided = &mut self.of(account).decided;
        // Of what was decided before, the last one alone says how it stood.
        let before = at < from && decided.last().is_some_and(|(last, _)| *last < from);
        if before {
            decided.pop();
        }
        decided.push((at, word));
        self.count += usize::from(!before);
        self.bound()
    }

    fn add(
        &mut self,
        account: &str,
        at: Timestamp,
        what: &str,
        list: impl Fn(&mut OfAccount) -> &mut Vec<Said>,
    ) -> Result<(), Failure> {
        if self.span.is_near(at) {
            let word = self.word(what);
            list(self.of(account)).push((at, word));
            self.count += 1;
        }
        self.bound()
    }

    fn bound(&self) -> Result<(), Failure> {
        if self.count <= ACTS_MAX {
            return Ok(());
        }
        let text = "too much was done in these days to be compared at once; compare fewer with --from and --until";
        Err(Failure::new(Exit::Findings, text))
    }

    fn of(&mut self, account: &str) -> &mut OfAccount {
        if !self.accounts.contains_key(account) {
            self.accounts.insert(account.into(), OfAccount::default());
        }
        self.accounts.get_mut(account).unwrap_or_else(|| unreachable!("it was put there"))
    }

    fn word(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.words.push(word.into());
        self.numbers.insert(word.into(), number);
        number
    }

    fn said(&self, word: u32) -> String {
        self.words.get(word as usize).map_or_else(String::new, ToString::to_string)
    }

    /// Which acts are the same.
    pub(super) fn compare(mut self) -> Found {
        let mut found = Found { unreadable: self.unreadable, passed_over: self.passed_over, ..Found::default() };
        let accounts = std::mem::take(&mut self.accounts);
        for (account, mut known) in accounts {
            known.decided.sort_by_key(|(at, _)| *at);
            for kind in Kind::ALL.map(|kind| kind as usize) {
                let (ours, theirs) = (&mut known.ours[kind], &mut known.theirs[kind]);
                ours.sort_unstable();
                theirs.sort_unstable();
                let (both, here, there) = matched(ours, theirs, self.span);
                found.both[kind] += both;
                let alone = |(at, word): Said, stood: String| Alone {
                    account: account.to_string(),
                    at,
                    what: self.said(word),
                    stood,
                };
                found.here[kind].extend(here.into_iter().map(|act| alone(act, String::new())));
                found.there[kind].extend(there.into_iter().map(|act| {
                    let before = known.decided.iter().rfind(|(at, _)| *at <= act.0.plus(self.span.tolerance));
                    let stood = before.map_or_else(|| "not dunned here".to_owned(), |(_, word)| self.said(*word));
                    alone(act, stood)
                }));
            }
        }
        found
    }
}

/// How many of two ordered lists are one, and what only one of them has within the span.
fn matched(ours: &[Said], theirs: &[Said], span: Span) -> (u64, Vec<Said>, Vec<Said>) {
    let (mut both, mut here, mut there) = (0, Vec::new(), Vec::new());
    let (mut a, mut b) = (0, 0);
    loop {
        match (ours.get(a), theirs.get(b)) {
            (Some(our), Some(their)) if our.0.since(their.0).abs() <= span.tolerance => {
                both += u64::from(span.has(our.0) || span.has(their.0));
                (a, b) = (a + 1, b + 1);
            }
            (Some(our), Some(their)) if our.0 < their.0 => {
                here.push(*our);
                a += 1;
            }
            (_, Some(their)) => {
                there.push(*their);
                b += 1;
            }
            (Some(our), None) => {
                here.push(*our);
                a += 1;
            }
            (None, None) => break,
        }
    }
    here.retain(|(at, _)| span.has(*at));
    there.retain(|(at, _)| span.has(*at));
    (both, here, there)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * HOUR)
    }

    fn span() -> Span {
        Span { from: at(100), until: at(200), tolerance: 24 * HOUR }
    }

    #[test]
    fn acts_are_one_within_the_tolerance_and_each_but_once() {
        // Hours of ours and of theirs; both, only ours, only theirs.
        type Row = (&'static [i64], &'static [i64], u64, &'static [i64], &'static [i64]);
        let rows: [Row; 9] = [
            (&[], &[], 0, &[], &[]),
            (&[150], &[150], 1, &[], &[]),
            (&[150], &[174], 1, &[], &[]),
            (&[150], &[175], 0, &[150], &[175]),
            (&[150, 160], &[155], 1, &[160], &[]),
            (&[150], &[155, 160], 1, &[], &[160]),
            // What lies outside is matched and not missed.
            (&[90], &[101], 1, &[], &[]),
            (&[90], &[130], 0, &[], &[130]),
            (&[210], &[], 0, &[], &[]),
        ];
        for (ours, theirs, both, here, there) in rows {
            let of = |hours: &[i64]| hours.iter().map(|hour| (at(*hour), 0)).collect::<Vec<Said>>();
            assert_eq!(matched(&of(ours), &of(theirs), span()), (both, of(here), of(there)), "{ours:?} {theirs:?}");
        }
    }

    #[test]
    fn it_is_said_how_it_stood_here_where_only_the_other_one_acted() {
        let mut acts = Acts::new(span());
        let act = |account: &str, hour, kind, what: &str| Act {
            account: account.into(),
            at: at(hour),
            kind,
            what: what.into(),
        };
        for (hour, word) in
            [(10, "cycle_started"), (20, "step_waits"), (120, "promise_accepted"), (190, "promise_broken")]
        {
            acts.decided("a", at(hour), word).expect("few");
        }
        acts.decided("b", at(20), "bar_held protected").expect("few");
        acts.ours(act("a", 195, Kind::Bar, "bar")).expect("few");
        for account in ["a", "b", "c"] {
            acts.theirs(act(account, 150, Kind::Bar, "soft-block")).expect("few");
        }
        let found = acts.compare();
        let stood: Vec<_> =
            found.there[Kind::Bar as usize].iter().map(|alone| (&*alone.account, &*alone.stood)).collect();
        assert_eq!(stood, [("a", "promise_accepted"), ("b", "bar_held protected"), ("c", "not dunned here")]);
        assert_eq!(found.here[Kind::Bar as usize].len(), 1);
        assert!(found.differs() && !Found::default().differs());
    }
}
