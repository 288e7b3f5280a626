//! Questions to a lane, and what it does between two transactions.

use std::time::Duration;

use dunning_engine::{Answer, ClockMode, Known};
use dunning_rules::Stage;
use dunning_sim::Topic;
use dunning_wire::topic::InputTopic;

use crate::gate::{bill, noon, payment};
use crate::world::{World, policy_file, settings};

/// A world in which accounts have a bill that is due on a day, fifteen days later.
fn world(accounts: &[String], due: i32) -> World {
    let mut world = World::new(1, settings(ClockMode::Wall, policy_file("consumer")), noon(20_000));
    world.lane(Some("w"));
    for account in accounts {
        world.happens(InputTopic::Bills, account, bill(due));
    }
    world.settle();
    for day in 20_001..=20_015 {
        world.clock.advance_to(noon(day));
        world.settle();
    }
    world
}

fn known(world: &mut World, account: &str) -> Known {
    match world.ask(account) {
        Answer::Account(known) => *known,
        other => panic!("{account} is not known: {other:?}"),
    }
}

#[test]
fn who_asks_is_told_what_is_committed_also_after_everything_here_was_lost() {
    let mut world = world(&["acc-1".to_owned()], 20_010);
    let before = known(&mut world, "acc-1");
    assert_eq!((before.account.stage(), before.partition, before.shard_stale), (Stage::Notified, 0, false));
    assert_eq!(before.decisions.len(), 2, "the cycle, and its first notice");
    let transactions = world.transactions();
    assert!(matches!(world.ask("acc-2"), Answer::NotHere));
    assert_eq!(world.transactions(), transactions, "to ask changes nothing");
    world.restart(usize::MAX);
    let after = known(&mut world, "acc-1");
    assert_eq!((after.account, after.decisions), (before.account.clone(), before.decisions.clone()));
    assert_eq!((after.clock, world.meters.offsets_differed.get()), (before.clock, 0));
    // On another machine, which has nothing but what is on the bus.
    world.stores = dunning_sim::MemoryStores::new();
    world.restart(0);
    let after = known(&mut world, "acc-1");
    assert_eq!((after.account, after.decisions), (before.account, before.decisions));
}

#[test]
fn a_record_that_cannot_be_read_at_all_shows_in_every_account_of_its_shard() {
    let mut world = world(&["acc-1".to_owned()], 20_010);
    let at = dunning_engine::Clock::now(&world.clock);
    world.bus.append(InputTopic::Payments, b"\xff", Some(b"no frame"), at);
    world.settle();
    let known = known(&mut world, "acc-1");
    assert!(known.shard_stale && known.stale.is_empty());
}

#[test]
fn the_store_follows_by_itself_so_that_little_is_read_again() {
    let accounts: Vec<String> = (0..40).map(|n| format!("acc-{n}")).collect();
    let mut world = world(&accounts, 20_010);
    // How far the state topic was when a transaction began is known once the next one is committed.
    for account in &accounts[..3] {
        world.happens(InputTopic::Payments, account, payment());
        world.clock.advance(Duration::from_secs(2));
        world.settle();
    }
    let before = world.meters.restored.get();
    world.restart(0);
    assert!(world.meters.restored.get() - before <= 6, "{} were read again", world.meters.restored.get() - before);
    assert_eq!(known(&mut world, "acc-39").account.stage(), Stage::Notified);
}

#[test]
fn offsets_are_committed_now_and_then_although_nothing_happens() {
    let mut world = world(&["acc-1".to_owned()], 21_000);
    let ends = |world: &World| world.bus.each(Topic::In(InputTopic::Bills), 0, 0, |_| {});
    let before = world.transactions();
    for (hours, more) in [(11, 0), (2, 1), (11, 1), (2, 2)] {
        world.clock.advance(Duration::from_secs(hours * 3_600));
        world.settle();
        assert_eq!(world.transactions() - before, more, "after {hours} more hours");
    }
    assert_eq!(world.bus.committed(InputTopic::Bills, 0), Some(ends(&world)));
}
