//! The bus as an operator's command sees it: topics are read once to their end, and what is written is written in a
//! transaction.

mod scan;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;

use dunning_wire::topic::{OutputTopic, TopicNames};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::registry::Registry;
use crate::run;

pub(super) use scan::{Found, scan};
pub(super) use writer::{Back, Order, Writer};

/// A cluster whose topics fit together.
pub(super) struct Bus {
    config: Config,
    pub(super) partitions: u32,
    registry: Registry,
    // After the registry, which asks on it.
    _runtime: Runtime,
}

impl Bus {
    /// Reads the configuration and looks at the topics.
    pub(super) fn open(file: Option<&Path>) -> Result<Self, Failure> {
        let config = super::config::load(file)?.config;
        let partitions = super::topics::cluster(&config).check(&config.topics).map_err(run::topics_failure)?;
        let runtime = run::runtime()?;
        let registry = run::registry(&config, None, runtime.handle())?;
        Ok(Self { config, partitions, registry, _runtime: runtime })
    }

    pub(super) const fn topics(&self) -> &TopicNames {
        &self.config.topics
    }

    /// Every partition, from its beginning on.
    pub(super) fn all_partitions(&self) -> BTreeMap<u32, i64> {
        (0..self.partitions).map(|partition| (partition, 0)).collect()
    }

    pub(super) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The id under which orders are written.
    fn order_schema(&self) -> Result<u32, Failure> {
        let ids = self.registry.register(self.topics()).map_err(run::registry_failure)?;
        let id = ids.into_iter().find(|(topic, _)| *topic == OutputTopic::Control).map(|(_, id)| id);
        id.ok_or_else(|| Failure::new(Exit::Internal, "no schema of orders is built in; report it"))
    }

    /// A client: the operator's own properties, then ours.
    fn client(&self, ours: &[(&str, &str)]) -> ClientConfig {
        let mut config = crate::kafka::plain(&self.config.kafka.bootstrap_servers, &self.config.kafka.properties);
        config.set("client.id", "dunning-operator");
        // It never joins; a group's protocol would only be in the way.
        config.remove("group.protocol");
        for (name, value) in ours {
            config.set(*name, *value);
        }
        config
    }

    fn group(&self) -> &str {
        &self.config.kafka.group_id
    }
}

/// What the bus refused or did not answer, with the code for it.
fn failed(text: impl Into<String>, error: KafkaError) -> Failure {
    let exit = match error.rdkafka_error_code() {
        Some(
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::Authentication
            | Code::SaslAuthenticationFailed,
        ) => Exit::Refused,
        Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => {
            let text = "another command of this group began meanwhile, and this one is ended; run it again";
            return Failure::because(Exit::Fenced, text, error);
        }
        _ => Exit::Unreachable,
    };
    Failure::because(exit, text, error)
}
