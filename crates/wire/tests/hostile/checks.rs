//! What must hold for any bytes at all. The property tests and the fuzz targets (`fuzz/`) share these checks: each takes
//! what somebody may have sent, panics where a promise is broken, and says whether the bytes were good.

use std::sync::Arc;

use dunning_rules::{Body, Interaction, Minor, Policy};
use dunning_wire::policy::{Findings, Severity};
use dunning_wire::schema::Resolver;
use dunning_wire::state::{self, StateError};
use dunning_wire::state_record::{self, StateRecord, Summary};
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{BadRecord, command, control, decision, event, frame, policy, scenario};

/// The most findings of one file, the one that says how many more there are counted, and the most bytes they take.
const FINDINGS_MAX: usize = 101;
const SHOWN_MAX: usize = 256 * 1024;

/// The value of a record on an input topic, taken as the engine takes it.
pub fn record(resolver: &mut Resolver, topic: InputTopic, value: &[u8]) -> Result<(), BadRecord> {
    let (id, datum) = frame::split(value)?;
    let plan = resolver.plan(topic, id).ok_or(BadRecord::UnknownSchema(id))?;
    let mut scratch = Vec::new();
    input(topic, plan.datum(datum, &mut scratch)?)
}

/// A datum in the layout of an input topic.
pub fn input(topic: InputTopic, datum: &[u8]) -> Result<(), BadRecord> {
    if topic == InputTopic::Control {
        return order(datum);
    }
    let decoded = event::decode(topic, datum)?;
    assert_eq!(event::account_of(datum), Some(decoded.account_id));
    // Of an interaction that is not used nothing but its name is kept.
    if !matches!(decoded.event.body, Body::Interaction(Interaction::NotUsed(_))) {
        let mut again = Vec::new();
        event::encode_input(topic, decoded.account_id, &decoded.event, &mut again);
        assert_eq!(event::decode(topic, &again).as_ref(), Ok(&decoded));
    }
    Ok(())
}

/// A datum of the control topic.
pub fn order(datum: &[u8]) -> Result<(), BadRecord> {
    let order = control::decode(datum)?;
    let mut again = Vec::new();
    control::encode(&order, &mut again);
    assert_eq!(control::decode(&again), Ok(order));
    Ok(())
}

/// The bytes that the store keeps of an account.
pub fn row(bytes: &[u8]) -> Result<(), StateError> {
    let row = state::decode_row(bytes)?;
    let peek = state::peek(bytes)?;
    assert_eq!(peek.deadline, row.account.deadline);
    assert_eq!(peek.pending, row.account.pending().is_some());
    assert_eq!(peek.stale, !row.stale.is_empty());
    for version in state::StateVersion::ALL {
        let mut again = Vec::new();
        state::encode_row(&row, version, &mut again);
        assert_eq!(state::decode_row(&again).as_ref(), Ok(&row));
        let mut datum = Vec::new();
        let summary = Summary { amount_due: Minor::ZERO, step: "" };
        let place = state_record::encode_account_state(&row, version, &summary, &mut datum);
        assert_eq!(datum[place], again);
    }
    Ok(())
}

/// A datum of the state topic.
pub fn state_record(datum: &[u8]) -> Result<(), BadRecord> {
    match state_record::decode(datum)? {
        StateRecord::Account { row: bytes, .. } => drop(row(bytes)),
        StateRecord::Checkpoint(checkpoint) => {
            let mut again = Vec::new();
            state_record::encode_checkpoint(&checkpoint, &mut again);
            assert_eq!(state_record::decode_checkpoint(&again), Ok(*checkpoint));
        }
    }
    Ok(())
}

/// A datum of a topic that is written and read back: commands and decisions.
pub fn output(topic: OutputTopic, datum: &[u8]) -> Result<(), BadRecord> {
    match topic {
        OutputTopic::Decisions => decision::decode(datum).map(drop),
        OutputTopic::State => state_record(datum),
        OutputTopic::Control => order(datum),
        _ => command::decode(topic, datum).map(drop),
    }
}

/// A writer's schema, and a datum of it on a topic.
pub fn writer(topic: InputTopic, schema: &str, datum: &[u8]) -> Result<(), BadRecord> {
    let mut resolver = Resolver::new();
    resolver.learn(1, schema);
    let plan = resolver.plan(topic, 1).expect("a plan, as the id was learnt");
    let mut scratch = Vec::new();
    let in_layout = plan.datum(datum, &mut scratch)?;
    let taken = input(topic, in_layout);
    if !plan.is_direct() {
        let misread = [BadRecord::Truncated, BadRecord::TrailingBytes, BadRecord::BadUnion, BadRecord::NegativeLength];
        assert!(!taken.as_ref().is_err_and(|bad| misread.contains(bad)), "not in our layout: {taken:?}");
    }
    taken
}

/// A policy file.
pub fn policy_text(text: &str) -> Result<(), ()> {
    match policy::parse("any.yaml", text) {
        Ok(loaded) => {
            let again = policy::parse("any.yaml", &loaded.text).expect("the same text");
            assert_eq!((again.policy, again.digest), (loaded.policy, loaded.digest));
            Ok(())
        }
        Err(findings) => refused(&findings),
    }
}

/// A scenario file, run against a policy.
pub fn scenario_text(text: &str, policy: &Arc<Policy>) -> Result<(), ()> {
    match scenario::parse("any.yaml", text) {
        Ok(scenario) => {
            let _ = scenario::run(&scenario, Arc::clone(policy)).to_string();
            Ok(())
        }
        Err(findings) => refused(&findings),
    }
}

/// A refusal says why, in bounded words.
fn refused(findings: &Findings) -> Result<(), ()> {
    assert!(findings.has_error());
    assert!(findings.0.len() <= FINDINGS_MAX, "{} findings", findings.0.len());
    assert!(findings.0.iter().all(|f| !f.message.is_empty()));
    assert!(findings.0.iter().filter(|f| f.severity == Severity::Error).all(|f| f.line > 0 || f.column == 0));
    assert!(findings.to_string().len() <= SHOWN_MAX);
    Err(())
}
