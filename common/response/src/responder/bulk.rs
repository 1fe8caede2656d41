//! One signed word about many actions: each becomes an action of its own, with its own key, report and retry. Pure.
//!
//! A crash in the middle has the command read again: what the ledger has of it already is left as it is, the rest is done
//! then, also when its time is over meanwhile.

use std::collections::BTreeSet;

use cordon_records::{
    Action, ActionKey, ActionKind, ActionState, AlertId, Approval, Command, CommandRecord, LedgerEntry, MAX_NAMED,
    MachineId, NamedApproval, NamedIsolation, NoticeKind,
};
use jiff::Timestamp;

use super::super::event::Moment;
use super::super::people::authority::Person;
use super::super::people::done::{CommandOutput, Done, LeftOut};
use super::super::room::{room_for, waits_for_the_breaker};
use super::Responder;

/// So many may one person approve by one notice of the breaker.
const ALONE: usize = 10;

/// Whether the list is what the signer saw.
///
/// # Errors
/// Why it is not taken.
pub(super) fn whole<'a, T: Ord + ToString + 'a>(named: impl Iterator<Item = &'a T>, count: u32) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let mut length = 0_usize;
    for one in named {
        length += 1;
        if !seen.insert(one) {
            return Err(format!("it names {} twice", one.to_string()));
        }
    }
    if length == 0 {
        return Err("it names nothing".to_owned());
    }
    if usize::try_from(count) != Ok(length) {
        return Err(format!("it says that it names {count}, and names {length}: it was cut or altered"));
    }
    if length > MAX_NAMED {
        return Err(format!("it names {length}, and one command names at most {MAX_NAMED}: give several"));
    }
    Ok(())
}

impl Responder {
    /// A person takes these isolations back. What the machine's own list says decides for each: one that was let back
    /// already, or isolated anew by somebody else, is left alone, and its report says so.
    pub(super) fn release_each(
        &mut self,
        isolations: &[NamedIsolation],
        count: u32,
        person: &Person,
        at: Moment,
    ) -> Done {
        whole(isolations.iter().map(|named| &named.machine), count)?;
        let mut written = CommandOutput::default();
        for named in isolations {
            let one = self.take_back(named, person, at)?;
            written = written.and(one);
        }
        Ok(written)
    }

    fn take_back(&mut self, named: &NamedIsolation, person: &Person, at: Moment) -> Done {
        let key = self.release_key(&named.machine, person)?;
        if self.knows(&key) {
            return Ok(CommandOutput::default());
        }
        let why = format!("{} takes this isolation back: {}", person.name, person.why);
        let stopped = self.stop_isolations(&named.machine, |key| *key == named.key, &why, at);
        let isolation = self.ledger.get(&named.key).filter(|entry| is_of(entry, &named.machine)).cloned();
        let mut release = self.release_entry((key, &named.machine), isolation.as_ref(), person, at)?;
        release.about = Some(named.key.clone());
        let written = CommandOutput::written(self.ledger.again(&stopped.keys));
        let ended = if isolation.is_none() {
            let why = format!("the ledger has no isolation {} of this machine: nothing is taken back", named.key);
            Some((ActionState::Refused, why))
        } else if stopped.keys.is_empty() || stopped.may_stand {
            None
        } else {
            let why = match stopped.called {
                true => "nothing came of its isolation so far, and no new attempt of it is made",
                false => "its isolation was stopped before Defender was called",
            };
            Some((ActionState::Covered, why.to_owned()))
        };
        let one = match ended {
            Some(ended) => self.settle_entry(release, ended, at),
            None => self.begin_release(release),
        };
        Ok(written.and(one))
    }

    /// A person says yes to all of this that the breaker holds, and to nothing else. The breaker stays on for the rest. As
    /// many as the caps leave may be named, and more than ten take two people. It is all or nothing, unless a crash came in
    /// between: then what no longer fits is left out and told, one by one, and the rest is done.
    pub(super) fn approve_each(
        &mut self,
        notice: &str,
        (actions, count): (&[NamedApproval], u32),
        (person, begun): (&Person, bool),
        at: Moment,
    ) -> Result<(CommandOutput, Vec<LeftOut>), String> {
        whole(actions.iter().map(|named| &named.key), count)?;
        let latched = if begun { NoticeKind::latched_at(notice) } else { self.latched_by(notice) };
        let latched = latched.ok_or_else(|| format!("{notice} is not the breaker that holds now"))?;
        let (mut entries, mut left_out) = (Vec::new(), Vec::new());
        for named in actions.iter().filter(|named| !self.has_said_yes(&named.key, person)) {
            match self.may_say_yes_by_notice(named, latched, person, at) {
                Ok(entry) => entries.push(entry),
                Err(why) if begun => left_out.push(LeftOut { key: named.key.clone(), why }),
                Err(why) => return Err(why),
            }
        }
        let named: Vec<&LedgerEntry> = entries.iter().collect();
        let room = room_for(&self.ledger, &self.config.guards, &named, at.wall);
        if let Some(why) = room.why.filter(|_| !begun) {
            let (named, left) = (named.len(), room.fitting.len());
            return Err(format!("{named} are named, and the caps leave {left} now ({why}): name no more"));
        }
        let needed = self.needed_for_each(latched, (&named, left_out.len()), at);
        let mut written = CommandOutput::default();
        for entry in entries {
            written = written.and(self.say_yes(entry, (person, Some(notice)), needed, at));
        }
        Ok((written, left_out))
    }

    /// Whether this command's yes to it is written down already.
    fn has_said_yes(&self, key: &ActionKey, person: &Person) -> bool {
        let entry = self.ledger.get(key);
        entry.is_some_and(|entry| entry.approvals.iter().any(|yes| yes.command == person.command))
    }

    fn may_say_yes_by_notice(
        &self,
        named: &NamedApproval,
        latched: Timestamp,
        person: &Person,
        at: Moment,
    ) -> Result<LedgerEntry, String> {
        let entry = self.may_say_yes(&named.key, &named.intent, person, at)?;
        if !waits_for_the_breaker(&entry, latched) {
            return Err(format!("{} is held for another reason, too: look at it by itself", named.key));
        }
        Ok(entry)
    }

    /// When the breaker latched that this notice told of, if it is the one that holds now.
    fn latched_by(&self, notice: &str) -> Option<Timestamp> {
        let at = NoticeKind::latched_at(notice);
        self.ledger.breaker().filter(|latch| latch.on && at == Some(latch.at)).map(|latch| latch.at)
    }

    /// How many people these take: two above ten under one notice, however they are portioned out and however the notice's
    /// instant is spelt.
    fn needed_for_each(&self, latched: Timestamp, (entries, left_out): (&[&LedgerEntry], usize), at: Moment) -> usize {
        let named: BTreeSet<&ActionKey> = entries.iter().map(|entry| &entry.key).collect();
        let is_under = |yes: &Approval| yes.notice.as_deref().and_then(NoticeKind::latched_at) == Some(latched);
        let under = |entry: &&LedgerEntry| entry.approvals.iter().any(is_under);
        let before = self.ledger.entries().filter(under).filter(|entry| !named.contains(&entry.key)).count();
        let many = before + entries.len() + left_out > ALONE;
        self.approvals_needed(entries, at.wall).max(if many { 2 } else { 1 })
    }

    /// Whether the ledger has something of what this command asks for: then it counted before a crash, and whatever of it
    /// is missing is still to be done.
    pub(super) fn has_begun(&self, record: &CommandRecord) -> bool {
        let Some(named) = record.id.as_ref().and_then(|id| AlertId::new(id.as_str()).ok()) else { return false };
        let release = Action::Release { comment: String::new() };
        let is_known =
            |machine: &MachineId| self.knows(&ActionKey::derive(&self.config.tenant, &named, machine, &release));
        match &record.command {
            Command::ReleaseEach { isolations, .. } => isolations.iter().any(|named| is_known(&named.machine)),
            Command::Retry { key } => self.ledger.get(key).is_some_and(|entry| entry.asked_again == record.id),
            Command::ApproveEach { actions, .. } => {
                let entries = actions.iter().filter_map(|named| self.ledger.get(&named.key));
                let mut yeses = entries.flat_map(|entry| &entry.approvals);
                yeses.any(|yes| Some(&yes.command) == record.id.as_ref())
            }
            // Each of these leads to one write.
            Command::Pause
            | Command::Deny { .. }
            | Command::Resume { .. }
            | Command::Approve { .. }
            | Command::Release { .. }
            | Command::Cancel { .. } => false,
        }
    }
}

fn is_of(entry: &LedgerEntry, machine: &MachineId) -> bool {
    entry.action.kind() == ActionKind::Isolate && entry.machine.id == *machine
}
