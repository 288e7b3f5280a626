//! Clock `wall`, policy `consumer`: the program is started at later and later days, as a customer does not pay.

use std::time::{Duration, Instant};

use dunning_rules::{Body, Profile};
use dunning_wire::command::ActionView;
use dunning_wire::topic::{InputTopic, OutputTopic};
use rdkafka::producer::Producer;
use serde_json::Value;

use crate::bus::{Bus, until};
use crate::event::{self, At, day_of};
use crate::output::Written;
use crate::process::{Instance, PATIENCE, Start};
use crate::world::{Plot, World, send};

/// 2027-01-11 08:00 UTC, a Monday.
pub const MONDAY: i64 = 1_799_654_400_000;
pub const HOUR: i64 = 3_600_000;
pub const CENTS: i64 = 15_000;

pub fn customer(account: &str, partition: u32, millis: i64) -> At<'_> {
    At { account, partition, millis }
}

/// A world whose days the tests make up: the broker's time has no say.
pub fn wall_world() -> World {
    wall_world_with(false)
}

pub fn wall_world_with(broker_time: bool) -> World {
    let more = "clock: wall\nstart: earliest\n";
    let policy = "deploy/policies/consumer.yaml";
    World::new(&Plot { bus: Bus::shared(), partitions: 2, registry: false, policy, more, broker_time })
}

fn start(world: &World, millis: i64) -> Instance {
    Start::new(world, "one").at(millis).ready()
}

fn deadline(page: &Value) -> i64 {
    let text = page["deadline"].as_str().unwrap_or_else(|| panic!("no deadline: {page}"));
    chrono::DateTime::parse_from_rfc3339(text).expect("an instant").timestamp_millis()
}

/// Waits until an account's page shows something.
pub fn wait_account(instance: &Instance, account: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    until(&format!("{account}: {what}"), PATIENCE, || {
        let page = instance.account(account);
        if fits(&page) { Ok(page) } else { Err(page) }
    })
}

/// Everyone gets a bill, and all notices, on days of their own; stopped again. Gives the instant of the first bar.
pub fn all_notices(world: &World, accounts: &[(&str, u32)]) -> i64 {
    notices_from(world, accounts, MONDAY, &event::customer())
}

/// As [`all_notices`], from another day on and for another kind of customer.
pub fn notices_from(world: &World, accounts: &[(&str, u32)], first: i64, profile: &Profile) -> i64 {
    let records = accounts.iter().flat_map(|(account, partition)| {
        let at = customer(account, *partition, first);
        let profile = Body::Profile(Box::new(profile.clone()));
        let profile = at.event(world, InputTopic::Accounts, "profile", profile);
        [profile, at.bill(world, "first", CENTS, day_of(first))]
    });
    world.write(&records.collect::<Vec<_>>());
    let (mut next, mut notices) = (first, 0);
    while notices < 4 {
        // A little late, as any start is.
        let instance = start(world, next + 5_000);
        let looked = next;
        for (account, _) in accounts {
            let done = |p: &Value| !p["deadline"].is_null() && deadline(p) > looked;
            let page = wait_account(&instance, account, "its next deadline", done);
            next = deadline(&page);
            notices = page["last_sequence"].as_i64().expect("a number");
        }
        assert_eq!(instance.stop(), 0);
    }
    let said = of(&world.commands(), accounts[0].0);
    let steps: Vec<&str> = said.iter().map(|w| w.view.step.as_str()).collect();
    assert_eq!(steps, ["reminder", "warning", "final", "final-full"]);
    next
}

/// What was said to one account, in order.
fn of(commands: &[Written], account: &str) -> Vec<Written> {
    let mut own: Vec<Written> = commands.iter().filter(|w| w.view.account_id == account).cloned().collect();
    own.sort_by_key(|w| w.view.sequence);
    own
}

pub fn count(commands: &[Written], account: &str, topic: OutputTopic) -> usize {
    commands.iter().filter(|w| w.view.account_id == account && w.topic == topic).count()
}

/// Waits until so many commands of one topic are there for an account; gives the last, and how long it took.
fn wait_command(world: &World, account: &str, topic: OutputTopic, wanted: usize) -> (Written, Duration) {
    let (began, mut seen) = (Instant::now(), 0);
    let found = world.follow(topic, PATIENCE, |written| {
        seen += usize::from(written.view.account_id == account);
        seen == wanted
    });
    (found, began.elapsed())
}

#[test]
fn a_bar_comes_in_time_and_never_on_stale_information() {
    let world = wall_world();
    let bar = all_notices(&world, &[("away", 0), ("debtor", 0), ("open", 1)]);

    // Paid while nothing ran; the bar fell due meanwhile.
    world.write(&[customer("away", 0, bar - HOUR).payment(&world, "p-away", CENTS)]);
    let instance = start(&world, bar + HOUR);
    wait_account(&instance, "away", "the payment", |p| p["open"]["minor"] == 0);
    for account in ["debtor", "open"] {
        wait_command(&world, account, OutputTopic::Barring, 1);
    }
    let page = wait_account(&instance, "debtor", "a bar", |p| p["stage"] == "barred_outgoing");
    let full = deadline(&page);
    assert_eq!(instance.stop(), 0);

    // The second bar falls due while the program runs; one payment lies in a transaction that is still open.
    let ahead = 10_000;
    let began = Instant::now();
    let instance = start(&world, full - ahead);
    let open = world.producer(Some(&format!("{}-upstream", world.group)));
    send(&open, &world, &[customer("open", 1, full - ahead).payment(&world, "p-open", CENTS)]);
    assert!(began.elapsed() < Duration::from_secs(9), "the machine is too slow: the bar is due already");
    let (command, _) = wait_command(&world, "debtor", OutputTopic::Barring, 2);
    let arrived = i64::try_from(began.elapsed().as_millis()).expect("millis") - ahead;
    assert!(matches!(command.view.action, ActionView::Bar { level: "FULL", .. }), "{command:?}");
    let late = command.view.decided_at.millis() - full;
    println!("the bar was decided {late} ms after it fell due, and read {arrived} ms after");
    assert!((0..1_000).contains(&late), "{late} ms late");

    // Its payment restores.
    let now = full - ahead + i64::try_from(began.elapsed().as_millis()).expect("millis");
    world.write(&[customer("debtor", 0, now).payment(&world, "p-debtor", CENTS)]);
    let (command, took) = wait_command(&world, "debtor", OutputTopic::Restoration, 1);
    println!("the payment restored after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let ActionView::Restore { lifts, reason, .. } = &command.view.action else { panic!("{command:?}") };
    assert_eq!((lifts.len(), *reason), (2, "PAID"));

    // The other shard's bar waits for the transaction, and the payment in it is met first.
    instance.wait_metric("dunning_bars_waiting", "reason=\"inputs\"", |n| n == 1.0);
    assert_eq!(count(&world.commands(), "open", OutputTopic::Barring), 1);
    assert_eq!(instance.account("open")["open"]["minor"], CENTS);
    open.commit_transaction(Duration::from_secs(20)).expect("commit");
    wait_command(&world, "open", OutputTopic::Restoration, 1);
    instance.wait_metric("dunning_bars_waiting", "reason=\"inputs\"", |n| n == 0.0);
    assert_eq!(instance.stop(), 0);

    let commands = world.commands();
    let bars = ["away", "debtor", "open"].map(|a| count(&commands, a, OutputTopic::Barring));
    let lifted = ["away", "debtor", "open"].map(|a| count(&commands, a, OutputTopic::Restoration));
    assert_eq!((bars, lifted), ([0, 2, 1], [0, 1, 1]));
}

#[test]
fn a_payment_that_came_while_nothing_ran_restores_and_no_further_bar_follows() {
    let world = wall_world();
    let bar = all_notices(&world, &[("barred", 0)]);
    let instance = start(&world, bar + HOUR);
    let page = wait_account(&instance, "barred", "a bar", |p| p["stage"] == "barred_outgoing");
    let full = deadline(&page);
    assert_eq!(instance.stop(), 0);
    world.write(&[customer("barred", 0, full - HOUR).payment(&world, "p", CENTS)]);
    let instance = start(&world, full + HOUR);
    wait_command(&world, "barred", OutputTopic::Restoration, 1);
    assert_eq!(instance.account("barred")["stage"], "clear");
    assert_eq!(instance.stop(), 0);
    assert_eq!(count(&world.commands(), "barred", OutputTopic::Barring), 1);
}
