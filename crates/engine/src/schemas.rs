//! The writers' schemas: learnt from the registry before a record that needs them is taken.

use std::collections::BTreeMap;
use std::time::Duration;

use dunning_wire::schema::Resolver;
use dunning_wire::topic::InputTopic;
use dunning_wire::{BadRecord, frame};

use crate::{Broker, SchemaAnswer};

/// At most so many ids are asked for at a time; records with others wait their turn.
const ASKED_MAX: usize = 64;
/// At most so many ids are remembered as unknown; beyond that the oldest is asked for again.
const UNKNOWN_MAX: usize = 10_000;

/// An unknown id is asked for again after so long.
const UNKNOWN_FOR: Duration = Duration::from_secs(600);

/// An id that is being asked for.
#[derive(Debug)]
struct Asked {
    since: Duration,
    next: Duration,
}

/// What is known of an id.
pub enum Known<'s> {
    /// It can be used.
    Plan(&'s dunning_wire::schema::Plan),
    /// The registry does not know it, or it cannot be used.
    Bad(BadRecord),
    /// It is being asked for.
    NotYet,
}

/// The schemas of a lane.
pub struct Schemas {
    resolver: Resolver,
    asked: BTreeMap<u32, Asked>,
    /// Ids that the registry did not know, with the instant of the last answer.
    unknown: BTreeMap<u32, Duration>,
    patience: Duration,
    /// The registry did not answer when it was asked last.
    pub away: bool,
}

impl Schemas {
    pub fn new(patience: Duration) -> Self {
        Self { resolver: Resolver::new(), asked: BTreeMap::new(), unknown: BTreeMap::new(), patience, away: false }
    }

    /// What is known of the schema of a framed value; asks for it where it is new.
    pub fn find(&mut self, topic: InputTopic, id: u32, now: Duration) -> Known<'_> {
        // Asked twice: the borrow of the first answer would outlive this branch. The second one is a comparison.
        if self.resolver.plan(topic, id).is_some() {
            return self.resolver.plan(topic, id).map_or(Known::NotYet, Known::Plan);
        }
        match self.unknown.get(&id) {
            Some(since) if now.saturating_sub(*since) < UNKNOWN_FOR => return Known::Bad(BadRecord::UnknownSchema(id)),
            // It may have been registered since.
            Some(_) => drop(self.unknown.remove(&id)),
            None => {}
        }
        if self.asked.len() < ASKED_MAX {
            self.asked.entry(id).or_insert(Asked { since: now, next: now });
        }
        Known::NotYet
    }

    /// True where the registry has to be asked now.
    pub fn wants(&self, now: Duration) -> bool {
        self.asked.values().any(|a| a.next <= now)
    }

    /// Asks the registry for what is wanted. Never while a transaction is open.
    pub fn ask(&mut self, broker: &mut impl Broker, now: Duration) {
        let due: Vec<u32> = self.asked.iter().filter(|(_, a)| a.next <= now).map(|(id, _)| *id).collect();
        for id in due {
            match broker.schema(id) {
                SchemaAnswer::Known(text) => {
                    self.away = false;
                    self.resolver.learn(id, &text);
                    self.asked.remove(&id);
                }
                SchemaAnswer::Unknown => {
                    self.away = false;
                    self.not_known(id, now);
                }
                SchemaAnswer::Away => {
                    self.away = true;
                    if let Some(asked) = self.asked.get_mut(&id) {
                        // A registry that is away does not use up the patience for an unknown id.
                        *asked = Asked { since: now, next: now + Duration::from_secs(1) };
                    }
                    return;
                }
            }
        }
    }

    fn not_known(&mut self, id: u32, now: Duration) {
        let Some(asked) = self.asked.get_mut(&id) else { return };
        if now.saturating_sub(asked.since) < self.patience {
            asked.next = now + Duration::from_secs(1).min(self.patience);
            return;
        }
        self.asked.remove(&id);
        if self.unknown.len() == UNKNOWN_MAX {
            let oldest = self.unknown.iter().min_by_key(|(_, since)| **since).map(|(id, _)| *id);
            oldest.map(|id| self.unknown.remove(&id));
        }
        self.unknown.insert(id, now);
    }
}

/// The schema id of a value, where it has one.
pub fn id_of(value: Option<&[u8]>) -> Option<u32> {
    frame::split(value?).ok().map(|(id, _)| id)
}
