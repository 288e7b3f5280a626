//! What librdkafka calls an error, and how it is to be met.

use dunning_engine::{BrokerError, ErrorKind};
use rdkafka::types::RDKafkaErrorCode as Code;

/// An error of librdkafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) text: String,
    /// This client can do nothing more.
    pub(crate) fatal: bool,
    /// The same call can be made again.
    pub(crate) retriable: bool,
    /// The transaction must be aborted.
    pub(crate) abortable: bool,
}

impl Default for Fault {
    fn default() -> Self {
        Self { code: Code::NoError, text: String::new(), fatal: false, retriable: false, abortable: false }
    }
}

impl Fault {
    /// An error that is only a code.
    pub(crate) fn of(code: Code) -> Self {
        Self { code, text: code.to_string(), ..Self::default() }
    }

    pub(crate) fn timed_out() -> Self {
        Self { retriable: true, ..Self::of(Code::OperationTimedOut) }
    }

    pub(crate) fn no_memory() -> Self {
        Self::of(Code::CriticalSystemResource)
    }

    pub(crate) fn bad_name() -> Self {
        Self { text: "a topic's name cannot be used".to_owned(), ..Self::of(Code::InvalidArgument) }
    }

    /// Another producer has the same transactional id.
    fn is_fenced(&self) -> bool {
        matches!(self.code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch)
    }

    /// It will fail again, however often it is tried.
    fn is_hopeless(&self) -> bool {
        matches!(
            self.code,
            Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::TransactionalIdAuthorizationFailed
                | Code::UnsupportedVersion
                | Code::InvalidTransactionTimeout
                | Code::InvalidArgument
                | Code::MessageSizeTooLarge
                | Code::InvalidTimestamp
        )
    }

    /// Who leads a partition has changed.
    pub(crate) fn is_of_leadership(&self) -> bool {
        matches!(
            self.code,
            Code::FencedLeaderEpoch | Code::UnknownLeaderEpoch | Code::NotLeaderForPartition | Code::LeaderNotAvailable
        )
    }

    /// As seen by a lane that reads or asks.
    pub(crate) fn reading(self, doing: &'static str) -> BrokerError {
        let kind = if self.fatal || self.is_hopeless() { ErrorKind::Fatal } else { ErrorKind::Retry };
        self.with(kind, doing)
    }

    /// As seen by a lane whose transaction is open and whose end was not yet asked for.
    pub(crate) fn writing(self, doing: &'static str) -> BrokerError {
        let kind = match () {
            () if self.is_fenced() => ErrorKind::Fenced,
            () if self.is_hopeless() => ErrorKind::Fatal,
            () if self.fatal => ErrorKind::Unknown,
            () => ErrorKind::Abort,
        };
        self.with(kind, doing)
    }

    /// As seen by a lane that asked for the transaction's end: nothing is sure unless the broker refused.
    pub(crate) fn ending(self, doing: &'static str) -> BrokerError {
        let kind = match () {
            () if self.is_fenced() => ErrorKind::Fenced,
            () if self.is_hopeless() => ErrorKind::Fatal,
            () if self.abortable && !self.fatal => ErrorKind::Abort,
            () => ErrorKind::Unknown,
        };
        self.with(kind, doing)
    }

    /// As seen by a lane that takes up a transactional id.
    pub(crate) fn starting(self, doing: &'static str) -> BrokerError {
        let kind = match () {
            () if self.is_hopeless() => ErrorKind::Fatal,
            () if self.is_fenced() => ErrorKind::Fenced,
            () => ErrorKind::Retry,
        };
        self.with(kind, doing)
    }

    pub(crate) fn with(self, kind: ErrorKind, doing: &'static str) -> BrokerError {
        BrokerError { kind, doing, text: self.text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fatal(code: Code) -> Fault {
        Fault { fatal: true, ..Fault::of(code) }
    }

    #[test]
    fn errors_are_sorted() {
        let abortable = Fault { abortable: true, ..Fault::of(Code::UnknownMemberId) };
        let rows = [
            (Fault::timed_out().reading("x"), ErrorKind::Retry),
            (Fault::of(Code::TopicAuthorizationFailed).reading("x"), ErrorKind::Fatal),
            (fatal(Code::BrokerTransportFailure).reading("x"), ErrorKind::Fatal),
            (abortable.clone().writing("x"), ErrorKind::Abort),
            (Fault::timed_out().writing("x"), ErrorKind::Abort),
            (fatal(Code::ProducerFenced).writing("x"), ErrorKind::Fenced),
            (fatal(Code::OutOfOrderSequenceNumber).writing("x"), ErrorKind::Unknown),
            (abortable.ending("x"), ErrorKind::Abort),
            (Fault::timed_out().ending("x"), ErrorKind::Unknown),
            (fatal(Code::InvalidTransactionalState).ending("x"), ErrorKind::Unknown),
            (fatal(Code::Fenced).ending("x"), ErrorKind::Fenced),
            (Fault::timed_out().starting("x"), ErrorKind::Retry),
            (Fault::of(Code::TransactionalIdAuthorizationFailed).starting("x"), ErrorKind::Fatal),
        ];
        for (i, (error, kind)) in rows.into_iter().enumerate() {
            assert_eq!(error.kind, kind, "row {i}");
        }
    }
}
