//! The policy at the start: in force already, new, or not to be taken.

use std::sync::Arc;

use dunning_engine::{ClockMode, LaneError, PolicyFile};
use dunning_rules::Timestamp;
use dunning_sim::Topic;
use dunning_wire::policy;
use dunning_wire::topic::InputTopic;

use crate::gate::{bill, noon};
use crate::world::{World, policy_file, read, settings};

/// The second version of a policy, from an instant on.
fn second(name: &str, effective_from: Option<Timestamp>) -> PolicyFile {
    let text = read(&format!("deploy/policies/{name}.yaml")).replacen("version: 1", "version: 2", 1);
    let loaded = policy::parse(name, &text).expect("a policy");
    PolicyFile { policy: Arc::new(loaded.policy), text, effective_from }
}

/// A world in which the first version was in force until now, and how it goes on with another file, which is told the
/// shard's clock.
fn goes_on(clock: ClockMode, name: &str, file: impl FnOnce(Timestamp) -> PolicyFile) -> (World, Option<LaneError>) {
    let mut world = World::new(1, settings(clock, policy_file(name)), noon(20_000));
    world.lane(Some("w"));
    world.happens(InputTopic::Bills, "acc-1", bill(20_010));
    world.settle();
    world.lanes.remove(0).stop().expect("a clean stop");
    world.settings.policy = file(world.checkpoint(0).clock);
    world.lane(Some("w"));
    let ended = (0..300).find_map(|_| world.turn().err());
    (world, ended)
}

fn published(world: &World) -> usize {
    world.bus.read(Topic::In(InputTopic::Control)).len()
}

#[test]
fn a_new_version_is_published_once_and_one_that_is_in_force_is_not() {
    let (mut world, ended) = goes_on(ClockMode::Wall, "consumer", |_| second("consumer", None));
    assert!(ended.is_none(), "{ended:?}");
    assert_eq!(published(&world), 1);
    world.restart(0);
    assert_eq!(published(&world), 1, "it is known by now");
    world.happens(InputTopic::Bills, "acc-2", bill(20_010));
    for day in 20_011..20_030 {
        world.clock.advance_to(noon(day));
        world.settle();
    }
    let commands = world.commands();
    let policies: Vec<_> = commands.iter().filter(|(_, c)| c.account_id == "acc-2").map(|(_, c)| &*c.policy).collect();
    assert_eq!(policies, ["consumer@2"; 3]);
    let (world, ended) = goes_on(ClockMode::Wall, "consumer", |_| policy_file("consumer"));
    assert!(ended.is_none() && published(&world) == 0);
}

#[test]
fn a_version_begins_at_an_instant_that_is_not_past() {
    let from = |ms: i64| goes_on(ClockMode::Wall, "consumer", move |at| second("consumer", Some(at.plus(ms)))).1;
    assert!(matches!(from(-1), Some(LaneError::Policy(_))));
    assert!(from(0).is_none() && from(86_400_000).is_none());
}

#[test]
fn another_text_under_the_same_version_is_refused() {
    let (_, ended) = goes_on(ClockMode::Wall, "consumer", |_| {
        let file = policy_file("consumer");
        PolicyFile { text: file.text.clone() + "# changed\n", ..file }
    });
    assert!(matches!(ended, Some(LaneError::Policy(_))), "{ended:?}");
}

#[test]
fn under_clock_stream_a_state_has_one_policy() {
    let (_, ended) = goes_on(ClockMode::Stream, "reference", |_| second("reference", None));
    assert!(matches!(ended, Some(LaneError::Policy(_))), "{ended:?}");
}

#[test]
fn a_state_of_another_generation_of_topics_is_not_gone_on_from() {
    let mut world = World::new(1, settings(ClockMode::Wall, policy_file("consumer")), noon(20_000));
    world.lane(Some("w"));
    world.settle();
    world.lanes.remove(0).stop().expect("a clean stop");
    world.settings.generation = 2;
    world.lane(Some("w"));
    let ended = (0..300).find_map(|_| world.turn().err());
    assert!(matches!(ended, Some(LaneError::State(_))), "{ended:?}");
}
