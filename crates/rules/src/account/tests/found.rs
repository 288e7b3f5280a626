//! Commands that lie on the bus and that no state knows of: their numbers are given away, and no bar of theirs stays.

use super::*;

fn found(sequence: u64, what: FoundAction) -> Found {
    Found { sequence, what }
}

/// An account that was reminded and warned, and has said two commands.
fn warned() -> Life {
    let mut life = Life::new(consumer());
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life.until(at(30));
    assert_eq!((life.account.sequence, life.account.stage()), (2, Stage::Notified));
    life
}

#[test]
fn numbers_that_were_found_are_passed_over_and_bars_among_them_are_lifted_once() {
    use FoundAction::{Barred, Restored, Told};
    let bar = |sequence| command_id("acc-1", sequence);
    // What was found, the last number afterwards, and the bars that are lifted.
    let rows = [
        (vec![found(3, Told)], 3, vec![]),
        (vec![found(3, Barred)], 4, vec![bar(3)]),
        (vec![found(3, Told), found(4, Barred), found(5, Barred)], 6, vec![bar(4), bar(5)]),
        (vec![found(3, Barred), found(4, Restored(vec![bar(3)]))], 4, vec![]),
        (vec![found(3, Barred), found(4, Restored(vec![bar(1)]))], 5, vec![bar(3)]),
        // The state knows the second.
        (vec![found(2, Barred), found(3, Told)], 3, vec![]),
    ];
    for (found, sequence, lifted) in rows {
        let mut life = warned();
        let cycle = life.account.cycle.clone();
        let words = format!("{found:?}");
        assert_eq!(life.meet(&Event::Found(&found), at(31)), Outcome::Applied, "{words}");
        assert_eq!((life.account.sequence, life.account.line), (sequence, at(31)), "{words}");
        let last = life.said.last().map(|c| &c.action);
        match last {
            Some(Action::Restore { lifts, reason, .. }) => {
                assert_eq!((lifts, *reason), (&lifted, RestorationReason::Error), "{words}");
            }
            _ => assert!(lifted.is_empty(), "{words}"),
        }
        assert!(life.decided.iter().any(|d| d.code == Code::NumbersPassedOver), "{words}");
        assert_eq!(life.account.cycle, cycle, "{words}: it owes what it owed, and is where it was");
    }
}

#[test]
fn what_the_account_knows_already_changes_nothing() {
    let mut life = warned();
    let before = life.account.clone();
    let known = [found(1, FoundAction::Told), found(2, FoundAction::Barred)];
    for found in [&known[..], &[]] {
        assert_eq!(life.meet(&Event::Found(found), at(31)), Outcome::NoEffect(NoEffect::KnownCommand));
        assert_eq!(life.account, before);
    }
}
