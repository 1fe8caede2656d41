//! From fresh facts to a ruling, and from a ruling to an INTENT or a report. Pure.

use std::time::Duration;

use cordon_policy::{Asker, Case, Consent, Judgement, guard, judge, stands_unread};
use cordon_records::{
    ActionKey, ActionKind, ActionState, AttemptState, GuardFacts, GuardVerdict, HELD_ALL_THE_SAME, Latch, LedgerEntry,
    MachineSummary, Mode, Ruling,
};
use jiff::{SignedDuration, Timestamp};

use super::super::asker::{asker, is_approved, names};
use super::super::event::{Effect, Moment, Unreadable};
use super::super::facts::FreshFacts;
use super::super::job::{Attempt, Job, Question, Sought, Step};
use super::Responder;

/// What is added to a reason that rests on what the decision says, because nothing was read afresh.
const ON_THE_RECORD: &str = " (on the record's facts)";

/// What the guards say of a case.
pub(super) struct Judged {
    judgement: Judgement,
    /// What they were told.
    told: GuardFacts,
    /// Whether no fresh read can make a call of it.
    stands_unread: bool,
}

/// Failed reads in a row before the missing facts count as missing and the action is held.
const READ_TRIES: u32 = 5;

impl Responder {
    pub(super) fn facts(&mut self, key: &ActionKey, facts: Result<FreshFacts, Unreadable>, at: Moment) {
        if !self.is_awaited(key, Question::Facts) {
            return;
        }
        let unread = self.jobs.get(key).map_or(0, Job::unread) + 1;
        match facts {
            Ok(facts) => {
                if !self.step(key, Step::Answered) {
                    return;
                }
                self.taken_again(key, at);
                self.rule(key, facts, at);
            }
            Err(failure) if failure.refused => self.refused(key, failure.why, at),
            Err(failure) if unread < READ_TRIES => {
                let pause = failure.retry_after.unwrap_or(Duration::from_secs(5 << unread));
                _ = self.step(key, Step::Unread(at.mono + pause));
            }
            Err(failure) => {
                if let Some(entry) = self.jobs.entry_mut(key) {
                    entry.reason = failure.why;
                    // Nobody answered: whether the tenant would still refuse us is not known.
                    entry.tenant_refuses = false;
                }
                self.rule(key, FreshFacts { read: false, ..FreshFacts::missing() }, at);
            }
        }
    }

    /// Asks every guard and does what follows.
    pub(super) fn rule(&mut self, key: &ActionKey, facts: FreshFacts, at: Moment) {
        if let Some(entry) = self.jobs.entry_mut(key) {
            read_afresh(entry, &facts);
        }
        match self.judge(key, &facts, at.wall) {
            Some(judged) => self.do_as_judged(key, &facts, judged, at),
            None => self.misplaced("guards", key),
        }
    }

    /// Does what follows from what the guards said of these facts.
    pub(super) fn do_as_judged(&mut self, key: &ActionKey, facts: &FreshFacts, judged: Judged, at: Moment) {
        let Judged { mut judgement, told, .. } = judged;
        let Some(job) = self.jobs.get_mut(key) else { return self.misplaced("guards", key) };
        if facts.is_of_the_record() {
            judgement.reason.push_str(ON_THE_RECORD);
        }
        job.entry.guards = judgement.verdicts.clone();
        job.entry.facts = Some(told);
        match (judgement.ruling, job.entry.mode) {
            // It may be our own earlier attempt, which the list shows only now: then it is ours to follow.
            (Ruling::Covered, _) if job.entry.attempt > 0 => {
                self.look(key, Sought::Needless(judgement.reason));
            }
            (Ruling::Covered, mode) => {
                if mode != Mode::Shadow {
                    self.note_others(key, facts);
                }
                self.finish(key, ActionState::Covered, judgement.reason, at);
            }
            (ruling, Mode::Shadow) => self.finish(key, ActionState::Would, would(ruling, &judgement.reason), at),
            (Ruling::Refuse, Mode::Approve | Mode::Auto) => {
                self.finish(key, ActionState::Refused, judgement.reason, at);
            }
            // In mode approve the guard of that name holds what people have not approved.
            (Ruling::Hold, _) => self.hold(key, judgement, at),
            (Ruling::Pass, Mode::Approve | Mode::Auto) => self.begin(key, judgement.reason, at),
        }
    }

    /// What the guards say, and what they were told.
    fn judge(&self, key: &ActionKey, facts: &FreshFacts, now: Timestamp) -> Option<Judged> {
        let entry = &self.jobs.get(key)?.entry;
        let is_again = self.jobs.get(key).is_some_and(|job| job.attempt() == Attempt::Again);
        let again = entry.intents.last().copied().filter(|_| is_again);
        let attempts = self.ledger.attempts(self.counted_since(entry, now), entry.mode, Some((key, again)));
        let (isolation, ours) = self.isolation_for(entry, &self.known_isolation(entry, facts), facts.newest.as_ref());
        let isolated_by = self.isolated_by(entry, &isolation, facts.newest.as_ref());
        let elsewhere = self.isolated_elsewhere(entry);
        let asker = asker(entry);
        let case = Case {
            action: &entry.action,
            mode: entry.mode,
            asker,
            consent: Consent::of(&entry.approvals, &isolation),
            limits: &entry.limits,
            rules: &entry.rules,
            alert: &entry.alert,
            machine: facts.machine.as_ref(),
            polled: entry.polled.as_ref().or(Some(&entry.machine)),
            read: facts.read,
            users: &entry.alert.users,
            isolation: &isolation,
            ours,
            narrower: self.is_narrower(entry, &isolation, facts.scope()),
            isolated_by: isolated_by.as_deref(),
            elsewhere: elsewhere.as_deref(),
            now,
            attempts: &attempts,
            fleet: self.ledger.fleet(),
            breaker: self.ledger.breaker(),
            pause: self.ledger.pause(),
        };
        let judgement = judge(&self.config.guards, &case);
        let stands_unread = stands_unread(&judgement, &case);
        let told = told(&case, facts, (&self.guard_set, entry.about.is_some()));
        let judgement = if facts.alert.is_some() || asker != Asker::Rules {
            judgement
        } else {
            without_alert(judgement, &entry.reason)
        };
        Some(Judged { judgement, told, stands_unread })
    }

    /// What the guards say of these facts of the decision, where that is enough, since no fresh read could make a call of it.
    pub(super) fn judged_unread(&self, key: &ActionKey, known: &FreshFacts, now: Timestamp) -> Option<Judged> {
        let job = self.jobs.get(key)?;
        let (is_plain, is_rehearsed) = (job.is_plain(), job.entry.mode == Mode::Shadow);
        let on = [self.ledger.breaker(), self.ledger.pause()].into_iter().flatten().any(|latch| latch.on);
        if !is_plain && (is_rehearsed || !on) {
            return None;
        }
        let judged = self.judge(key, known, now)?;
        let by_switch = |verdict: &GuardVerdict| {
            matches!(verdict.guard.as_str(), guard::PAUSE | guard::BREAKER) && verdict.ruling == Ruling::Hold
        };
        let is_enough = match is_plain {
            true => is_rehearsed || judged.stands_unread,
            false => judged.judgement.verdicts.iter().any(by_switch),
        };
        is_enough.then_some(judged)
    }

    /// Where the longest window of any cap or limit begins.
    fn counted_since(&self, entry: &LedgerEntry, now: Timestamp) -> Timestamp {
        let limits = entry.limits.iter().map(|(window_s, _)| *window_s);
        let longest = limits.chain([self.config.guards.longest_window()]).max().unwrap_or(0);
        let length = SignedDuration::from_secs(i64::try_from(longest).unwrap_or(i64::MAX));
        now.checked_sub(length).unwrap_or(Timestamp::MIN)
    }

    fn begin(&mut self, key: &ActionKey, reason: String, at: Moment) {
        match self.jobs.get(key).map(|job| job.entry.action.kind()) {
            Some(ActionKind::Cancel) => self.cancel(key, reason, at),
            Some(ActionKind::Release) if self.cancels_first(key, at) => {}
            Some(_) | None => self.write_intent(key, reason, at),
        }
    }

    fn hold(&mut self, key: &ActionKey, judgement: Judgement, at: Moment) {
        let is_paused = judgement.verdicts.iter().any(|it| it.guard == guard::PAUSE && it.ruling == Ruling::Hold);
        if is_paused && self.waits_for_the_pause(key, at) {
            return;
        }
        let more = match judgement.tripped {
            Some(trip) => self.latch_breaker(key, &trip, at),
            None => (Vec::new(), Vec::new()),
        };
        let refusal = self.refusal(key);
        let mut reason = refusal.clone().unwrap_or(judgement.reason);
        if let Some(job) = self.jobs.get_mut(key) {
            // What was only read again keeps the deadline that people were told.
            let is_held = job.entry.state == AttemptState::Reported(ActionState::Held);
            let told = job.entry.expires_at.filter(|until| is_held && at.wall < *until);
            job.entry.expires_at = told.or_else(|| at.wall.checked_add(self.config.waits.hold_for).ok());
            if is_approved(&job.entry) && refusal.is_none() {
                let who = names(&job.entry.approvals);
                reason = format!("approved by {who}{HELD_ALL_THE_SAME}{reason}; approve it anew once that is over");
            }
        }
        self.finish_with(key, (ActionState::Held, reason), at, more);
    }

    /// Counts the attempt and sends the INTENT. From here on the state knows of it, so that the next ruling sees
    /// the cap as used.
    pub(super) fn write_intent(&mut self, key: &ActionKey, reason: String, at: Moment) {
        let attempt = self.jobs.get(key).map(Job::attempt);
        if !self.step(key, Step::Intend(at.mono)) {
            return;
        }
        let (Some(attempt), Some(job)) = (attempt, self.jobs.get_mut(key)) else {
            return self.misplaced("intend", key);
        };
        match attempt {
            Attempt::Again => _ = job.entry.intents.pop(),
            Attempt::New | Attempt::Numbered => {
                job.entry.give_up();
                job.entry.attempt += u32::from(attempt == Attempt::New);
                job.entry.machine_action_id = None;
                job.entry.other_action = None;
                job.entry.alarmed = false;
            }
        }
        job.entry.undone = false;
        (job.entry.waited_s, job.watched) = (0, None);
        job.entry.cause = None;
        job.entry.tenant_refuses = false;
        job.entry.rests_until = None;
        job.entry.intents.push(at.wall);
        job.entry.state = AttemptState::Intent;
        job.entry.reason = reason;
        job.entry.at = at.wall;
        job.entry.expires_at = None;
        let written = self.ledger.enter(job.entry.clone());
        self.effects.push(Effect::WriteIntent(key.clone(), Box::new(written)));
    }
}

/// What the guards were told of this case, for the record.
fn told(case: &Case, facts: &FreshFacts, (guard_set, about_another): (&str, bool)) -> GuardFacts {
    let is_on = |latch: Option<&Latch>| latch.is_some_and(|latch| latch.on);
    GuardFacts {
        guard_set: guard_set.to_owned(),
        at: case.now,
        read: facts.read,
        alert: case.alert.clone(),
        alert_read: facts.read && facts.alert.is_some(),
        users: case.users.to_vec(),
        machine: case.machine.cloned(),
        polled: case.polled.filter(|polled| Some(*polled) != case.machine).cloned(),
        isolation: case.isolation.clone(),
        actions: facts.listed.clone(),
        ours: case.ours,
        narrower: case.narrower,
        isolated_by: case.isolated_by.map(str::to_owned),
        elsewhere: case.elsewhere.map(str::to_owned),
        fleet: case.fleet,
        paused: is_on(case.pause),
        latched: is_on(case.breaker),
        latched_at: case.breaker.filter(|latch| latch.on).map(|latch| latch.at),
        about_another,
        left_out: 0,
    }
    .bounded()
}

/// Takes the fresh reading over. What was decided on stays beside it: who was named, and the machine where it differs.
fn read_afresh(entry: &mut LedgerEntry, facts: &FreshFacts) {
    if let Some(alert) = &facts.alert {
        entry.alert = alert.clone().remembering(&entry.alert);
    }
    if let Some(machine) = &facts.machine {
        // Servers spell ids in either case; the one that was decided on stays.
        let fresh = MachineSummary { id: entry.machine.id.clone(), ..machine.clone() };
        if fresh != entry.machine {
            let earlier = std::mem::replace(&mut entry.machine, fresh);
            entry.polled.get_or_insert(earlier);
        }
    }
}

/// The alert could not be read afresh, so nobody knows whether people closed it: a person decides.
fn without_alert(mut judgement: Judgement, why: &str) -> Judgement {
    let why = format!("the alert could not be read: {why}");
    if judgement.ruling == Ruling::Pass {
        judgement.ruling = Ruling::Hold;
        judgement.reason.clone_from(&why);
    }
    judgement.tripped = None;
    judgement.verdicts.push(GuardVerdict { guard: "fresh-read".into(), ruling: Ruling::Hold, why });
    judgement
}

fn would(ruling: Ruling, reason: &str) -> String {
    match ruling {
        Ruling::Pass => format!("shadow mode: would have been done: {reason}"),
        Ruling::Hold => format!("shadow mode: would have been held: {reason}"),
        Ruling::Refuse => format!("shadow mode: would have been refused: {reason}"),
        Ruling::Covered => reason.to_owned(),
    }
}
