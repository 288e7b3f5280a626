//! What who pays late is charged, policy `late-charges`: asked of billing, and booked by it once.

use dunning_rules::{Body, Minor};
use dunning_wire::command::ActionView;
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::ask::ask;
use crate::bad::wait_read;
use crate::bus::Bus;
use crate::event::{self, DAY, at, day_of, goes_on};
use crate::ladder::wait_account;
use crate::output::Written;
use crate::process::Start;
use crate::world::{Plot, Record, World};

/// 2026-03-02 13:00 UTC.
const BEGIN: i64 = 1_772_456_400_000;
const DUE: i64 = BEGIN + 10 * DAY;

fn bill(world: &World, id: &str, millis: i64, amount: i64, answers: Option<&str>) -> Record {
    let mut body = event::bill(id, amount, day_of(millis), day_of(millis + 10 * DAY));
    if let Body::BillIssued { origin, .. } = &mut body {
        *origin = answers;
    }
    at("acc", millis).event(world, InputTopic::Bills, id, body)
}

fn wait_request(world: &World, name: &str) -> Written {
    world.follow(OutputTopic::Ledger, 60, |written| written.view.step == name)
}

#[test]
fn a_charge_is_asked_for_once_and_counts_once_when_billing_books_it() {
    let policy = "deploy/policies/late-charges.yaml";
    let more = "clock: stream\nstart: earliest\n";
    let world = World::new(&Plot { bus: Bus::shared(), registry: true, policy, more, ..Plot::default() });
    world.write(&[
        at("acc", BEGIN).profile(&world),
        bill(&world, "march", BEGIN, 10_000, None),
        goes_on(&world, DUE + 17 * DAY),
    ]);
    let instance = Start::new(&world, "one").ready();
    let fee = wait_request(&world, "late-fee");
    let interest = wait_request(&world, "interest");
    assert_eq!((fee.view.amount_due, interest.view.amount_due), (Minor::new(1_000), Minor::new(41)));
    for request in [&fee, &interest] {
        let ActionView::Ledger { entries, .. } = &request.view.action else { panic!("{request:?}") };
        let (debits, credits): (Minor, Minor) =
            (entries.iter().map(|entry| entry.debit).sum(), entries.iter().map(|entry| entry.credit).sum());
        assert_eq!((debits, credits), (request.view.amount_due, request.view.amount_due), "{entries:?}");
    }
    let url = instance.url.as_str();
    let (_, page, _) = ask(&["account", "show", "acc", "--url", url]);
    assert!(page.contains("late-fee  10.00 EUR, 10.00 EUR open; billing has not booked it yet"), "{page}");
    let (_, why, _) = ask(&["explain", "acc", "--url", url]);
    assert!(why.contains("late-fee: 10.00 is charged"), "{why}");
    assert_eq!(instance.stop(), 0);

    // Billing books it while nothing runs, and says it twice.
    let booked = DUE + 18 * DAY;
    world.write(&[
        bill(&world, "fee-1", booked, 1_000, Some(&fee.view.command_id)),
        bill(&world, "fee-2", booked + 1, 1_000, Some(&fee.view.command_id)),
        goes_on(&world, booked + DAY),
    ]);
    let instance = Start::new(&world, "one").ready();
    let page = wait_account(&instance, "acc", "a fee that is booked", |page| page["charges"][0]["bill_id"] == "fee-1");
    assert_eq!(page["open"]["minor"], 11_041, "{page}");
    wait_read(&world);
    assert_eq!(instance.stop(), 0);
    let requests =
        world.commands().into_iter().filter(|command| matches!(command.view.action, ActionView::Ledger { .. }));
    assert_eq!(requests.count(), 2);
    assert!(world.dead_letters().is_empty());
}
