//! What a client knows of its connections: the newest error, until one works. It is librdkafka's context for every client
//! that needs no other, and the only place where a refusal of the broker becomes a [`KafkaFailure`].

mod certificate;
mod line;
pub(super) mod mistake;
pub(super) mod right;
pub(super) mod security;
pub(super) mod statistics;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cordon_records::{Clock as _, SystemClock};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::error::{KafkaFailure, code, is_declined, is_fatal, is_forbidden, is_too_large};
use crate::kafka::settings::KafkaSettings;
use line::Line;
use mistake::{ConnectionError, Mistake};
use right::Needs;
use security::Security;
use statistics::{Statistics, log_librdkafka};

/// An error that is not repeated for so long is none any more: librdkafka tries again within 10 s and tells at least
/// every 30 s.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// How long a client is listened to that has something to say: log lines count as silence, and may come before the rest.
const LISTENING: Duration = Duration::from_millis(100);
/// Longest that it is listened to at all: it goes on trying meanwhile, and on saying so.
const LISTENED: Duration = Duration::from_secs(2);

/// See the module. Copies share what is known.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    security: Arc<Security>,
    newest: Arc<Mutex<Option<(Instant, ConnectionError)>>>,
}

impl Connection {
    pub(super) fn of(kafka: &KafkaSettings) -> Self {
        Self { security: Arc::new(Security::of(kafka)), newest: Arc::default() }
    }

    /// A poisoned lock only means that another thread panicked between two whole updates.
    fn lock(&self) -> MutexGuard<'_, Option<(Instant, ConnectionError)>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest error, unless a connection has worked since.
    pub(super) fn newest(&self) -> Option<Box<ConnectionError>> {
        self.newest_at(Instant::now())
    }

    fn newest_at(&self, now: Instant) -> Option<Box<ConnectionError>> {
        let newest = self.lock();
        let (at, error) = newest.as_ref()?;
        (now.saturating_duration_since(*at) < FORGOTTEN).then(|| Box::new(error.clone()))
    }

    /// A connection works.
    pub(super) fn works(&self) {
        *self.lock() = None;
    }

    /// A line of librdkafka about a connection that failed.
    fn heard(&self, message: &str, now: Instant) {
        let Some(line) = Line::parse(message) else { return };
        let mut mistake = line.mistake(&self.security);
        if let Mistake::UntrustedCertificate { .. } = mistake {
            // The same certificate is looked at once, not at every attempt.
            let known = self.newest_at(now).filter(|known| known.broker == line.broker && known.reason == line.reason);
            let seen = || certificate::flaw(line.broker, SystemClock.now()).unwrap_or(mistake.clone());
            mistake = known.map_or_else(seen, |known| known.mistake);
        }
        let error = ConnectionError { broker: line.broker.to_owned(), mistake, reason: line.reason.to_owned() };
        *self.lock() = Some((now, error));
    }

    /// A question that failed, sorted by what the broker said.
    pub(super) fn request(&self, what: impl Into<String>, needs: &Needs, answer: KafkaError) -> KafkaFailure {
        let what = what.into();
        let Some(code) = code(&answer) else {
            return KafkaFailure::Request { what, answer: Box::new(answer), cause: self.newest() };
        };
        match needs.lacking(code, self.security.principal()) {
            Some(right) => KafkaFailure::Forbidden { what, right: Box::new(right) },
            None if is_fatal(code) => KafkaFailure::Dead(answer.to_string()),
            None => KafkaFailure::Request { what, answer: Box::new(answer), cause: self.newest() },
        }
    }

    /// A question that nobody answered.
    pub(super) fn silence(&self, what: impl Into<String>, within: Duration) -> KafkaFailure {
        KafkaFailure::NoAnswer { what: what.into(), seconds: within.as_secs(), cause: self.newest() }
    }

    /// A failed delivery, sorted by what the client or the broker said.
    pub(super) fn delivery(&self, topic: &str, bytes: usize, answer: KafkaError) -> KafkaFailure {
        let name = topic.to_owned();
        match code(&answer) {
            Some(code) if is_too_large(code) => KafkaFailure::Refused { topic: name, bytes, answer: Box::new(answer) },
            Some(code) if is_declined(code) => KafkaFailure::Declined { topic: name, answer: Box::new(answer) },
            Some(code) if is_forbidden(code) => {
                self.request(format!("write to {topic}"), &Needs::topic(right::Operation::Write, topic), answer)
            }
            Some(code) if is_fatal(code) => KafkaFailure::Dead(answer.to_string()),
            Some(_) | None => KafkaFailure::Undelivered { topic: name, answer: Box::new(answer), cause: self.newest() },
        }
    }

    /// The right that a member of a group lacks.
    pub(super) fn lacking(&self, needs: &Needs, code: rdkafka::error::RDKafkaErrorCode) -> Option<right::Right> {
        needs.lacking(code, self.security.principal())
    }
}

/// Lets a client say what it has to say: while a question blocks the thread, nobody listens. Gives the first refusal of the
/// broker's.
pub(super) fn listen(consumer: &BaseConsumer<Connection>) -> Option<KafkaError> {
    let (begun, mut refusal) = (Instant::now(), None);
    while begun.elapsed() < LISTENED
        && let Some(said) = consumer.poll(LISTENING)
    {
        let refused = said.err().filter(|error| code(error).is_some_and(is_forbidden));
        refusal = refusal.or(refused);
    }
    refusal
}

/// What `consumer` answers to a question, as a failure of ours.
pub(super) fn failed(
    consumer: &BaseConsumer<Connection>,
    what: impl Into<String>,
    needs: &Needs,
    answer: KafkaError,
) -> KafkaFailure {
    let refusal = listen(consumer).filter(|refusal| is_of_group(refusal) && needs.names_group());
    // Who may not see a group finds no coordinator: librdkafka asks again and again, and says why only beside it.
    let answer = refusal.filter(|_| code(&answer) == Some(RDKafkaErrorCode::OperationTimedOut)).unwrap_or(answer);
    consumer.context().request(what, needs, answer)
}

fn is_of_group(refusal: &KafkaError) -> bool {
    code(refusal) == Some(RDKafkaErrorCode::GroupAuthorizationFailed)
}

impl ClientContext for Connection {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" {
            self.heard(message, Instant::now());
        }
        log_librdkafka(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        if self.lock().is_some() && Statistics::parse(statistics).is_connected() {
            self.works();
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client reports an error");
    }
}

impl ConsumerContext for Connection {}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "[thrd:h:1/bootstrap]: h:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused \
        (after 0ms in state CONNECT)";

    #[test]
    fn the_newest_error_stands_until_a_connection_works_or_nobody_repeats_it() {
        let (connection, now) = (Connection::of(&KafkaSettings::in_memory("h:1")), Instant::now());
        connection.heard("[thrd:h:1/bootstrap]: h:1/bootstrap: Failed to resolve 'h:1': no such name", now);
        connection.heard(REFUSED, now);
        let newest = connection.newest_at(now).unwrap();
        assert_eq!((newest.mistake, newest.broker.as_str()), (Mistake::ConnectionRefused, "h:1"));
        assert_eq!(connection.newest_at(now + FORGOTTEN), None);
        connection.works();
        assert_eq!(connection.newest_at(now), None);
    }

    #[test]
    fn statistics_without_a_broker_that_is_up_change_nothing() {
        let connection = Connection::of(&KafkaSettings::in_memory("h:1"));
        connection.heard(REFUSED, Instant::now());
        connection.stats_raw(br#"{"brokers": {"h:1/1": {"nodeid": 1, "state": "TRY_CONNECT"}}}"#);
        assert!(connection.newest().is_some());
        connection.stats_raw(br#"{"brokers": {"h:1/1": {"nodeid": 1, "state": "UP"}}}"#);
        assert!(connection.newest().is_none());
    }

    #[test]
    fn a_failure_carries_the_newest_error_and_what_to_do() {
        let connection = Connection::of(&KafkaSettings::in_memory("h:1"));
        connection.heard(REFUSED, Instant::now());
        let answer = KafkaError::MetadataFetch(rdkafka::error::RDKafkaErrorCode::BrokerTransportFailure);
        let needs = Needs::cluster(right::Operation::Describe);
        let failure = connection.request("list the topics", &needs, answer);
        assert_eq!(
            failure.to_string(),
            "cannot list the topics: nothing listens at h:1: look at whether the broker runs, and at the port"
        );
    }
}
