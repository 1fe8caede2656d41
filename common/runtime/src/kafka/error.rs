//! What can go wrong between a stage and the broker, and what each of it means for the work at hand.

use cordon_records::{Classified, ErrorClass};
use cordon_settings::SecretError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::breaker::Tripped;

/// A failure of the Kafka half. [`Classified::class`] says whether trying again can help.
#[derive(Debug, thiserror::Error)]
pub enum KafkaFailure {
    /// A client could not be made: a setting that librdkafka refuses.
    #[error("cannot create the kafka {what}: {source}; look at kafka.bootstrap_servers and kafka.properties")]
    Client {
        /// Which client.
        what: &'static str,
        /// librdkafka's answer.
        source: KafkaError,
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
    #[error("cannot {what}: {source}")]
    Request {
        /// The question, as a verb phrase.
        what: String,
        /// librdkafka's answer.
        source: KafkaError,
    },
    /// A question to the broker took longer than its deadline.
    #[error("cannot {what}: no answer within {seconds} s; is the broker reachable?")]
    NoAnswer {
        /// The question, as a verb phrase.
        what: String,
        /// The deadline, in seconds.
        seconds: u64,
    },
    /// A record was handed over and its delivery was not confirmed. It may or may not be on the topic: the client
    /// does not expose which (`rd_kafka_message_status` is not in rdkafka 0.39).
    #[error("delivery to {topic} is not confirmed: {source}")]
    Undelivered {
        /// The topic's full name.
        topic: String,
        /// The delivery report.
        source: KafkaError,
    },
    /// The broker takes no record as this one was written now, for a reason that lies in its clock, ours, or the topic's
    /// settings. It is not on the topic, and may well be taken later.
    #[error(
        "{topic} does not take records as they are written now: {source}; compare the clock of this machine with the \
         broker's (`cordon check`), and look at the topic's message.timestamp.before.max.ms and \
         message.timestamp.after.max.ms"
    )]
    Declined {
        /// The topic's full name.
        topic: String,
        /// The broker's answer.
        source: KafkaError,
    },
    /// The broker or the client takes no record of this size, not even alone.
    #[error("{topic} does not take this record of {bytes} bytes: {source}")]
    Refused {
        /// The topic's full name.
        topic: String,
        /// Size of the value.
        bytes: usize,
        /// The refusal.
        source: KafkaError,
    },
    /// This principal may not do that.
    #[error("not permitted to {what}: {source}; grant the stage's principal access to it")]
    Forbidden {
        /// The operation, as a verb phrase.
        what: String,
        /// The broker's answer.
        source: KafkaError,
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
         `cordon dlq list --stage {stage}`, mend the cause, start again, and bring them back with `cordon dlq redrive`"
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
    Overstayed {
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
            | Self::Overstayed { .. }
            | Self::NotOnePartition { .. }
            | Self::Panicked { .. }
            | Self::Thread(_) => ErrorClass::Fatal,
        }
    }
}

impl KafkaFailure {
    /// A failed request, sorted by what the broker said.
    pub(crate) fn request(what: impl Into<String>, source: KafkaError) -> Self {
        let what = what.into();
        match source.rdkafka_error_code() {
            Some(code) if is_forbidden(code) => Self::Forbidden { what, source },
            Some(code) if is_fatal(code) => Self::Dead(source.to_string()),
            Some(_) | None => Self::Request { what, source },
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

    /// A failed delivery, sorted by what the client or the broker said.
    pub(crate) fn delivery(topic: &str, bytes: usize, source: KafkaError) -> Self {
        let topic = topic.to_owned();
        match source.rdkafka_error_code() {
            Some(code) if is_too_large(code) => Self::Refused { topic, bytes, source },
            Some(code) if is_declined(code) => Self::Declined { topic, source },
            Some(code) if is_forbidden(code) => Self::Forbidden { what: format!("write to {topic}"), source },
            Some(code) if is_fatal(code) => Self::Dead(source.to_string()),
            Some(_) | None => Self::Undelivered { topic, source },
        }
    }
}

/// The record itself is refused, if it was sent alone: the broker measures batches.
fn is_too_large(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge)
}

/// What brokers answer to a time stamp outside of `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`
/// (Kafka's `LogValidator`), and what librdkafka makes of it for the other records of that batch. A plug-in that validates
/// records on the broker answers the same. In no case is it known that the record is at fault.
fn is_declined(code: RDKafkaErrorCode) -> bool {
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

    fn produced(code: RDKafkaErrorCode) -> ErrorClass {
        KafkaFailure::delivery("cordon.alerts", 1, KafkaError::MessageProduction(code)).class()
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
            let failure = KafkaFailure::delivery("cordon.alerts", 1300, KafkaError::MessageProduction(code));
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
        let source = KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure);
        assert_eq!(KafkaFailure::request("list topics", source).class(), ErrorClass::Transient);
    }

    #[test]
    fn a_missing_offset_names_the_way_out() {
        let failure = KafkaFailure::NoOffset { group: "cordon.act".into(), topic: "cordon.decisions".into() };
        assert!(failure.to_string().contains("--init-ledger"));
        assert_eq!(failure.class(), ErrorClass::Fatal);
    }
}
