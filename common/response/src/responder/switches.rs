//! What holds everything at once: the breaker and the pause switch; and the fleet's size for share caps. Pure.

use std::time::Duration;

use cordon_policy::Trip;
use cordon_records::text::{exact_span, one_line};
use cordon_records::{
    ActionKey, CountedFleet, Counter, Impact, Latch, LedgerRecord, Mode, NoticeKind, Report, StampedRecord,
};

use super::super::event::{ActivePolicy, Effect, Moment, Unreadable};
use super::super::report::{notice, notice_id};
use super::super::schedule::Due;
use super::super::settlement::OnDurable;
use super::Responder;

/// How often the fleet is counted.
const COUNT_EVERY: Duration = Duration::from_secs(60 * 60);

/// How many machines the breaker's notice names.
const NAMED: usize = 25;

/// How soon a count that failed is tried again.
const COUNT_AGAIN: Duration = Duration::from_secs(5 * 60);

impl Responder {
    /// Latches the breaker, once: the notice is loud and single.
    pub(super) fn latch_breaker(
        &mut self,
        key: &ActionKey,
        trip: &Trip,
        at: Moment,
    ) -> (Vec<Report>, Vec<LedgerRecord>) {
        if self.ledger.breaker().is_some_and(|latch| latch.on) {
            return (Vec::new(), Vec::new());
        }
        let waiting = self.waiting_now(key);
        let why = format!(
            "{} reached: {} attempts in {}",
            trip.cap,
            trip.limit,
            exact_span(Duration::from_secs(trip.window_s))
        );
        let latch =
            Latch { on: true, by: "breaker".into(), why: why.clone(), at: at.wall, window_s: Some(trip.window_s) };
        let text = format!("{why}. Every further action is held until a person resumes.{waiting}");
        (vec![notice(NoticeKind::BreakerLatched, text, at)], vec![LedgerRecord::Breaker(latch)])
    }

    /// The machines that the breaker holds at this moment: the one that ran into the cap, and those whose turn had not come.
    fn waiting_now(&self, key: &ActionKey) -> String {
        let first = self.jobs.get(key).into_iter();
        let others = self.jobs.all().filter(|job| job.entry.key != *key && !job.is_under_way());
        let held = first
            .chain(others)
            .filter(|job| job.entry.mode != Mode::Shadow && job.entry.action.kind().impact() == Impact::Disruptive);
        let labels: Vec<&str> = held.map(|job| job.entry.machine.label()).collect();
        let lines: String = labels.iter().take(NAMED).map(|label| format!("\n{}", one_line(label))).collect();
        let more = labels.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!("\nand {more} more") };
        format!("\nThese wait by now, and more may follow:{lines}{more}")
    }

    /// Lifts the switch that was put on by the happening of this notice id; anything else stays. Bound to one
    /// happening, so that a restart with the same argument lifts nothing new.
    pub fn resume_switch(&mut self, notice_id: &str, at: Moment) -> Vec<Effect> {
        let ledger = self.lift(notice_id, "operator");
        if !ledger.is_empty() {
            let text = format!("actions go on: {notice_id} was lifted at the start of cordon-act");
            self.write(vec![notice(NoticeKind::Resumed, text, at)], ledger, OnDurable::default());
        }
        std::mem::take(&mut self.effects)
    }

    /// Takes the switch off that the happening of this notice put on.
    pub(super) fn lift(&mut self, notice_id: &str, by: &str) -> Vec<StampedRecord> {
        let off = |latch: &Latch| Latch { on: false, by: by.into(), why: notice_id.into(), ..latch.clone() };
        let breaker = lifted(self.ledger.breaker(), NoticeKind::BreakerLatched, notice_id).map(off);
        let pause = lifted(self.ledger.pause(), NoticeKind::Paused, notice_id).map(off);
        let changes = breaker.map(LedgerRecord::Breaker).into_iter().chain(pause.map(LedgerRecord::Pause));
        changes.map(|change| self.ledger.transition(change)).collect()
    }

    /// What comes from now on is judged by these guards; what is under way keeps its ruling up to the next fresh read.
    pub(super) fn policy(&mut self, policy: ActivePolicy) {
        let ActivePolicy { guards, signers, standing } = policy;
        self.guard_set = guards.hash();
        (self.config.guards, self.config.signers) = (guards, signers);
        if self.ledger.policy() != Some(&standing) {
            self.record(Vec::new(), vec![LedgerRecord::Policy(standing)], OnDurable::default());
        }
    }

    pub(super) fn counted(&mut self, machines: Result<u64, Unreadable>, at: Moment) {
        self.schedule.set(Due::Count, at.mono + if machines.is_ok() { COUNT_EVERY } else { COUNT_AGAIN });
        if let Ok(machines) = machines {
            let by = self.ledger.genesis().map(|genesis| Counter { ledger: genesis.at, epoch: self.epoch });
            self.effects.push(Effect::PublishFleet(CountedFleet { machines, at: at.wall, by }));
            self.record(Vec::new(), vec![LedgerRecord::FleetSize { machines, at: at.wall }], OnDurable::default());
        }
    }
}

fn lifted<'a>(latch: Option<&'a Latch>, kind: NoticeKind, notice: &str) -> Option<&'a Latch> {
    latch.filter(|latch| latch.on && notice == notice_id(kind, latch.at))
}
