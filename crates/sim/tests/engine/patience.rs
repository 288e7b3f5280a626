//! How long a lane waits for news, and what it does of itself between two transactions.

use std::time::Duration;

use dunning_engine::{ClockMode, Polled, Record, Settings, Source};
use dunning_rules::{Body, Day, Usage, Zone};
use dunning_sim::Topic;
use dunning_wire::state::CHECKPOINT_KEY;
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::gate::{before_the_bar, bill, is_barred, noon, profile};
use crate::replay::{PARTITIONS, feed};
use crate::rounds::keep_busy;
use crate::world::{World, policy_file, settings};

const WAIT: Duration = Duration::from_secs(1);

fn small(clock: ClockMode, policy: &str) -> Settings {
    Settings { batch_records: 10, ..settings(clock, policy_file(policy)) }
}

/// A round of the first lane that may wait for a second; how long it was ready to.
fn waits(world: &mut World) -> Duration {
    world.lanes[0].turn(WAIT).expect("a round");
    world.lanes[0].broker_mut().waited().expect("it polled")
}

#[test]
fn it_waits_while_there_is_nothing_to_do_and_not_while_there_is() {
    for (clock, policy) in [(ClockMode::Wall, "consumer"), (ClockMode::Stream, "reference")] {
        for topic in [InputTopic::Bills, InputTopic::Usage] {
            let mut world = World::new(1, small(clock, policy), noon(20_000));
            world.lane(None);
            let comes = |world: &mut World, n: usize| {
                let body = if topic == InputTopic::Bills { bill(20_010) } else { Body::UsageRecorded(Usage::NONE) };
                world.happens(topic, &format!("acc-{n}"), body);
            };
            // The first one brings its schema.
            comes(&mut world, 0);
            world.settle();
            assert_eq!(waits(&mut world), WAIT, "{clock:?}: nothing has come");
            (1..=35).for_each(|n| comes(&mut world, n));
            assert_eq!(waits(&mut world), WAIT, "{clock:?}: it does not know yet");
            for left in [25, 15, 5] {
                assert_eq!(waits(&mut world), Duration::ZERO, "{clock:?} {topic:?}: {left} are left");
            }
            assert_eq!(waits(&mut world), WAIT, "{clock:?}: all were taken");
        }
    }
}

#[test]
fn a_deadline_that_is_due_is_not_waited_with() {
    let mut world = before_the_bar(&["acc-1"], None);
    world.clock.advance_to(Zone::UTC.at(Day::from_epoch(20_042), 600).plus(-1));
    assert_eq!(waits(&mut world), WAIT);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(waits(&mut world), Duration::ZERO);
    // Not a millisecond later either: the clock stands still.
    waits(&mut world);
    assert!(is_barred(&world, "acc-1"));
}

#[test]
fn what_waits_for_a_commit_is_not_waited_beyond_it() {
    let mut world = World::new(1, settings(ClockMode::Wall, policy_file("consumer")), noon(20_000));
    world.lane(None);
    world.happens(InputTopic::Bills, "acc-0", bill(20_010));
    world.settle();
    keep_busy(&mut world);
    world.happens(InputTopic::Bills, "acc-1", bill(20_010));
    waits(&mut world);
    world.clock.advance(Duration::from_millis(30));
    assert_eq!(waits(&mut world), Duration::from_millis(70), "of the hundred of a batch");
}

#[test]
fn shards_are_opened_one_a_round_and_without_waiting() {
    let mut world = crate::replay::world();
    world.lane(None);
    assert_eq!(waits(&mut world), WAIT, "it has no shard yet");
    for _ in 1..PARTITIONS {
        assert_eq!(waits(&mut world), Duration::ZERO);
    }
    assert_eq!(waits(&mut world), WAIT, "all were opened: what they read is waited for");
}

#[test]
fn the_first_transaction_of_a_shard_is_its_checkpoint_alone() {
    let mut world = crate::replay::world();
    feed(&world, |_| true);
    world.lane(None);
    world.settle();
    let state = world.bus.read(Topic::Out(OutputTopic::State));
    for partition in 0..PARTITIONS {
        let mut of = state.iter().filter(|(p, _)| *p == partition).map(|(_, r)| r);
        let (first, second) = (of.next().expect("a checkpoint"), of.next().expect("a state"));
        assert_eq!(first.key.as_deref(), Some(CHECKPOINT_KEY));
        assert!(second.offset > first.offset + 1, "the end of a transaction lies between them");
    }
}

#[test]
fn accounts_beyond_the_bound_are_not_kept_in_memory() {
    let settings = Settings { live_accounts: 51, ..settings(ClockMode::Wall, policy_file("consumer")) };
    let mut world = World::new(2, settings, noon(20_000));
    world.lane(None);
    for n in 0..40 {
        world.happens(InputTopic::Bills, &format!("acc-{n}"), bill(20_010));
    }
    world.settle();
    let live: usize = world.lanes[0].live_accounts().sum();
    assert_eq!(live, 40, "all of them, while there is room");
    for n in 40..200 {
        world.happens(InputTopic::Bills, &format!("acc-{n}"), bill(20_010));
    }
    world.settle();
    let live: Vec<usize> = world.lanes[0].live_accounts().collect();
    assert_eq!(live, [25, 25], "each shard has its share");
}

#[test]
fn the_store_follows_when_it_is_time_or_when_much_waits_for_it() {
    // The bytes that may wait, and whether the store has followed after half a second and after one.
    for (flush_bytes, early, late) in [(64 << 20, false, true), (1, true, true)] {
        let settings = Settings { flush_bytes, ..settings(ClockMode::Wall, policy_file("consumer")) };
        let mut world = World::new(1, settings, noon(20_000));
        world.lane(None);
        world.settle();
        world.happens(InputTopic::Bills, "acc-0", bill(20_010));
        world.until(|world| !world.stores.rows(1, 0).is_empty());
        let before = world.stores.rows(1, 0);
        world.happens(InputTopic::Bills, "acc-1", bill(20_010));
        for (rounds, followed) in [(70, early), (150, late)] {
            for _ in 0..rounds {
                world.turn().expect("a round");
            }
            assert_eq!(world.stores.rows(1, 0) != before, followed, "{flush_bytes} bytes, after {rounds} rounds");
        }
    }
}

#[test]
fn a_store_that_has_much_to_follow_does_it_in_pieces() {
    let mut world = World::new(1, settings(ClockMode::Wall, policy_file("consumer")), noon(20_000));
    world.lane(None);
    world.settle();
    for n in 0..35 {
        world.happens(InputTopic::Bills, &format!("acc-{n}"), bill(20_010));
    }
    let (mut rows, mut most) = (0, 0);
    world.until(|world| !world.stores.rows(1, 0).is_empty());
    for _ in 0..20 {
        let now = world.stores.rows(1, 0).len();
        most = most.max(now - rows);
        rows = now;
        world.turn().expect("a round");
    }
    assert!(rows > 35 && most <= 11, "{most} of {rows} rows at once: ten accounts, and the store's place");
}

#[test]
fn profiles_are_read_to_their_end_before_anything_else_on_the_first_run_and_only_then() {
    let mut world = World::new(1, small(ClockMode::Wall, "consumer"), noon(20_000));
    for n in 0..40 {
        world.happens(InputTopic::Bills, &format!("acc-{n}"), bill(20_010));
    }
    world.clock.advance(WAIT);
    for n in 0..40 {
        world.happens(InputTopic::Accounts, &format!("acc-{n}"), profile());
    }
    world.lane(Some("w"));
    let is_read = |world: &World, topic| world.bus.committed(topic, 0) == Some(world.bus.end_of(Topic::In(topic), 0));
    world.until(|world| world.bus.committed(InputTopic::Bills, 0).is_some_and(|next| next > 0));
    assert!(is_read(&world, InputTopic::Accounts), "bills that are older wait for them");
    world.settle();
    // Later they come as everything does.
    world.happens(InputTopic::Bills, "acc-50", bill(20_010));
    world.clock.advance(WAIT);
    for n in 0..40 {
        world.happens(InputTopic::Accounts, &format!("acc-{n}"), profile());
    }
    world.until(|world| is_read(world, InputTopic::Bills));
    assert!(!is_read(&world, InputTopic::Accounts));
}

#[test]
fn a_leftover_of_an_earlier_reading_changes_no_shard_that_runs() {
    let mut world = before_the_bar(&["acc-1"], None);
    let old = world.bus.read(Topic::Out(OutputTopic::State));
    let (_, first) = old.iter().find(|(_, r)| r.key.as_deref() == Some(b"acc-1")).expect("a state");
    let before = world.meters.restored.get();
    let key = first.key.as_deref();
    let record = Record::new(Source::State, 0, first.offset, first.timestamp, key, first.value.as_deref());
    world.lanes[0].broker_mut().echo(Polled::Record(record));
    world.settle();
    assert_eq!(world.meters.restored.get(), before);
    world.clock.advance(Duration::from_secs(2 * 86_400));
    world.settle();
    assert!(is_barred(&world, "acc-1"), "what was known is known");
}
