use dunning_rules::Timestamp;
use dunning_wire::topic::OutputTopic;

use super::*;

const WAIT: Duration = Duration::ZERO;
const BILLS: Topic = Topic::In(InputTopic::Bills);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn poll(broker: &mut SimBroker) -> Vec<Polled> {
    let mut polled = Vec::new();
    broker.poll(WAIT, &mut polled).expect("polled");
    polled
}

/// What a poll found, in short: `+0,1` assigned, `-1` revoked, `!1` lost, `b@3` record with key b at offset 3,
/// `end@4`, `restored@5`.
fn short(polled: &[Polled]) -> String {
    let list = |shards: &[Partition]| shards.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let words = polled.iter().filter_map(|p| match p {
        Polled::Record(r) => Some(format!("{}@{}", String::from_utf8_lossy(r.key().unwrap_or_default()), r.offset)),
        Polled::End { source: Source::Input(InputTopic::Bills) | Source::Decisions, offset, .. } => {
            Some(format!("end@{offset}"))
        }
        Polled::End { .. } => None,
        Polled::Restored { next, .. } => Some(format!("restored@{next}")),
        Polled::TailLost { .. } => Some("tail lost".to_owned()),
        Polled::Membership(Membership::Assigned(s)) => Some(format!("+{}", list(s))),
        Polled::Membership(Membership::Revoked(s)) => Some(format!("-{}", list(s))),
        Polled::Membership(Membership::Lost(s)) => Some(format!("!{}", list(s))),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn say(broker: &mut SimBroker) -> String {
    short(&poll(broker))
}

fn out(topic: OutputTopic, key: &'static str) -> OutRecord<'static> {
    OutRecord { topic, partition: 0, timestamp: at(0), key: Some(key.as_bytes()), value: Some(b"v"), headers: &[] }
}

/// A lane with the only shard of a bus, which it reads from the beginning.
fn reading(bus: &Bus) -> SimBroker {
    let mut broker = SimBroker::new(bus, "w1");
    poll(&mut broker);
    broker.accept(&[0]).expect("accepted");
    let starts = broker.starts(0, Start::Earliest).expect("starts");
    broker.read(0, &starts).expect("reading");
    broker
}

fn bill(bus: &Bus, key: &str, within: Option<Transaction>) {
    bus.append_to(BILLS, 0, Some(key.as_bytes()), Some(b"v"), at(1), within);
}

#[test]
fn shards_are_spread_and_move_only_as_far_as_they_must() {
    let bus = Bus::new(5);
    let (mut one, mut two, mut three) =
        (SimBroker::new(&bus, "w1"), SimBroker::new(&bus, "w2"), SimBroker::new(&bus, "w3"));
    assert_eq!(say(&mut one), "+0,1,2,3,4");
    one.accept(&[0, 1, 2, 3, 4]).expect("accepted");
    assert_eq!(say(&mut two), "", "nothing is free yet");
    assert_eq!(say(&mut one), "-3,4");
    one.release(&[3, 4]).expect("released");
    assert_eq!(say(&mut two), "+3,4");
    assert_eq!((say(&mut three), say(&mut one), say(&mut two)), (String::new(), "-2".into(), String::new()));
    one.release(&[2]).expect("released");
    assert_eq!(say(&mut three), "+2");
    two.leave();
    assert_eq!((say(&mut one), say(&mut three)), ("+3".into(), "+4".into()));
}

#[test]
fn a_lane_that_was_thought_dead_learns_it_and_cannot_commit() {
    let bus = Bus::new(2);
    let (mut one, mut two) = (SimBroker::new(&bus, "w1"), SimBroker::new(&bus, "w2"));
    say(&mut one);
    one.accept(&[0, 1]).expect("accepted");
    one.begin().expect("begun");
    one.send(&out(OutputTopic::State, "a")).expect("sent");
    one.expel();
    assert_eq!(say(&mut two), "+0,1");
    let error = one.commit(&[(InputTopic::Bills, 0, 1)]).expect_err("another owns it");
    assert_eq!(error.kind, ErrorKind::Abort);
    one.abort().expect("aborted");
    assert_eq!(bus.committed(InputTopic::Bills, 0), None);
    assert_eq!(say(&mut one), "!0,1");
    one.release(&[0, 1]).expect("released");
    assert_eq!(say(&mut one), "", "it has joined again");
    assert_eq!(say(&mut two), "-1");
}

#[test]
fn what_is_read_is_committed_and_the_end_is_said_each_time_anew() {
    let bus = Bus::new(1);
    bill(&bus, "a", None);
    let mut broker = reading(&bus);
    assert_eq!(say(&mut broker), "a@0 end@1");
    assert_eq!(say(&mut broker), "");
    let upstream = bus.begin();
    bill(&bus, "b", Some(upstream));
    bill(&bus, "c", None);
    assert_eq!(say(&mut broker), "", "an open transaction holds back what is behind it");
    let ends = broker.ends(0).expect("ends")[0];
    assert_eq!((ends.uncommitted, ends.stable), (3, 1));
    bus.end(upstream, false);
    assert_eq!(say(&mut broker), "c@2 end@4", "the mark of its end takes an offset");
    let upstream = bus.begin();
    bill(&bus, "d", Some(upstream));
    bus.end(upstream, false);
    assert_eq!(say(&mut broker), "end@6", "nothing to read, and yet the end is another");
    assert_eq!(broker.ends(0).expect("ends")[0].stable, 6);
}

#[test]
fn a_paused_topic_goes_on_where_it_stood_and_reading_can_begin_anew() {
    let bus = Bus::new(1);
    let mut broker = reading(&bus);
    assert_eq!(say(&mut broker), "end@0");
    broker.pause(0, InputTopic::Bills).expect("paused");
    bill(&bus, "a", None);
    assert_eq!(say(&mut broker), "");
    broker.resume(0, InputTopic::Bills).expect("resumed");
    assert_eq!(say(&mut broker), "a@0 end@1");
    broker.read(0, &[(InputTopic::Bills, 0)]).expect("again");
    assert_eq!(say(&mut broker), "a@0 end@1");
    assert_eq!(broker.starts(0, Start::At(at(2))).expect("starts")[0], (InputTopic::Bills, 1));
    assert_eq!(broker.read(0, &[(InputTopic::Bills, 9)]).map_err(|e| e.kind), Err(ErrorKind::Fatal));
}

#[test]
fn a_transaction_is_seen_as_a_whole_with_its_offsets_or_not_at_all() {
    let bus = Bus::new(1);
    let mut broker = reading(&bus);
    for (committed, seen) in [(false, 0), (true, 2)] {
        broker.begin().expect("begun");
        broker.send(&out(OutputTopic::Barring, "a")).expect("sent");
        broker.send(&out(OutputTopic::State, "a")).expect("sent");
        assert!(bus.read(Topic::Out(OutputTopic::Barring)).is_empty());
        if committed {
            broker.commit(&[(InputTopic::Bills, 0, 7)]).expect("committed");
        } else {
            broker.abort().expect("aborted");
        }
        let all = bus.read(Topic::Out(OutputTopic::Barring)).len() + bus.read(Topic::Out(OutputTopic::State)).len();
        assert_eq!(all, seen);
        assert_eq!(bus.committed(InputTopic::Bills, 0), committed.then_some(7));
    }
    assert_eq!(broker.committed(0).expect("offsets")[0], (InputTopic::Bills, Some(7)));
}

#[test]
fn operator_orders_that_are_written_are_read() {
    let bus = Bus::new(1);
    let mut broker = reading(&bus);
    say(&mut broker);
    broker.begin().expect("begun");
    broker.send(&out(OutputTopic::Control, "order")).expect("sent");
    broker.commit(&[]).expect("committed");
    assert!(say(&mut broker).starts_with("order@0"));
}

#[test]
fn whoever_claims_a_transactional_id_ends_what_its_last_holder_left_and_fences_it() {
    let bus = Bus::new(1);
    let mut one = reading(&bus);
    one.begin().expect("begun");
    one.send(&out(OutputTopic::State, "a")).expect("sent");
    let mut two = SimBroker::new(&bus, "w1");
    assert_eq!(one.commit(&[]).map_err(|e| e.kind), Err(ErrorKind::Fenced));
    assert!(bus.read(Topic::Out(OutputTopic::State)).is_empty());
    two.begin().expect("begun");
    two.abort().expect("aborted");
}

#[test]
fn a_restoration_waits_for_a_transaction_that_is_open_until_its_writer_is_fenced() {
    let bus = Bus::new(1);
    let mut dead = reading(&bus);
    dead.begin().expect("begun");
    dead.send(&out(OutputTopic::State, "a")).expect("sent");
    dead.commit(&[]).expect("committed");
    dead.begin().expect("begun");
    dead.send(&out(OutputTopic::State, "b")).expect("sent");
    dead.expel();

    let mut next = SimBroker::new(&bus, "w2");
    assert_eq!(say(&mut next), "+0");
    next.accept(&[0]).expect("accepted");
    next.restore(0, 0).expect("restoring");
    assert_eq!(next.end_of(Source::State, 0), Ok(3));
    assert_eq!(say(&mut next), "a@0", "b is not committed");
    assert_eq!(say(&mut next), "");
    assert_eq!(next.is_held(0), Ok(true));
    assert_eq!(next.fence("w1"), Ok(true));
    assert_eq!(next.is_held(0), Ok(false));
    assert_eq!(next.fence("w2"), Ok(false), "whom the group knows is not fenced");
    assert_eq!(say(&mut next), "restored@3");
    assert_eq!(next.restore(0, 9).map_err(|e| e.kind), Err(ErrorKind::Abort), "beyond the end");
    next.restore(0, 2).expect("from the middle");
    assert_eq!(say(&mut next), "restored@4", "to the end as it is now, with the mark of the aborted transaction");
    next.recall(0, 5).expect("recalled");
    assert_eq!(say(&mut next), "end@0");
}

#[test]
fn a_tail_follows_the_state_topic_until_it_is_lost() {
    let bus = Bus::new(1);
    let mut owner = reading(&bus);
    let write = |owner: &mut SimBroker, key| {
        owner.begin().expect("begun");
        owner.send(&out(OutputTopic::State, key)).expect("sent");
        owner.commit(&[]).expect("committed");
    };
    write(&mut owner, "a");
    let mut other = SimBroker::new(&bus, "w2");
    say(&mut other);
    assert_eq!(other.candidates(1), Ok(Some(vec![0])), "the only other lane");
    assert_eq!(owner.candidates(1), Ok(Some(vec![])), "its own");
    assert_eq!(other.tail(0, 9).map_err(|e| e.kind), Err(ErrorKind::Abort), "beyond the end");
    other.tail(0, 0).expect("followed");
    assert_eq!(say(&mut other), "a@0");
    write(&mut owner, "b");
    assert_eq!(say(&mut other), "b@2");
    other.untail(0).expect("stopped");
    write(&mut owner, "c");
    assert_eq!(say(&mut other), "");
    other.tail(0, 4).expect("followed");
    bus.trim(Topic::Out(OutputTopic::State), 0, 5);
    assert_eq!(say(&mut other), "tail lost");
    assert_eq!(say(&mut other), "");
}

#[test]
fn a_state_topic_that_was_compacted_and_cut_restores_to_the_same_rows() {
    let bus = Bus::new(1);
    let mut broker = reading(&bus);
    for key in ["a", "b", "a", "c"] {
        broker.begin().expect("begun");
        broker.send(&out(OutputTopic::State, key)).expect("sent");
        broker.commit(&[]).expect("committed");
    }
    bus.compact(Topic::Out(OutputTopic::State));
    broker.restore(0, 0).expect("restoring");
    assert!(say(&mut broker).starts_with("b@2 a@4 c@6 restored@8"));
    bus.trim(Topic::Out(OutputTopic::State), 0, 4);
    assert_eq!(broker.restore(0, 2).map_err(|e| e.kind), Err(ErrorKind::Abort), "it was deleted");
    broker.restore(0, 0).expect("from the beginning, wherever it is");
    assert_eq!(say(&mut broker), "a@4 c@6 restored@8");
}

#[test]
fn the_registry_knows_the_built_in_schemas_until_it_goes_away() {
    let bus = Bus::new(1);
    let mut broker = SimBroker::new(&bus, "w1");
    assert!(matches!(broker.schema(1), SchemaAnswer::Known(text) if text.contains("BillIssued")));
    assert_eq!(broker.schema(4_000), SchemaAnswer::Unknown);
    bus.register(4_000, "\"null\"");
    assert_eq!(broker.schema(4_000), SchemaAnswer::Known("\"null\"".into()));
    bus.set_registry_away(true);
    assert_eq!(broker.schema(1), SchemaAnswer::Away);
}
