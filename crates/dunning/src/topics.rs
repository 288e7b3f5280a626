//! The topics: are they there, do they fit together; and making those that are missing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dunning_wire::topic::{InputTopic, OutputTopic, TopicNames};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;
use tokio::runtime::Handle;

use crate::kafka::plain;

/// How long an answer of the cluster may take.
const PATIENCE: Duration = Duration::from_secs(10);
const DAY: i64 = 86_400_000;

/// Why the topics cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// The cluster does not answer.
    #[error("the cluster does not answer: {0}")]
    Away(String),
    /// The configuration cannot be used.
    #[error("`kafka` cannot be used: {0}")]
    Settings(String),
    /// Some are not there.
    #[error("missing topics, or ones that this user may not see: {}; make them with: dunning topics create", .0.join(", "))]
    Missing(Vec<String>),
    /// They have unequal numbers of partitions.
    #[error("all topics must have the same number of partitions; found: {}", .0.join(", "))]
    Unequal(Vec<String>),
    /// How many partitions is not known.
    #[error("no input topic is there to take the number of partitions from; say it with --partitions")]
    Count,
    /// The cluster refuses to make one.
    #[error("`{topic}` cannot be made: {text}")]
    Refused {
        /// Which.
        topic: String,
        /// What the cluster says.
        text: String,
    },
}

/// How the cluster is reached.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// Brokers as `host:port`, with commas.
    pub bootstrap_servers: &'a str,
    /// The operator's own properties.
    pub properties: &'a BTreeMap<String, String>,
}

/// What is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many partitions; `None`: as many as the inputs have.
    pub partitions: Option<u32>,
    /// How many copies of each; `None`: as the brokers are set.
    pub replication_factor: Option<u32>,
    /// True: input topics too, which are others' in production.
    pub inputs: bool,
    /// True: nothing expires; for replays and tests, whose records are old.
    pub keep: bool,
    /// True: the state topic bears the broker's time, by which a wall clock is checked; false where tests make time up.
    pub broker_time: bool,
}

/// What was done with a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was made.
    Made(String),
    /// It was there.
    Found(String),
}

impl Cluster<'_> {
    /// The partitions of all topics that this user may see.
    fn partitions(&self) -> Result<BTreeMap<String, u32>, TopicsError> {
        let config = plain(self.bootstrap_servers, self.properties);
        let client: BaseConsumer = config.create().map_err(|e| TopicsError::Settings(e.to_string()))?;
        // All topics: a question for one by its name could make it.
        let metadata = client.fetch_metadata(None, PATIENCE).map_err(|e| TopicsError::Away(e.to_string()))?;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let found = metadata.topics().iter().filter(|t| t.error().is_none() && !t.partitions().is_empty());
        Ok(found.map(|t| (t.name().to_owned(), count(t.partitions().len()))).collect())
    }

    /// Checks that all topics are there with equal numbers of partitions, and says how many.
    ///
    /// # Errors
    /// What does not fit, by the topics' names.
    pub fn check(&self, names: &TopicNames) -> Result<u32, TopicsError> {
        let found = self.partitions()?;
        let all = all(names);
        let missing: Vec<String> = all.iter().filter(|n| !found.contains_key(**n)).map(|n| (*n).to_owned()).collect();
        if !missing.is_empty() {
            return Err(TopicsError::Missing(missing));
        }
        same(&all, &found)?.ok_or(TopicsError::Count)
    }

    /// Makes the topics that are missing.
    ///
    /// # Errors
    /// Where those that are there do not fit together, or the cluster refuses.
    pub fn create(&self, names: &TopicNames, plan: &Plan, runtime: &Handle) -> Result<Vec<Done>, TopicsError> {
        let found = self.partitions()?;
        let wanted: Vec<&str> = if plan.inputs { all(names) } else { ours(names) };
        let partitions = match (plan.partitions, same(&all(names), &found)?) {
            (Some(said), Some(is)) if said != is => {
                let mut list = counts(&all(names), &found);
                list.push(format!("--partitions: {said}"));
                return Err(TopicsError::Unequal(list));
            }
            (Some(count), _) | (None, Some(count)) => count,
            (None, None) => return Err(TopicsError::Count),
        };
        let missing: Vec<&str> = wanted.iter().filter(|n| !found.contains_key(**n)).copied().collect();
        self.make(&missing, partitions, names, plan, runtime)?;
        let done = |n: &&str| {
            if missing.contains(n) { Done::Made((*n).to_owned()) } else { Done::Found((*n).to_owned()) }
        };
        Ok(wanted.iter().map(done).collect())
    }

    fn make(
        &self,
        topics: &[&str],
        partitions: u32,
        names: &TopicNames,
        plan: &Plan,
        runtime: &Handle,
    ) -> Result<(), TopicsError> {
        if topics.is_empty() {
            return Ok(());
        }
        let config = plain(self.bootstrap_servers, self.properties);
        let admin: AdminClient<DefaultClientContext> =
            config.create().map_err(|e| TopicsError::Settings(e.to_string()))?;
        let settings: Vec<_> = topics.iter().map(|n| settings(names.find_output(n), plan)).collect();
        let new: Vec<NewTopic<'_>> =
            topics.iter().zip(&settings).map(|(name, s)| new_topic(name, partitions, plan, s)).collect();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        let results = runtime.block_on(async { admin.create_topics(&new, &options).await });
        for result in results.map_err(|e| TopicsError::Away(e.to_string()))? {
            match result {
                // Somebody else was faster.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(TopicsError::Refused { topic, text: code.to_string() }),
            }
        }
        self.await_all(topics)
    }

    /// Waits until every broker that is asked knows new topics.
    fn await_all(&self, topics: &[&str]) -> Result<(), TopicsError> {
        let began = Instant::now();
        loop {
            let found = self.partitions()?;
            if topics.iter().all(|n| found.contains_key(*n)) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(TopicsError::Away("new topics do not appear".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn new_topic<'a>(name: &'a str, partitions: u32, plan: &Plan, settings: &'a [(&'static str, String)]) -> NewTopic<'a> {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let copies = TopicReplication::Fixed(plan.replication_factor.map_or(-1, number));
    settings.iter().fold(NewTopic::new(name, number(partitions), copies), |topic, (key, value)| topic.set(key, value))
}

/// How a topic keeps its records; `None`: one that others write.
fn settings(topic: Option<OutputTopic>, plan: &Plan) -> Vec<(&'static str, String)> {
    let days = match topic {
        Some(OutputTopic::Decisions) => Some(400),
        Some(OutputTopic::DeadLetters) => Some(90),
        Some(topic) if OutputTopic::COMMANDS.contains(&topic) => Some(30),
        // Never: the last state of an account, the policies that were in force, and what others write.
        _ => None,
    };
    let days = days.filter(|_| !plan.keep);
    let broker_time = plan.broker_time && topic == Some(OutputTopic::State);
    let mut settings = vec![
        ("message.timestamp.type", if broker_time { "LogAppendTime" } else { "CreateTime" }.to_owned()),
        // Commands bear the instant at which they take effect; replays bear instants long past.
        ("message.timestamp.after.max.ms", i64::MAX.to_string()),
        ("message.timestamp.before.max.ms", i64::MAX.to_string()),
        ("max.message.bytes", crate::kafka::RECORD_BYTES.to_string()),
    ];
    if topic == Some(OutputTopic::State) {
        // A restoration reads the topic from its beginning: it is worth to keep it small.
        settings.push(("cleanup.policy", "compact".to_owned()));
        settings.push(("segment.bytes", (128 * 1024 * 1024).to_string()));
        settings.push(("min.cleanable.dirty.ratio", "0.3".to_owned()));
        settings.push(("delete.retention.ms", (7 * DAY).to_string()));
        // What was erased is gone a day or two later, however little is written.
        settings.push(("max.compaction.lag.ms", DAY.to_string()));
    } else {
        settings.push(("cleanup.policy", "delete".to_owned()));
        settings.push(("retention.ms", days.map_or(-1, |d| d * DAY).to_string()));
    }
    settings
}

/// The topics that the program owns.
fn ours(names: &TopicNames) -> Vec<&str> {
    OutputTopic::ALL.into_iter().map(|t| names.output(t)).collect()
}

/// All topics, each once.
fn all(names: &TopicNames) -> Vec<&str> {
    let inputs = InputTopic::ALL.into_iter().filter(|t| *t != InputTopic::Control).map(|t| names.input(t));
    inputs.chain(ours(names)).collect()
}

/// The number of partitions of those that are there; `None` where none is.
fn same(topics: &[&str], found: &BTreeMap<String, u32>) -> Result<Option<u32>, TopicsError> {
    let mut numbers: Vec<u32> = topics.iter().filter_map(|n| found.get(*n)).copied().collect();
    numbers.dedup();
    if numbers.len() > 1 { Err(TopicsError::Unequal(counts(topics, found))) } else { Ok(numbers.first().copied()) }
}

fn counts(topics: &[&str], found: &BTreeMap<String, u32>) -> Vec<String> {
    topics.iter().filter_map(|n| found.get(*n).map(|count| format!("{n}: {count}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(counts: &[(&str, u32)]) -> BTreeMap<String, u32> {
        counts.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect()
    }

    #[test]
    fn unequal_counts_are_named() {
        let names = TopicNames::default();
        let counts = found(&[("billing.bills", 4), ("dunning.accounts", 4), ("network.usage", 5), ("other", 9)]);
        let error = same(&all(&names), &counts).expect_err("they differ");
        assert!(error.to_string().contains("network.usage: 5"), "{error}");
        assert!(!error.to_string().contains("other"), "{error}");
        assert_eq!(same(&["billing.bills", "dunning.accounts"], &counts).expect("equal"), Some(4));
        assert_eq!(same(&["crm.accounts"], &counts).expect("none"), None);
    }

    #[test]
    fn every_topic_is_listed_once() {
        let names = TopicNames::default();
        let mut list = all(&names);
        list.sort_unstable();
        list.dedup();
        assert_eq!(list.len(), 15);
    }

    #[test]
    fn only_the_state_is_compacted_and_bears_the_brokers_time_and_only_commands_expire() {
        let plan = Plan { partitions: None, replication_factor: None, inputs: true, keep: false, broker_time: true };
        let value = |t, key: &str| settings(t, &plan).into_iter().find(|(k, _)| *k == key).map(|(_, v)| v);
        assert_eq!(value(Some(OutputTopic::State), "cleanup.policy").as_deref(), Some("compact"));
        assert_eq!(value(Some(OutputTopic::State), "message.timestamp.type").as_deref(), Some("LogAppendTime"));
        assert_eq!(value(Some(OutputTopic::State), "max.compaction.lag.ms").as_deref(), Some("86400000"));
        assert_eq!(value(Some(OutputTopic::Barring), "message.timestamp.type").as_deref(), Some("CreateTime"));
        assert_eq!(value(Some(OutputTopic::Control), "retention.ms").as_deref(), Some("-1"));
        assert_eq!(value(None, "retention.ms").as_deref(), Some("-1"));
        assert_eq!(value(Some(OutputTopic::Barring), "retention.ms").as_deref(), Some("2592000000"));
    }
}
