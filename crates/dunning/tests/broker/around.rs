//! What a lane needs around it: topics that fit together, the cluster's id, the registry.

use std::time::{Duration, Instant};

use dunning::registry::{Address, Registry, RegistryError};
use dunning::topics::{Done, Plan, TopicsError};
use dunning_engine::SchemaAnswer;
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::world::{self, World, variable};

#[test]
fn topics_are_made_once_and_must_fit_together() {
    let world = World::new(3);
    let cluster = world.cluster();
    assert_eq!(cluster.check(&world.bus.topics).expect("they fit"), 3);
    let plan =
        |partitions| Plan { partitions, replication_factor: Some(1), inputs: false, keep: false, broker_time: true };
    let runtime = world.runtime.handle();

    let mut names = world::names();
    // Control is one of both.
    let topics = InputTopic::ALL.len() + OutputTopic::ALL.len() - 1;
    let missing = cluster.check(&names);
    assert!(matches!(&missing, Err(TopicsError::Missing(all)) if all.len() == topics), "{missing:?}");
    assert!(matches!(cluster.create(&names, &plan(None), runtime), Err(TopicsError::Count)));
    for topic in InputTopic::ALL.into_iter().filter(|t| *t != InputTopic::Control) {
        names.set(topic.contract_name(), world.bus.topics.input(topic));
    }
    assert!(matches!(cluster.create(&names, &plan(Some(4)), runtime), Err(TopicsError::Unequal(_))));
    let done = cluster.create(&names, &plan(None), runtime).expect("made");
    assert!(done.len() == OutputTopic::ALL.len() && done.iter().all(|d| matches!(d, Done::Made(_))), "{done:?}");
    let again = cluster.create(&names, &plan(None), runtime).expect("there");
    assert!(again.iter().all(|d| matches!(d, Done::Found(_))), "{again:?}");
    assert_eq!(cluster.check(&names).expect("they fit"), 3);

    let other = World::new(2);
    names.set("network.usage", other.bus.topics.input(InputTopic::Usage));
    let error = cluster.check(&names).expect_err("unequal").to_string();
    assert!(error.contains("network.usage: 2"), "{error}");
}

#[test]
fn the_cluster_has_an_id() {
    let world = World::new(1);
    assert!(world.lane(0).cluster_id().is_some_and(|id| id.len() > 10));
}

#[test]
fn the_registry_gives_ids_and_schemas() {
    let world = World::new(1);
    let folder = tempfile::tempdir().expect("a folder");
    let address = Address::Server { urls: vec![variable("BUS_REGISTRY")], login: None };
    let make = || Registry::new(&address, Some(folder.path()), world.runtime.handle().clone()).expect("a registry");
    let registry = make();
    // A registry that has just started can be slow: then the program waits too.
    let began = Instant::now();
    let ids = loop {
        match registry.register(&world.bus.topics) {
            Err(RegistryError::Away(_)) if began.elapsed() < Duration::from_secs(60) => {}
            ids => break ids.expect("ids"),
        }
    };
    assert_eq!(registry.register(&world.bus.topics).expect("ids"), ids);
    assert!(registry.is_there());
    for (topic, id) in &ids {
        let SchemaAnswer::Known(text) = registry.schema(*id) else { panic!("{topic:?} is not known") };
        assert!(text.contains("dunning") || text.contains("record"), "{text}");
        assert_eq!(make().schema(*id), SchemaAnswer::Known(text));
    }
    assert_eq!(registry.schema(987_654_321), SchemaAnswer::Unknown);
    let down = Address::Server { urls: vec!["http://127.0.0.1:9".to_owned(), variable("BUS_REGISTRY")], login: None };
    let second = Registry::new(&down, None, world.runtime.handle().clone()).expect("a registry");
    assert_ne!(second.schema(ids[0].1), SchemaAnswer::Away, "the second address answers");
    let wrong = Address::Server { urls: vec![format!("{}/nowhere", variable("BUS_REGISTRY"))], login: None };
    let wrong = Registry::new(&wrong, None, world.runtime.handle().clone()).expect("a registry");
    assert_eq!(wrong.schema(ids[0].1), SchemaAnswer::Away, "a wrong address is no answer");
}
