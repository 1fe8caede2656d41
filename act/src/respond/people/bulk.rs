//! One signed word about many actions: each becomes an action of its own, with its own key, report and retry. Pure.
//!
//! A crash in the middle has the command read again: what the ledger has of it already is left as it is, the rest is done
//! then, also when its time is over meanwhile.

use std::collections::BTreeSet;

use cordon_records::{
    Action, ActionKey, ActionKind, ActionState, AlertId, Command, CommandRecord, LedgerEntry, MAX_NAMED, MachineId,
    NamedIsolation,
};

use super::super::event::Moment;
use super::super::responder::Responder;
use super::authority::Person;
use super::command::{Done, Written};

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
        let mut written = Written::default();
        for named in isolations {
            let one = self.take_back(named, person, at)?;
            written = written.and(one);
        }
        Ok(written)
    }

    fn take_back(&mut self, named: &NamedIsolation, person: &Person, at: Moment) -> Done {
        let key = self.release_key(&named.machine, person)?;
        if self.knows(&key) {
            return Ok(Written::default());
        }
        let why = format!("{} takes this isolation back: {}", person.name, person.why);
        let stopped = self.stop_isolations(|entry| entry.key == named.key && is_of(entry, &named.machine), &why, at);
        let isolation = self.book.get(&named.key).filter(|entry| is_of(entry, &named.machine)).cloned();
        let mut release = self.release_entry((key, &named.machine), isolation.as_ref(), person, at)?;
        release.about = Some(named.key.clone());
        let written = Written::again(stopped.iter().filter_map(|key| self.book.get(key)));
        let ended = if isolation.is_none() {
            let why = format!("the ledger has no isolation {} of this machine: nothing is taken back", named.key);
            Some((ActionState::Refused, why))
        } else if stopped.is_empty() {
            None
        } else {
            Some((ActionState::Covered, "its isolation was stopped before Defender was called".to_owned()))
        };
        let one = match ended {
            Some(ended) => self.settle_entry(release, ended, at),
            None => self.begin_release(release),
        };
        Ok(written.and(one))
    }

    /// Whether the ledger has something of what this command asks for: then it counted before a crash, and whatever of it
    /// is missing is still to be done.
    pub(super) fn has_begun(&self, record: &CommandRecord) -> bool {
        let Some(named) = record.id.as_ref().and_then(|id| AlertId::new(id.as_str()).ok()) else { return false };
        let release = Action::Release { comment: String::new() };
        let is_known =
            |machine: &MachineId| self.knows(&ActionKey::derive(&self.terms.tenant, &named, machine, &release));
        match &record.command {
            Command::ReleaseEach { isolations, .. } => isolations.iter().any(|named| is_known(&named.machine)),
            Command::Retry { key } => self.book.get(key).is_some_and(|entry| entry.asked_again == record.id),
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
