//! The Kafka adapter against a real broker and registry. Without BUS_BOOTSTRAP and BUS_REGISTRY these tests fail.

mod around;
mod world;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dunning::kafka::KafkaBroker;
use dunning_engine::{Broker, ErrorKind, Membership, Polled, Source, Start};
use dunning_rules::Timestamp;
use dunning_wire::topic::{InputTopic, OutputTopic};
use rdkafka::producer::Producer;
use world::{World, end, join, out, records, restored, retry, serve, unique, until, watch};

const BILLS: Source = Source::Input(InputTopic::Bills);

/// All inputs of a shard from their beginnings.
fn beginning() -> Vec<(InputTopic, i64)> {
    InputTopic::ALL.into_iter().map(|t| (t, 0)).collect()
}

/// A lane with all shards of a world, from the beginning.
fn reading(world: &World) -> KafkaBroker {
    let mut lane = world.lane(0);
    for shard in join(&mut lane, world.bus.partitions as usize) {
        retry(|| lane.read(shard, &beginning()));
    }
    lane
}

#[test]
fn what_is_committed_is_seen_and_what_is_aborted_is_not() {
    let world = World::new(1);
    let mut lane = world.lane(0);
    assert_eq!(join(&mut lane, 1), [0]);
    assert!(retry(|| lane.committed(0)).iter().all(|(_, offset)| offset.is_none()));

    lane.begin().expect("begin");
    let headers: [(&str, Option<&[u8]>); 2] = [("reason", Some(b"r")), ("none", None)];
    let mut record = out(OutputTopic::Barring, 0, b"a", Some(b"1"));
    record.headers = &headers;
    lane.send(&record).expect("send");
    lane.send(&out(OutputTopic::State, 0, b"a", None)).expect("send a tombstone");
    let next: Vec<_> = InputTopic::ALL.into_iter().map(|t| (t, 0, 7)).collect();
    lane.commit(&next).expect("commit");
    assert!(retry(|| lane.committed(0)).iter().all(|(_, offset)| *offset == Some(7)));

    lane.begin().expect("begin");
    lane.send(&out(OutputTopic::Barring, 0, b"a", Some(b"2"))).expect("send");
    lane.abort().expect("abort");
    assert_eq!(retry(|| lane.committed(0))[0], (InputTopic::Bills, Some(7)));

    lane.begin().expect("begin");
    lane.send(&out(OutputTopic::Barring, 0, b"a", Some(b"3"))).expect("send");
    lane.commit(&[]).expect("commit without offsets");
    let topic = world.bus.topics.output(OutputTopic::Barring);
    assert_eq!(world.count(topic, 0, "read_committed"), 2);
    assert_eq!(world.count(topic, 0, "read_uncommitted"), 3);
    lane.leave();
}

#[test]
fn a_commit_says_the_brokers_time_of_the_state_where_the_topic_bears_it() {
    for bears in [true, false] {
        let world = World::with_time(1, bears);
        let mut lane = world.lane(0);
        assert_eq!(join(&mut lane, 1), [0]);
        assert_eq!(lane.append_times(), None, "nothing was written yet");
        let now = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis());
        let before = now().expect("millis");
        lane.begin().expect("begin");
        // Its own timestamp is another.
        lane.send(&out(OutputTopic::State, 0, b"a", Some(b"1"))).expect("send");
        lane.commit(&[]).expect("commit");
        let after = now().expect("millis");
        let said = lane.append_times().map(|times| (times.first.millis(), times.last.millis()));
        // Clocks of one machine: the broker's is read in whole milliseconds.
        let within = said.map(|(first, last)| before <= first && first <= last && last <= after);
        assert_eq!(within, bears.then_some(true), "{said:?} within {before}..{after}");
        lane.begin().expect("begin");
        lane.send(&out(OutputTopic::Barring, 0, b"a", Some(b"1"))).expect("send");
        lane.commit(&[]).expect("commit");
        assert_eq!(lane.append_times(), None, "no state was written");
        lane.leave();
    }
}

#[test]
fn ends_are_said_with_offsets_that_count_markers() {
    let world = World::new(2);
    let mut lane = reading(&world);
    let all = until(&mut lane, "two ends", |all| end(all, BILLS, 0).is_some() && end(all, BILLS, 1).is_some());
    assert_eq!((end(&all, BILLS, 0), end(&all, BILLS, 1)), (Some(0), Some(0)));

    let writer = world.stranger(Some(&unique("up")));
    world.write(&writer, world.bus.topics.input(InputTopic::Bills), 1, 0..3);
    assert!(records(&watch(&mut lane, Duration::from_millis(500))).next().is_none(), "the transaction is open");
    let ends = retry(|| lane.ends(1));
    assert_eq!((ends[0].topic, ends[0].uncommitted, ends[0].stable), (InputTopic::Bills, 3, 0));

    writer.commit_transaction(Duration::from_secs(10)).expect("commit");
    let all = until(&mut lane, "the end behind the marker", |all| end(all, BILLS, 1) == Some(4));
    let taken: Vec<_> = records(&all).map(|r| (r.source, r.partition, r.offset, r.timestamp.millis())).collect();
    assert_eq!(taken, [(BILLS, 1, 0, 1), (BILLS, 1, 1, 2), (BILLS, 1, 2, 3)]);
    let first = records(&all).next().expect("a record");
    assert_eq!((first.key(), first.value()), (Some(&b"0"[..]), Some(&b"value-0"[..])));
    let ends = retry(|| lane.ends(1));
    assert_eq!((ends[0].uncommitted, ends[0].stable), (4, 4));

    writer.begin_transaction().expect("begin");
    world.write(&writer, world.bus.topics.input(InputTopic::Bills), 1, 3..5);
    writer.abort_transaction(Duration::from_secs(10)).expect("abort");
    let all = until(&mut lane, "the end behind what was aborted", |all| end(all, BILLS, 1) == Some(7));
    assert_eq!(records(&all).count(), 0);
    lane.leave();
}

#[test]
fn two_members_share_the_shards_and_one_that_leaves_gives_its_own() {
    let world = World::new(4);
    let mut first = world.lane(0);
    assert_eq!(join(&mut first, 4), [0, 1, 2, 3]);
    for shard in 0..4 {
        retry(|| first.read(shard, &beginning()));
    }
    let mut second = world.lane(1);
    let (mut one, mut two) = (vec![0, 1, 2, 3], Vec::new());
    let began = Instant::now();
    while (one.len(), two.len()) != (2, 2) {
        assert!(began.elapsed() < Duration::from_secs(40), "{one:?} and {two:?}");
        serve(&mut first, &mut one);
        serve(&mut second, &mut two);
    }
    assert!(one.iter().all(|s| !two.contains(s)));

    // Each reads its own shards, every topic of them, and commits for them.
    for shard in &two {
        retry(|| second.read(*shard, &beginning()));
    }
    for shard in 0..4 {
        world.feed(InputTopic::Payments, shard, 0..10);
    }
    for (lane, own) in [(&mut first, &one), (&mut second, &two)] {
        let all = until(lane, "its own records", |all| records(all).count() == 20);
        assert!(records(&all).all(|r| own.contains(&r.partition)));
        lane.begin().expect("begin");
        let next: Vec<_> = own.iter().map(|s| (InputTopic::Payments, *s, 10)).collect();
        lane.commit(&next).expect("commit");
    }

    let kept = one.clone();
    second.leave();
    while one.len() < 4 {
        assert!(began.elapsed() < Duration::from_secs(60), "only {one:?} after the other left");
        serve(&mut first, &mut one);
    }
    assert!(kept.iter().all(|s| one.contains(s)), "what it had it kept");
    let committed = retry(|| first.committed(two[0]));
    assert!(committed.contains(&(InputTopic::Payments, Some(10))));
    first.leave();
}

#[test]
fn the_newer_group_protocol_shares_shards_too() {
    let mut world = World::new(4);
    world.bus.properties.insert("group.protocol".to_owned(), "consumer".to_owned());
    let (mut first, mut second) = (world.lane(0), world.lane(1));
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while (one.len(), two.len()) != (2, 2) {
        assert!(began.elapsed() < Duration::from_secs(60), "{one:?} and {two:?}");
        serve(&mut first, &mut one);
        serve(&mut second, &mut two);
    }
    second.begin().expect("begin");
    let next: Vec<_> = two.iter().map(|s| (InputTopic::Usage, *s, 3)).collect();
    second.commit(&next).expect("commit");
    second.leave();
    while one.len() < 4 {
        assert!(began.elapsed() < Duration::from_secs(90), "only {one:?} after the other left");
        serve(&mut first, &mut one);
    }
    assert!(retry(|| first.committed(two[0])).contains(&(InputTopic::Usage, Some(3))));
    first.leave();
}

#[test]
fn a_lane_that_stops_polling_loses_its_shards_and_gets_them_back() {
    let mut world = World::new(1);
    for (name, value) in [("max.poll.interval.ms", "6000"), ("session.timeout.ms", "6000")] {
        world.bus.properties.insert(name.to_owned(), value.to_owned());
    }
    let mut lane = reading(&world);
    lane.begin().expect("begin");
    std::thread::sleep(Duration::from_secs(8));
    let lost = |all: &[Polled]| all.iter().any(|p| matches!(p, Polled::Membership(Membership::Lost(_))));
    until(&mut lane, "the loss", lost);
    // What it did meanwhile is void: its generation is over.
    assert_eq!(lane.commit(&[(InputTopic::Bills, 0, 5)]).expect_err("void").kind, ErrorKind::Abort);
    lane.abort().expect("abort");
    retry(|| lane.release(&[0]));
    assert_eq!(join(&mut lane, 1), [0]);
    lane.begin().expect("begin");
    lane.commit(&[(InputTopic::Bills, 0, 6)]).expect("commit");
    assert!(retry(|| lane.committed(0)).contains(&(InputTopic::Bills, Some(6))));
    lane.leave();
}

#[test]
fn a_shard_that_is_taken_over_does_not_stop_the_others() {
    let world = World::new(2);
    let mut first = reading(&world);
    let mut second = world.lane(1);
    // The first is asked for a shard and does not answer yet.
    let (began, mut all) = (Instant::now(), Vec::new());
    let revoked = loop {
        assert!(began.elapsed() < Duration::from_secs(40), "nothing is revoked");
        retry(|| first.poll(Duration::from_millis(20), &mut all));
        let mut sink = Vec::new();
        retry(|| second.poll(Duration::ZERO, &mut sink));
        let found = all.iter().find_map(|p| match p {
            Polled::Membership(Membership::Revoked(shards)) => Some(shards.clone()),
            _ => None,
        });
        if let Some(shards) = found {
            break shards;
        }
    };
    assert_eq!(revoked.len(), 1);
    world.feed(InputTopic::Bills, 1 - revoked[0], 0..5);
    until(&mut first, "records of the shard that stays", |all| records(all).count() == 5);
    retry(|| first.release(&revoked));
    let mut shards = Vec::new();
    while shards.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(40), "the other gets nothing");
        serve(&mut first, &mut Vec::new());
        serve(&mut second, &mut shards);
    }
    assert_eq!(shards, revoked);
    first.leave();
    second.leave();
}

#[test]
fn what_hangs_is_ended_under_its_writers_id() {
    let world = World::new(1);
    let mut old = world.lane(7);
    old.begin().expect("begin");
    old.send(&out(OutputTopic::State, 0, b"k", Some(b"v"))).expect("send");
    old.send(&out(OutputTopic::Barring, 0, b"k", Some(b"v"))).expect("send");
    let mut lane = world.lane(0);
    assert_eq!(join_either(&mut lane, &mut old), [0]);
    assert!(retry(|| lane.is_held(0)));
    // This lane is not the one: it writes and aborts, and what is open stays so.
    let own = lane.writer().to_owned();
    retry(|| lane.end_hanging(&own, 0));
    assert!(retry(|| lane.is_held(0)));
    retry(|| lane.end_hanging(old.writer(), 0));
    assert_eq!(old.commit(&[]).expect_err("it is fenced").kind, ErrorKind::Fenced);
    // The coordinator answers an abort once it is in its own log: the partitions get their marks after that.
    let began = Instant::now();
    while retry(|| lane.is_held(0)) {
        assert!(began.elapsed() < Duration::from_secs(40), "it is still open");
        std::thread::sleep(Duration::from_millis(10));
    }
    retry(|| lane.restore(0, 0));
    let all = until(&mut lane, "restored", |all| restored(all, 0).is_some());
    assert_eq!(records(&all).count(), 0, "all of it was aborted");
    lane.begin().expect("the lane itself is not fenced");
    lane.commit(&[]).expect("commit");
    lane.leave();
}

#[test]
fn a_writer_that_is_fenced_leaves_nothing_open() {
    let world = World::new(1);
    let mut old = world.lane(7);
    old.begin().expect("begin");
    old.send(&out(OutputTopic::State, 0, b"k", Some(b"v"))).expect("send");
    let mut lane = world.lane(0);
    assert_eq!(join_either(&mut lane, &mut old), [0]);

    assert!(retry(|| lane.is_held(0)), "its record is open");
    assert!(retry(|| lane.fence(old.writer())), "it is not in the group");
    assert!(!retry(|| lane.is_held(0)));
    let own = lane.writer().to_owned();
    assert!(!retry(|| lane.fence(&own)), "oneself is no stranger");
    retry(|| lane.restore(0, 0));
    let all = until(&mut lane, "restored", |all| restored(all, 0).is_some());
    assert_eq!(records(&all).count(), 0, "what was open is aborted");
    assert_eq!(old.commit(&[]).expect_err("it is fenced").kind, ErrorKind::Fenced);
    lane.begin().expect("the lane itself is not fenced");
    lane.commit(&[]).expect("commit");
    lane.leave();
}

/// The shards of one lane, once the other has left.
fn join_either(lane: &mut KafkaBroker, old: &mut KafkaBroker) -> Vec<u32> {
    old.leave();
    join(lane, 1)
}

#[test]
fn two_lanes_under_one_name_fence_each_other() {
    let world = World::new(1);
    let mut first = world.lane(0);
    first.begin().expect("begin");
    first.send(&out(OutputTopic::State, 0, b"k", Some(b"1"))).expect("send");
    let mut second = world.lane(0);
    assert_eq!(first.commit(&[]).expect_err("it is fenced").kind, ErrorKind::Fenced);
    second.begin().expect("begin");
    second.send(&out(OutputTopic::State, 0, b"k", Some(b"2"))).expect("send");
    second.commit(&[]).expect("commit");
    assert_eq!(world.count(world.bus.topics.output(OutputTopic::State), 0, "read_committed"), 1);
}

#[test]
fn a_new_producer_ends_what_the_old_one_left_open() {
    let world = World::new(1);
    let mut lane = world.lane(0);
    lane.begin().expect("begin");
    lane.send(&out(OutputTopic::State, 0, b"k", Some(b"1"))).expect("send");
    retry(|| lane.renew());
    lane.begin().expect("begin");
    lane.send(&out(OutputTopic::State, 0, b"k", Some(b"2"))).expect("send");
    lane.commit(&[]).expect("commit");
    assert_eq!(world.count(world.bus.topics.output(OutputTopic::State), 0, "read_committed"), 1);
}

#[test]
fn restoring_waits_for_an_open_transaction() {
    let world = World::new(1);
    let topic = world.bus.topics.output(OutputTopic::State).to_owned();
    let writer = world.stranger(Some(&unique("w")));
    world.write(&writer, &topic, 0, 0..5);
    writer.commit_transaction(Duration::from_secs(10)).expect("commit");
    writer.begin_transaction().expect("begin");
    world.write(&writer, &topic, 0, 5..8);

    let mut lane = world.lane(0);
    join(&mut lane, 1);
    assert_eq!(retry(|| lane.end_of(Source::State, 0)), 9);
    retry(|| lane.restore(0, 2));
    let mut all = watch(&mut lane, Duration::from_secs(2));
    assert_eq!((records(&all).count(), restored(&all, 0)), (3, None));
    writer.commit_transaction(Duration::from_secs(10)).expect("commit");
    all.extend(until(&mut lane, "restored", |all| restored(all, 0).is_some()));
    let offsets: Vec<i64> = records(&all).map(|r| r.offset).collect();
    assert_eq!((offsets, restored(&all, 0)), (vec![2, 3, 4, 6, 7, 8], Some(10)));
    assert!(matches!(all.last(), Some(Polled::Restored { .. })));

    retry(|| lane.restore(0, 10));
    let all = until(&mut lane, "nothing is left", |all| restored(all, 0).is_some());
    assert_eq!((records(&all).count(), restored(&all, 0)), (0, Some(10)));
    assert_eq!(lane.restore(0, 11).expect_err("beyond the end").kind, ErrorKind::Abort);
    lane.leave();
}

#[test]
fn decisions_are_read_back_beside_the_inputs() {
    let world = World::new(1);
    world.write(&world.stranger(None), world.bus.topics.output(OutputTopic::Decisions), 0, 0..6);
    let mut lane = reading(&world);
    world.feed(InputTopic::Bills, 0, 0..3);
    retry(|| lane.recall(0, 2));
    let all = until(&mut lane, "both", |all| {
        end(all, Source::Decisions, 0).is_some() && records(all).filter(|r| r.source == BILLS).count() == 3
    });
    let offsets: Vec<i64> = records(&all).filter(|r| r.source == Source::Decisions).map(|r| r.offset).collect();
    assert_eq!((offsets, end(&all, Source::Decisions, 0)), (vec![2, 3, 4, 5], Some(6)));
    lane.leave();
}

#[test]
fn reading_anew_gives_nothing_of_before() {
    let world = World::new(1);
    world.feed(InputTopic::Bills, 0, 0..20_000);
    let mut lane = reading(&world);
    // Each time the consumer holds thousands of records that were fetched and not taken.
    for from in [5_000, 100, 15_000, 0, 700] {
        until(&mut lane, "some records", |all| records(all).count() > 10);
        retry(|| lane.read(0, &[(InputTopic::Bills, from)]));
        let all = until(&mut lane, "some of the new", |all| records(all).count() > 10);
        let offsets: Vec<i64> = records(&all).map(|r| r.offset).collect();
        let expected: Vec<i64> = (from..).take(offsets.len()).collect();
        assert_eq!(offsets, expected);
    }
    lane.leave();
}

#[test]
fn a_pause_loses_and_repeats_nothing() {
    let world = World::new(1);
    world.feed(InputTopic::Usage, 0, 0..30_000);
    world.feed(InputTopic::Bills, 0, 0..10);
    let mut lane = world.lane(0);
    join(&mut lane, 1);
    retry(|| lane.read(0, &beginning()));
    let usage = Source::Input(InputTopic::Usage);
    let mut all = Vec::new();
    for _ in 0..5 {
        all.extend(until(&mut lane, "more usage", |all| records(all).any(|r| r.source == usage)));
        retry(|| lane.pause(0, InputTopic::Usage));
        let quiet = watch(&mut lane, Duration::from_millis(200));
        assert_eq!(records(&quiet).filter(|r| r.source == usage).count(), 0);
        all.extend(quiet);
        retry(|| lane.resume(0, InputTopic::Usage));
        retry(|| lane.resume(0, InputTopic::Usage));
    }
    all.extend(until(&mut lane, "the end", |all| end(all, usage, 0) == Some(30_000)));
    let offsets: Vec<i64> = records(&all).filter(|r| r.source == usage).map(|r| r.offset).collect();
    assert!(offsets.iter().copied().eq(0..30_000), "{} records", offsets.len());
    assert_eq!(records(&all).filter(|r| r.source == BILLS).count(), 10);
    lane.leave();
}

#[test]
fn reading_begins_where_it_is_told() {
    let world = World::new(1);
    world.feed(InputTopic::Bills, 0, 0..100);
    let mut lane = world.lane(0);
    join(&mut lane, 1);
    let bills = |offsets: Vec<(InputTopic, i64)>| offsets[0];
    assert_eq!(bills(retry(|| lane.starts(0, Start::Earliest))), (InputTopic::Bills, 0));
    // A record's timestamp is its offset and one.
    let at = |ms| Start::At(Timestamp::from_millis(ms));
    assert_eq!(bills(retry(|| lane.starts(0, at(41)))), (InputTopic::Bills, 40));
    assert_eq!(bills(retry(|| lane.starts(0, at(1_000)))), (InputTopic::Bills, 100));
    assert_eq!(retry(|| lane.starts(0, at(1_000)))[1], (InputTopic::Payments, 0));
    lane.leave();
}

#[test]
fn records_that_are_gone_are_an_error_that_says_so() {
    let world = World::new(1);
    world.feed(InputTopic::Bills, 0, 0..3);
    let mut lane = world.lane(0);
    join(&mut lane, 1);
    retry(|| lane.read(0, &[(InputTopic::Bills, 50)]));
    let began = Instant::now();
    let error = loop {
        assert!(began.elapsed() < Duration::from_secs(20), "no error came");
        if let Err(error) = lane.poll(Duration::from_millis(50), &mut Vec::new()) {
            break error;
        }
    };
    assert_eq!(error.kind, ErrorKind::Fatal);
    assert!(error.text.contains("are gone before they were read"), "{error}");
    lane.leave();
}

#[test]
fn a_commit_does_not_sleep() {
    let world = World::new(1);
    let mut lane = world.lane(0);
    join(&mut lane, 1);
    for pause in [Duration::ZERO, Duration::from_millis(50)] {
        let mut times: Vec<Duration> = (0..40)
            .map(|n| {
                std::thread::sleep(pause);
                lane.begin().expect("begin");
                for k in 0..50_u32 {
                    lane.send(&out(OutputTopic::State, 0, &k.to_be_bytes(), Some(b"value"))).expect("send");
                }
                let began = Instant::now();
                lane.commit(&[(InputTopic::Bills, 0, n)]).expect("commit");
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!("commit {pause:?} after the last: median {:?}, worst {:?}", times[20], times[39]);
        assert!(times[20] < Duration::from_millis(80), "a commit takes {:?}", times[20]);
    }
    lane.leave();
}

#[test]
fn many_records_go_through_a_lane() {
    const COUNT: i64 = 200_000;
    let world = World::new(1);
    world.feed(InputTopic::Usage, 0, 0..COUNT);
    let mut lane = world.lane(0);
    join(&mut lane, 1);
    retry(|| lane.read(0, &beginning()));
    let (began, mut taken, mut polled) = (Instant::now(), 0, Vec::new());
    while taken < COUNT {
        assert!(began.elapsed() < Duration::from_secs(60), "only {taken}");
        polled.clear();
        retry(|| lane.poll(Duration::from_millis(50), &mut polled));
        taken += records(&polled).count() as i64;
    }
    println!("{COUNT} records read in {:?}", began.elapsed());
    let began = Instant::now();
    lane.begin().expect("begin");
    for n in 0..COUNT {
        lane.send(&out(OutputTopic::State, 0, &n.to_be_bytes(), Some(&[7; 200]))).expect("send");
    }
    lane.commit(&[(InputTopic::Usage, 0, COUNT)]).expect("commit");
    println!("{COUNT} records written in {:?}", began.elapsed());
    lane.leave();
}
