//! What was written, held against the oracle: as one reader saw it all along, and as another finds it in the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dunning_rules::Account;
use dunning_wire::topic::OutputTopic;
use dunning_wire::{frame, state, state_record};
use rdkafka::Message;

use crate::load::Oracle;
use crate::output::{COMMANDS, Written, assert_in_place, dump};
use crate::world::World;

/// A live reader to which nothing comes for so long is at its end, whatever it lacks.
const PATIENCE: Duration = Duration::from_secs(60);

/// A reader of committed commands that follows from the beginning.
pub struct LiveReader {
    world: Arc<World>,
    /// So many commands another reader found in the end; 0: it was not asked yet.
    goal: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<Written>>,
}

impl LiveReader {
    pub fn follow(world: &Arc<World>) -> Self {
        let goal = Arc::new(AtomicUsize::new(0));
        let thread = {
            let (world, goal) = (Arc::clone(world), Arc::clone(&goal));
            std::thread::spawn(move || {
                let (consumer, _) = world.reader_of(&COMMANDS.map(|t| world.topics.output(t)));
                let mut seen = Vec::new();
                let (mut heard, mut told) = (Instant::now(), None);
                // Once a later reader has found the end, what lies there has come here or comes now. A reader that was cut
                // off and waits to connect again is behind, not at the end: silence alone says nothing.
                loop {
                    // The broker may be away, and say so.
                    if let Some(Ok(message)) = consumer.poll(Duration::from_millis(500)) {
                        seen.push(world.written(&message));
                        heard = Instant::now();
                    }
                    let goal = goal.load(Ordering::Relaxed);
                    if goal == 0 {
                        continue;
                    }
                    let told = *told.get_or_insert_with(Instant::now);
                    if seen.len() >= goal || heard.max(told).elapsed() > PATIENCE {
                        return seen;
                    }
                }
            })
        };
        Self { world: Arc::clone(world), goal, thread }
    }

    /// Holds both readers against the oracle; returns how many commands there are.
    pub fn judge(self, oracle: &Oracle) -> usize {
        let late = self.world.commands();
        self.goal.store(late.len().max(1), Ordering::Relaxed);
        let live = self.thread.join().expect("the live reader");
        for (who, commands) in [("the live reader", &live), ("the late reader", &late)] {
            println!("{who}: {} commands", commands.len());
            assert_in_place(commands, self.world.partitions);
            assert_in_sequence(who, commands);
            assert_dump(who, commands, oracle);
        }
        assert_eq!(places(&live), places(&late), "the live reader saw other places than the late one");
        assert_accounts(&self.world, oracle);
        late.len()
    }
}

/// The ids of each topic and partition, in order.
fn places(commands: &[Written]) -> BTreeMap<(OutputTopic, u32), Vec<&str>> {
    let mut places: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for w in commands {
        places.entry((w.topic, w.partition)).or_default().push(&w.view.command_id);
    }
    places
}

/// Each account's commands are numbered from 1 without a gap, and stand in that order on every topic.
fn assert_in_sequence(who: &str, commands: &[Written]) {
    let mut last: HashMap<(OutputTopic, &str), u64> = HashMap::new();
    let mut all: HashMap<&str, HashSet<u64>> = HashMap::new();
    for w in commands {
        let (account, sequence) = (w.view.account_id.as_str(), w.view.sequence);
        let before = last.insert((w.topic, account), sequence);
        assert!(before.is_none_or(|b| b < sequence), "{who}: {sequence} follows {before:?} on {:?}", w.topic);
        assert!(all.entry(account).or_default().insert(sequence), "{who}: sequence {sequence} is there twice");
    }
    for (account, sequences) in all {
        assert!((1..=sequences.len() as u64).all(|n| sequences.contains(&n)), "{who}: a gap in those of {account}");
    }
}

fn assert_dump(who: &str, commands: &[Written], oracle: &Oracle) {
    let got = dump(commands);
    if got == oracle.dump {
        return;
    }
    let (got, wanted): (HashSet<&str>, HashSet<&str>) = (got.lines().collect(), oracle.dump.lines().collect());
    let few = |lines: Vec<&&str>| lines.into_iter().take(3).map(|l| format!("\n  {l}")).collect::<String>();
    let missing: Vec<_> = wanted.difference(&got).collect();
    let surplus: Vec<_> = got.difference(&wanted).collect();
    let counts = (missing.len(), surplus.len());
    panic!("{who}: {} missing:{}\n{} too many:{}", counts.0, few(missing), counts.1, few(surplus));
}

/// The last state of every account is the oracle's.
fn assert_accounts(world: &World, oracle: &Oracle) {
    let mut last: BTreeMap<String, Account> = BTreeMap::new();
    world.each(&[world.topics.output(OutputTopic::State)], |message| {
        if message.key().expect("a key") == state::CHECKPOINT_KEY {
            return;
        }
        let (_, datum) = frame::split(message.payload().expect("a state")).expect("a frame");
        let state_record::StateRecord::Account { account_id, row, .. } = state_record::decode(datum).expect("a state")
        else {
            panic!("a checkpoint under an account's key")
        };
        let row = state::decode_row(row).expect("a row");
        assert!(row.stale.is_empty(), "a stale mark");
        last.insert(account_id.to_owned(), row.account);
    });
    assert_eq!(last.len(), oracle.accounts.len(), "accounts");
    for (got, wanted) in last.values().zip(oracle.accounts.values()) {
        assert_eq!(got, wanted);
    }
}
