//! What a lane does in a round: how much it takes at a time, and when it commits.

use dunning_engine::ClockMode;
use dunning_rules::{Body, Usage};
use dunning_sim::Topic;
use dunning_wire::topic::InputTopic;

use crate::gate::{before_the_bar, bill, is_barred, noon, payment};
use crate::world::{World, policy_file, settings};

fn rounds(world: &mut World, count: usize) {
    for _ in 0..count {
        world.turn().expect("a round");
    }
}

/// A record on a topic of its own waits for its schema: for some seconds the lane is never idle.
pub fn keep_busy(world: &mut World) {
    let at = dunning_engine::Clock::now(&world.clock);
    let opened = Body::DisputeOpened { dispute_id: "d", bill_id: None, amount: None, line_ids: vec![] };
    let mut bytes = world.bytes(InputTopic::Disputes, "acc-9", at, opened);
    bytes[4] = 0xee;
    world.bus.append(InputTopic::Disputes, b"acc-9", Some(&bytes), at);
    rounds(world, 3);
}

#[test]
fn a_topic_whose_queue_is_full_is_read_on_when_half_of_it_was_taken() {
    let mut settings = settings(ClockMode::Wall, policy_file("consumer"));
    (settings.queue_records, settings.batch_records) = (50, 10);
    let mut world = World::new(1, settings, noon(20_000));
    world.lane(None);
    world.settle();
    for _ in 0..3_000 {
        world.happens(InputTopic::Usage, "acc-1", Body::UsageRecorded(Usage::NONE));
    }
    let (mut paused, mut times) = (false, 0);
    world.until(|world| world.bus.committed(InputTopic::Usage, 0).is_some_and(|next| next > 0));
    for _ in 0..1_000 {
        let now = world.lanes[0].broker_mut().is_paused(0, InputTopic::Usage);
        times += usize::from(now && !paused);
        if times == 1 && paused && !now {
            // Fewer than half of what may wait were left.
            assert!(world.bus.committed(InputTopic::Usage, 0) >= Some(460));
        }
        paused = now;
        if times == 1 && paused {
            // Five hundred came at once, and ten of them at a time are taken.
            assert!(world.bus.committed(InputTopic::Usage, 0).unwrap_or(0) < 500);
        }
        rounds(&mut world, 1);
    }
    let end = world.bus.each(Topic::In(InputTopic::Usage), 0, 0, |_| {});
    assert_eq!(world.bus.committed(InputTopic::Usage, 0), Some(end), "all were taken");
    assert_eq!((times, paused), (6, false), "once for each five hundred that were read");
}

#[test]
fn a_topic_whose_queue_is_not_full_is_not_paused() {
    let mut settings = settings(ClockMode::Wall, policy_file("consumer"));
    (settings.queue_records, settings.batch_records) = (50, 10);
    let mut world = World::new(1, settings, noon(20_000));
    world.lane(None);
    world.settle();
    for (records, is_paused) in [(49, false), (50, true)] {
        for _ in 0..records {
            world.happens(InputTopic::Usage, "acc-1", Body::UsageRecorded(Usage::NONE));
        }
        rounds(&mut world, 1);
        assert_eq!(world.lanes[0].broker_mut().is_paused(0, InputTopic::Usage), is_paused, "{records} at once");
        rounds(&mut world, 10);
    }
}

#[test]
fn what_is_not_urgent_shares_a_commit_for_the_age_of_a_batch() {
    let settings = settings(ClockMode::Wall, policy_file("consumer"));
    let mut world = World::new(1, settings, noon(20_000));
    world.lane(None);
    world.settle();
    keep_busy(&mut world);
    let before = world.transactions();
    world.happens(InputTopic::Bills, "acc-1", bill(20_010));
    rounds(&mut world, 5);
    world.happens(InputTopic::Bills, "acc-2", bill(20_010));
    rounds(&mut world, 5);
    assert_eq!(world.transactions(), before, "seventy milliseconds are not the age of a batch");
    rounds(&mut world, 8);
    assert_eq!(world.transactions(), before + 1, "both in one");
}

#[test]
fn a_restoration_waits_some_milliseconds_for_others_and_no_longer() {
    let mut world = before_the_bar(&["acc-1"], None);
    world.clock.advance(std::time::Duration::from_secs(2 * 86_400));
    world.settle();
    assert!(is_barred(&world, "acc-1"));
    keep_busy(&mut world);
    world.happens(InputTopic::Payments, "acc-1", payment());
    // One round for what may have come before it, one in which it is taken.
    rounds(&mut world, 2);
    assert_ne!(world.steps("acc-1").last().map(String::as_str), Some("restore"), "another may come in this round");
    rounds(&mut world, 1);
    assert_eq!(world.steps("acc-1").last().map(String::as_str), Some("restore"));
}
