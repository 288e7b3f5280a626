//! Transactions that the broker ends in pieces: nothing is missing afterwards, nothing is there twice, and a bar that no
//! state knows of is lifted.

use std::time::Duration;

use dunning_rules::{Body, Day, Zone};
use dunning_sim::{Tear, Topic};
use dunning_wire::command::ActionView;
use dunning_wire::deadletter;
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::gate::{BEFORE_BAR, before_the_bar, bill, is_barred, payment};
use crate::replay::{PARTITIONS, assert_oracle, feed, world};
use crate::world::World;

fn tear(topics: &[OutputTopic], offsets: bool) -> Tear {
    Tear { topics: topics.to_vec(), offsets }
}

fn torn(world: &World, what: &str) -> u64 {
    world.meters.torn.all().into_iter().find(|(word, _)| *word == what).map_or(0, |(_, n)| n)
}

/// Every participant by itself, and some together.
fn tears() -> Vec<Tear> {
    use OutputTopic::{Barring, Decisions, Notifications, Restoration, State};
    vec![
        tear(&[Notifications], false),
        tear(&[Barring], false),
        tear(&[Restoration], false),
        tear(&[State, Decisions], false),
        tear(&[], true),
        tear(&[State, Decisions], true),
        tear(&[Notifications, Barring, Restoration], true),
        tear(&[State, Decisions, Notifications], false),
    ]
}

#[test]
fn whatever_is_torn_the_commands_are_the_oracles() {
    let mut counted = (0, 0);
    for (i, tear) in tears().into_iter().enumerate() {
        for rounds in [2, 9, 17, 26] {
            let mut world = world();
            feed(&world, |_| true);
            world.lane(Some("w"));
            for _ in 0..rounds + i {
                world.turn().expect("a round");
            }
            world.bus.tear_next(tear.clone());
            world.settle();
            assert_oracle(&world, &format!("{tear:?} after {rounds} rounds"));
            counted.0 += torn(&world, "sent_again");
            counted.1 += torn(&world, "there_already");
            assert_eq!(torn(&world, "passed_over") + torn(&world, "lost"), 0);
        }
    }
    assert!(counted.0 > 50 && counted.1 > 50, "something was torn: {counted:?}");
}

#[test]
fn whoever_takes_over_on_another_machine_mends_it_too() {
    for tear in tears() {
        let mut world = world();
        world.disks = Some(std::collections::BTreeMap::new());
        feed(&world, |_| true);
        world.lane(Some("one"));
        for _ in 0..12 {
            world.turn().expect("a round");
        }
        world.bus.tear_next(tear.clone());
        world.until(|world| world.meters.transactions.all().iter().any(|(word, _)| *word == "unknown"));
        let mut dead = world.lanes.remove(0);
        dead.broker_mut().expel();
        drop(dead);
        world.lane(Some("two"));
        world.settle();
        assert_oracle(&world, &format!("{tear:?}"));
        assert_eq!(world.lanes[0].shards().count(), PARTITIONS as usize);
    }
}

/// Where each dead letter came from.
fn letters(world: &World) -> Vec<i64> {
    let records = world.bus.read(Topic::Out(OutputTopic::DeadLetters));
    let mut found: Vec<_> =
        records.iter().map(|(_, r)| deadletter::read(&r.headers).expect("a dead letter").offset).collect();
    found.sort_unstable();
    found
}

#[test]
fn dead_letters_are_neither_lost_nor_there_twice() {
    let long = vec![7; 20_000];
    for (topics, mended) in [
        (vec![OutputTopic::DeadLetters], "sent_again"),
        (vec![OutputTopic::State, OutputTopic::Decisions], "there_already"),
    ] {
        let mut world = before_the_bar(&["acc-1"], None);
        let at = dunning_engine::Clock::now(&world.clock);
        world.bus.tear_next(tear(&topics, false));
        for bad in [&b"no frame"[..], b"", &long] {
            world.bus.append_to(Topic::In(InputTopic::Payments), 0, Some(b"acc-1"), Some(bad), at, None);
        }
        world.settle();
        let kept = if mended == "sent_again" { 2 } else { 3 };
        assert_eq!(torn(&world, mended), kept, "{topics:?}");
        // One too long to be kept is gone from its topic, which is said; its account stays marked.
        assert_eq!((letters(&world).len() as u64, torn(&world, "lost")), (kept, 3 - kept));
        assert_eq!(world.stale("acc-1").len(), 3);
    }
}

#[test]
fn a_bar_without_state_is_lifted_where_the_customer_paid_meanwhile() {
    let mut world = before_the_bar(&["acc-1", "acc-2"], None);
    world.clock.advance_to(Zone::UTC.at(Day::from_epoch(20_042), 600));
    // The bars go out, and nothing else of the transaction does.
    let bus = world.bus.clone();
    world.until(|world| {
        bus.tear_next(tear(&[OutputTopic::State, OutputTopic::Decisions], true));
        world.commands().iter().any(|(topic, _)| *topic == OutputTopic::Barring)
    });
    let mut dead = world.lanes.remove(0);
    dead.broker_mut().expel();
    drop(dead);
    world.happens(InputTopic::Payments, "acc-1", payment());
    world.lane(Some("w"));
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(10));
        world.settle();
    }
    let steps = |account| world.steps(account)[BEFORE_BAR.len()..].to_vec();
    assert_eq!(steps("acc-1"), ["bar-outgoing", "restore"]);
    assert_eq!(steps("acc-2"), ["bar-outgoing"], "who still owes is barred, and told so once");
    let (_, lifted) = world.commands().into_iter().find(|(_, c)| c.step == "restore").expect("a restoration");
    let bar = world.commands().into_iter().find(|(_, c)| c.account_id == "acc-1" && c.step == "bar-outgoing");
    let ActionView::Restore { lifts, reason, .. } = lifted.action else { panic!("a restoration") };
    assert_eq!((lifts, reason), (vec![bar.expect("a bar").1.command_id], "ERROR"));
    assert_eq!((torn(&world, "passed_over"), torn(&world, "there_already")), (1, 1));
    assert!(world.decided("acc-1").contains(&"numbers_passed_over".to_owned()));
}

#[test]
fn another_command_never_takes_a_number_that_is_out() {
    let mut world = before_the_bar(&["acc-1"], None);
    world.clock.advance_to(Zone::UTC.at(Day::from_epoch(20_042), 600));
    world.until(|world| is_barred(world, "acc-1"));
    world.clock.advance(Duration::from_secs(2 * 86_400));
    // The restoration is out without its state; a reversal and a new look come before it would be made again.
    world.bus.tear_next(tear(&[OutputTopic::State, OutputTopic::Decisions], true));
    world.happens(InputTopic::Payments, "acc-1", payment());
    world.settle();
    assert_eq!(world.steps("acc-1").last().map(String::as_str), Some("restore"));
    assert_eq!(world.steps("acc-1").len(), BEFORE_BAR.len() + 2, "it is there once");
    assert_eq!(torn(&world, "there_already"), 1);
}

#[test]
fn what_is_decided_meanwhile_passes_over_the_numbers_that_are_out() {
    let mut world = before_the_bar(&["acc-1"], None);
    world.clock.advance_to(Zone::UTC.at(Day::from_epoch(20_042), 600));
    let bus = world.bus.clone();
    world.until(|world| {
        bus.tear_next(tear(&[OutputTopic::State, OutputTopic::Decisions], true));
        is_barred(world, "acc-1")
    });
    world.lanes.remove(0).broker_mut().expel();
    // The bar is paid for, and another bill is overdue by now: its notice comes before the bar would be given up.
    world.happens(InputTopic::Payments, "acc-1", payment());
    let Body::BillIssued { amount, currency, .. } = bill(0) else { panic!("a bill") };
    let due_on = Day::from_epoch(20_030);
    let (issued_on, bill_id, kind) = (due_on.plus(-14), "b2", "regular");
    let (terms, lines) = (vec![], vec![]);
    let later = Body::BillIssued { bill_id, amount, currency, issued_on, due_on, terms, lines, kind, origin: None };
    world.happens(InputTopic::Bills, "acc-1", later);
    world.lane(Some("w"));
    world.settle();
    let steps = world.steps("acc-1")[BEFORE_BAR.len()..].to_vec();
    // That bar was of the first bill; of the second nobody was warned.
    assert_eq!(steps, ["bar-outgoing", "restore", "final"]);
    assert_eq!((torn(&world, "passed_over"), torn(&world, "there_already")), (1, 0));
}

#[test]
fn outputs_that_are_read_slowly_are_compared_in_whole_before_anything_is_taken() {
    for tear in tears() {
        let mut world = world();
        feed(&world, |_| true);
        world.lane(Some("w"));
        for _ in 0..12 {
            world.turn().expect("a round");
        }
        world.bus.tear_next(tear.clone());
        world.until(|world| world.meters.transactions.all().iter().any(|(word, _)| *word == "unknown"));
        world.lanes[0].broker_mut().read_slowly(1);
        world.until(|world| world.lanes[0].shards().count() == PARTITIONS as usize);
        world.lanes[0].broker_mut().read_slowly(100);
        world.settle();
        assert_oracle(&world, &format!("{tear:?}"));
    }
}

#[test]
fn what_a_late_record_made_is_not_given_up_before_that_record_is_read_again() {
    let mut world = world();
    let start = dunning_engine::Clock::now(&world.clock);
    let day = |n: i64| start.plus(n * dunning_rules::DAY_MS);
    let tick =
        world.bytes(InputTopic::Usage, "tick", day(60), dunning_rules::Body::UsageRecorded(dunning_rules::Usage::NONE));
    world.bus.append_to(Topic::In(InputTopic::Usage), 0, Some(b"tick"), Some(&tick), day(60), None);
    world.lane(Some("w"));
    world.settle();
    // It happened long before the instant that the shard has reached, and its notices bear its own instant.
    let due = Zone::UTC.day_of(start).plus(-40);
    let bill = dunning_rules::Body::BillIssued {
        bill_id: "b1",
        amount: dunning_rules::Minor::new(50_000),
        currency: dunning_rules::Currency::parse("EUR").expect("a currency"),
        issued_on: due.plus(-14),
        due_on: due,
        terms: vec![],
        lines: vec![],
        kind: "regular",
        origin: None,
    };
    let bytes = world.bytes(InputTopic::Bills, "acc-1", day(1), bill);
    world.bus.tear_next(tear(&[OutputTopic::State, OutputTopic::Decisions], true));
    world.bus.append_to(Topic::In(InputTopic::Bills), 0, Some(b"acc-1"), Some(&bytes), day(1), None);
    world.settle();
    let steps = world.steps("acc-1");
    assert!(!steps.is_empty(), "it was told of at once");
    assert_eq!((torn(&world, "there_already"), torn(&world, "passed_over")), (steps.len() as u64, 0));
}
