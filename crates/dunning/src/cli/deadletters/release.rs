//! `dunning deadletters release`.

use dunning_wire::control::ControlBody;

use super::args::Release;
use super::choose::{Deed, choose};
use super::letter::{Letter, State};
use crate::cli::bus::{Bus, Order, Writer};
use crate::exit::{Exit, Failure};

pub(super) fn run(args: &Release) -> Result<Exit, Failure> {
    args.chosen.check()?;
    let bus = Bus::open(args.config.as_deref())?;
    // Before anything is read: what another command has done by now is seen, and it can do no more.
    let mut writer = Writer::open(&bus)?;
    let Some(letters) = choose(&bus, &args.chosen, &Deed { verb: "release", refuses: &refuses })? else {
        return Ok(Exit::Findings);
    };
    let schema = writer.order_schema()?;
    let order = Order { actor: &args.actor, reason: &args.reason };
    for letter in &letters {
        // The letter lies in the partition of its record: no other shard knows of it.
        let account_id = letter.key.as_deref().filter(|_| !args.shard).map(str::to_owned);
        let body = ControlBody::StaleReleased { account_id, topic: letter.place.topic, offset: letter.place.offset };
        writer.order(schema, order, format!("release/{}", letter.place), letter.place.partition, body)?;
    }
    writer.commit()?;
    crate::cli::print(&format!("{} released; they hold no bar once the running instances have read it", letters.len()))
}

/// An order for what is not marked could lift another's mark: those beyond a bound are only counted.
fn refuses(letter: &Letter, state: State) -> Option<String> {
    let topic = letter.place.topic;
    if !topic.moves_money() {
        return Some(format!("it holds no bar, as records of {} move no money", topic.contract_name()));
    }
    (state == State::Released).then(|| "it was released already".to_owned())
}
