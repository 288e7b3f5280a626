use dunning_store::StoreError;

use crate::BrokerError;

/// Why a lane ends. The process ends with it, under an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The broker says that nothing more can be done.
    #[error("the broker refuses for good")]
    Broker(#[source] BrokerError),
    /// Another program runs under this lane's transactional id.
    #[error("another program writes under this transactional id: give each running instance its own `instance`")]
    Fenced(#[source] BrokerError),
    /// The state directory cannot be used.
    #[error("the state directory cannot be used: check its path, its permissions and the free space")]
    Store(#[source] StoreError),
    /// Nothing says where to begin.
    #[error(
        "shard {0} has neither a checkpoint nor committed offsets, and `start` is not set: \
         set `start: earliest` or `start: <instant>` for the first run"
    )]
    NoStart(u32),
    /// The policy file does not fit what is in force.
    #[error("the policy cannot be used: {0}")]
    Policy(String),
    /// The state topic does not fit.
    #[error("the state cannot be used: {0}")]
    State(String),
    /// The offsets at which reading has to go on are no longer on the broker.
    #[error("records that were not read yet are gone: {0}")]
    Expired(String),
}
