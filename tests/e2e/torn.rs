//! Commands on the bus that no state knows of, as a torn transaction leaves them behind.

use std::time::Duration;

use dunning_rules::{Action, BarLevel, Command, Minor, Timestamp, command_id};
use dunning_wire::command::{self, ActionView};
use dunning_wire::frame;
use dunning_wire::schema::embedded_id;
use dunning_wire::topic::OutputTopic;
use rdkafka::producer::{BaseRecord, Producer};

use crate::event;
use crate::ladder::{CENTS, HOUR, all_notices, count, customer, wait_account, wall_world};
use crate::process::Start;
use crate::world::World;

/// Writes the first bar of an account as the program would write it, and nothing that goes with it.
fn bar_without_state(world: &World, account: &str, at: i64) {
    let sequence = 5;
    let bar = Command {
        id: command_id(account, sequence),
        sequence,
        decided_at: Timestamp::from_millis(at),
        policy: "consumer@1".into(),
        step: "bar-outgoing".into(),
        amount_due: Minor::new(CENTS),
        currency: Some(event::euro()),
        cycle: 1,
        cause_event_id: None,
        bill_ids: vec!["first".into()],
        action: Action::Bar {
            level: BarLevel::Outgoing,
            services: vec![],
            claims: vec![],
            warnings: vec![],
            announced_for: None,
        },
    };
    let mut value = Vec::new();
    frame::put_header(&mut value, embedded_id(OutputTopic::Barring.contract_name()));
    command::encode(account, &bar, &mut value);
    let producer = world.producer(None);
    let record = BaseRecord::to(world.topics.output(OutputTopic::Barring)).partition(0).timestamp(at);
    producer.send(record.key(account).payload(&value)).map_err(|(e, _)| e).expect("sent");
    producer.flush(Duration::from_secs(20)).expect("written");
}

#[test]
fn a_bar_that_no_state_knows_of_is_not_sent_twice_and_does_not_stay_on_who_paid() {
    let world = wall_world();
    let due = all_notices(&world, &[("debtor", 0), ("payer", 0)]);
    for account in ["debtor", "payer"] {
        bar_without_state(&world, account, due);
    }
    world.write(&[customer("payer", 0, due + 1).payment(&world, "p", CENTS)]);
    let instance = Start::new(&world, "one").at(due + HOUR).ready();
    let page = wait_account(&instance, "debtor", "its bar", |p| p["stage"] == "barred_outgoing");
    assert_eq!(page["last_sequence"], 5);
    let lifted = world.follow(OutputTopic::Restoration, 60, |written| written.view.account_id == "payer");
    let ActionView::Restore { lifts, reason, .. } = &lifted.view.action else { panic!("{lifted:?}") };
    assert_eq!((lifts, *reason), (&vec![command_id("payer", 5).to_string()], "ERROR"));
    assert_eq!(lifted.view.sequence, 6);
    for (what, times) in [("there_already", 1.0), ("passed_over", 1.0), ("sent_again", 0.0), ("lost", 0.0)] {
        instance.wait_metric("dunning_torn_outputs_total", &format!("what=\"{what}\""), |n| n == times);
    }
    assert_eq!(instance.stop(), 0);
    let commands = world.commands();
    for (account, restored) in [("debtor", 0), ("payer", 1)] {
        assert_eq!(count(&commands, account, OutputTopic::Barring), 1, "{account}");
        assert_eq!(count(&commands, account, OutputTopic::Restoration), restored, "{account}");
    }
}
