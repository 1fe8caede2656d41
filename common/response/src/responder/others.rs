//! Somebody else's action that has the effect which we wanted: followed to its end, told, and never ours. Pure.
//!
//! The ledger keeps it apart from our own, so that no timer, no cancellation and no new attempt ever takes it for one.

use cordon_policy::Isolation;
use cordon_records::{ActionKey, ActionKind, ActionState, ActionStatus, LedgerEntry, MachineAction};

use super::super::event::Moment;
use super::super::facts::{ActionSnapshot, FreshFacts, in_effect};
use super::super::ours::{mark_in, other};
use super::Responder;

/// The longest comment of somebody else's that a reason repeats, in characters.
const THEIR_WORDS: usize = 200;

impl Responder {
    /// Defender answered our request with somebody else's action, and so did nothing more. One that isolates the machine
    /// covers ours, even if it leaves more connected: the report says how much it cuts off. Of other kinds it may be about
    /// another file or other commands, or be ours with a comment that somebody altered: nobody knows, and no second call is
    /// made after an answer that took the first.
    pub(super) fn answered_with_others(&mut self, key: &ActionKey, action: &MachineAction, at: Moment) {
        let Some(job) = self.jobs.get(key) else { return self.misplaced("answer of others", key) };
        let wanted = &job.entry.action;
        let covers = wanted.kind() == ActionKind::Isolate || in_effect(std::slice::from_ref(action), wanted).is_some();
        if covers {
            self.covered_by(key, action, at);
        } else {
            let why = format!("Defender answered with action {} of {}", action.id, other(action));
            self.doubt(key, why, at);
        }
    }

    /// Somebody else's action has the effect.
    pub(super) fn covered_by(&mut self, key: &ActionKey, action: &MachineAction, at: Moment) {
        let Some(entry) = self.jobs.entry_mut(key) else { return self.misplaced("covered", key) };
        entry.machine_action_id = None;
        entry.other_action = Some(other(action));
        let why = already(entry.action.kind(), action);
        self.follow.accepted(key, &ActionSnapshot::from(action));
        self.finish(key, ActionState::Covered, why, at);
    }

    /// Notes whose isolation it is that a fresh read found on its way, so that its end is told: if it comes to nothing, the
    /// machine is not isolated.
    pub(super) fn note_others(&mut self, key: &ActionKey, facts: &FreshFacts) {
        // Nothing of others runs.
        let (Isolation::Running { id }, Some(newest)) = (&facts.isolation, &facts.newest) else { return };
        let Some(entry) = self.jobs.get(key).map(|job| &job.entry) else { return self.misplaced("others", key) };
        if entry.action.kind() != ActionKind::Isolate || newest.id != *id || self.own(entry, newest).is_some() {
            return;
        }
        let noted = other(newest);
        if let Some(entry) = self.jobs.entry_mut(key) {
            entry.other_action = Some(noted);
        }
        self.follow.accepted(key, &ActionSnapshot::from(newest));
    }

    /// Goes on with everything of others that the ledger shows on its way.
    pub(super) fn follow_others(&mut self, at: Moment) {
        let awaited = |entry: &&LedgerEntry| entry.other_action.is_some() && entry.awaited().is_some();
        let entries: Vec<LedgerEntry> = self.ledger.entries().filter(awaited).cloned().collect();
        for entry in &entries {
            self.follow.add(entry, &mut self.schedule, at);
        }
    }

    /// Who isolated the machine, and how far, for people.
    pub(super) fn isolated_by(
        &self,
        entry: &LedgerEntry,
        stands: &Isolation,
        newest: Option<&MachineAction>,
    ) -> Option<String> {
        let (Isolation::Running { id } | Isolation::Isolated { id }) = stands else { return None };
        let mut on = self.ledger.entries_on(&entry.machine.id);
        let newest = newest.filter(|newest| newest.id == *id);
        let by_id = on.find(|own| own.machine_action_id.as_ref() == Some(id));
        let own = by_id.or_else(|| newest.and_then(|newest| self.own(entry, newest)));
        let cordon = own.map(|own| format!("Cordon for alert {}", own.alert.id));
        cordon.or_else(|| newest.map(|newest| other(newest).to_string()))
    }

    /// What the fresh read says of the machine's isolation; a release of our own is none by people.
    pub(super) fn known_isolation(&self, entry: &LedgerEntry, facts: &FreshFacts) -> Isolation {
        let released = matches!(facts.isolation, Isolation::Released { .. });
        let own = facts.newest.as_ref().filter(|_| released).and_then(|newest| self.own(entry, newest));
        if own.is_some_and(|own| own.action.kind() == ActionKind::Release) {
            return Isolation::None;
        }
        facts.isolation.clone()
    }

    /// The action of ours on this machine that this one is: by Defender's id, or, where that was lost, by the mark. A mark
    /// that people copied names an action whose id is another.
    pub(super) fn own<'a>(&'a self, entry: &LedgerEntry, found: &MachineAction) -> Option<&'a LedgerEntry> {
        let mark = mark_in(found);
        let is = |own: &&LedgerEntry| match &own.machine_action_id {
            Some(id) => *id == found.id,
            None => mark.as_ref().is_some_and(|mark| mark.key == own.key) && own.attempt > 0,
        };
        self.ledger.entries_on(&entry.machine.id).find(is)
    }
}

/// That it is done or under way already, by whom and how far, in their words if they left some.
fn already(kind: ActionKind, action: &MachineAction) -> String {
    let (whose, id, status) = (other(action), &action.id, action.status.as_str());
    let done = action.status == ActionStatus::Succeeded;
    let what = match kind {
        ActionKind::Isolate if done => "already isolated by".to_owned(),
        ActionKind::Isolate => "an isolation is under way already, asked for by".to_owned(),
        ActionKind::Release if done => "already released by".to_owned(),
        kind if done => format!("{kind} is already done by"),
        kind => format!("{kind} is already under way, asked for by"),
    };
    let words: String = action.comment.iter().flat_map(|comment| comment.trim().chars()).take(THEIR_WORDS).collect();
    let words = if words.is_empty() { words } else { format!(": {words:?}") };
    format!("{what} {whose}{words} (action {id}, {status})")
}
