//! What people did, as the topic `actions` tells it: what they answered to what was held, and which machines they let back.

use std::collections::{BTreeSet, HashMap, HashSet};

use cordon_records::{
    ActionKey, ActionKind, ActionRecord, ActionState, CommandId, DENIED_BY, MachineId, Report, Topic,
};
use jiff::{SignedDuration, Timestamp};

use crate::error::BacktestError;
use crate::input::Source;
use crate::manifest::ManifestInput;
use crate::origin::Origin;
use crate::unread::{Unread, each};

/// Who is let back so soon after an isolation was better left connected, as a person saw it.
const SOON: SignedDuration = SignedDuration::from_hours(24);

/// What a person answered to an action that was held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// When it counted.
    pub at: Timestamp,
    /// Who: of a yes as their key is known, of a no as they said themselves.
    pub by: String,
    /// Why, in their words.
    pub why: String,
    /// What they said.
    pub word: Word,
}

/// See [`Answer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Do it.
    Yes,
    /// Do it although the breaker is on: said to what the breaker held.
    YesToBreaker,
    /// Do not.
    No,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Reported {
    /// To each action, in the order in which they came.
    answers: HashMap<ActionKey, Vec<Answer>>,
    /// The commands whose yes is taken in: reports repeat it.
    commands: HashSet<CommandId>,
    /// When each machine was let back by a person.
    let_back: HashMap<MachineId, Vec<Timestamp>>,
}

/// What people did, with what was read for it.
#[derive(Debug)]
pub struct Heard {
    /// What they did.
    pub people: Reported,
    /// What could not be read of all that is recorded beside the records.
    pub unread: Unread,
    /// What was read, for a manifest.
    pub inputs: Vec<ManifestInput>,
}

impl Heard {
    /// Reads what people did, and nothing else of what is recorded.
    ///
    /// # Errors
    /// When there is no broker that would hold it, or it cannot be read.
    pub fn read(origin: &Origin) -> Result<Self, BacktestError> {
        let kafka = origin.kafka().ok_or_else(|| {
            let why = "what people answered is on the broker: give --config, and no --input";
            BacktestError::Usage(format!("--approvals recorded: {why}"))
        })?;
        let mut actions = origin.since(kafka, Topic::Actions)?;
        let (people, unread) = Reported::read(&mut actions, |_| {})?;
        Ok(Self { people, unread, inputs: actions.inputs() })
    }
}

impl Reported {
    /// Reads the topic `actions`; whoever wants more of its reports sees each, too. Gives back what is no report.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub fn read(
        actions: &mut dyn Source,
        mut also: impl FnMut(Box<ActionRecord>),
    ) -> Result<(Self, Unread), BacktestError> {
        let mut reported = Self::default();
        let unread = each(actions, |_, report| match report {
            Report::Action(record) => {
                reported.take(&record);
                also(record);
            }
            Report::Notice(_) => {}
        })?;
        Ok((reported, unread))
    }

    fn take(&mut self, record: &ActionRecord) {
        if let Some(machine) = record.machine.as_ref().filter(|_| is_let_back(record)) {
            self.let_back.entry(machine.id.clone()).or_default().push(record.at);
        }
        let Some(key) = &record.key else { return };
        for yes in &record.approvals {
            if self.commands.insert(yes.command.clone()) {
                let word = if yes.notice.is_some() { Word::YesToBreaker } else { Word::Yes };
                let answer = Answer { at: yes.at, by: yes.by.clone(), why: yes.why.clone(), word };
                self.answers.entry(key.clone()).or_default().push(answer);
            }
        }
        if record.state == ActionState::Denied {
            let said = record.reason.strip_prefix(DENIED_BY).unwrap_or(&record.reason);
            let (by, why) = said.split_once(": ").unwrap_or((said, ""));
            let answer = Answer { at: record.at, by: by.to_owned(), why: why.to_owned(), word: Word::No };
            let known = self.answers.entry(key.clone()).or_default();
            if !known.contains(&answer) {
                known.push(answer);
            }
        }
    }

    /// What people answered to this action.
    #[must_use]
    pub fn answers_to(&self, key: &ActionKey) -> &[Answer] {
        self.answers.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Everybody who said yes to something, each once, in alphabetical order.
    #[must_use]
    pub fn approvers(&self) -> Vec<&str> {
        let yeses = self.answers.values().flatten().filter(|answer| answer.word != Word::No);
        let names: BTreeSet<&str> = yeses.map(|answer| answer.by.as_str()).collect();
        names.into_iter().collect()
    }

    /// When a person first let this machine back within 24 h of this moment.
    #[must_use]
    pub fn let_back_after(&self, machine: &str, isolated: Timestamp) -> Option<Timestamp> {
        let machine = MachineId::new(machine).ok()?;
        let soon = isolated.checked_add(SOON).unwrap_or(Timestamp::MAX);
        let times = self.let_back.get(&machine)?.iter().copied();
        times.filter(|at| (isolated..=soon).contains(at)).min()
    }
}

/// Whether this says that a person has let the machine back: asked for it, or approved it.
fn is_let_back(record: &ActionRecord) -> bool {
    let releases = record.action.as_ref().is_some_and(|action| action.kind() == ActionKind::Release);
    let is_meant = record.requested_by.is_some() || !record.approvals.is_empty();
    releases && is_meant && matches!(record.state, ActionState::Accepted | ActionState::Succeeded)
}
