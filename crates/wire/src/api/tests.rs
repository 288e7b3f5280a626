use std::sync::Arc;

use dunning_rules::{
    Account, Bill, Currency, Cycle, Day, Hold, HoldInForce, PendingBar, Plan, Promise, Retry, RetryState, SentStep,
    Stops, Term, Timestamp,
};

use super::*;
use crate::decision::{Cause, DecisionRecord};
use crate::state::{StaleMark, StoredRow};
use crate::topic::InputTopic;

fn at(days: i64) -> Timestamp {
    Timestamp::from_millis(days * dunning_rules::DAY_MS)
}

fn account() -> Account {
    let mut account = Account::new("acc-1");
    account.line = at(20_500);
    account.currency = Currency::parse("EUR");
    account.deadline = Some(at(20_501));
    account.sequence = 2;
    account.bills.push(Bill {
        id: "b-1".into(),
        amount: Minor::new(4_990),
        adjustments: Minor::ZERO,
        paid: Minor::new(1_000),
        credited: Minor::ZERO,
        written_off: Minor::ZERO,
        disputed: Minor::new(500),
        due_on: Day::from_epoch(20_480),
        clear_from: None,
    });
    account.cycle = Some(Cycle {
        number: 1,
        policy: Arc::from("consumer@1"),
        started: at(20_481),
        anchor: at(20_480),
        next: 2,
        waits: false,
        sent: vec![SentStep { step: 0, at: at(20_484), sequence: 1, announced_for: None }],
        bars: vec![],
        pending: Some(PendingBar { due: at(20_500), held: Some(Hold::NoProfile), released: false }),
    });
    account
}

fn view() -> AccountView {
    let stale = vec![StaleMark { topic: InputTopic::Payments, offset: 5 }];
    AccountView::new(&StoredRow { stale, account: account() }, None)
}

fn a_decision(number: u64, cause: Option<Cause<'static>>) -> DecisionRecord {
    DecisionRecord {
        account_id: "acc-1".to_owned(),
        number,
        decided_at: Timestamp::from_millis(1_771_000_000_000),
        code: "notified".to_owned(),
        detail: String::new(),
        words: "step reminder: the customer is told".to_owned(),
        step: "reminder".to_owned(),
        command_id: Some("c-1".to_owned()),
        sequence: 1,
        amount_due: Minor::new(3_990),
        minimum: Minor::new(500),
        currency: "EUR".to_owned(),
        bill_ids: vec!["b-1".to_owned()],
        policy: "consumer@1".to_owned(),
        rules_version: 1,
        cycle: 1,
        shadow: false,
        cause,
    }
}

#[test]
fn an_account_is_told_in_words() {
    let text = view().to_string();
    for line in [
        "account acc-1: notified",
        "open        39.90 EUR",
        "acts next   2026-02-17T00:00:00.000Z",
        "stale       a record could not be read: billing.payments offset 5",
        "bill        b-1  due 2026-01-27  39.90 EUR of 49.90 EUR open, 5.00 EUR disputed",
        "sent      2026-01-31T00:00:00.000Z  step 1 (command 1)",
        "a bar is due: the account's profile was never seen",
        "next      step 3",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn what_stops_an_account_is_told() {
    let mut account = account();
    account.aside = Some(Box::default());
    let pauses = &mut account.aside.as_mut().expect("it was put there").pauses;
    let day = Day::from_epoch(20_490);
    pauses.since = Some(at(20_490));
    pauses.broken = 1;
    let hold = |id: &str, until, bills: &[&str], stops| HoldInForce {
        id: id.into(),
        kind: "hardship".into(),
        until,
        day,
        bills: bills.iter().map(|b| (*b).into()).collect(),
        stops,
    };
    pauses.holds = vec![
        hold("h-1", None, &["b-1"], Stops::ALL),
        hold("h-2", Some(at(20_500)), &[], Stops { bars: true, ..Stops::default() }),
    ];
    let (id, amount, paid) = ("p-1".into(), Minor::new(3_990), Minor::new(1_000));
    pauses.promises = vec![Promise { id, amount, paid, day, promised_on: day.plus(7) }];
    let instalments = [1, 2].map(|n| Term { due_on: day.plus(30 * n), amount: Minor::new(2_000) }).to_vec();
    pauses.plan = Some(Plan { id: "plan-1".into(), instalments, paid: Minor::ZERO, day });
    let view = AccountView::new(&StoredRow { stale: vec![], account }, None);
    let text = view.to_string();
    for line in [
        "stopped     since 2026-02-06T00:00:00.000Z: nothing is done",
        "hold        h-1  stops everything (hardship) for b-1, until it is released",
        "hold        h-2  stops bars (hardship), until 2026-02-16T00:00:00.000Z",
        "promise     p-1  39.90 EUR by 2026-02-13, 10.00 EUR paid",
        "plan        plan-1  40.00 EUR by 2026-04-07, 0.00 EUR paid, 2 parts",
        "promises    0 kept, 1 broken",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let json = serde_json::to_value(&view).expect("JSON");
    assert_eq!(json["pauses"]["plan"]["parts"], 2);
    assert_eq!(json["pauses"]["holds"][1]["stops_contacts"], false);
}

#[test]
fn payments_that_are_collected_again_are_told() {
    let mut account = account();
    account.aside = Some(Box::default());
    let retry = |payment: &str, method: &str, attempts, state| Retry {
        payment: payment.into(),
        method: method.into(),
        amount: Minor::new(3_990),
        due_by: Day::from_epoch(20_480),
        attempts,
        sequence: 2,
        state,
    };
    account.aside.as_mut().expect("it was put there").retries = vec![
        retry("p-1", "card", 0, RetryState::Planned(at(20_500))),
        retry("p-2", "", 1, RetryState::Asked(Minor::new(100))),
    ];
    let view = AccountView::new(&StoredRow { stale: vec![], account }, None);
    let text = view.to_string();
    for line in [
        "payment     p-1  39.90 EUR by card failed; attempt 1 comes 2026-02-16T00:00:00.000Z",
        "payment     p-2  39.90 EUR failed; attempt 1 is under way",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let json = serde_json::to_value(&view).expect("JSON");
    assert_eq!((&json["retries"][1]["attempts"], &json["retries"][1]["next"]), (&1.into(), &serde_json::Value::Null));
}

#[test]
fn an_account_is_told_in_json() {
    let json = serde_json::to_value(view()).expect("JSON");
    assert_eq!(json["open"], serde_json::json!({"minor": 3_990, "currency": "EUR"}));
    assert_eq!(json["deadline"], "2026-02-17T00:00:00.000Z");
    assert_eq!(json["bills"][0]["due_on"], "2026-01-27");
    assert_eq!(json["cycle"]["pending"]["held"], "no_profile");
    assert_eq!(json["stale"][0]["topic"], "billing.payments");
}

#[test]
fn nothing_has_happened_to_a_new_account() {
    let row = StoredRow { stale: vec![], account: Account::new("acc-2") };
    let view = AccountView::new(&row, None);
    assert!(view.to_string().contains("nothing has happened yet"));
    assert_eq!(serde_json::to_value(&view).expect("JSON")["as_of"], serde_json::Value::Null);
}

#[test]
fn decisions_are_told_in_order_with_their_cause() {
    let later = a_decision(2, None);
    let first = a_decision(1, Some(Cause::new("billing.bills", 0, 42)));
    let view = ExplainView::new(view(), [later, first]);
    assert_eq!(view.decisions.iter().map(|d| d.number).collect::<Vec<_>>(), [1, 2]);
    let text = view.to_string();
    for part in
        ["step reminder: the customer is told", "because of billing.bills partition 0 offset 42", "39.90 EUR due"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(text.contains("because its time had come"));
    let json = serde_json::to_value(&view).expect("JSON");
    assert_eq!(json["decisions"][0]["cause"]["offset"], 42);
}

#[test]
fn amounts_have_the_decimals_of_their_currency() {
    let rows = [
        (12_345, "EUR", "123.45 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (12_345, "JPY", "12345 JPY"),
        (12_345, "KWD", "12.345 KWD"),
        (0, "", "0.00"),
        (i64::MIN, "EUR", "-92233720368547758.08 EUR"),
    ];
    for (minor, currency, text) in rows {
        assert_eq!(Money::new(Minor::new(minor), currency).to_string(), text);
    }
}
