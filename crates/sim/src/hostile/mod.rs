//! The engine in hostile worlds: each seed is a world in which processes die at any step, brokers answer late, wrongly or
//! not at all, disks lose their tails, clocks jump, records come late, twice and damaged. After each, what was committed
//! is folded again from scratch, and outputs, state topic and stores must agree with it exactly.

mod broker;
mod check;
mod faults;
mod fold;
mod orders;
mod tape;
mod upstream;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dunning_engine::{ClockMode, Mode, PolicyFile, Settings, Start};
use dunning_rules::DAY_MS;
use dunning_wire::policy;
use dunning_wire::schema::embedded_id;
use dunning_wire::state::StateVersion;
use dunning_wire::topic::OutputTopic;

use crate::Random;

/// What happened in one world, or in many.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Rounds of lanes.
    pub rounds: u64,
    /// Transactions committed.
    pub transactions: u64,
    /// Events that met their accounts.
    pub met: u64,
    /// Commands sent.
    pub commands: u64,
    /// Bars that the gate let go.
    pub cleared: u64,
    /// Cycles that went on by another version of the policy.
    pub changed: u64,
    /// Records that could not be taken.
    pub dead_letters: u64,
    /// Lanes that ended because another wrote under their name.
    pub fenced: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds another world's.
    pub fn add(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.transactions += other.transactions;
        self.met += other.met;
        self.commands += other.commands;
        self.cleared += other.cleared;
        self.changed += other.changed;
        self.dead_letters += other.dead_letters;
        self.fenced += other.fenced;
        for (what, n) in &other.faults {
            *self.faults.entry(what).or_default() += n;
        }
    }
}

/// The policies of the worlds, read once.
#[derive(Debug)]
pub struct Policies {
    reference: PolicyFile,
    consumer: PolicyFile,
    every: PolicyFile,
}

/// Another version of a world's policy.
#[derive(Debug)]
struct NextPolicy {
    label: String,
    text: String,
    /// From when it is in force, in milliseconds after it was published; `None`: as soon as it is heard of.
    in_ms: Option<i64>,
}

impl Default for Policies {
    fn default() -> Self {
        Self::new()
    }
}

impl Policies {
    /// The two that the project comes with, and one with every kind of step.
    ///
    /// # Panics
    /// Where one of them cannot be read: they are part of this program.
    #[must_use]
    #[allow(clippy::expect_used)]
    pub fn new() -> Self {
        let read = |name: &str, text: &str| {
            let loaded = policy::parse(name, text).expect("a policy of this project");
            PolicyFile { policy: Arc::new(loaded.policy), text: text.to_owned(), effective_from: None }
        };
        Self {
            reference: read("reference", include_str!("../../../../deploy/policies/reference.yaml")),
            consumer: read("consumer", include_str!("../../../../deploy/policies/consumer.yaml")),
            every: read("every", include_str!("every.yaml")),
        }
    }

    fn of(&self, seed: u64, stream: bool) -> &PolicyFile {
        match stream {
            _ if seed % 3 == 2 => &self.every,
            true => &self.reference,
            false => &self.consumer,
        }
    }

    /// In some worlds under clock `wall`, the other version, and the tick in which it comes. Its days are others, and in most
    /// of them cycles that run go on by it.
    fn next(&self, seed: u64) -> Option<(i64, NextPolicy)> {
        let mut random = Random::new(seed, 3);
        if !random.chance(300) {
            return None;
        }
        let mut text = self.of(seed, false).text.clone();
        let on_change = random.pick(&["finish_cycle", "next_step", "next_step"]);
        for (older, newer) in [
            ("version: 1\n", format!("version: 2\non_change: {on_change}\n")),
            ("at: 11d\n", "at: 9d\n".to_owned()),
            ("at: 12d\n", "at: 8d\n".to_owned()),
            ("at: 42d\n", "at: 43d\n".to_owned()),
        ] {
            text = text.replacen(older, &newer, 1);
        }
        let label = self.of(seed, false).policy.label.replace("@1", "@2");
        let in_ms = random.pick(&[None, Some(3_600_000), Some(5 * DAY_MS)]);
        Some((random.between(0, 40), NextPolicy { label, text, in_ms }))
    }

    fn settings(&self, seed: u64, random: &mut Random, stream: bool) -> Settings {
        let clock = if stream { ClockMode::Stream } else { ClockMode::Wall };
        let policy = self.of(seed, stream);
        let count = |n: i64| usize::try_from(n).unwrap_or(1);
        Settings {
            clock,
            mode: Mode::Command,
            start: Some(Start::Earliest),
            policy: policy.clone(),
            dedupe_horizon_days: None,
            schema_ids: OutputTopic::ALL.map(|t| (t, embedded_id(t.contract_name()))).to_vec(),
            state_version: StateVersion::V1,
            generation: check::GENERATION,
            cluster: "sim".to_owned(),
            state_topic: "dunning.accounts".to_owned(),
            batch_records: count(random.pick(&[1, 3, 10, 1_000])),
            batch_age: Duration::from_millis(random.between(1, 100).unsigned_abs()),
            flush_every: Duration::from_millis(random.pick(&[1, 500, 5_000])),
            erased_within: random.pick(&[None, Some(Duration::ZERO), Some(Duration::from_secs(86_400))]),
            flush_bytes: count(random.pick(&[1, 64 << 20])),
            flush_accounts: count(random.pick(&[1, 2, 5_000])),
            live_accounts: count(random.pick(&[1, 2, 50])),
            queue_records: count(random.pick(&[2, 200])),
            record_bytes_max: 100_000,
            future_bound: Some(Duration::from_secs(24 * 3_600)),
            schema_patience: Duration::from_millis(random.pick(&[0, 5_000])),
            // In some worlds a person has to let bars go.
            bars_per_hour: if stream {
                None
            } else {
                random.pick(&[None, None, None, None, None, None, Some(0), Some(1)])
            },
            standby: count(random.pick(&[0, 1, 2])),
        }
    }
}

/// Runs the world of a seed, and tells what happened in it.
///
/// # Errors
/// What was wrong in the end. The same seed gives the same world.
pub fn run(seed: u64, policies: &Policies, trace: bool) -> Result<Tally, String> {
    world::World::new(seed, policies, trace).run()
}
