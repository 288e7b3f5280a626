//! Dead letters that are put back, and what becomes of the bars that they held.

use std::time::Duration;

use dunning_rules::{Body, Currency, Minor};
use dunning_sim::{Logged, Topic};
use dunning_wire::control::ControlBody;
use dunning_wire::deadletter::{self, Place};
use dunning_wire::topic::{InputTopic, OutputTopic, schema_text};

use crate::gate::{BEFORE_BAR, DAY, before_the_bar, is_barred, order, payment};
use crate::world::World;

/// A schema that the registry does not have yet.
const UNKNOWN: u8 = 0xee;

/// Appends a payment whose schema the registry does not know; it was paid by a customer whose bar falls due the next day,
/// and no bar came.
fn unread_payment(world: &mut World, account: &str, body: Body<'_>) {
    let at = dunning_engine::Clock::now(&world.clock);
    let mut bytes = world.bytes(InputTopic::Payments, account, at, body);
    bytes[4] = UNKNOWN;
    world.bus.append(InputTopic::Payments, account.as_bytes(), Some(&bytes), at);
    world.clock.advance(DAY);
    // Longer than an unknown schema is asked for.
    world.settle();
    world.clock.advance(Duration::from_secs(6));
    world.settle();
    assert_eq!(world.dead_letters(), ["unknown_schema"]);
    assert!(!is_barred(world, account));
    assert_eq!(world.decided(account).last().map(String::as_str), Some("bar_held stale_account"));
}

/// The registry learns the schema; what is known of an id is asked for again after a while.
fn repair(world: &mut World) {
    world.bus.register(u32::from(UNKNOWN), schema_text("billing.payments").expect("a schema"));
    world.clock.advance(Duration::from_secs(3_600));
}

/// Puts the last dead letter back, as `dunning deadletters replay` does. Gives its offset.
fn replay(world: &World) -> i64 {
    let (shard, letter) = world.bus.read(Topic::Out(OutputTopic::DeadLetters)).pop().expect("a dead letter");
    let marks = deadletter::read(&letter.headers).expect("marks");
    let topic = InputTopic::from_contract_name(&marks.topic).expect("a topic");
    let place = Place { topic, partition: shard, offset: marks.offset };
    let headers = deadletter::replay_headers(place, &letter.headers);
    world.bus.append_record(Topic::In(topic), shard, Logged { headers, ..letter })
}

fn part(cents: i64) -> Body<'static> {
    let currency = Currency::parse("EUR").expect("a currency");
    Body::PaymentReceived { payment_id: "part", amount: Minor::new(cents), currency, bill_id: None, command_id: None }
}

#[test]
fn a_payment_that_is_put_back_takes_effect_and_no_bar_comes() {
    let mut world = before_the_bar(&["acc-1", "acc-2"], None);
    unread_payment(&mut world, "acc-1", payment());
    repair(&mut world);
    world.restart(usize::MAX);
    replay(&world);
    world.settle();
    assert_eq!(world.decided("acc-1").last().map(String::as_str), Some("cycle_ended"));
    assert_eq!((world.stale("acc-1"), world.steps("acc-1")), (vec![], BEFORE_BAR.map(String::from).to_vec()));
    // A second copy is known already.
    replay(&world);
    world.settle();
    assert_eq!((world.dead_letters().len(), world.meters.no_effects.all()), (1, vec![("repeated_event", 1)]));
    assert!(is_barred(&world, "acc-2"), "the other customer did not pay");
}

#[test]
fn who_still_owes_after_the_replay_is_barred_at_last() {
    let mut world = before_the_bar(&["acc-1"], None);
    unread_payment(&mut world, "acc-1", part(100));
    repair(&mut world);
    replay(&world);
    world.settle();
    assert!(world.stale("acc-1").is_empty());
    assert!(is_barred(&world, "acc-1"), "the mark is gone, and with it the reason to wait");
}

#[test]
fn what_is_refused_again_leaves_one_mark_that_can_be_released() {
    let mut world = before_the_bar(&["acc-1"], None);
    unread_payment(&mut world, "acc-1", payment());
    let again = replay(&world);
    world.settle();
    world.clock.advance(Duration::from_secs(6));
    world.settle();
    assert_eq!(world.dead_letters(), ["unknown_schema"; 2]);
    let (_, letter) = world.bus.read(Topic::Out(OutputTopic::DeadLetters)).pop().expect("a dead letter");
    assert_eq!(deadletter::replayed(&letter.headers).map(|p| p.offset), Some(0), "it still says whose replay it is");
    assert_eq!(deadletter::read(&letter.headers).map(|m| m.offset), Some(again));
    world.restart(usize::MAX);
    assert_eq!((world.stale("acc-1"), is_barred(&world, "acc-1")), (vec![again], false));
    let account_id = Some("acc-1".to_owned());
    order(&world, ControlBody::StaleReleased { account_id, topic: InputTopic::Payments, offset: again });
    world.settle();
    assert!(is_barred(&world, "acc-1"));
}

#[test]
fn what_names_a_record_of_another_partition_or_a_later_one_lifts_nothing() {
    let mut world = before_the_bar(&["acc-1"], None);
    unread_payment(&mut world, "acc-1", payment());
    let at = dunning_engine::Clock::now(&world.clock);
    let place = Place { topic: InputTopic::Payments, partition: 0, offset: 0 };
    let others = [
        Place { partition: 1, ..place },
        Place { topic: InputTopic::Bills, ..place },
        Place { offset: i64::MAX, ..place },
    ];
    for other in others {
        let value = world.bytes(InputTopic::Payments, "acc-1", at, part(1));
        let headers = deadletter::note_headers(other).to_vec();
        let (key, value) = (Some(b"acc-1".as_slice().into()), Some(value.into()));
        let record = Logged { offset: 0, timestamp: at, key, value, headers };
        world.bus.append_record(Topic::In(InputTopic::Payments), 0, record);
    }
    world.settle();
    assert_eq!((world.stale("acc-1"), is_barred(&world, "acc-1")), (vec![0], false));
}
