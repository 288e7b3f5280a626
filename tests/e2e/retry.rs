//! Payments that failed and are collected again, policy `card-on-file`.

use dunning_rules::{Body, Currency, Failed, Minor};
use dunning_wire::command::ActionView;
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::ask::ask;
use crate::bad::wait_read;
use crate::bus::Bus;
use crate::event::{self, At, DAY, at, day_of, goes_on};
use crate::ladder::wait_account;

use crate::output::Written;
use crate::process::Start;
use crate::world::{Plot, Record, World};

/// 2026-03-02 13:00 UTC, eight in the morning in New York.
const BEGIN: i64 = 1_772_456_400_000;
const HOUR: i64 = 3_600_000;

fn dollars() -> Currency {
    Currency::parse("USD").expect("a currency")
}

fn bill(world: &World) -> Record {
    let mut body = event::bill("march", 8_000, day_of(BEGIN), day_of(BEGIN + 10 * DAY));
    if let Body::BillIssued { currency, .. } = &mut body {
        *currency = dollars();
    }
    at("acc", BEGIN).event(world, InputTopic::Bills, "issued", body)
}

fn failed(world: &World, millis: i64, payment_id: &str, command_id: Option<&str>) -> Record {
    let (amount, method, decline_code) = (Minor::new(8_000), "card", "insufficient_funds");
    let failed = Failed { payment_id, amount, currency: dollars(), method, decline_code, is_final: false, command_id };
    at("acc", millis).event(world, InputTopic::Payments, payment_id, Body::PaymentFailed(failed))
}

fn wait_attempt(world: &World, number: u16) -> Written {
    let is = |written: &Written| matches!(written.view.action, ActionView::Retry { attempt, .. } if attempt == number);
    world.follow(OutputTopic::Retries, 60, is)
}

#[test]
fn a_payment_that_failed_is_asked_for_again_until_it_comes() {
    let policy = "deploy/policies/card-on-file.yaml";
    let more = "clock: stream\nstart: earliest\n";
    let world = World::new(&Plot { bus: Bus::shared(), registry: true, policy, more, ..Plot::default() });
    let first = BEGIN + 10 * DAY;
    world.write(&[
        at("acc", BEGIN).profile(&world),
        bill(&world),
        failed(&world, first, "p-1", None),
        goes_on(&world, first + 2 * DAY),
    ]);
    let instance = Start::new(&world, "one").ready();
    let attempt = wait_attempt(&world, 1);
    assert_eq!(attempt.view.decided_at.millis(), first + DAY);
    assert_eq!((attempt.view.amount_due, &*attempt.view.currency), (Minor::new(8_000), "USD"));
    let url = instance.url.as_str();
    let (_, page, _) = ask(&["account", "show", "acc", "--url", url]);
    assert!(page.contains("p-1  80.00 USD by card failed; attempt 1 is under way"), "{page}");

    let second = first + 2 * DAY + HOUR;
    world.write(&[failed(&world, second, "p-2", Some(&attempt.view.command_id)), goes_on(&world, second + DAY + HOUR)]);
    let again = wait_attempt(&world, 2);
    assert_eq!(again.view.decided_at.millis(), second + DAY);
    let ActionView::Retry { payment_id, method, .. } = &again.view.action else { panic!("{again:?}") };
    assert_eq!((&**payment_id, &**method, &again.view.bill_ids), ("p-1", "card", &vec!["march".to_owned()]));
    let (_, why, _) = ask(&["explain", "acc", "--url", url]);
    assert!(why.contains("a payment that failed is collected again: 80.00"), "{why}");
    assert_eq!(instance.stop(), 0);

    // It comes while nothing runs. Nothing more is asked for, and nobody is told or barred.
    let paid = Body::PaymentReceived {
        payment_id: "p-3",
        amount: Minor::new(8_000),
        currency: dollars(),
        bill_id: None,
        command_id: None,
    };
    let came = At { millis: second + DAY + 2 * HOUR, ..at("acc", BEGIN) };
    world.write(&[came.event(&world, InputTopic::Payments, "came", paid), goes_on(&world, first + 60 * DAY)]);
    let instance = Start::new(&world, "one").ready();
    let over = wait_account(&instance, "acc", "nothing owed", |page| page["stage"] == "clear");
    assert_eq!(over["retries"], serde_json::Value::Null);
    wait_read(&world);
    assert_eq!(instance.stop(), 0);
    assert_eq!(world.commands().len(), 2);
    assert!(world.dead_letters().is_empty());
}
