//! What is written, and what must come of it.
//!
//! The records of a synthetic operator, cut into waves of one day. The days before the first start lie there when the
//! program begins; each later day of a partition is written once the one before it is committed. Within a day topics
//! reach the program in any order, so the load is such that this order changes nothing: an account has records on one
//! topic a day, and deadlines fall on midnight. The oracle holds the load to that: it folds it in two orders.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dunning_rules::{Account, DAY_MS, Event, Policy, PolicyBook, Timestamp};
use dunning_sim::{Operator, OperatorEvent, OperatorOptions, murmur2};
use dunning_wire::topic::InputTopic;
use dunning_wire::{canonical, event, policy};

use crate::bus::project;
use crate::walk::Walk;

/// The policy of the load.
pub const POLICY: &str = "deploy/policies/reference.yaml";

/// The records of each partition, by wave, in the order of time.
pub struct Load {
    pub partitions: Vec<Vec<Vec<OperatorEvent>>>,
    pub records: usize,
}

/// How large the load is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub partitions: u32,
    /// About so many records.
    pub records: usize,
    pub days: u32,
    /// Days that lie there when the program begins.
    pub ahead: u32,
    pub seed: u64,
}

impl Load {
    pub fn new(size: &Size) -> Self {
        let options = |accounts| OperatorOptions { accounts, days: size.days, seed: size.seed, ..Default::default() };
        let sample = Operator::new(options(200)).len();
        // Some records are left out below.
        let accounts = u32::try_from(size.records * 212 / sample.max(1)).expect("a number of accounts");
        let options = options(accounts.max(1));
        let waves = size.days.saturating_sub(size.ahead) as usize + 2;
        let mut partitions = vec![vec![Vec::new(); waves]; size.partitions as usize];
        let (mut last, mut records) = (HashMap::new(), 0);
        for event in Operator::new(options).events().filter(|e| !starts_within_a_day(e)) {
            let day = (event.at.millis() - options.start.millis()) / DAY_MS;
            let topic = last.entry((event.account_id.clone(), day)).or_insert(event.topic);
            if *topic == event.topic {
                let partition = murmur2::partition(event.account_id.as_bytes(), size.partitions);
                let wave = usize::try_from(day - i64::from(size.ahead) + 1).unwrap_or(0);
                partitions[partition as usize][wave].push(event);
                records += 1;
            }
        }
        for (partition, waves) in partitions.iter_mut().enumerate() {
            waves.last_mut().expect("waves").push(tick(partition, &options));
            records += 1;
        }
        Self { partitions, records }
    }

    /// How many waves each partition has.
    pub fn waves(&self) -> usize {
        self.partitions[0].len()
    }
}

/// A payment that is sent back has its own deadlines from that instant on, and not from midnight.
fn starts_within_a_day(event: &OperatorEvent) -> bool {
    event::decode(event.topic, &event.datum).expect("an event").kind == "PaymentReversed"
}

/// A record so late that every deadline of its partition fires.
fn tick(partition: usize, options: &OperatorOptions) -> OperatorEvent {
    let account_id = format!("tick-{partition}");
    let at = Timestamp::from_millis(options.start.millis() + (i64::from(options.days) + 400) * DAY_MS);
    let body = dunning_rules::Body::UsageRecorded(dunning_rules::Usage::NONE);
    let mut datum = Vec::new();
    event::encode_input(
        InputTopic::Usage,
        &account_id,
        &dunning_rules::Input { event_id: "tick", occurred_at: at, body },
        &mut datum,
    );
    OperatorEvent { topic: InputTopic::Usage, account_id, at, datum }
}

/// What must be there in the end.
pub struct Oracle {
    /// The canonical dump of all commands.
    pub dump: String,
    pub commands: usize,
    pub accounts: BTreeMap<String, Account>,
}

impl Oracle {
    /// Folds each account's records by itself.
    pub fn of(load: &Load) -> Self {
        let text = std::fs::read_to_string(project(POLICY)).expect("the policy");
        let policy = Arc::new(policy::parse("reference.yaml", &text).expect("a policy").policy);
        let oracle = fold(load, &policy, |e| (e.at, e.topic as usize));
        let other = fold(load, &policy, |e| (Timestamp::MIN, InputTopic::ALL.len() - e.topic as usize));
        assert!(oracle.dump == other.dump, "the order of topics within a day changes commands: the load is no load");
        assert!(oracle.accounts == other.accounts, "the order of topics within a day changes accounts");
        oracle
    }
}

/// `order` is that of the records of a wave; what lay there before the first start is merged by time.
fn fold(load: &Load, policy: &Arc<Policy>, order: impl Fn(&OperatorEvent) -> (Timestamp, usize)) -> Oracle {
    let (mut said, mut accounts) = (Vec::new(), BTreeMap::new());
    for waves in &load.partitions {
        let book = PolicyBook::new(Arc::clone(policy), None);
        let mut walk = Walk::new(book);
        let mut clock = Timestamp::MIN;
        for (number, wave) in waves.iter().enumerate() {
            let mut wave: Vec<&OperatorEvent> = wave.iter().collect();
            match number {
                0 => wave.sort_by_key(|e| (e.at, e.topic)),
                _ => wave.sort_by_key(|e| order(e)),
            }
            for record in wave {
                clock = clock.max(record.at);
                let decoded = event::decode(record.topic, &record.datum).expect("an event");
                walk.deadlines_before(&record.account_id, clock);
                walk.meet(&record.account_id, &Event::Input(decoded.event), record.at);
            }
        }
        let ids: Vec<String> = walk.accounts.keys().cloned().collect();
        ids.iter().for_each(|id| walk.deadlines_before(id, clock));
        said.append(&mut walk.said);
        accounts.append(&mut walk.accounts);
    }
    let dump = canonical::dump(said.iter().map(|(topic, c)| (*topic, c)));
    Oracle { dump, commands: said.len(), accounts }
}
