//! Leaving a group of the classic protocol so that the others do not wait for us.
//!
//! The broker takes one request of a connection after the other. While our JoinGroup waits for the other members, a
//! LeaveGroup waits behind it, and so does the commit before it. librdkafka gives the LeaveGroup up after 5 s
//! (`rd_kafka_LeaveGroupRequest`), and whoever has gone without it stays a member, perhaps the leader for whose
//! SyncGroup all wait, until its session times out. So a member that is told to stop in the middle of a round goes on
//! working, for nobody else can have its partitions before the round is over, and leaves then. A member that knows of
//! no round leaves at once; that shortens a round that it has not heard of.
//!
//! The protocol of KIP-848 has no rounds, and a leaving member is gone with its next request.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;

/// Longest wait for a round. It ends when the session of the last member that does not answer has timed out; with the
/// drain and the close it fits into the time that a process has to stop.
const LONGEST: Duration = Duration::from_secs(15);
/// On top of the session timeout: the other members' heartbeats, and our next report.
const MARGIN: Duration = Duration::from_secs(3);
/// How long to wait for a report; without one, as when an operator has switched statistics off, we leave.
const REPORT: Duration = Duration::from_secs(3);

/// What librdkafka's statistics say of our part in a round (STATISTICS.md, `cgrp.join_state`).
#[derive(Debug, Default)]
pub(super) struct Round {
    waiting: AtomicBool,
    reports: AtomicU64,
}

impl Round {
    /// A report came; `waiting` tells whether a JoinGroup or SyncGroup of ours is unanswered.
    pub(super) fn report(&self, waiting: bool) {
        self.waiting.store(waiting, Ordering::Relaxed);
        self.reports.fetch_add(1, Ordering::Relaxed);
    }
}

/// When to leave, once that is asked for.
#[derive(Debug)]
pub(super) struct Farewell {
    patience: Duration,
    begun: Option<(Instant, u64)>,
}

impl Farewell {
    /// Of a consumer with this configuration.
    pub(super) fn of(config: &ClientConfig) -> Self {
        let session = config.get("session.timeout.ms").and_then(|text| text.parse().ok()).map(Duration::from_millis);
        let patience = match (config.get("group.protocol"), session) {
            (Some("consumer"), _) => Duration::ZERO,
            (_, Some(session)) => LONGEST.min(session.saturating_add(MARGIN)),
            (_, None) => LONGEST,
        };
        Self { patience, begun: None }
    }

    /// Whether to leave now. The first question starts the clock; only a report that is younger than it counts.
    pub(super) fn is_due(&mut self, round: &Round, now: Instant) -> bool {
        let reports = round.reports.load(Ordering::Relaxed);
        let (since, known) = *self.begun.get_or_insert((now, reports));
        let waited = now.saturating_duration_since(since);
        if waited >= self.patience {
            return true;
        }
        if reports == known { waited >= REPORT } else { !round.waiting.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classic() -> Farewell {
        let mut config = ClientConfig::new();
        Farewell::of(config.set("session.timeout.ms", "6000"))
    }

    #[test]
    fn a_member_in_the_middle_of_a_round_leaves_when_a_report_says_that_it_is_over() {
        let (round, mut farewell, start) = (Round::default(), classic(), Instant::now());
        round.report(true);
        assert!(!farewell.is_due(&round, start));
        round.report(true);
        assert!(!farewell.is_due(&round, start + Duration::from_secs(5)));
        round.report(false);
        assert!(farewell.is_due(&round, start + Duration::from_secs(5)));
    }

    #[test]
    fn a_report_from_before_the_question_does_not_count() {
        let (round, mut farewell, start) = (Round::default(), classic(), Instant::now());
        round.report(false);
        assert!(!farewell.is_due(&round, start));
        round.report(false);
        assert!(farewell.is_due(&round, start));
    }

    #[test]
    fn a_round_that_does_not_end_is_not_waited_for_beyond_the_session_timeout_and_a_margin() {
        let (round, mut farewell, start) = (Round::default(), classic(), Instant::now());
        assert!(!farewell.is_due(&round, start));
        round.report(true);
        assert!(!farewell.is_due(&round, start + Duration::from_millis(8_900)));
        assert!(farewell.is_due(&round, start + Duration::from_secs(9)));
    }

    #[test]
    fn without_reports_the_wait_is_short() {
        let (round, mut farewell, start) = (Round::default(), classic(), Instant::now());
        assert!(!farewell.is_due(&round, start));
        assert!(!farewell.is_due(&round, start + Duration::from_millis(2_900)));
        assert!(farewell.is_due(&round, start + REPORT));
    }

    #[test]
    fn a_member_under_the_consumer_protocol_leaves_at_once() {
        let mut config = ClientConfig::new();
        let mut farewell = Farewell::of(config.set("group.protocol", "consumer"));
        let round = Round::default();
        round.report(true);
        assert!(farewell.is_due(&round, Instant::now()));
    }
}
