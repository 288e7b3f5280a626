//! Writers' schemas: which are the built-in ones, which can be brought into their layout, which are refused.
//!
//! Each schema is judged once for each topic. The direct reading in [`crate::event`] only knows the layout of the built-in
//! schemas; what another compatible writer wrote is first transcoded into it.

mod embedded;
mod matching;
mod show;
#[cfg(test)]
mod tests;
mod transcode;
mod tree;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::BadRecord;
use crate::topic::InputTopic;
use matching::Op;
use tree::{Node, Side};

pub use embedded::{embedded_id, embedded_schema};
pub use show::to_json;

/// The longest schema text that is read.
const TEXT_MAX: usize = 256 * 1024;
/// The most schemas that are kept, and the most bytes of text that they can have had; the one learned first goes first.
const KNOWN_MAX: usize = 1024;
const KNOWN_TEXT_MAX: usize = 8 << 20;

/// How the data of one writer's schema are read for one topic.
#[derive(Clone, Debug)]
pub struct Plan(Way);

#[derive(Clone, Debug)]
enum Way {
    /// The layout is that of the built-in schema.
    Direct,
    /// It can be brought into it.
    Resolve(Arc<Op>),
    /// It cannot.
    Refused(Arc<str>),
}

impl Plan {
    /// The datum in the layout of the topic's built-in schema: the same bytes, or `scratch` with new ones.
    ///
    /// # Errors
    /// [`BadRecord::RefusedSchema`], or what is wrong with the datum.
    #[inline]
    pub fn datum<'a>(&self, datum: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<&'a [u8], BadRecord> {
        match &self.0 {
            Way::Direct => Ok(datum),
            Way::Resolve(op) => {
                scratch.clear();
                transcode::run(op, datum, scratch)?;
                Ok(scratch)
            }
            Way::Refused(reason) => Err(BadRecord::RefusedSchema(Arc::clone(reason))),
        }
    }

    /// True where the data are read as they are.
    #[must_use]
    pub const fn is_direct(&self) -> bool {
        matches!(self.0, Way::Direct)
    }

    /// Why nothing of this schema is read.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        match &self.0 {
            Way::Refused(reason) => Some(reason),
            _ => None,
        }
    }
}

/// A writer's schema, read once; the error says why it is refused.
type Written = Result<Arc<Node>, Arc<str>>;

struct Known {
    written: Written,
    /// The number of its learning.
    learned: u64,
    text_len: usize,
}

/// Knows the writers' schemas that one lane has met. It holds no connection: who asks for an id that is not known here
/// fetches its text and tells it with [`Resolver::learn`].
pub struct Resolver {
    known: BTreeMap<u32, Known>,
    /// The bytes of all texts that are known.
    text_len: usize,
    plans: BTreeMap<(InputTopic, u32), Plan>,
    /// The last plan of each topic: nearly all records of a topic have one schema.
    last: [Option<(u32, Plan)>; 7],
    readers: [Arc<Node>; 7],
    learned: u64,
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolver {
    /// Knows no schema yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            known: BTreeMap::new(),
            text_len: 0,
            plans: BTreeMap::new(),
            last: [const { None }; 7],
            readers: READERS.clone(),
            learned: 0,
        }
    }

    /// Knows the built-in schemas under their own ids: for a bus without a registry.
    #[must_use]
    pub fn embedded() -> Self {
        let mut resolver = Self::new();
        for topic in InputTopic::ALL {
            let id = embedded_id(topic.contract_name());
            resolver.learn(id, embedded_schema(id).unwrap_or(""));
        }
        resolver
    }

    /// How to read a datum of this topic with this schema id; `None`: the id is not known here yet.
    #[inline]
    pub fn plan(&mut self, topic: InputTopic, id: u32) -> Option<&Plan> {
        let at = topic as usize;
        if self.last[at].as_ref().is_none_or(|(last, _)| *last != id) {
            let plan = self.look_up(topic, id)?;
            self.last[at] = Some((id, plan));
        }
        self.last[at].as_ref().map(|(_, plan)| plan)
    }

    /// Takes the text of a schema. Nothing that it says can fail here: what cannot be used is refused record by record.
    pub fn learn(&mut self, id: u32, schema_json: &str) {
        if self.known.contains_key(&id) {
            return;
        }
        let written = if schema_json.len() > TEXT_MAX {
            Err("it is longer than is taken".into())
        } else if let Some(at) = InputTopic::ALL.into_iter().position(|topic| built_in(topic) == schema_json) {
            Ok(Arc::clone(&self.readers[at]))
        } else {
            tree::parse(schema_json, Side::Writer).map_err(Arc::from)
        };
        // Of a refused one only the reason is kept.
        let text_len = if written.is_ok() { schema_json.len() } else { 0 };
        while self.known.len() >= KNOWN_MAX || self.text_len + text_len > KNOWN_TEXT_MAX {
            self.forget_oldest();
        }
        self.learned += 1;
        self.text_len += text_len;
        self.known.insert(id, Known { written, learned: self.learned, text_len });
    }

    /// True where the id needs no learning.
    #[must_use]
    pub fn knows(&self, id: u32) -> bool {
        self.known.contains_key(&id)
    }

    fn look_up(&mut self, topic: InputTopic, id: u32) -> Option<Plan> {
        if let Some(plan) = self.plans.get(&(topic, id)) {
            return Some(plan.clone());
        }
        let known = self.known.get(&id)?;
        let plan = Plan(judge(&known.written, &self.readers[topic as usize]));
        self.plans.insert((topic, id), plan.clone());
        Some(plan)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.known.iter().min_by_key(|(_, known)| known.learned).map(|(id, _)| *id);
        if let Some(oldest) = oldest {
            self.text_len -= self.known.remove(&oldest).map_or(0, |known| known.text_len);
            self.plans.retain(|(_, id), _| *id != oldest);
            for last in &mut self.last {
                last.take_if(|(id, _)| *id == oldest);
            }
        }
    }
}

fn judge(written: &Written, reader: &Arc<Node>) -> Way {
    match written {
        Err(reason) => Way::Refused(Arc::clone(reason)),
        Ok(writer) if tree::same_layout(writer, reader) => Way::Direct,
        Ok(writer) => match matching::resolve(writer, reader) {
            Ok(op) => Way::Resolve(Arc::new(op)),
            Err(reason) => Way::Refused(reason.into()),
        },
    }
}

/// The built-in schemas, read once a process. A test reads all of them, so the fallback is never met; it would refuse
/// everything.
static READERS: LazyLock<[Arc<Node>; 7]> = LazyLock::new(|| {
    InputTopic::ALL.map(|topic| tree::parse(built_in(topic), Side::Reader).unwrap_or_else(|_| tree::nothing()))
});

fn built_in(topic: InputTopic) -> &'static str {
    embedded_schema(embedded_id(topic.contract_name())).unwrap_or("")
}
