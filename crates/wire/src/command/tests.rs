use std::sync::Arc;

use apache_avro::types::Value;
use dunning_rules::{
    Action, BarLevel, Channel, Command, Currency, Day, Minor, RestorationReason, Timestamp, command_id,
};
use proptest::prelude::*;

use super::*;
use crate::{BadRecord, reference, sample};

fn action() -> impl Strategy<Value = Action> {
    let day = || proptest::option::of(sample::day());
    let ids = || proptest::collection::vec((1..99u64).prop_map(|n| command_id("acc-1", n)), 0..3);
    let notify =
        (0..Channel::ALL.len(), sample::text(), sample::text(), "[a-z]{2}", sample::text(), any::<bool>(), day())
            .prop_map(|(channel, address, template, language, purpose, mandatory, announced_for)| Action::Notify {
                channel: Channel::ALL[channel],
                address: address.into(),
                template: Arc::from(template),
                language: language.into(),
                payment_link: Some("https://pay.example/1".into()).filter(|_| mandatory),
                purpose: Arc::from(purpose),
                mandatory,
                announced_for,
                // A map has no order, and the avro crate gives it another one each time.
                offer: vec![],
                follows: mandatory.then(|| command_id("acc-1", 7)),
                localised: false,
            });
    let services = || proptest::collection::vec(sample::id().prop_map(Into::into), 0..3);
    let level = (0..BarLevel::ALL.len()).prop_map(|level| BarLevel::ALL[level]);
    let claims = || proptest::collection::vec((sample::id().prop_map(Into::into), level.clone()), 0..3);
    let bar = (level.clone(), services(), claims(), ids(), day()).prop_map(
        |(level, services, claims, warnings, announced_for)| Action::Bar {
            level,
            services,
            claims,
            warnings,
            announced_for,
        },
    );
    let reason = prop_oneof![
        Just(RestorationReason::Paid),
        Just(RestorationReason::Dispute),
        Just(RestorationReason::Adjustment),
        Just(RestorationReason::WriteOff)
    ];
    let retry = (sample::id(), sample::text(), any::<u16>(), sample::instant()).prop_map(
        |(payment, method, attempt, not_before)| Action::Retry {
            payment: payment.into(),
            method: method.into(),
            attempt,
            not_before,
        },
    );
    let imported = proptest::collection::vec(sample::id().prop_map(Into::into), 0..2);
    let withdraw = (0..Channel::ALL.len(), sample::text(), "[a-z]{2}", 1..99u64).prop_map(
        |(channel, address, language, sequence)| Action::Withdraw {
            channel: Channel::ALL[channel],
            address: address.into(),
            language: language.into(),
            cancels: command_id("acc-1", sequence),
        },
    );
    prop_oneof![
        retry,
        notify,
        withdraw,
        bar,
        (ids(), imported, services(), claims(), reason).prop_map(
            |(lifts, lifts_imported, services, claims, reason)| Action::Restore {
                lifts,
                lifts_imported,
                services,
                claims,
                reason
            }
        )
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let currency = proptest::option::of(sample::currency());
    let bills = proptest::collection::vec(sample::id(), 0..4);
    let head = (1..1u64 << 40, sample::instant(), sample::text(), sample::text(), sample::amount());
    let cause = proptest::option::of(sample::id());
    (head, currency, 0..1_000_000u32, cause, bills, action()).prop_map(
        |((sequence, decided_at, policy, step, amount_due), currency, cycle, cause, bills, action)| Command {
            id: command_id("acc-1", sequence),
            sequence,
            decided_at,
            policy: Arc::from(policy),
            step: Arc::from(step),
            amount_due,
            currency,
            cycle,
            cause_event_id: cause.map(Into::into),
            bill_ids: bills.into_iter().map(Into::into).collect(),
            action,
        },
    )
}

proptest! {
    #[test]
    fn the_avro_crate_reads_the_same_and_writes_the_same_bytes(command in command(), account in sample::id()) {
        let mut datum = Vec::new();
        encode(account, &command, &mut datum);
        let topic = topic_of(&command);
        let value = reference::read(&reference::schema(topic.contract_name()), &datum);
        prop_assert_eq!(reference::at(&value, "account_id"), Value::String(account.to_owned()));
        prop_assert_eq!(reference::at(&value, "sequence"), Value::Long(command.sequence.cast_signed()));
        prop_assert_eq!(reference::at(&value, "command_id"), Value::String(command.id.to_string()));
        let view = decode(topic, &datum).expect("a command");
        prop_assert_eq!((view.sequence, view.decided_at), (command.sequence, command.decided_at));
        prop_assert_eq!((&*view.policy, &*view.step), (&*command.policy, &*command.step));
        prop_assert_eq!(view.amount_due, command.amount_due);
        prop_assert_eq!(view.cause_event_id.as_deref(), command.cause_event_id.as_deref());
        for len in 0..datum.len() {
            prop_assert!(decode(topic, &datum[..len]).is_err());
        }
    }

    #[test]
    fn whatever_the_avro_crate_writes_is_read(seed in any::<u64>()) {
        for topic in OutputTopic::COMMANDS {
            let schema = reference::schema(topic.contract_name());
            let value = reference::value(&schema, "", &mut reference::Dice::new(seed));
            prop_assert!(decode(topic, &reference::write(&schema, value)).is_ok());
        }
    }
}

fn example(action: Action) -> Command {
    Command {
        id: command_id("acc-1", 7),
        sequence: 7,
        decided_at: Timestamp::from_millis(1_000),
        policy: Arc::from("reference@1"),
        step: Arc::from("bar-full"),
        amount_due: Minor::new(1_234),
        currency: Currency::parse("EUR"),
        cycle: 2,
        cause_event_id: None,
        bill_ids: vec!["b-1".into(), "b-2".into()],
        action,
    }
}

fn view(action: Action) -> (CommandView, Value) {
    let command = example(action);
    let mut datum = Vec::new();
    encode("acc-1", &command, &mut datum);
    let topic = topic_of(&command);
    let value = reference::read(&reference::schema(topic.contract_name()), &datum);
    (decode(topic, &datum).expect("a command"), value)
}

#[test]
fn a_bar_has_what_the_contract_says() {
    let warnings = vec![command_id("acc-1", 5)];
    let announced_for = Some(Day::from_epoch(100));
    let (view, value) =
        view(Action::Bar { level: BarLevel::Full, services: vec![], claims: vec![], warnings, announced_for });
    assert_eq!(view.cycle_id, "acc-1/2");
    assert_eq!((view.currency.as_str(), view.bill_ids.len()), ("EUR", 2));
    assert_eq!(
        view.action,
        ActionView::Bar {
            level: "FULL",
            service_ids: vec![],
            emergency_calls_allowed: true,
            effective_at: Timestamp::from_millis(1_000),
            reason_code: "overdue".to_owned(),
            warning_command_ids: vec![command_id("acc-1", 5).to_string()],
            announced_for: Some(Day::from_epoch(100)),
            desired: vec![(String::new(), "FULL".to_owned())],
        }
    );
    assert_eq!(reference::at(&value, "level"), Value::Enum(2, "FULL".to_owned()));
    assert_eq!(reference::at(&value, "amount_due_minor"), Value::Long(1_234));
    assert_eq!(reference::at(&value, "case_id"), Value::Null);
}

#[test]
fn only_a_service_that_is_ended_loses_emergency_calls() {
    for level in BarLevel::ALL {
        let (_, value) =
            view(Action::Bar { level, services: vec![], claims: vec![], warnings: vec![], announced_for: None });
        let allowed = reference::at(&value, "emergency_calls_allowed");
        assert_eq!(allowed, Value::Boolean(level != BarLevel::Terminated));
    }
}

#[test]
fn a_restoration_says_what_remains_and_that_nothing_is_claimed() {
    let lifts = vec![command_id("acc-1", 5), command_id("acc-1", 6)];
    let (view, value) = view(Action::Restore {
        lifts: lifts.clone(),
        lifts_imported: vec![],
        services: vec![],
        claims: vec![],
        reason: RestorationReason::WriteOff,
    });
    assert_eq!(
        view.action,
        ActionView::Restore {
            service_ids: vec![],
            lifts: lifts.iter().map(ToString::to_string).collect(),
            reason: "WRITE_OFF",
            effective_at: Timestamp::from_millis(1_000),
            desired: vec![(String::new(), "NONE".to_owned())],
        }
    );
    assert_eq!(reference::at(&value, "remaining_minor"), Value::Long(1_234));
    assert!(serde_json::to_string(&view).expect("JSON").contains("\"restore\":{"));
}

#[test]
fn where_nothing_is_known_a_notification_has_the_defaults() {
    let mut command = example(Action::Notify {
        channel: Channel::Sms,
        address: "".into(),
        template: Arc::from("warning"),
        language: "".into(),
        payment_link: None,
        purpose: Arc::from(""),
        mandatory: false,
        announced_for: None,
        offer: vec![],
        follows: None,
        localised: false,
    });
    command.cycle = 0;
    command.currency = None;
    let mut datum = Vec::new();
    encode("acc-1", &command, &mut datum);
    let value = reference::read(&reference::schema("dunning.notifications"), &datum);
    let apache_avro::Schema::Record(record) = reference::schema("dunning.notifications") else { panic!("no record") };
    for field in record.fields.iter().filter(|f| f.default.is_some() && f.name != "bill_ids") {
        let json: serde_json::Value = reference::at(&value, &field.name).try_into().expect("JSON");
        assert_eq!(Some(&json), field.default.as_ref(), "{}", field.name);
    }
    assert_eq!(reference::at(&value, "currency"), Value::String(String::new()));
}

/// The parameters of a notice in German that offers a plan and names a day.
fn parameters(localised: bool) -> Vec<(String, String)> {
    let part = |day, amount| Term { due_on: Day::from_epoch(day), amount: Minor::new(amount) };
    let command = example(Action::Notify {
        channel: Channel::Sms,
        address: "".into(),
        template: Arc::from("offer"),
        language: "de".into(),
        payment_link: None,
        purpose: Arc::from("offer"),
        mandatory: false,
        announced_for: Some(Day::from_epoch(20_820)),
        offer: vec![part(20_820, 3_334), part(20_850, 3_333)],
        follows: None,
        localised,
    });
    let mut datum = Vec::new();
    encode("acc-1", &command, &mut datum);
    let schema = reference::schema("dunning.notifications");
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().expect("a reader");
    let value = reader.read_value(&mut datum.as_slice()).expect("a datum");
    let Value::Map(read) = reference::at(&value, "parameters") else { panic!("a map") };
    let view = decode(OutputTopic::Notifications, &datum).expect("a command");
    let ActionView::Notify { parameters, .. } = view.action else { panic!("a notice") };
    let same = |(key, value): (&String, &String)| read.get(key) == Some(&Value::String(value.clone()));
    assert!(read.len() == parameters.len() && parameters.iter().all(same), "{read:?}");
    parameters.into_iter().collect()
}

#[test]
fn a_plan_that_is_offered_is_in_the_parameters_of_the_template() {
    let plain = [
        ("plan_1_amount_minor", "3334"),
        ("plan_1_due_on", "2027-01-02"),
        ("plan_2_amount_minor", "3333"),
        ("plan_2_due_on", "2027-02-01"),
        ("plan_parts", "2"),
    ];
    let owned =
        |rows: &[(&str, &str)]| rows.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    assert_eq!(parameters(false), owned(&plain));
    let mut all = owned(&plain);
    all.extend(owned(&[
        ("amount_due_text", "12,34\u{a0}EUR"),
        ("announced_for_text", "2. Januar 2027"),
        ("plan_1_amount_text", "33,34\u{a0}EUR"),
        ("plan_1_due_on_text", "2. Januar 2027"),
        ("plan_2_amount_text", "33,33\u{a0}EUR"),
        ("plan_2_due_on_text", "1. Februar 2027"),
    ]));
    all.sort();
    assert_eq!(parameters(true), all);
}

#[test]
fn a_restoration_says_what_is_free_and_what_stays() {
    // Services that are restored, and what stays; what is claimed.
    type Row = (&'static [&'static str], &'static [(&'static str, BarLevel)], &'static [(&'static str, &'static str)]);
    let rows: [Row; 5] = [
        (&[], &[], &[("", "NONE")]),
        (&["a", "b"], &[], &[("a", "NONE"), ("b", "NONE")]),
        (&["a"], &[("b", BarLevel::Outgoing)], &[("a", "NONE"), ("b", "OUTGOING")]),
        (&["a"], &[("a", BarLevel::Throttled)], &[("a", "THROTTLED")]),
        (&["a"], &[("", BarLevel::Outgoing)], &[("", "OUTGOING")]),
    ];
    for (services, stays, wanted) in rows {
        let (found, _) = view(Action::Restore {
            lifts: vec![command_id("acc-1", 1)],
            lifts_imported: vec![],
            services: services.iter().map(|service| (*service).into()).collect(),
            claims: stays.iter().map(|(service, level)| ((*service).into(), *level)).collect(),
            reason: RestorationReason::Paid,
        });
        let ActionView::Restore { desired, .. } = found.action else { panic!("a restoration") };
        let desired: Vec<_> = desired.iter().map(|(service, level)| (service.as_str(), level.as_str())).collect();
        assert_eq!(desired, wanted, "{services:?} {stays:?}");
    }
}

#[test]
fn a_topic_without_commands_has_none() {
    assert!(matches!(decode(OutputTopic::State, &[0; 64]), Err(BadRecord::RefusedSchema(_))));
}
