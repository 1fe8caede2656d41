//! What comes of a command: what is to be written for it, or why nothing is done. Pure.

use cordon_records::{ActionKey, ActionRecord, CommandPlace, CommandRecord, RefusalCause, Report, StampedRecord};

use super::super::event::Moment;
use super::super::report::refusal;
use super::authority::{Ignored, words};

/// What a command leads to, to be written in this order.
#[derive(Debug, Default)]
pub(crate) struct CommandOutput {
    pub reports: Vec<Report>,
    pub ledger: Vec<StampedRecord>,
}

impl CommandOutput {
    /// What the ledger wants written, in this order. Of what was ended by a write of its own that is the same once more: two
    /// writes of one key follow each other, so that the command is done with only when what it ended is durable.
    pub(crate) const fn written(ledger: Vec<StampedRecord>) -> Self {
        Self { reports: Vec::new(), ledger }
    }

    /// What follows upon this.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.reports.extend(other.reports);
        self.ledger.extend(other.ledger);
        self
    }

    /// The same, and the report that says so.
    pub(crate) fn told(report: ActionRecord, written: StampedRecord) -> Self {
        Self { reports: vec![Report::Action(Box::new(report))], ledger: vec![written] }
    }
}

/// What is done with a command, or why nothing is.
pub(crate) type Done = Result<CommandOutput, NotDone>;

/// Why nothing is done with a command.
#[derive(Debug)]
pub(crate) struct NotDone {
    cause: RefusalCause,
    why: String,
}

impl NotDone {
    /// What it asks for is so already, or what it is about has ended.
    pub(crate) const fn needless(why: String) -> Self {
        Self { cause: RefusalCause::NothingToDo, why }
    }
}

/// A command that counts, and cannot be done as things stand.
impl From<String> for NotDone {
    fn from(why: String) -> Self {
        Self { cause: RefusalCause::NotPossible, why }
    }
}

impl From<Ignored> for NotDone {
    fn from(ignored: Ignored) -> Self {
        Self { cause: ignored.cause(), why: ignored.to_string() }
    }
}

/// What a command named, and is not done for it after all.
#[derive(Debug)]
pub(crate) struct LeftOut {
    pub key: ActionKey,
    pub why: String,
}

/// A command that does nothing, told once.
pub(crate) fn does_nothing(place: CommandPlace, said: (RefusalCause, String), at: Moment) -> CommandOutput {
    CommandOutput { reports: vec![refusal(place.refusal(None), said, at)], ledger: Vec::new() }
}

/// The same of one that could be read. Who gave it is what it says of itself.
pub(crate) fn refused(
    place: CommandPlace,
    record: &CommandRecord,
    NotDone { cause, why }: NotDone,
    at: Moment,
) -> CommandOutput {
    let (command, by) = (record.command.as_str(), words(&record.by));
    does_nothing(place, (cause, format!("{command} by {by} was refused: {why}")), at)
}

/// One action that a command names, and that nothing is done with for it. The notice is named by both.
pub(crate) fn one_refused((place, record): (CommandPlace, &CommandRecord), one: &LeftOut, at: Moment) -> CommandOutput {
    let (command, by) = (record.command.as_str(), words(&record.by));
    let text = format!("{command} by {by} was refused for {}: {}", one.key, one.why);
    let id = place.refusal(Some(&one.key));
    CommandOutput { reports: vec![refusal(id, (RefusalCause::NotPossible, text), at)], ledger: Vec::new() }
}
