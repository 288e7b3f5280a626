//! Clock `wall`: bars only when everything that was there has been read, restorations at once.

use std::time::Duration;

use dunning_engine::ClockMode;
use dunning_rules::{Body, Currency, Day, Minor, Profile, Timestamp, Zone};
use dunning_sim::{Topic, Transaction};
use dunning_wire::control::{self, ControlBody, ControlEvent};
use dunning_wire::frame;
use dunning_wire::schema::embedded_id;
use dunning_wire::state::StaleMark;
use dunning_wire::topic::InputTopic;

use crate::world::{World, policy_file, settings};

pub const DAY: Duration = Duration::from_secs(86_400);
pub const BEFORE_BAR: [&str; 4] = ["reminder", "warning", "final", "final-full"];

pub fn noon(day: i32) -> Timestamp {
    Zone::UTC.start_of_day(Day::from_epoch(day)).plus(12 * 3_600_000)
}

pub fn profile() -> Body<'static> {
    Body::Profile(Box::new(Profile {
        segment: "consumer".into(),
        region: "DE".into(),
        risk_class: "".into(),
        language: "de".into(),
        zone: Zone::UTC,
        vulnerable: false,
        customer_since: None,
        contacts: vec![],
        services: vec![],
        payment_link: None,
        status: "active".into(),
        facts: None,
    }))
}

pub fn bill(due: i32) -> Body<'static> {
    Body::BillIssued {
        bill_id: "b1",
        amount: Minor::new(20_000),
        currency: Currency::parse("EUR").expect("a currency"),
        issued_on: Day::from_epoch(due - 14),
        due_on: Day::from_epoch(due),
        terms: vec![],
        lines: vec![],
        kind: "regular",
        origin: None,
    }
}

pub fn payment() -> Body<'static> {
    Body::PaymentReceived {
        payment_id: "p1",
        amount: Minor::new(20_000),
        currency: Currency::parse("EUR").expect("a currency"),
        bill_id: None,
        command_id: None,
    }
}

/// A world in which the accounts' bills were due on day 20,010 and every step before the first bar was sent; the bar
/// falls due on day 20,042 at 10:00.
pub fn before_the_bar(accounts: &[&str], bars_per_hour: Option<u64>) -> World {
    let mut settings = settings(ClockMode::Wall, policy_file("consumer"));
    settings.bars_per_hour = bars_per_hour;
    let mut world = World::new(1, settings, noon(20_000));
    world.lane(Some("w"));
    for account in accounts {
        world.happens(InputTopic::Accounts, account, profile());
        world.happens(InputTopic::Bills, account, bill(20_010));
    }
    world.settle();
    for day in 20_001..=20_041 {
        world.clock.advance_to(noon(day));
        world.settle();
    }
    for account in accounts {
        assert_eq!(world.steps(account), BEFORE_BAR);
    }
    world
}

/// A payment that is on the bus, in a transaction that nobody can read yet.
fn pays_in_an_open_transaction(world: &mut World, account: &str) -> Transaction {
    let upstream = world.bus.begin();
    let at = dunning_engine::Clock::now(&world.clock);
    let bytes = world.bytes(InputTopic::Payments, account, at, payment());
    let topic = Topic::In(InputTopic::Payments);
    world.bus.append_to(topic, 0, Some(account.as_bytes()), Some(&bytes), at, Some(upstream));
    upstream
}

pub fn is_barred(world: &World, account: &str) -> bool {
    world.steps(account).iter().any(|s| s.starts_with("bar"))
}

#[test]
fn a_bar_comes_when_it_is_due_and_a_payment_lifts_it_at_once() {
    let mut world = before_the_bar(&["acc-1"], None);
    let due = Zone::UTC.at(Day::from_epoch(20_042), 600);
    world.clock.advance_to(due.plus(-1));
    world.turn().expect("a round");
    assert!(!is_barred(&world, "acc-1"));
    world.clock.advance_to(due);
    for _ in 0..10 {
        world.turn().expect("a round");
    }
    let bar = world.commands().into_iter().map(|(_, c)| c).find(|c| c.step == "bar-outgoing").expect("barred at once");
    assert!(bar.decided_at.since(due) < 1_000);
    world.happens(InputTopic::Payments, "acc-1", payment());
    for _ in 0..5 {
        world.turn().expect("a round");
    }
    assert_eq!(world.steps("acc-1").last().map(String::as_str), Some("restore"));
    let (commands, count, _) = (world.commands(), world.meters.payment_to_restoration.snapshot().1, 0);
    assert_eq!((commands.len(), count), (6, 1));
}

#[test]
fn a_payment_that_came_while_nothing_ran_is_never_answered_with_a_bar() {
    let mut world = before_the_bar(&["acc-1", "acc-2"], None);
    world.lanes.remove(0).stop().expect("a clean stop");
    world.clock.advance(DAY);
    world.happens(InputTopic::Payments, "acc-1", payment());
    world.clock.advance(DAY);
    world.lane(Some("w"));
    world.settle();
    assert!(!is_barred(&world, "acc-1"));
    assert!(is_barred(&world, "acc-2"), "who did not pay is barred");
}

#[test]
fn a_payment_in_an_open_transaction_holds_the_bar() {
    let mut world = before_the_bar(&["acc-1"], None);
    let upstream = pays_in_an_open_transaction(&mut world, "acc-1");
    world.clock.advance(DAY);
    world.settle();
    assert!(!is_barred(&world, "acc-1"), "the payment is on the bus, though nobody can read it yet");
    assert_eq!(world.meters.bars_waiting[0].get(), 1);
    world.clock.advance(Duration::from_secs(60));
    world.settle();
    assert_eq!(world.decided("acc-1").last().map(String::as_str), Some("bar_held inputs_behind"));
    world.bus.end(upstream, true);
    world.settle();
    assert_eq!(world.steps("acc-1"), BEFORE_BAR);
    assert_eq!(world.decided("acc-1").last().map(String::as_str), Some("cycle_ended"));
}

#[test]
fn an_upstream_transaction_that_is_aborted_lets_the_bar_go() {
    let mut world = before_the_bar(&["acc-1"], None);
    let upstream = pays_in_an_open_transaction(&mut world, "acc-1");
    world.clock.advance(DAY);
    world.settle();
    world.bus.end(upstream, false);
    world.settle();
    assert!(is_barred(&world, "acc-1"));
}

#[test]
fn a_transaction_that_was_open_at_the_start_holds_deadlines_and_a_gauge_says_so() {
    let mut world = before_the_bar(&["acc-1"], None);
    world.lanes.remove(0).stop().expect("a clean stop");
    let upstream = pays_in_an_open_transaction(&mut world, "acc-1");
    world.clock.advance(DAY);
    world.lane(Some("w"));
    world.settle();
    assert_eq!((is_barred(&world, "acc-1"), world.meters.shards_behind.get()), (false, 1));
    world.bus.end(upstream, true);
    world.settle();
    assert_eq!((world.steps("acc-1"), world.meters.shards_behind.get()), (BEFORE_BAR.map(String::from).to_vec(), 0));
}

#[test]
fn a_payment_that_cannot_be_read_holds_the_bar_until_it_is_released() {
    let mut world = before_the_bar(&["acc-1", "acc-2"], None);
    let at = dunning_engine::Clock::now(&world.clock);
    world.bus.append(InputTopic::Payments, b"acc-1", Some(b"garbage"), at);
    world.clock.advance(DAY);
    world.settle();
    assert!(!is_barred(&world, "acc-1") && is_barred(&world, "acc-2"));
    assert_eq!(world.decided("acc-1").last().map(String::as_str), Some("bar_held stale_account"));
    // The mark outlives a restart from nothing but the bus.
    world.lanes.remove(0).broker_mut().expel();
    world.stores.crash(usize::MAX);
    world.lane(Some("w"));
    world.settle();
    assert!(!is_barred(&world, "acc-1"));
    let mark = StaleMark { topic: InputTopic::Payments, offset: 0 };
    order(
        &world,
        ControlBody::StaleReleased { account_id: Some("acc-1".to_owned()), topic: mark.topic, offset: mark.offset },
    );
    world.settle();
    assert!(is_barred(&world, "acc-1"));
}

pub fn order(world: &World, body: ControlBody) {
    let at = dunning_engine::Clock::now(&world.clock);
    let mut value = Vec::new();
    frame::put_header(&mut value, embedded_id("dunning.control"));
    let order = ControlEvent {
        control_id: "c1".into(),
        occurred_at: at,
        actor: "a person".into(),
        reason: "looked".into(),
        body,
    };
    control::encode(&order, &mut value);
    world.bus.append_to(Topic::In(InputTopic::Control), 0, Some(b"order"), Some(&value), at, None);
}

#[test]
fn a_record_of_nobody_knows_whom_holds_every_bar_of_the_shard() {
    let mut world = before_the_bar(&["acc-1", "acc-2"], None);
    let at = dunning_engine::Clock::now(&world.clock);
    world.bus.append_to(Topic::In(InputTopic::Payments), 0, Some(b"\xff\xfe"), Some(b"x"), at, None);
    world.clock.advance(DAY);
    world.settle();
    assert!(!is_barred(&world, "acc-1") && !is_barred(&world, "acc-2"));
    // That of another record, and one record twice: neither lifts what holds them.
    for offset in [1, 7, 7] {
        order(&world, ControlBody::StaleReleased { account_id: None, topic: InputTopic::Payments, offset });
    }
    world.settle();
    assert!(!is_barred(&world, "acc-1") && !is_barred(&world, "acc-2"));
    order(&world, ControlBody::StaleReleased { account_id: None, topic: InputTopic::Payments, offset: 0 });
    world.settle();
    assert!(is_barred(&world, "acc-1") && is_barred(&world, "acc-2"));
}

#[test]
fn more_records_of_nobody_than_are_remembered_are_all_waited_for() {
    let mut world = before_the_bar(&["acc-1"], None);
    let at = dunning_engine::Clock::now(&world.clock);
    for _ in 0..103 {
        world.bus.append_to(Topic::In(InputTopic::Payments), 0, Some(b"\xff"), Some(b"x"), at, None);
    }
    world.settle();
    let checkpoint = world.checkpoint(0);
    assert_eq!((checkpoint.stale_records.len(), checkpoint.stale_count), (100, 103));
    world.restart(usize::MAX);
    world.clock.advance(DAY);
    // The last ones are not remembered, and counted down all the same.
    for (offsets, barred) in [(100..103, false), (0..99, false), (99..100, true)] {
        for offset in offsets {
            order(&world, ControlBody::StaleReleased { account_id: None, topic: InputTopic::Payments, offset });
        }
        world.settle();
        assert_eq!(is_barred(&world, "acc-1"), barred);
    }
}

#[test]
fn a_bar_that_waits_is_known_to_the_gate_after_a_restart_from_the_store_and_from_the_topic() {
    for loses in [0, usize::MAX] {
        let mut world = before_the_bar(&["acc-1"], None);
        if loses > 0 {
            // Whoever comes after it has another disk.
            world.stores = dunning_sim::MemoryStores::new();
        }
        let upstream = pays_in_an_open_transaction(&mut world, "acc-1");
        world.clock.advance(DAY);
        world.settle();
        assert!(!is_barred(&world, "acc-1"));
        // The store follows to behind the bar's state: other accounts' records prove its place.
        for n in 0..5 {
            world.happens(InputTopic::Bills, &format!("acc-{}", 10 + n), bill(21_000));
            world.clock.advance(Duration::from_secs(2));
            world.settle();
        }
        let before = world.meters.restored.get();
        world.restart(loses);
        assert_eq!(world.meters.restored.get() - before < 5, loses == 0, "the bar's state is in the store");
        world.bus.end(upstream, false);
        world.settle();
        assert!(is_barred(&world, "acc-1"));
    }
}

#[test]
fn a_doubtful_clock_holds_bars_and_no_restoration() {
    let mut world = before_the_bar(&["acc-1", "acc-2"], None);
    world.clock.set_doubtful(true);
    world.clock.advance(DAY);
    world.settle();
    assert!(!is_barred(&world, "acc-1"));
    assert_eq!(world.decided("acc-1").last().map(String::as_str), Some("bar_held clock_doubt"));
    world.happens(InputTopic::Payments, "acc-2", payment());
    world.settle();
    assert_eq!(world.decided("acc-2").last().map(String::as_str), Some("cycle_ended"));
    world.clock.set_doubtful(false);
    world.settle();
    assert!(is_barred(&world, "acc-1") && !is_barred(&world, "acc-2"));
}

/// Two accounts that are barred, at noon of that day; the bus keeps its own time. Gives the instant of the next bar, too:
/// the day 20,052 at 10:00.
fn barred_in_time() -> (World, Timestamp) {
    let mut world = before_the_bar(&["acc-1", "acc-2"], None);
    world.bus.keep_time(noon(20_000), &world.clock);
    world.clock.advance_to(noon(20_042));
    world.settle();
    for account in ["acc-1", "acc-2"] {
        assert_eq!(world.steps(account).last().map(String::as_str), Some("bar-outgoing"), "the clocks agree");
    }
    let due = Zone::UTC.at(Day::from_epoch(20_052), 600);
    world.clock.advance_to(due.plus(-7_200_000));
    world.settle();
    (world, due)
}

/// The machine was started anew, and its wall clock is away by so many milliseconds.
fn begins_anew(world: &mut World, away: i64) {
    world.lanes.remove(0).stop().expect("a clean stop");
    let now = dunning_engine::Clock::now(&world.clock);
    world.clock.set_wall(now.plus(away));
    world.lane(Some("w"));
    world.settle();
}

#[test]
fn a_clock_that_is_an_hour_ahead_from_the_start_bars_nobody_early_and_restores_at_once() {
    const HOUR: i64 = 3_600_000;
    let (mut world, due) = barred_in_time();
    begins_anew(&mut world, HOUR);
    assert_eq!(world.meters.clock_away_ms.get(), HOUR);
    // By the wall clock the bar is due; it is not for another half hour.
    world.clock.advance_to(due.plus(HOUR / 2));
    world.settle();
    assert_eq!(world.steps("acc-1").last().map(String::as_str), Some("bar-outgoing"));
    assert_eq!(world.decided("acc-1").last().map(String::as_str), Some("bar_held clock_doubt"));
    world.happens(InputTopic::Payments, "acc-2", payment());
    world.turn().expect("a round");
    world.turn().expect("a round");
    assert_eq!(world.steps("acc-2").last().map(String::as_str), Some("restore"));

    // The clock is set right, and the bar is not due any more. Nothing has to happen for it to go in time.
    world.clock.set_wall(due.plus(-HOUR / 2));
    world.clock.advance(Duration::from_secs(60));
    world.settle();
    assert!(world.meters.clock_away_ms.get() < 5_000);
    world.clock.advance_to(due.plus(-2_000));
    world.settle();
    assert_eq!(world.steps("acc-1").last().map(String::as_str), Some("bar-outgoing"), "not a moment early");
    world.clock.advance_to(due);
    world.settle();
    assert_eq!(world.steps("acc-1").last().map(String::as_str), Some("bar-full"));
    assert_eq!(world.steps("acc-2").last().map(String::as_str), Some("restore"));
}

#[test]
fn a_bar_that_is_due_at_the_start_waits_until_the_broker_has_said_what_time_it_is() {
    // Right, ahead and behind; where the bus keeps no time, the machine's own is all there is.
    for (away, keeps, bars) in [(0, true, true), (3_600_000, true, false), (-3_600_000, true, false), (0, false, true)]
    {
        let mut world = before_the_bar(&["acc-1"], None);
        if keeps {
            world.bus.keep_time(noon(20_000), &world.clock);
        }
        // It fell due while nothing ran, and everything is read in the first round.
        world.clock.advance_to(noon(20_042));
        begins_anew(&mut world, away);
        assert_eq!(is_barred(&world, "acc-1"), bars, "away by {away}, the bus keeps time: {keeps}");
    }
}

#[test]
fn a_clock_that_is_set_while_the_bus_keeps_time_is_trusted_again_once_it_is_set_right() {
    let mut world = before_the_bar(&["acc-1"], None);
    world.bus.keep_time(noon(20_000), &world.clock);
    begins_anew(&mut world, 0);
    let day = 86_400_000;
    world.clock.set_wall(noon(20_041).plus(day));
    world.settle();
    assert_eq!(world.decided("acc-1").last().map(String::as_str), Some("bar_held clock_doubt"));
    world.clock.set_wall(noon(20_041));
    world.clock.advance(Duration::from_secs(22 * 3_600));
    world.settle();
    assert!(is_barred(&world, "acc-1"), "no restart is needed");
}

#[test]
fn a_burst_of_bars_stops_at_the_budget_and_waits_for_a_person() {
    let accounts = ["acc-1", "acc-2", "acc-3", "acc-4", "acc-5"];
    let mut world = before_the_bar(&accounts, Some(2));
    world.clock.advance(DAY);
    world.settle();
    let barred = |world: &World| accounts.iter().filter(|a| is_barred(world, a)).count();
    assert_eq!(barred(&world), 2);
    assert_eq!(world.meters.bars_held.all(), [("budget", 3)]);
    order(&world, ControlBody::BarsReleased { account_id: None });
    world.settle();
    assert_eq!(barred(&world), 5);
}

#[test]
fn a_bar_over_the_budget_goes_neither_with_the_next_hour_nor_with_a_restart() {
    let mut world = before_the_bar(&["acc-1", "acc-2"], Some(1));
    world.clock.advance(DAY);
    world.settle();
    let held = if is_barred(&world, "acc-1") { "acc-2" } else { "acc-1" };
    world.clock.advance(Duration::from_secs(7_200));
    world.happens(InputTopic::Accounts, held, profile());
    world.settle();
    assert!(!is_barred(&world, held), "an event of its own does not let it go");
    world.lanes.remove(0).broker_mut().expel();
    world.lane(Some("w"));
    world.settle();
    assert!(!is_barred(&world, held), "a restart does not let it go");
    order(&world, ControlBody::BarsReleased { account_id: Some(held.to_owned()) });
    world.settle();
    assert!(is_barred(&world, held));
}

#[test]
fn a_release_does_not_bar_who_has_paid_meanwhile() {
    let mut world = before_the_bar(&["acc-1", "acc-2"], Some(1));
    world.clock.advance(DAY);
    world.settle();
    let held = if is_barred(&world, "acc-1") { "acc-2" } else { "acc-1" };
    // The payment is in a transaction that is still open when the order is read.
    let upstream = pays_in_an_open_transaction(&mut world, held);
    order(&world, ControlBody::BarsReleased { account_id: Some(held.to_owned()) });
    world.settle();
    assert!(!is_barred(&world, held));
    world.bus.end(upstream, true);
    world.settle();
    assert_eq!(world.steps(held), BEFORE_BAR);
}

#[test]
fn who_paid_while_nothing_ran_is_not_even_reminded() {
    let mut settings = settings(ClockMode::Wall, policy_file("consumer"));
    settings.bars_per_hour = None;
    let mut world = World::new(1, settings, noon(20_000));
    world.lane(Some("w"));
    world.happens(InputTopic::Accounts, "acc-1", profile());
    world.happens(InputTopic::Bills, "acc-1", bill(20_010));
    world.settle();
    world.clock.advance_to(noon(20_012));
    world.settle();
    world.lanes.remove(0).stop().expect("a clean stop");
    world.clock.advance_to(noon(20_016));
    world.happens(InputTopic::Payments, "acc-1", payment());
    // Another's first bill is long overdue and paid, too: everything of it is read at once.
    world.happens(InputTopic::Accounts, "acc-2", profile());
    world.happens(InputTopic::Bills, "acc-2", bill(19_990));
    world.happens(InputTopic::Payments, "acc-2", payment());
    world.clock.advance(DAY);
    world.lane(Some("w"));
    world.settle();
    assert_eq!((world.steps("acc-1").len(), world.steps("acc-2").len()), (0, 0));
    assert!(world.meters.bars_waiting.iter().all(|gauge| gauge.get() == 0));
}

#[test]
fn more_bad_records_than_are_remembered_are_still_all_waited_for() {
    let mut world = before_the_bar(&["acc-1"], None);
    let at = dunning_engine::Clock::now(&world.clock);
    for _ in 0..102 {
        world.bus.append(InputTopic::Payments, b"acc-1", Some(b"garbage"), at);
    }
    world.clock.advance(DAY);
    world.settle();
    assert!(world.checkpoint(0).stale_records.len() <= 100 && world.stale("acc-1").len() <= 100);
    for offset in 0..101 {
        let account_id = Some("acc-1".to_owned());
        order(&world, ControlBody::StaleReleased { account_id, topic: InputTopic::Payments, offset });
    }
    world.settle();
    assert!(!is_barred(&world, "acc-1"), "one was never looked at");
    let account_id = Some("acc-1".to_owned());
    order(&world, ControlBody::StaleReleased { account_id, topic: InputTopic::Payments, offset: 101 });
    world.settle();
    assert!(is_barred(&world, "acc-1"));
}

#[test]
fn what_shadow_decided_is_never_commanded_from() {
    let mut world = before_the_bar(&["acc-1"], None);
    world.lanes.remove(0).stop().expect("a clean stop");
    world.settings.mode = dunning_engine::Mode::Shadow;
    world.lane(Some("w"));
    let ended = (0..200).find_map(|_| world.turn().err()).expect("it ends");
    assert!(ended.to_string().contains("the other mode"), "{ended}");
}

#[test]
fn an_outage_of_a_month_is_no_burst_and_no_bar_without_its_notice() {
    let mut settings = settings(ClockMode::Wall, policy_file("consumer"));
    settings.bars_per_hour = None;
    let mut world = World::new(1, settings, noon(20_000));
    world.lane(Some("w"));
    world.happens(InputTopic::Accounts, "acc-1", profile());
    world.happens(InputTopic::Bills, "acc-1", bill(20_010));
    world.settle();
    world.lanes.remove(0).stop().expect("a clean stop");
    world.clock.advance_to(noon(20_060));
    world.lane(Some("w"));
    world.settle();
    assert!(world.steps("acc-1").len() <= 1, "no burst: {:?}", world.steps("acc-1"));
    for day in 20_061..20_110 {
        world.clock.advance_to(noon(day));
        world.settle();
    }
    let commands: Vec<_> = world.commands().into_iter().map(|(_, c)| (c.step, c.decided_at)).collect();
    let at = |step: &str| commands.iter().find(|(s, _)| s == step).map(|(_, at)| *at).expect("a step");
    assert!(at("bar-outgoing").since(at("final")) >= 14 * 86_400_000);
    assert!(at("final").since(at("warning")) >= 6 * 86_400_000);
}
