//! What can go wrong between a stage and the broker, and what each of it means for the work at hand.

use cordon_records::{Classified, ErrorClass};
use cordon_settings::SecretError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::connection::mistake::ConnectionError;
use crate::kafka::connection::right::Right;
use crate::kafka::consumer::breaker::Tripped;

/// A failure of the Kafka half. [`Classified::class`] says whether trying again can help.
#[derive(Debug, thiserror::Error)]
pub enum KafkaFailure {
    /// A client could not be made: a setting that librdkafka refuses.
    #[error("cannot create the kafka {what}: {}; look at kafka.bootstrap_servers and kafka.properties", words(.answer))]
    Client {
        /// Which client.
        what: &'static str,
        /// librdkafka's answer.
        answer: KafkaError,
    },
    /// A secret that a client needs cannot be read.
    #[error("cannot read the secret of kafka.properties.{key}: {source}")]
    Secret {
        /// The property.
        key: String,
        /// Why not.
        source: SecretError,
    },
    /// A question to the broker was not answered.
    #[error("cannot {what}: {}", why(.cause, || words(.answer)))]
    Request {
        /// The question, as a verb phrase.
        what: String,
        /// librdkafka's answer.
        answer: Box<KafkaError>,
        /// Why the client had no connection, if that is known.
        cause: Option<Box<ConnectionError>>,
    },
    /// A question to the broker took longer than its deadline.
    #[error("cannot {what}: no answer within {seconds} s{}", .cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default())]
    NoAnswer {
        /// The question, as a verb phrase.
        what: String,
        /// The deadline, in seconds.
        seconds: u64,
        /// Why the client had no connection, if that is known.
        cause: Option<Box<ConnectionError>>,
    },
    /// A record was handed over and its delivery was not confirmed. It may or may not be on the topic: the client
    /// does not expose which (`rd_kafka_message_status` is not in rdkafka 0.39).
    #[error("delivery to {topic} is not confirmed: {}", why(.cause, || words(.answer)))]
    Undelivered {
        /// The topic's full name.
        topic: String,
        /// The delivery report.
        answer: Box<KafkaError>,
        /// Why the client had no connection, if that is known.
        cause: Option<Box<ConnectionError>>,
    },
    /// The broker takes no record as this one was written now, for a reason that lies in its clock, ours, or the topic's
    /// settings. It is not on the topic, and may well be taken later.
    #[error(
        "{topic} does not take records as they are written now: {}; compare the clock of this machine with the \
         broker's (`cordon check`), and look at the topic's message.timestamp.before.max.ms and \
         message.timestamp.after.max.ms", words(.answer)
    )]
    Declined {
        /// The topic's full name.
        topic: String,
        /// The broker's answer.
        answer: Box<KafkaError>,
    },
    /// The broker or the client takes no record of this size, not even alone.
    #[error("{topic} does not take this record of {bytes} bytes: {}", words(.answer))]
    Refused {
        /// The topic's full name.
        topic: String,
        /// Size of the value.
        bytes: usize,
        /// The refusal.
        answer: Box<KafkaError>,
    },
    /// This principal may not do that.
    #[error("not permitted to {what}: {right}, which the broker's access lists do not give")]
    Forbidden {
        /// The operation, as a verb phrase.
        what: String,
        /// What is missing.
        right: Box<Right>,
    },
    /// The client is no longer usable; the process must start again.
    #[error("the kafka client stopped for good: {0}; restart the process")]
    Dead(String),
    /// A group without a committed offset, where none may be guessed.
    #[error(
        "group {group} has no usable committed offset on {topic}, and neither end of the topic is a safe place to \
         start; run once with --init-ledger to start at the present end"
    )]
    NoOffset {
        /// The group's full id.
        group: String,
        /// The topic's full name.
        topic: String,
    },
    /// The handler asked to stop.
    #[error("stopped at {position}: {why}")]
    Halted {
        /// The record at which it stopped; it stays unsettled.
        position: String,
        /// The handler's reason.
        why: String,
    },
    /// So many records could not be handled that the fault is more likely ours. The last of them is not written to the
    /// dead letters and not settled.
    #[error(
        "{tripped}, and now {position} because of {last} ({detail}); that points to a fault of this stage, of its \
         configuration or of the stage before it, so it stops here instead of emptying the topic: look at them with \
         `cordon dlq list --stage {stage}`, fix the cause, start again, and bring them back with `cordon dlq redrive`"
    )]
    TooManyDeadLetters {
        /// Which limit was reached.
        tripped: Tripped,
        /// The record at which it stopped; it stays unsettled.
        position: String,
        /// The stage.
        stage: &'static str,
        /// The last reason.
        last: &'static str,
        /// The last detail.
        detail: String,
    },
    /// A holder did not give way when its tenure ended.
    #[error("the holder of {topic} did not return within {seconds} s of losing it; restart the process")]
    DidNotYield {
        /// The topic's full name.
        topic: String,
        /// The deadline.
        seconds: u64,
    },
    /// A topic that elects one owner has more than one partition.
    #[error("{topic} must have exactly one partition, because its partition elects the one that acts")]
    NotOnePartition {
        /// The topic's full name.
        topic: String,
    },
    /// A panic in the code that holds the partition.
    #[error("the holder of {topic} panicked: {text}")]
    Panicked {
        /// The topic's full name.
        topic: String,
        /// The panic's text.
        text: String,
    },
    /// A thread could not be started.
    #[error("cannot start a thread for kafka: {0}")]
    Thread(#[from] std::io::Error),
}

impl Classified for KafkaFailure {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Request { .. } | Self::NoAnswer { .. } | Self::Declined { .. } => ErrorClass::Transient,
            Self::Undelivered { .. } => ErrorClass::Ambiguous,
            Self::Refused { .. } => ErrorClass::Poison,
            Self::Client { .. }
            | Self::Secret { .. }
            | Self::Forbidden { .. }
            | Self::Dead(_)
            | Self::NoOffset { .. }
            | Self::Halted { .. }
            | Self::TooManyDeadLetters { .. }
            | Self::DidNotYield { .. }
            | Self::NotOnePartition { .. }
            | Self::Panicked { .. }
            | Self::Thread(_) => ErrorClass::Fatal,
        }
    }
}

/// Whose business it is to fix a failure; exit codes follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The broker cannot be reached, or does not answer.
    Unreachable,
    /// The broker does not take who this client is, or does not let it do that.
    Denied,
    /// The configuration is wrong.
    Configuration,
    /// Everything else.
    Broken,
}

impl KafkaFailure {
    /// Whose business it is to fix it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Request { cause, .. } | Self::NoAnswer { cause, .. } | Self::Undelivered { cause, .. } => {
                let is_denied = cause.as_ref().is_some_and(|cause| cause.mistake.is_denial());
                if is_denied { Fault::Denied } else { Fault::Unreachable }
            }
            Self::Declined { .. } => Fault::Unreachable,
            Self::Forbidden { .. } => Fault::Denied,
            Self::Client { .. } | Self::Secret { .. } => Fault::Configuration,
            Self::Refused { .. }
            | Self::Dead(_)
            | Self::NoOffset { .. }
            | Self::Halted { .. }
            | Self::TooManyDeadLetters { .. }
            | Self::DidNotYield { .. }
            | Self::NotOnePartition { .. }
            | Self::Panicked { .. }
            | Self::Thread(_) => Fault::Broken,
        }
    }

    /// Says that a write is repeated. Where the broker takes nothing at all, the producer has said so, once for all of
    /// the records that wait.
    pub(crate) fn log_repetition(&self, what: &'static str) {
        match self {
            Self::Declined { .. } => tracing::debug!(error = %self, "{what}"),
            other => tracing::warn!(error = %other, "{what}"),
        }
    }
}

/// The cause, or what the client says where there is none.
fn why(cause: &Option<Box<ConnectionError>>, otherwise: impl FnOnce() -> String) -> String {
    cause.as_ref().map_or_else(otherwise, ToString::to_string)
}

/// The code of an answer. rdkafka 0.39 knows none of those of the admin client.
pub(super) fn code(answer: &KafkaError) -> Option<RDKafkaErrorCode> {
    match answer {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// An answer of librdkafka's in words, once: its own texts say code, name and meaning one after the other.
pub(super) fn words(answer: &KafkaError) -> String {
    match answer {
        KafkaError::ClientCreation(text) => text.clone(),
        KafkaError::ClientConfig(_, text, key, _) => format!("{text} ({key})"),
        other => match code(other) {
            Some(code) => {
                let text = code.to_string();
                let meaning = text.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')'));
                meaning.unwrap_or(&text).to_owned()
            }
            None => other.to_string(),
        },
    }
}

/// The record itself is refused, if it was sent alone: the broker measures batches.
pub(super) fn is_too_large(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge)
}

/// What brokers answer to a time stamp outside of `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`
/// (Kafka's `LogValidator`), and what librdkafka makes of it for the other records of that batch. A plug-in that validates
/// records on the broker answers the same. In no case is it known that the record is at fault.
pub(super) fn is_declined(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::InvalidRecord | RDKafkaErrorCode::InvalidTimestamp | RDKafkaErrorCode::InvalidDifferentRecord
    )
}

/// An access list says no.
pub(crate) fn is_forbidden(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
    )
}

/// librdkafka's own end: the client instance must be replaced (its INTRODUCTION.md, "Fatal errors").
pub(crate) fn is_fatal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fatal
            | RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::ProducerFenced
            | RDKafkaErrorCode::FencedInstanceId
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::KafkaSettings;
    use crate::kafka::connection::Connection;
    use crate::kafka::connection::right::{Needs, Operation};

    fn connection() -> Connection {
        Connection::of(&KafkaSettings::in_memory("a:1"))
    }

    fn delivery(code: RDKafkaErrorCode) -> KafkaFailure {
        connection().delivery("cordon.alerts", 1, KafkaError::MessageProduction(code))
    }

    fn produced(code: RDKafkaErrorCode) -> ErrorClass {
        delivery(code).class()
    }

    #[test]
    fn a_delivery_that_timed_out_is_ambiguous_because_the_record_may_be_there() {
        assert_eq!(produced(RDKafkaErrorCode::MessageTimedOut), ErrorClass::Ambiguous);
        assert_eq!(produced(RDKafkaErrorCode::BrokerTransportFailure), ErrorClass::Ambiguous);
    }

    #[test]
    fn a_record_that_is_too_large_is_poison() {
        assert_eq!(produced(RDKafkaErrorCode::MessageSizeTooLarge), ErrorClass::Poison);
    }

    #[test]
    fn a_time_stamp_that_the_broker_refuses_says_nothing_against_the_record_and_names_the_clock_and_the_settings() {
        for code in [
            RDKafkaErrorCode::InvalidRecord,
            RDKafkaErrorCode::InvalidTimestamp,
            RDKafkaErrorCode::InvalidDifferentRecord,
        ] {
            let failure = delivery(code);
            assert_eq!(failure.class(), ErrorClass::Transient, "{failure}");
            for words in ["cordon.alerts", "clock", "message.timestamp.before.max.ms", "message.timestamp.after.max.ms"]
            {
                assert!(failure.to_string().contains(words), "{failure}");
            }
        }
    }

    #[test]
    fn only_a_size_is_held_against_a_record() {
        let others = [
            RDKafkaErrorCode::InvalidMessage,
            RDKafkaErrorCode::InvalidMessageSize,
            RDKafkaErrorCode::PolicyViolation,
            RDKafkaErrorCode::UnsupportedCompressionType,
            RDKafkaErrorCode::UnsupportedForMessageFormat,
            RDKafkaErrorCode::InvalidRequest,
            RDKafkaErrorCode::Unknown,
        ];
        for code in others {
            assert_eq!(produced(code), ErrorClass::Ambiguous, "{code}");
        }
        assert_eq!(produced(RDKafkaErrorCode::MessageBatchTooLarge), ErrorClass::Poison);
    }

    #[test]
    fn a_fenced_or_forbidden_producer_is_fatal() {
        assert_eq!(produced(RDKafkaErrorCode::Fatal), ErrorClass::Fatal);
        assert_eq!(produced(RDKafkaErrorCode::TopicAuthorizationFailed), ErrorClass::Fatal);
    }

    #[test]
    fn a_request_without_an_answer_is_transient() {
        let answer = KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure);
        let failure = connection().request("list topics", &Needs::cluster(Operation::Describe), answer);
        assert_eq!((failure.class(), failure.fault()), (ErrorClass::Transient, Fault::Unreachable));
        assert_eq!(failure.to_string(), "cannot list topics: Local: Broker transport failure");
    }

    #[test]
    fn an_answer_of_the_admin_client_is_judged_as_any_other() {
        let needs = Needs::topic(Operation::DescribeConfigs, "cordon.ledger");
        let answer = KafkaError::AdminOp(RDKafkaErrorCode::TopicAuthorizationFailed);
        let failure = connection().request("read the settings", &needs, answer);
        assert!(failure.to_string().contains("needs DescribeConfigs on topic cordon.ledger"), "{failure}");
        let answer = KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut);
        let failure = connection().request("read the settings", &needs, answer);
        assert_eq!(failure.to_string(), "cannot read the settings: Local: Timed out");
    }

    #[test]
    fn a_missing_right_names_resource_operation_and_principal() {
        let failure = delivery(RDKafkaErrorCode::TopicAuthorizationFailed);
        assert_eq!(failure.fault(), Fault::Denied);
        assert_eq!(
            failure.to_string(),
            "not permitted to write to cordon.alerts: User:ANONYMOUS needs Write on topic cordon.alerts, which the broker's \
             access lists do not give"
        );
    }

    #[test]
    fn a_missing_offset_names_the_way_out() {
        let failure = KafkaFailure::NoOffset { group: "cordon.act".into(), topic: "cordon.decisions".into() };
        assert!(failure.to_string().contains("--init-ledger"));
        assert_eq!(failure.class(), ErrorClass::Fatal);
    }
}
