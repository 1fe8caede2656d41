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
    /// The commands whose yes to an action is taken in: reports repeat it, and one command may say yes to many actions.
    commands: HashSet<(ActionKey, CommandId)>,
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
            if self.commands.insert((key.clone(), yes.command.clone())) {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A report about the action of this number, with the yes of this command.
    fn approved(number: u32, state: ActionState, yes: &Value) -> ActionRecord {
        let key = ActionKey::new(format!("{number:016x}")).unwrap();
        let report = json!({
            "id": ActionRecord::step_id(&key, 1, state), "key": key, "attempt": 1, "state": state,
            "alert": {"id": "a", "severity": "High", "status": "New"}, "mode": "auto", "reason": "r", "decision": "d",
            "at": "2026-09-01T09:00:00Z", "approvals": [yes],
        });
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn one_signed_yes_counts_for_each_action_that_it_names_and_once_for_each() {
        let yes = json!({
            "by": "ann@soc.example", "key": "SHA256:x", "why": "seen", "at": "2026-09-01T08:30:00Z", "command": "c",
            "intent": "0123456789abcdef", "notice": "breaker_latched@2026-08-31T08:00:00Z",
        });
        let mut reported = Reported::default();
        for state in [ActionState::Approved, ActionState::Succeeded] {
            (1..=3).for_each(|number| reported.take(&approved(number, state, &yes)));
        }
        for number in 1..=3 {
            let answers = reported.answers_to(&ActionKey::new(format!("{number:016x}")).unwrap());
            let words: Vec<&Word> = answers.iter().map(|answer| &answer.word).collect();
            assert_eq!(words, [&Word::YesToBreaker], "action {number}");
        }
    }
}
