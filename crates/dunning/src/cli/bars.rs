//! `dunning bars`: bars that wait for a person.

use dunning_engine::Clock as _;
use dunning_sim::murmur2;
use dunning_wire::control::ControlBody;

use super::args::{Bars, BarsCommand, BarsRelease};
use super::bus::{Bus, Order, Writer};
use crate::clock::WallClock;
use crate::exit::{Exit, Failure};

pub(super) fn run(args: &Bars) -> Result<Exit, Failure> {
    let BarsCommand::Release(args) = &args.command;
    release(args)
}

fn release(args: &BarsRelease) -> Result<Exit, Failure> {
    let bus = Bus::open(args.config.as_deref())?;
    let mut writer = Writer::open(&bus)?;
    let schema = writer.order_schema()?;
    let order = Order { actor: &args.actor, reason: &args.reason };
    // All copies have the same id.
    let id = format!("bars/{}-{}", WallClock::default().now().millis(), std::process::id());
    let (shards, words) = match &args.account {
        Some(account) => {
            let shard = murmur2::partition(account.as_bytes(), bus.partitions);
            (shard..shard + 1, "the bar of the account, if one waits, goes".to_owned())
        }
        None => (0..bus.partitions, format!("all bars that wait in {} partitions go", bus.partitions)),
    };
    for shard in shards {
        let body = ControlBody::BarsReleased { account_id: args.account.clone() };
        writer.order(schema, order, id.clone(), shard, body)?;
    }
    writer.commit()?;
    super::print(&format!(
        "ordered: {words} once the running instances have read it, where money is still owed and nothing else holds it"
    ))
}
