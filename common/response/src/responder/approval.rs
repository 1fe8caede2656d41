//! What is held: approved by one person or two, denied by anybody, or expired. Pure.

use std::collections::BTreeSet;

use cordon_records::{
    ActionKey, ActionKind, ActionState, Approval, AttemptState, CommandRecord, DENIED_BY, HELD_TOO_LONG, IntentHash,
    LedgerEntry,
};
use jiff::Timestamp;

use super::super::asker::names;
use super::super::event::Moment;
use super::super::people::authority::{Person, words};
use super::super::people::done::{CommandOutput, Done, NotDone};
use super::super::report;
use super::super::schedule::Due;
use super::super::settlement::OnDurable;
use super::Responder;
use super::refused::cause_of_refusal;

/// How much is ended in one turn of the responder: after a flood thousands expire at the same instant.
const EXPIRE_AT_ONCE: usize = 200;

impl Responder {
    /// A person says yes to exactly what is held. With enough of them it is begun: fresh facts and guards come first.
    pub(super) fn approve(&mut self, key: &ActionKey, intent: &IntentHash, person: &Person, at: Moment) -> Done {
        let Some(entry) = self.ledger.get(key) else { return Err(self.not_in_full(key)) };
        if entry.approvals.iter().any(|yes| yes.command == person.command) {
            return Ok(CommandOutput::default());
        }
        let is_begun = is_begun(entry);
        let entry = self.may_say_yes(key, intent, person, at).map_err(|why| match is_begun {
            true => NotDone::needless(why),
            false => why.into(),
        })?;
        let needed = self.approvals_needed(&[&entry], at.wall);
        Ok(self.say_yes(entry, (person, None), needed, at))
    }

    /// What is held under this key, with the yeses to exactly that, if this person may say one.
    pub(super) fn may_say_yes(
        &self,
        key: &ActionKey,
        intent: &IntentHash,
        person: &Person,
        at: Moment,
    ) -> Result<LedgerEntry, String> {
        let Some(entry) = self.ledger.get(key) else { return Err(format!("there is no action {key}")) };
        if self.jobs.contains(key) {
            return Err(format!("{key} is being judged anew: look at what comes of that"));
        }
        let mut entry = waiting(entry, at.wall)?.clone();
        if entry.tenant_refuses {
            return Err(format!("no approval lifts what holds {key}: {}", entry.reason));
        }
        if &entry.intent() != intent {
            return Err(format!("what is held under {key} is no longer what was looked at"));
        }
        if entry.requested_by.as_ref() == Some(&person.name) {
            return Err(format!("{} asked for it, and cannot approve it too", person.name));
        }
        entry.approvals.retain(|yes| &yes.intent == intent);
        if entry.approvals.iter().any(|yes| yes.by == person.name) {
            return Err(format!("{} has approved it already; it takes another person", person.name));
        }
        Ok(entry)
    }

    /// Takes a person's yes; once there are enough of them the action is begun.
    pub(super) fn say_yes(
        &mut self,
        mut entry: LedgerEntry,
        (person, notice): (&Person, Option<&str>),
        needed: usize,
        at: Moment,
    ) -> CommandOutput {
        let intent = entry.intent();
        entry.approvals.push(yes(person, (&intent, notice), at.wall));
        if entry.approvals.len() < needed {
            let mut told = report::of(&entry, ActionState::Held);
            told.at = at.wall;
            told.reason = format!("approved by {}; it takes {needed} people, so another must approve too", person.name);
            return CommandOutput::told(told, self.ledger.enter(entry));
        }
        let key = entry.key.clone();
        entry.expires_at = None;
        let reason = format!("approved by {}", names(&entry.approvals));
        let written = self.settle_entry(entry, (ActionState::Approved, reason), at);
        if let Some(mut approved) = self.ledger.get(&key).cloned() {
            approved.mode = approved.mode.min(self.config.mode);
            self.queue(approved);
        }
        written
    }

    /// How many people it takes to approve these together: more where many were asked lately. The ledger is read once,
    /// however many they are.
    pub(super) fn approvals_needed(&self, together: &[&LedgerEntry], now: Timestamp) -> usize {
        let said_of = |entry: &LedgerEntry| entry.approvals.last().map(|yes| yes.at);
        let beside = std::iter::repeat_n(now, together.len().saturating_sub(1));
        let said: Vec<Timestamp> = self.ledger.entries().filter_map(said_of).chain(beside).collect();
        let alike: BTreeSet<(ActionKind, Option<Timestamp>)> =
            together.iter().map(|entry| (entry.action.kind(), self.ledger.get(&entry.key).and_then(said_of))).collect();
        let needed = alike.into_iter().map(|(kind, own)| {
            let mut others = said.clone();
            // What was said of it before is none of the others.
            if let Some(position) = own.and_then(|own| others.iter().position(|at| *at == own)) {
                others.swap_remove(position);
            }
            self.config.guards.approvals_needed(kind, &others, now)
        });
        usize::try_from(needed.max().unwrap_or(1)).unwrap_or(usize::MAX)
    }

    /// Anybody may say no.
    pub(super) fn deny(&mut self, key: &ActionKey, record: &CommandRecord, at: Moment) -> Done {
        let Some(entry) = self.ledger.get(key) else { return Err(self.not_in_full(key)) };
        let reason = format!("{DENIED_BY}{}: {}", words(&record.by), words(&record.why));
        // The same word, read again: a person was asked to look at an earlier call.
        let looks = entry.state == AttemptState::Reported(ActionState::NeedsHuman) && entry.reason.starts_with(&reason);
        if looks || entry.state == AttemptState::Reported(ActionState::Denied) {
            return Ok(CommandOutput::default());
        }
        // Also a no that came too late is one: without it the next change of the alert would be judged anew. It is only for
        // what is or was held: a word without a signature must not stop a person's release.
        if !matches!(entry.state, AttemptState::Reported(ActionState::Held | ActionState::Expired)) {
            waiting(entry, at.wall)?;
        }
        let entry = entry.clone();
        if self.jobs.get(key).is_some_and(|job| !job.is_under_way()) {
            self.finish(key, ActionState::Denied, reason, at);
            return Ok(CommandOutput::written(self.ledger.again([key])));
        }
        Ok(self.settle_entry(entry, (ActionState::Denied, reason), at))
    }

    /// Ends what nobody decided in time.
    pub(super) fn expire_when_due(&mut self, at: Moment) {
        // What a newer decision has taken up is on its way, whatever it was before.
        let waiting = self.ledger.waiting().iter().filter(|(_, key)| !self.jobs.contains(key));
        let due = waiting.take_while(|(until, _)| *until <= at.wall).take(EXPIRE_AT_ONCE);
        let due: Vec<LedgerEntry> = due.filter_map(|(_, key)| self.ledger.get(key).cloned()).collect();
        for entry in due {
            let reason = match cause_of_refusal(&entry) {
                Some(cause) => {
                    format!("its time is over. Cordon was refused until then, so that nobody could decide: {cause}")
                }
                None => format!("{HELD_TOO_LONG}{}", entry.reason),
            };
            let CommandOutput { reports, ledger } = self.settle_entry(entry, (ActionState::Expired, reason), at);
            self.write(reports, ledger, OnDurable::default());
        }
        let until = |next: Timestamp| std::time::Duration::try_from(next.duration_since(at.wall)).unwrap_or_default();
        let next = self.ledger.waiting().iter().find(|(_, key)| !self.jobs.contains(key));
        match next {
            Some((next, _)) => self.schedule.set(Due::Expiry, at.mono + until(*next)),
            None => _ = self.schedule.cancel(&Due::Expiry),
        }
    }
}

/// Whether what an approval asks for is on its way or done already.
const fn is_begun(entry: &LedgerEntry) -> bool {
    match entry.state {
        AttemptState::Intent | AttemptState::InDoubt => true,
        AttemptState::Reported(state) => matches!(
            state,
            ActionState::Approved
                | ActionState::InDoubt
                | ActionState::Accepted
                | ActionState::Overdue
                | ActionState::Succeeded
        ),
    }
}

/// The entry, if it waits for a person.
fn waiting(entry: &LedgerEntry, now: Timestamp) -> Result<&LedgerEntry, String> {
    if entry.state != AttemptState::Reported(ActionState::Held) {
        return Err(format!("{} waits for nobody: it stands at {}", entry.key, entry.state.as_str()));
    }
    match entry.expires_at {
        Some(until) if until <= now => Err(format!("{} waited until {until}, which is over", entry.key)),
        Some(_) | None => Ok(entry),
    }
}

fn yes(person: &Person, (intent, notice): (&IntentHash, Option<&str>), now: Timestamp) -> Approval {
    Approval {
        by: person.name.clone(),
        key: person.key.clone(),
        why: person.why.clone(),
        at: now,
        command: person.command.clone(),
        intent: intent.clone(),
        notice: notice.map(str::to_owned),
    }
}
