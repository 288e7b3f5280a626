//! Tests of the schemas that are this project's own: decisions, orders, state records.

use std::sync::Arc;

use apache_avro::types::Value;
use dunning_rules::{Code, Currency, Decision, Hold, Minor, Timestamp, command_id};
use proptest::prelude::*;

use crate::control::{self, ControlBody, ControlEvent};
use crate::decision::{self, Cause};
use crate::state::{Checkpoint, GateCounters, Outbox, StaleMark, StateVersion, StoredRow, decode_row, encode_row};
use crate::state_record::{self, StateRecord, Summary};
use crate::topic::{InputTopic, OutputTopic};
use crate::{BadRecord, reference, sample};

fn a_decision() -> Decision {
    Decision {
        number: 9,
        at: Timestamp::from_millis(5_000),
        code: Code::BarHeld(Hold::Budget),
        step: Some(Arc::from("bar-full")),
        command: Some((command_id("acc-1", 3), 3)),
        amount_due: Minor::new(700),
        minimum: Minor::new(500),
        bill_ids: vec!["b-1".into()],
        policy: Arc::from("consumer@2"),
        cycle: 1,
    }
}

#[test]
fn a_decision_is_read_back_with_its_cause() {
    let cause = Cause::new("billing.bills", 3, 77);
    let mut datum = Vec::new();
    decision::encode("acc-1", Currency::parse("EUR"), &a_decision(), Some(&cause), true, &mut datum);
    let value = reference::read(&reference::schema("dunning.decisions"), &datum);
    assert_eq!(reference::at(&value, "cause.offset"), Value::Long(77));
    assert_eq!(reference::at(&value, "shadow"), Value::Boolean(true));
    let record = decision::decode(&datum).expect("a decision");
    assert_eq!((record.code.as_str(), record.detail.as_str(), record.number), ("bar_held", "budget", 9));
    assert_eq!(record.words, a_decision().words());
    assert_eq!((record.sequence, record.command_id), (3, Some(command_id("acc-1", 3).to_string())));
    assert_eq!(record.cause, Some(cause));
    for len in 0..datum.len() {
        assert!(decision::decode(&datum[..len]).is_err());
    }
}

#[test]
fn a_decision_of_a_deadline_has_no_cause() {
    let mut datum = Vec::new();
    let decision = Decision { command: None, step: None, code: Code::CycleEnded, ..a_decision() };
    decision::encode("acc-1", None, &decision, None, false, &mut datum);
    reference::read(&reference::schema("dunning.decisions"), &datum);
    let record = decision::decode(&datum).expect("a decision");
    assert_eq!((record.cause, record.command_id, record.sequence), (None, None, 0));
    assert_eq!((record.step.as_str(), record.currency.as_str(), record.detail.as_str()), ("", "", ""));
}

fn order(body: ControlBody) -> ControlEvent {
    ControlEvent {
        control_id: "c-1".to_owned(),
        occurred_at: Timestamp::from_millis(1_000),
        actor: "ops".to_owned(),
        reason: "after the outage".to_owned(),
        body,
    }
}

#[test]
fn orders_are_read_back() {
    let bodies = [
        ControlBody::PolicyPublished { label: "p@1".to_owned(), text: "a: b\n".to_owned(), effective_from: None },
        ControlBody::PolicyPublished {
            label: "p@1".to_owned(),
            text: String::new(),
            effective_from: Some(Timestamp::from_millis(7)),
        },
        ControlBody::BarsReleased { account_id: None },
        ControlBody::BarsReleased { account_id: Some("acc-1".to_owned()) },
        ControlBody::StaleReleased { account_id: None, topic: InputTopic::Payments, offset: 9 },
    ];
    for body in bodies {
        let event = order(body);
        let mut datum = Vec::new();
        control::encode(&event, &mut datum);
        reference::read(&reference::schema("dunning.control"), &datum);
        assert_eq!(control::decode(&datum), Ok(event));
        for len in 0..datum.len() {
            assert!(control::decode(&datum[..len]).is_err());
        }
        datum.push(0);
        assert_eq!(control::decode(&datum), Err(BadRecord::TrailingBytes));
    }
}

fn a_checkpoint() -> Checkpoint {
    Checkpoint {
        transaction: 12,
        generation: 1,
        partition: 5,
        clock: Timestamp::from_millis(99),
        positions: InputTopic::ALL.map(|t| (t, t as i64 * 100)).to_vec(),
        policies: vec![("reference@1".to_owned(), Timestamp::MIN, "name: reference\n".to_owned())],
        stale_records: vec![StaleMark { topic: InputTopic::Disputes, offset: 4 }],
        stale_count: 3,
        gate: GateCounters {
            window_start: Timestamp::from_millis(50),
            bars: 8,
            released_until: Some(Timestamp::from_millis(70)),
        },
        writer: "dunning-a-0".to_owned(),
        rules_version: 1,
        shadow: true,
        output_ends: vec![(OutputTopic::Barring, 7), (OutputTopic::DeadLetters, 0)],
        outbox: {
            let mut outbox = Outbox::default();
            let at = Timestamp::from_millis(4);
            outbox.push(OutputTopic::Barring, at, Some(b"acc-1"), Some(b"bar"), &[]);
            outbox.push(OutputTopic::DeadLetters, at, None, None, &[("name", Some(b"value")), ("none", None)]);
            outbox
        },
    }
}

#[test]
fn a_checkpoint_of_the_format_before_is_read() {
    let checkpoint = Checkpoint { output_ends: Vec::new(), outbox: Outbox::default(), ..a_checkpoint() };
    let mut datum = Vec::new();
    state_record::encode_checkpoint(&checkpoint, &mut datum);
    // It has neither of the two arrays, which are empty here.
    datum.truncate(datum.len() - 2);
    datum[1] = 2;
    assert_eq!(state_record::decode_checkpoint(&datum), Ok(checkpoint));
}

#[test]
fn a_checkpoint_is_read_back() {
    for checkpoint in [a_checkpoint(), Checkpoint::start(3)] {
        let mut datum = Vec::new();
        state_record::encode_checkpoint(&checkpoint, &mut datum);
        reference::read(&reference::schema("dunning.accounts"), &datum);
        assert_eq!(state_record::decode_checkpoint(&datum), Ok(checkpoint));
        for len in 0..datum.len() {
            assert!(state_record::decode(&datum[..len]).is_err());
        }
    }
}

#[test]
fn a_checkpoint_of_another_format_is_refused() {
    let mut datum = Vec::new();
    state_record::encode_checkpoint(&a_checkpoint(), &mut datum);
    datum[1] = 6;
    assert!(matches!(state_record::decode(&datum), Err(BadRecord::RefusedSchema(_))));
}

proptest! {
    #[test]
    fn a_state_record_holds_the_row_and_what_readers_downstream_ask(account in sample::account(), stale in any::<bool>()) {
        let stale = if stale { vec![StaleMark { topic: InputTopic::Bills, offset: 1 }] } else { Vec::new() };
        let mut account = account;
        // Avro's sequence is signed; no account comes near that.
        account.sequence >>= 1;
        let row = StoredRow { stale, account };
        let summary = Summary { amount_due: Minor::new(5), step: "warning" };
        let mut datum = vec![9, 9];
        let place = state_record::encode_account_state(&row, StateVersion::V1, &summary, &mut datum);
        let mut stored = Vec::new();
        encode_row(&row, StateVersion::V1, &mut stored);
        prop_assert_eq!(&datum[place], &stored[..]);
        let datum = &datum[2..];
        let value = reference::read(&reference::schema("dunning.accounts"), datum);
        prop_assert_eq!(reference::at(&value, "body.account_id"), Value::String(row.account.id.to_string()));
        prop_assert_eq!(reference::at(&value, "body.stage"), Value::String(row.account.stage().word().to_owned()));
        prop_assert_eq!(reference::at(&value, "body.stale"), Value::Boolean(!row.stale.is_empty()));
        prop_assert_eq!(reference::at(&value, "body.open_minor"), Value::Long(row.account.open().get()));
        let StateRecord::Account { account_id, row: bytes, .. } = state_record::decode(datum).expect("a record") else {
            panic!("a checkpoint")
        };
        prop_assert_eq!(account_id, &*row.account.id);
        prop_assert_eq!(decode_row(bytes), Ok(row));
    }
}

#[test]
fn a_bar_that_waits_is_named_in_the_state_record() {
    use dunning_rules::{Account, Cycle, PendingBar};
    let rows = [(None, "waiting"), (Some(Hold::ClockDoubt), "clock_doubt")];
    for (held, word) in rows {
        let at = Timestamp::from_millis(1);
        let mut account = Account::new("acc-1");
        account.cycle = Some(Cycle {
            number: 4,
            policy: Arc::from("p@1"),
            started: at,
            anchor: at,
            next: 1,
            waits: false,
            sent: vec![],
            bars: vec![],
            pending: Some(PendingBar { due: at, held, released: false }),
        });
        let mut datum = Vec::new();
        let row = StoredRow { stale: vec![], account };
        state_record::encode_account_state(
            &row,
            StateVersion::V2,
            &Summary { amount_due: Minor::ZERO, step: "" },
            &mut datum,
        );
        let value = reference::read(&reference::schema("dunning.accounts"), &datum);
        assert_eq!(reference::at(&value, "body.pending_bar"), Value::String(word.to_owned()));
        assert_eq!(reference::at(&value, "body.cycle"), Value::Int(4));
    }
}
