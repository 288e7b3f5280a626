//! A first run on topics that hold years of history.

use dunning_engine::{Clock, ClockMode};
use dunning_rules::{Body, Currency, DAY_MS, Day, Minor, Timestamp, Zone};
use dunning_wire::topic::InputTopic;

use crate::gate::{noon, profile};
use crate::world::{World, policy_file, settings};

const EUR: &str = "EUR";

fn bill<'a>(id: &'a str, due: i32) -> Body<'a> {
    Body::BillIssued {
        bill_id: id,
        amount: Minor::new(20_000),
        currency: Currency::parse(EUR).expect("a currency"),
        issued_on: Day::from_epoch(due - 14),
        due_on: Day::from_epoch(due),
        terms: vec![],
        lines: vec![],
        kind: "regular",
        origin: None,
    }
}

fn payment(id: &str) -> Body<'_> {
    let currency = Currency::parse(EUR).expect("a currency");
    Body::PaymentReceived { payment_id: id, amount: Minor::new(20_000), currency, bill_id: None, command_id: None }
}

fn write(world: &mut World, topic: InputTopic, account: &str, at: Timestamp, body: Body<'_>) {
    let bytes = world.bytes(topic, account, at, body);
    world.bus.append(topic, account.as_bytes(), Some(&bytes), at);
}

/// Three years of monthly bills: `late` pays each of them forty days late, when a naive program that replays the past as
/// if it were the present has long barred; `owes` leaves the last two open.
#[test]
fn years_of_history_bar_and_bother_nobody_for_what_is_long_past() {
    const FIRST: i32 = 18_900;
    const TODAY: i32 = 20_000;
    let mut settings = settings(ClockMode::Wall, policy_file("consumer"));
    settings.bars_per_hour = None;
    let mut world = World::new(1, settings, noon(TODAY));
    for account in ["late", "owes"] {
        write(&mut world, InputTopic::Accounts, account, noon(FIRST), profile());
        for month in 0..36 {
            let due = FIRST + 14 + month * 30;
            let (bill_id, payment_id) = (format!("b{month}"), format!("p{month}"));
            write(&mut world, InputTopic::Bills, account, noon(due - 14), bill(&bill_id, due));
            if noon(due + 40) < noon(TODAY) && (account == "late" || month < 34) {
                write(&mut world, InputTopic::Payments, account, noon(due + 40), payment(&payment_id));
            }
        }
    }
    // Whoever is late has paid all by today.
    write(&mut world, InputTopic::Payments, "late", noon(TODAY - 1), payment("p-last"));
    write(&mut world, InputTopic::Payments, "late", noon(TODAY - 1), payment("p-very-last"));
    world.lane(None);
    world.settle();
    assert_eq!(world.steps("late"), Vec::<String>::new());
    assert!(world.steps("owes").len() <= 1, "no burst: {:?}", world.steps("owes"));
    for day in TODAY + 1..TODAY + 60 {
        world.clock.advance_to(noon(day));
        world.settle();
    }
    assert_eq!(world.steps("late"), Vec::<String>::new());
    let at = |step: &str| {
        let commands = world.commands();
        commands.iter().find(|(_, c)| c.step == step).map(|(_, c)| c.decided_at).expect("a step")
    };
    assert!(at("reminder") >= Zone::UTC.start_of_day(Day::from_epoch(TODAY)), "now, not in the past");
    assert!(at("bar-outgoing").since(at("final")) >= 14 * DAY_MS, "the notice was out for its days");
    assert!(world.clock.now() > at("bar-outgoing"));
}
