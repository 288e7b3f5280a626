//! `dunning topics`.

use std::fmt::Write as _;
use std::path::Path;

use super::args::{Topics, TopicsCommand, TopicsCreate};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::run::{runtime, topics_failure};
use crate::topics::{Cluster, Done, Plan};

pub(super) fn run(args: &Topics) -> Result<Exit, Failure> {
    match &args.command {
        TopicsCommand::Create(args) => create(args),
        TopicsCommand::Check { config } => check(config.as_deref()),
    }
}

fn check(file: Option<&Path>) -> Result<Exit, Failure> {
    let loaded = super::config::load(file)?;
    let partitions = cluster(&loaded.config).check(&loaded.config.topics).map_err(topics_failure)?;
    super::print(&format!("all topics are there, with {partitions} partitions each"))
}

fn create(args: &TopicsCreate) -> Result<Exit, Failure> {
    let loaded = super::config::load(args.config.as_deref())?;
    let plan = Plan {
        partitions: args.partitions,
        replication_factor: args.replication,
        inputs: args.inputs,
        keep: args.keep,
        broker_time: true,
    };
    let runtime = runtime()?;
    let done =
        cluster(&loaded.config).create(&loaded.config.topics, &plan, runtime.handle()).map_err(topics_failure)?;
    let mut text = String::new();
    for done in done {
        // Writing to a String cannot fail.
        let _ = match done {
            Done::Made(name) => writeln!(text, "made   {name}"),
            Done::Found(name) => writeln!(text, "there  {name}"),
        };
    }
    super::print(&text)
}

pub(super) fn cluster(config: &Config) -> Cluster<'_> {
    Cluster { bootstrap_servers: &config.kafka.bootstrap_servers, properties: &config.kafka.properties }
}
