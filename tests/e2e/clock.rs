//! A machine whose wall clock is wrong from the start: the broker knows better.

use dunning_rules::{Profile, Timestamp, Zone};
use dunning_wire::topic::OutputTopic;

use crate::event::{self, DAY};
use crate::ladder::{CENTS, HOUR, count, customer, notices_from, wait_account, wall_world, wall_world_with};
use crate::process::{Instance, Start, now};

const MINUTE: i64 = 60_000;
/// The first bar of `consumer` comes so many days after the bill was due, at ten in the morning.
const BAR: i64 = 32;

/// The next full hour that is more than some minutes ahead, and a customer for whom it is ten in the morning then.
fn soon_ten() -> (i64, Profile) {
    let ten = (now() + 5 * MINUTE).div_euclid(HOUR) * HOUR + HOUR;
    let hour = ten.div_euclid(HOUR).rem_euclid(24);
    // Hours east of Greenwich; the names of these zones count to the west.
    let east = if hour <= 22 { 10 - hour } else { 34 - hour };
    let name = if east == 0 { "Etc/GMT".to_owned() } else { format!("Etc/GMT{:+}", -east) };
    let zone = Zone::parse(&name).unwrap_or_else(|| panic!("{name} is no zone"));
    (ten, Profile { zone, ..event::customer() })
}

fn waits(instance: &Instance, bars: f64) {
    instance.wait_metric("dunning_bars_waiting", "reason=\"clock_doubt\"", |n| n == bars);
}

#[test]
fn a_clock_that_is_ahead_from_the_start_bars_nobody_early() {
    let (ten, profile) = soon_ten();
    let world = wall_world_with(true);
    let accounts = [("debtor", 0), ("payer", 1)];
    // Weeks ago, which the broker denies too: notices do not wait. An hour later it is the same day there and in UTC.
    let bar = notices_from(&world, &accounts, ten - BAR * DAY + HOUR, &profile);
    assert_eq!(Timestamp::from_millis(bar), Timestamp::from_millis(ten));

    // By this machine's clock the bar is due; in truth it comes within the hour.
    let ahead = now() + 90 * MINUTE;
    let instance = Start::new(&world, "one").at(ahead).ready();
    waits(&instance, 2.0);
    instance.wait_metric("dunning_clock_off_seconds", "", |n| (n - 90.0 * 60.0).abs() < 30.0);
    let log = instance.log();
    assert!(log.contains("the wall clock is ahead of the broker's"), "{log}");
    assert!(!log.contains("LogAppendTime"), "{log}");
    world.write(&[customer("payer", 1, ahead).payment(&world, "p", CENTS)]);
    wait_account(&instance, "payer", "the payment", |p| p["open"]["minor"] == 0);
    waits(&instance, 1.0);
    assert_eq!(instance.stop(), 0);

    // The clock is right again: the bar is not due any more.
    let instance = Start::new(&world, "one").ready();
    instance.wait_metric("dunning_transactions_total", "committed", |n| n > 0.0);
    waits(&instance, 1.0);
    assert!(instance.metric("dunning_clock_off_seconds", "") < 1.0);
    assert!(!instance.log().contains("the wall clock is"), "{}", instance.log());
    assert_eq!(instance.stop(), 0);
    assert!(now() < ten, "the machine is too slow: the bar is due already");
    for (account, _) in accounts {
        assert_eq!(count(&world.commands(), account, OutputTopic::Barring), 0, "{account}");
    }
}

#[test]
fn a_state_topic_without_the_brokers_time_is_named_at_the_start() {
    let world = wall_world();
    let instance = Start::new(&world, "one").at(now() + 90 * MINUTE).ready();
    instance.wait_metric("dunning_transactions_total", "committed", |n| n > 0.0);
    let log = instance.log();
    assert!(log.contains("set the topic's message.timestamp.type to LogAppendTime"), "{log}");
    assert_eq!(instance.metric("dunning_clock_off_seconds", ""), 0.0);
    assert_eq!(instance.stop(), 0);
}
