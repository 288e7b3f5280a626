//! The registry or the broker goes away, at the start and later: it waits, says so, and goes on where it stood.

use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::bus::{OwnBus, until};
use crate::event::{At, DAY, at, day_of};
use crate::process::{Instance, PATIENCE, Start};
use crate::world::{Plot, World};

/// 2026-03-02 08:00 UTC.
const BEGIN: i64 = 1_772_438_400_000;

fn world(own: &OwnBus) -> World {
    let more = "clock: stream\nstart: earliest\n";
    World::new(&Plot { bus: own.bus.clone(), registry: true, more, ..Plot::default() })
}

fn wait_unready(instance: &Instance, word: &str) {
    until(&format!("not ready: {word}"), PATIENCE, || match instance.get("/readyz") {
        (503, text) if text.contains(word) => Ok(()),
        (status, text) => Err(format!("{status} {text}")),
    });
    assert_eq!(instance.get("/livez").0, 200, "who waits is alive");
}

/// Waits until an account owes so much.
fn wait_open(instance: &Instance, account: &str, cents: i64) {
    until(&format!("{account} owes {cents}"), PATIENCE, || {
        let (_, text) = instance.get(&format!("/accounts/{account}"));
        let page: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if page["open"]["minor"] == cents { Ok(()) } else { Err(text) }
    });
}

fn bill(world: &World, who: At<'_>, name: &str) -> crate::world::Record {
    who.bill(world, name, 15_000, day_of(who.millis + 14 * DAY))
}

#[test]
fn it_waits_for_the_registry_and_for_the_broker() {
    let own = OwnBus::up(None);
    let world = world(&own);
    world.write(&[bill(&world, at("a", BEGIN), "one")]);

    // The registry is away at the start.
    own.call("kill-registry");
    let instance = Start::new(&world, "one").launch();
    wait_unready(&instance, "registry");
    assert_eq!(instance.metric("dunning_registry_waits", ""), 1.0);
    own.call("start-registry");
    instance.wait_ready();
    wait_open(&instance, "a", 15_000);

    // It goes away later; a schema that was not seen yet waits, and nothing is lost or a dead letter.
    own.call("kill-registry");
    world.write(&[at("a", BEGIN + 1).payment(&world, "p", 5_000)]);
    wait_unready(&instance, "registry");
    own.call("start-registry");
    wait_open(&instance, "a", 10_000);
    instance.wait_ready();

    // The broker goes away, and comes again with the same data.
    own.call("kill-broker");
    wait_unready(&instance, "broker");
    own.call("start-broker");
    world.write(&[bill(&world, at("a", BEGIN + 2), "two")]);
    wait_open(&instance, "a", 25_000);
    instance.wait_ready();
    assert_eq!(instance.stop(), 0);

    // At the start it waits for it too.
    own.call("kill-broker");
    let instance = Start::new(&world, "one").launch();
    wait_unready(&instance, "broker");
    own.call("start-broker");
    instance.wait_ready();
    wait_open(&instance, "a", 25_000);
    world.write(&[at("a", BEGIN + 60 * DAY).profile(&world)]);
    until("the reminder", PATIENCE, || {
        let commands = world.commands();
        if commands.iter().any(|w| w.topic == OutputTopic::Notifications) { Ok(()) } else { Err(commands.len()) }
    });
    assert_eq!(instance.metric("dunning_dead_letters_total", ""), 0.0);
    assert_eq!(instance.metric("dunning_records_consumed_total", InputTopic::Accounts.contract_name()), 1.0);
    assert_eq!(instance.stop(), 0);
    crate::output::assert_in_place(&world.commands(), 1);
}
