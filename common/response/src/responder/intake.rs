//! From a decision to jobs: what is new, what is known, and what needs no fresh read. Pure.

use cordon_policy::{Asker, Isolation};
use cordon_records::{
    Action, ActionKey, ActionKind, ActionRecord, ActionState, AlertStatus, AttemptState, DecisionRecord, Impact,
    LedgerEntry, LedgerRecord, MachineSummary, Mode, PlannedAction, RecordOutcome, Report, Ruling, SCHEMA_VERSION,
    Verdict,
};
use jiff::Timestamp;

use super::super::asker::asker;
use super::super::event::{Effect, Moment};
use super::super::facts::FreshFacts;
use super::super::job::{Job, Step};
use super::super::report;
use super::super::settlement::OnDurable;
use super::super::unseen::with_what_is_unseen;
use super::super::urgency::urgencies;
use super::Responder;
use super::cancel::NOTHING;

impl Responder {
    pub(super) fn take_in(&mut self, offset: i64, decision: &DecisionRecord, at: Moment) {
        let closed = self.closed_meanwhile(decision, at);
        match (decision.verdict, &decision.machine) {
            (Verdict::Nothing, _) => self.conclude(offset, closed, "nothing_to_do"),
            (Verdict::Act, Some(machine)) => {
                let outcome =
                    RecordOutcome::Skipped(if decision.planned.is_empty() { "nothing_to_do" } else { "known" });
                let left = decision.planned.len() + usize::from(!closed.is_empty());
                self.settlement.open(offset, left.max(1), outcome);
                if !closed.is_empty() {
                    let then = OnDurable::settle(Some(offset));
                    self.record(closed, Vec::new(), then);
                } else if decision.planned.is_empty() {
                    self.one_done(offset, outcome);
                }
                self.take_jobs(offset, decision, machine, at);
            }
            (Verdict::NeedsHuman, _) | (Verdict::Act, None) => {
                let mut reports = closed;
                reports.push(Report::Action(Box::new(needs_human(decision, self.config.mode, at))));
                self.conclude(offset, reports, "needs_human");
            }
        }
    }

    /// Settles a decision that plans nothing.
    fn conclude(&mut self, offset: i64, reports: Vec<Report>, skipped: &'static str) {
        if reports.is_empty() {
            self.effects.push(Effect::Settle(offset, RecordOutcome::Skipped(skipped)));
            return;
        }
        self.settlement.open(offset, 1, RecordOutcome::Sent);
        self.record(reports, Vec::new(), OnDurable::settle(Some(offset)));
    }

    fn take_jobs(&mut self, offset: i64, decision: &DecisionRecord, machine: &MachineSummary, at: Moment) {
        let mut before = None;
        for (planned, urgency) in decision.planned.iter().zip(urgencies(decision, self.config.mode)) {
            let after = before.replace(planned.key.clone());
            let mode = planned.mode.min(self.config.mode);
            self.end_weaker(&planned.key, mode, decision.decided_at);
            if self.jobs.contains(&planned.key) || self.ledger.settled(&planned.key, mode, at.wall).is_some() {
                self.one_done(offset, RecordOutcome::Skipped("known"));
                continue;
            }
            let entry = self.entry(decision, planned, machine, at);
            self.begin_job(Job::planned(entry, urgency, (offset, after)));
        }
    }

    /// Ends a job of this key that waits for its turn and would only rehearse, or ask, what is now planned in a mode that
    /// goes further by a decision that is not the older one: the same alert has become worse meanwhile.
    fn end_weaker(&mut self, key: &ActionKey, mode: Mode, decided_at: Timestamp) {
        let is_weaker = |job: &&Job| {
            let is_older = job.entry.decided_at <= Some(decided_at);
            is_older && job.entry.mode < mode && job.costs_no_read() && job.has_not_begun()
        };
        if self.jobs.get(key).filter(is_weaker).is_none() {
            return;
        }
        let ended = self.jobs.remove(key, &mut self.schedule);
        if let Some(offset) = ended.and_then(|job| job.offset) {
            self.one_done(offset, RecordOutcome::Skipped("replaced"));
        }
    }

    fn entry(
        &self,
        decision: &DecisionRecord,
        planned: &PlannedAction,
        machine: &MachineSummary,
        at: Moment,
    ) -> LedgerEntry {
        let matched = decision.matched.iter().filter(|rule| planned.rules.contains(&rule.rule));
        let known = self.ledger.get(&planned.key);
        let about = (decision.alert.clone(), machine.clone());
        let mut entry = LedgerEntry::new(planned.key.clone(), planned.action.clone(), about, at.wall);
        // Of what is kept in short no call is in doubt.
        let closed = self.ledger.closed(&planned.key);
        entry.attempt = known.map_or(closed.as_ref().map_or(0, |closed| closed.attempt), |entry| entry.attempt);
        entry.intents = known.map(|entry| entry.intents.clone()).unwrap_or_default();
        entry.undone = known.map_or(closed.is_some(), |entry| entry.undone);
        entry.unseen = known.map_or(closed.map(|_| 0), |entry| entry.unseen);
        entry.rules.clone_from(&planned.rules);
        entry.conditions = matched.map(|rule| rule.when.clone()).collect();
        entry.mode = planned.mode.min(self.config.mode);
        entry.limits.clone_from(&planned.limits);
        entry.reason.clone_from(&decision.reason);
        entry.decision.clone_from(&decision.id);
        entry.decided_at = Some(decision.decided_at);
        entry
    }

    /// Starts a queued job: true when a fresh read is now under way. What the ledger, a switch or the decision's own facts
    /// already decide costs no read, which is what keeps a storm from eating the quota.
    pub(super) fn start(&mut self, key: &ActionKey, at: Moment) -> bool {
        let Some(job) = self.jobs.get(key) else {
            self.misplaced("start", key);
            return false;
        };
        let entry = &job.entry;
        if let Some(open) = self.covering(entry) {
            let why = covered(entry, open);
            if let Some(job) = self.jobs.get_mut(key) {
                // Nobody looks for an earlier attempt of it any more.
                job.entry.give_up();
            }
            self.finish(key, ActionState::Covered, why, at);
            return false;
        }
        if self.has_nothing_to_cancel(entry) {
            self.finish(key, ActionState::Covered, NOTHING.into(), at);
            return false;
        }
        if let Some(later) = self.isolated_later(&job.entry) {
            let why = decided_since(&job.entry, later);
            self.finish(key, ActionState::Refused, why, at);
            return false;
        }
        let entry = &job.entry;
        // Nothing was read: that there is nothing to release is not known either.
        let unread = if entry.action.kind() == ActionKind::Release { Isolation::Unknown } else { Isolation::None };
        let known = FreshFacts::of_the_record(entry.alert.clone(), entry.machine.clone(), unread);
        if let Some(judged) = self.judged_unread(key, &known, at.wall) {
            if !self.stays_refused(key, at) {
                self.do_as_judged(key, &known, judged, at);
            }
            return false;
        }
        // What a person or a timer asks for is done whatever has become of the alert.
        let alert = (asker(entry) == Asker::Rules).then(|| (entry.alert.id.clone(), entry.alert.last_update));
        let effect = Effect::Read { key: key.clone(), alert, machine: entry.machine.id.clone() };
        let reads = self.step(key, Step::Read);
        self.effects.extend(reads.then_some(effect));
        reads
    }

    /// Ends a job with a report that stands in the ledger.
    pub(super) fn finish(&mut self, key: &ActionKey, state: ActionState, reason: String, at: Moment) {
        self.finish_with(key, (state, reason), at, (Vec::new(), Vec::new()));
    }

    /// Like [`Self::finish`], with further reports and ledger records that must become durable first.
    pub(super) fn finish_with(
        &mut self,
        key: &ActionKey,
        (state, reason): (ActionState, String),
        at: Moment,
        (mut reports, mut ledger): (Vec<Report>, Vec<LedgerRecord>),
    ) {
        let Some(mut job) = self.jobs.remove(key, &mut self.schedule) else { return self.misplaced("end", key) };
        let (state, reason) = with_what_is_unseen(&job.entry, (state, reason));
        job.entry.state = AttemptState::Reported(state);
        job.entry.reason = reason;
        job.entry.tenant_refuses &= state == ActionState::Held;
        job.entry.at = at.wall;
        let follows = job.entry.awaited().is_some();
        reports.push(Report::Action(Box::new(report::of(&job.entry, state))));
        // The report has them now.
        (job.entry.facts, job.entry.rests_until) = (None, None);
        let timed = job.entry.about.clone().filter(|_| asker(&job.entry) == Asker::Timer);
        ledger.push(LedgerRecord::Action(Box::new(job.entry)));
        if let Some(isolation) = timed {
            ledger.extend(self.timer_done(&isolation));
        }
        let then = OnDurable::settle(job.offset).and_follow(follows.then(|| key.clone()));
        self.record(reports, ledger, then);
    }

    /// Reports for what takes something from people and is still on its way although the alert was closed.
    fn closed_meanwhile(&self, decision: &DecisionRecord, at: Moment) -> Vec<Report> {
        if decision.alert.status != AlertStatus::Resolved || self.was_closed_by_us(decision) {
            return Vec::new();
        }
        let open = self.ledger.open().filter(|entry| entry.alert.id == decision.alert.id);
        let open = open.filter(|entry| entry.action.kind().impact() == Impact::Disruptive);
        open.map(|entry| {
            let mut late = entry.clone();
            late.alert = decision.alert.clone();
            late.at = at.wall;
            late.facts = None;
            late.reason = format!(
                "the alert was closed while our {} is on its way; undo it if that was meant",
                entry.action.kind()
            );
            Report::Action(Box::new(report::of(&late, ActionState::ClosedMeanwhile)))
        })
        .collect()
    }
}

impl Responder {
    /// Whether rules had Cordon itself close this alert: then nobody needs to be told.
    fn was_closed_by_us(&self, decision: &DecisionRecord) -> bool {
        let machine = decision.machine.as_ref().map(|machine| &machine.id);
        let ours = machine.into_iter().flat_map(|machine| self.ledger.entries_on(machine));
        let closing = |entry: &LedgerEntry| match &entry.action {
            Action::UpdateAlert(changes) => changes.status == Some(AlertStatus::Resolved) && !entry.intents.is_empty(),
            _ => false,
        };
        ours.filter(|entry| entry.alert.id == decision.alert.id).any(closing)
    }
}

fn decided_since(release: &LedgerEntry, later: &LedgerEntry) -> String {
    let (machine, alert) = (release.machine.label(), &later.alert.id);
    format!("a later decision isolated {machine} for alert {alert}: what was decided before lets nobody back")
}

fn covered(wanted: &LedgerEntry, open: &LedgerEntry) -> String {
    let (machine, alert) = (wanted.machine.label(), &open.alert.id);
    match wanted.action.kind() {
        ActionKind::Isolate => format!("{machine} is already being isolated for alert {alert}"),
        kind => format!("{kind} is already under way on {machine} for alert {alert}"),
    }
}

fn needs_human(decision: &DecisionRecord, mode: Mode, at: Moment) -> ActionRecord {
    ActionRecord {
        schema_version: SCHEMA_VERSION,
        id: format!("{}#0#{}", decision.alert.id, ActionState::NeedsHuman.as_str()),
        key: None,
        attempt: 0,
        state: ActionState::NeedsHuman,
        action: decision.planned.first().map(|planned| planned.action.clone()),
        alert: decision.alert.clone(),
        machine: decision.machine.clone(),
        rules: decision.matched.iter().map(|matched| matched.rule.clone()).collect(),
        conditions: decision.matched.iter().map(|matched| matched.when.clone()).collect(),
        mode,
        reason: decision.reason.clone(),
        guards: vec![cordon_records::GuardVerdict {
            guard: "rules".into(),
            ruling: Ruling::Hold,
            why: decision.reason.clone(),
        }],
        facts: None,
        machine_action_id: None,
        other_action: None,
        decision: decision.id.clone(),
        expires_at: None,
        intent: None,
        tenant_refuses: false,
        keeps_connected_s: None,
        requested_by: None,
        approvals: Vec::new(),
        link: None,
        at: at.wall,
    }
}
