//! What people say, done once: the position in `commands` is kept in the ledger, and so is every signed command that was
//! applied. What does not count does nothing and is reported. Pure.
//!
//! What follows is written before the command's id, and that before the position: a crash in between has the command read
//! again, and whatever is done already is left as it is.

use cordon_records::{
    ActionKey, ActionState, AttemptState, Command, CommandPlace, CommandRecord, Latch, LedgerEntry, LedgerRecord,
    NoticeKind, RefusalCause,
};

use super::super::event::{Effect, Moment};
use super::super::job::{Attempt, Job};
use super::super::people::authority::{self, Before, Person, words};
use super::super::people::done::{CommandOutput, Done, NotDone, does_nothing, one_refused, refused};
use super::super::report::{self, notice};
use super::super::settlement::OnDurable;
use super::super::unseen::with_what_is_unseen;
use super::Responder;

impl Responder {
    /// Takes the command at this place, or what could not be read there. What is not new was read before.
    pub(super) fn apply_command(&mut self, place: CommandPlace, command: Result<CommandRecord, String>, at: Moment) {
        let CommandPlace { offset, written_at } = place;
        let (next, newest) = (self.ledger.commands_next(), self.ledger.commands_newest());
        self.ledger.has_read(written_at);
        if !place.is_new(next, newest) {
            return;
        }
        if offset < next {
            self.effects.push(Effect::CommandsMadeAnew(next));
        }
        let mut written = match command {
            Ok(record) => self.take_command(place, &record, at).unwrap_or_else(|why| refused(place, &record, why, at)),
            Err(why) => {
                let text = format!("what stands at commands/0/{offset} is no command: {why}");
                does_nothing(place, (RefusalCause::NotGenuine, text), at)
            }
        };
        let (next, newest) = (offset + 1, self.ledger.commands_newest());
        written.ledger.push(self.ledger.transition(LedgerRecord::CommandsPosition { next, newest }));
        self.write(written.reports, written.ledger, OnDurable::default());
    }

    fn take_command(&mut self, place: CommandPlace, record: &CommandRecord, at: Moment) -> Done {
        authority::addressed(record, &self.config.tenant)?;
        match &record.command {
            Command::Pause => Ok(self.pause(record, at)),
            Command::Deny { key } => self.deny(key, record, at),
            Command::Resume { .. }
            | Command::Approve { .. }
            | Command::ApproveEach { .. }
            | Command::Release { .. }
            | Command::ReleaseEach { .. }
            | Command::Retry { .. }
            | Command::Cancel { .. } => self.take_signed(place, record, at),
        }
    }

    fn take_signed(&mut self, place: CommandPlace, record: &CommandRecord, at: Moment) -> Done {
        let offset = place.offset;
        let applied = record.id.as_ref().and_then(|id| self.ledger.applied(id));
        if applied.is_some_and(|applied| applied.offset == offset) {
            return Ok(CommandOutput::default());
        }
        let signer = authority::signer(record, &self.config.signers, at.wall)?;
        let before = Before { applied, begun: self.has_begun(record) };
        let person = authority::person(record, signer, (&self.config.guards, before), at.wall);
        let done = person.map_err(NotDone::from).and_then(|person| self.do_for(&person, (place, record), at));
        // Also what was refused is done with: a copy of it must not find a better moment.
        let mut written = done.unwrap_or_else(|why| refused(place, record, why, at));
        if let (Some(id), Some(until), None) = (record.id.clone(), record.expires_at, applied) {
            let applied = LedgerRecord::Applied { id, until, offset, set_aside: false };
            written.ledger.push(self.ledger.transition(applied));
        }
        Ok(written)
    }

    fn do_for(&mut self, person: &Person, (place, record): (CommandPlace, &CommandRecord), at: Moment) -> Done {
        match &record.command {
            Command::Approve { key, intent } => self.approve(key, intent, person, at),
            Command::ApproveEach { notice, actions, count } => {
                let begun = self.has_begun(record);
                let (written, left_out) = self.approve_each(notice, (actions, *count), (person, begun), at)?;
                let told = left_out.iter().map(|one| one_refused((place, record), one, at));
                Ok(told.fold(written, CommandOutput::and))
            }
            Command::Release { machine } => self.release(machine, person, at),
            Command::ReleaseEach { isolations, count } => self.release_each(isolations, *count, person, at),
            Command::Retry { key } => self.retry_for(key, person, at),
            Command::Cancel { key } => self.cancel_for(key, person, at),
            Command::Resume { notice } => self.resume_for(notice, person, at),
            // Neither needs a signature, so neither comes here.
            Command::Pause | Command::Deny { .. } => Ok(CommandOutput::default()),
        }
    }

    fn pause(&mut self, record: &CommandRecord, at: Moment) -> CommandOutput {
        let (by, why) = (words(&record.by), words(&record.why));
        let text = format!("{by} paused all actions: {why}");
        let latch = Latch { on: true, by, why, at: at.wall, window_s: None };
        let written = self.ledger.transition(LedgerRecord::Pause(latch));
        CommandOutput { reports: vec![notice(NoticeKind::Paused, text, at)], ledger: vec![written] }
    }

    fn resume_for(&mut self, lifted: &str, person: &Person, at: Moment) -> Done {
        if self.ledger.is_lifted(lifted) {
            return Ok(CommandOutput::default());
        }
        let ledger = self.lift(lifted, &person.name);
        if ledger.is_empty() {
            return Err(NotDone::needless(format!("{lifted} is not in force: there is nothing to lift")));
        }
        let text = format!("actions go on: {} lifted {lifted}: {}", person.name, person.why);
        Ok(CommandOutput { reports: vec![notice(NoticeKind::Resumed, text, at)], ledger })
    }

    /// Ends an entry that no job is about; a person has to look where a call of it is in doubt.
    pub(super) fn settle_entry(
        &mut self,
        mut entry: LedgerEntry,
        (state, reason): (ActionState, String),
        at: Moment,
    ) -> CommandOutput {
        let (state, reason) = with_what_is_unseen(&entry, (state, reason));
        entry.state = AttemptState::Reported(state);
        entry.reason = reason;
        entry.at = at.wall;
        let report = report::of(&entry, state);
        CommandOutput::told(report, self.ledger.enter(entry))
    }

    /// Puts an action that a person or a timer asks for in its queue.
    pub(super) fn queue(&mut self, entry: LedgerEntry) {
        // An attempt that a person asked for anew has its number from the start.
        let numbered = entry.asked_again.is_some() && entry.intents.len() < usize::try_from(entry.attempt).unwrap_or(0);
        let attempt = if numbered { Attempt::Numbered } else { Attempt::New };
        self.begin_job(Job::new(entry, attempt));
    }

    /// Why nothing can be done with an action of which nothing is known in full.
    pub(super) fn not_in_full(&self, key: &ActionKey) -> NotDone {
        match self.ledger.closed(key) {
            Some(closed) => {
                let state = closed.state.as_str();
                NotDone::needless(format!("{key} waits for nobody: it has ended as {state}, long ago"))
            }
            None => format!("there is no action {key}").into(),
        }
    }

    /// Whether the action is under way or was ever written down.
    pub(super) fn knows(&self, key: &ActionKey) -> bool {
        self.jobs.contains(key) || self.ledger.knows(key)
    }
}
