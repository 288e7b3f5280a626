//! What goes wrong between a lane and the broker, by seed.

use std::collections::BTreeMap;

use dunning_engine::ErrorKind;

use crate::Random;

/// A call to the broker, as far as its failures differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Poll,
    /// Any question: committed offsets, starts, ends.
    Ask,
    Restore,
    Read,
    Schema,
    Fence,
    Begin,
    Send,
    Commit,
    Abort,
    Renew,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    /// The process dies before the call reaches the broker.
    DiesBefore,
    /// The broker carries it out, and the process dies before it hears of it.
    DiesAfter,
    /// The broker does nothing and says so.
    Fails(ErrorKind),
    /// The broker carries it out, and the answer is lost.
    AnswerLost,
    /// The group had taken the lane for dead just before.
    Expelled,
    /// The transaction had timed out just before.
    TimedOut,
    /// The broker ends the transaction in pieces, and the answer is lost; the bits say which.
    Torn(u64),
}

/// How often, of a thousand calls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub dies: u64,
    pub away: u64,
    pub aborts: u64,
    pub doubt: u64,
    pub expelled: u64,
    pub timed_out: u64,
    pub torn: u64,
}

/// The faults of a world.
#[derive(Debug)]
pub(super) struct Faults {
    random: Random,
    rates: Rates,
    /// Off while the world heals.
    pub on: bool,
    /// How often each was met.
    pub counts: BTreeMap<&'static str, u64>,
}

impl Faults {
    pub(super) fn new(mut random: Random, stream: bool) -> Self {
        // Some worlds are calm in some way, so that what a fault hides elsewhere shows in them.
        let mut rate = |most: i64| if random.chance(400) { 0 } else { random.between(1, most).unsigned_abs() };
        let rates = Rates {
            dies: rate(20),
            away: rate(60),
            aborts: rate(40),
            doubt: rate(200),
            expelled: rate(60),
            timed_out: rate(30),
            // Where the order has one right answer.
            torn: if stream { rate(60) } else { 0 },
        };
        Self { random, rates, on: true, counts: BTreeMap::new() }
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(super) fn strike(&mut self, call: Call) -> Option<Strike> {
        if !self.on {
            return None;
        }
        let rates = self.rates;
        let (strike, word) = if self.random.chance(rates.dies) {
            match self.random.chance(500) {
                true => (Strike::DiesBefore, "died before a call"),
                false => (Strike::DiesAfter, "died after a call"),
            }
        } else {
            self.failure(call, rates)?
        };
        self.count(word);
        Some(strike)
    }

    fn failure(&mut self, call: Call, rates: Rates) -> Option<(Strike, &'static str)> {
        let away = (Strike::Fails(ErrorKind::Retry), "broker away");
        let aborts = (Strike::Fails(ErrorKind::Abort), "transaction aborted");
        match call {
            Call::Poll | Call::Ask | Call::Restore | Call::Read | Call::Fence | Call::Renew | Call::Schema => {
                self.random.chance(rates.away).then_some(away)
            }
            Call::Begin => None,
            // A batch has many of them.
            Call::Send => self.random.chance(rates.aborts / 8).then_some(aborts),
            Call::Abort => {
                self.random.chance(rates.doubt).then_some((Strike::Fails(ErrorKind::Unknown), "abort in doubt"))
            }
            Call::Commit => self.at_commit(rates, aborts),
        }
    }

    fn at_commit(&mut self, rates: Rates, aborts: (Strike, &'static str)) -> Option<(Strike, &'static str)> {
        if self.random.chance(rates.doubt) {
            return Some(match self.random.chance(500) {
                true => (Strike::AnswerLost, "commit in doubt, done"),
                false => (Strike::Fails(ErrorKind::Unknown), "commit in doubt, not done"),
            });
        }
        if self.random.chance(rates.aborts) {
            return Some(aborts);
        }
        if self.random.chance(rates.expelled) {
            return Some((Strike::Expelled, "expelled before a commit"));
        }
        if self.random.chance(rates.torn) {
            return Some((Strike::Torn(self.random.between(0, 31).unsigned_abs()), "transaction torn"));
        }
        self.random.chance(rates.timed_out).then_some((Strike::TimedOut, "timed out before a commit"))
    }
}
