//! The gate: a bar that fell due goes only when everything that decides was read past the ends noted after it fell due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dunning_rules::{DAY_MS, Hold, Timestamp};
use dunning_wire::state::GateCounters;
use dunning_wire::topic::InputTopic;

use crate::Ends;
use crate::memory::SlotId;

/// An hour, in milliseconds: the window of the budget.
pub const WINDOW_MS: i64 = DAY_MS / 24;

/// Bars that wait behind one look at the inputs' ends.
#[derive(Debug)]
struct Look {
    number: u64,
    ends: Vec<Ends>,
    /// Those of which `Gate::behind` still says that they wait here: a bar that was dropped, and fell due once more, waits
    /// for ends that were asked for after that.
    bars: Vec<SlotId>,
    since: Duration,
    /// Its bars were told that the inputs are behind.
    told: bool,
}

/// The bars of a shard that wait.
#[derive(Debug, Default)]
pub struct Gate {
    /// Fell due after the last look at the ends.
    fresh: BTreeSet<SlotId>,
    looks: Vec<Look>,
    /// The number of the last look.
    last: u64,
    /// The look behind which each bar waits.
    behind: BTreeMap<SlotId, u64>,
    /// Held by the engine, with the reason.
    held: BTreeMap<SlotId, Hold>,
}

impl Gate {
    /// A bar fell due, or is to be looked at again.
    pub fn add(&mut self, bar: SlotId) {
        self.remove(bar);
        self.fresh.insert(bar);
    }

    /// A bar is gone: sent, dropped, or held by its own account.
    pub fn remove(&mut self, bar: SlotId) {
        self.held.remove(&bar);
        self.fresh.remove(&bar);
        self.behind.remove(&bar);
    }

    /// True where the ends have to be asked for.
    pub fn wants_ends(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Takes the bars that wait for their first look: under clock `stream` nothing has to be read first.
    pub fn take_fresh(&mut self) -> BTreeSet<SlotId> {
        std::mem::take(&mut self.fresh)
    }

    /// The ends were asked for after every fresh bar fell due.
    pub fn look(&mut self, ends: Vec<Ends>, now: Duration) {
        let bars: Vec<_> = std::mem::take(&mut self.fresh).into_iter().collect();
        self.last += 1;
        let number = self.last;
        self.behind.extend(bars.iter().map(|bar| (*bar, number)));
        self.looks.push(Look { number, ends, bars, since: now, told: false });
    }

    /// The bars that have waited for their inputs so long that it should be said, each once.
    pub fn late(&mut self, now: Duration, after: Duration) -> Vec<SlotId> {
        let late = self.looks.iter_mut().filter(|l| !l.told && now.saturating_sub(l.since) >= after);
        late.flat_map(|l| {
            l.told = true;
            l.bars.iter().copied().filter(|bar| self.behind.get(bar) == Some(&l.number))
        })
        .collect()
    }

    /// Takes the bars whose look is behind the positions reached.
    pub fn ready(&mut self, position: impl Fn(InputTopic) -> i64) -> Vec<SlotId> {
        let (mut ready, behind) = (Vec::new(), &mut self.behind);
        self.looks.retain(|look| {
            let reached = look.ends.iter().filter(|e| e.topic.decides()).all(|e| position(e.topic) >= e.uncommitted);
            if reached {
                let here = look.bars.iter().filter(|bar| behind.get(*bar) == Some(&look.number));
                ready.extend(here);
            }
            !reached
        });
        for bar in &ready {
            behind.remove(bar);
        }
        ready
    }

    /// The engine holds a bar.
    pub fn hold(&mut self, bar: SlotId, hold: Hold) {
        self.held.insert(bar, hold);
    }

    /// Bars held for a reason that may have gone are looked at again.
    pub fn again(&mut self, may_have_gone: impl Fn(Hold) -> bool) {
        let fresh = &mut self.fresh;
        self.held.retain(|bar, hold| {
            let again = may_have_gone(*hold);
            if again {
                fresh.insert(*bar);
            }
            !again
        });
    }

    /// How many bars wait for the first look, and how many are held, by reason.
    pub fn waiting(&self) -> (usize, impl Iterator<Item = Hold>) {
        (self.fresh.len() + self.behind.len(), self.held.values().copied())
    }
}

/// Whether one more bar fits the budget, counted in windows of an hour.
pub fn fits_budget(counters: &mut GateCounters, most: Option<u64>, now: Timestamp) -> bool {
    if now.since(counters.window_start) >= WINDOW_MS {
        counters.window_start = now;
        counters.bars = 0;
    }
    let released = counters.released_until.is_some_and(|until| now < until);
    released || most.is_none_or(|most| counters.bars < most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(uncommitted: i64) -> Vec<Ends> {
        let of = |topic, uncommitted| Ends { topic, uncommitted, stable: 0 };
        vec![of(InputTopic::Payments, uncommitted), of(InputTopic::Usage, 1_000)]
    }

    #[test]
    fn a_bar_is_ready_once_everything_that_decides_was_read_and_usage_does_not_decide() {
        let mut gate = Gate::default();
        gate.add(1);
        assert!(gate.wants_ends());
        gate.look(ends(5), Duration::ZERO);
        gate.add(2);
        assert!(gate.ready(|_| 4).is_empty());
        assert_eq!(gate.ready(|_| 5), [1]);
        assert!(gate.wants_ends());
        gate.look(ends(9), Duration::ZERO);
        assert_eq!(gate.ready(|_| 9), [2]);
    }

    #[test]
    fn a_bar_waits_in_one_place_and_leaves_from_it() {
        let mut gate = Gate::default();
        assert!(!gate.wants_ends(), "nothing waits, and nobody has to be asked");
        gate.add(1);
        gate.add(2);
        gate.remove(1);
        assert_eq!(gate.take_fresh(), BTreeSet::from([2]));
        assert!(!gate.wants_ends(), "they were taken");
        gate.hold(3, Hold::Budget);
        gate.hold(4, Hold::ClockDoubt);
        gate.hold(5, Hold::ClockDoubt);
        gate.remove(5);
        gate.again(|hold| hold == Hold::ClockDoubt);
        assert_eq!(gate.take_fresh(), BTreeSet::from([4]));
        gate.add(3);
        let (waiting, held) = gate.waiting();
        assert_eq!((waiting, held.count()), (1, 0), "what is looked at again is held no more");
    }

    #[test]
    fn a_bar_that_falls_due_once_more_waits_for_ends_that_were_asked_for_after_that() {
        for dropped in [true, false] {
            let (mut gate, after) = (Gate::default(), Duration::from_secs(60));
            gate.add(1);
            gate.add(2);
            gate.look(ends(5), Duration::ZERO);
            if dropped {
                gate.remove(1);
                assert_eq!((gate.waiting().0, gate.wants_ends()), (1, false));
            }
            gate.add(1);
            assert_eq!(gate.late(Duration::from_secs(60), after), [2]);
            assert_eq!(gate.ready(|_| 5), [2], "the old look is not that of the bar that falls due now");
            gate.look(ends(9), Duration::ZERO);
            assert!(gate.ready(|_| 8).is_empty());
            assert_eq!(gate.ready(|_| 9), [1]);
            assert_eq!(gate.waiting().0, 0);
        }
    }

    #[test]
    fn bars_that_wait_long_for_their_inputs_are_told_once() {
        let (mut gate, after) = (Gate::default(), Duration::from_secs(60));
        gate.add(1);
        gate.look(ends(5), Duration::from_secs(10));
        gate.add(2);
        gate.look(ends(5), Duration::from_secs(20));
        for (now, told) in [(69, vec![]), (70, vec![1]), (79, vec![]), (80, vec![2]), (900, vec![])] {
            assert_eq!(gate.late(Duration::from_secs(now), after), told, "after {now} s");
        }
        assert_eq!(gate.waiting().0, 2, "they wait on");
    }

    #[test]
    fn the_budget_fills_and_opens_again_with_the_next_window() {
        let mut counters = GateCounters { window_start: Timestamp::from_millis(0), bars: 2, released_until: None };
        let at = |ms| Timestamp::from_millis(ms);
        assert_eq!(Duration::from_millis(WINDOW_MS.unsigned_abs()), Duration::from_secs(3_600));
        assert!(fits_budget(&mut counters, Some(3), at(10)));
        counters.bars = 3;
        assert!(!fits_budget(&mut counters, Some(3), at(WINDOW_MS - 1)));
        assert!(fits_budget(&mut counters, None, at(10)));
        counters.released_until = Some(at(500));
        assert!(fits_budget(&mut counters, Some(3), at(499)));
        assert!(!fits_budget(&mut counters, Some(3), at(500)));
        assert!(fits_budget(&mut counters, Some(3), at(WINDOW_MS)));
    }
}
