//! What was decided live, played again: in its own order, at its own times, on the facts that were read then, with what people
//! said. So the responder has to come to the same.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;

use cordon_records::{
    ActionKey, ActionRecord, ActionState, AlertSummary, CommandRecord, DecisionRecord, GuardFacts, Verdict,
};
use cordon_response::Event;
use cordon_response::facts::FreshFacts;
use cordon_runtime::time::Period;
use jiff::Timestamp;

use super::courses::outcome;
use super::{Stage, Times};
use crate::document::{Difference, Outcome};
use crate::error::BacktestError;
use crate::input::{Chunk, Source};
use crate::place::Place;
use crate::recorded::Recorded;
use crate::reported::Reported;
use crate::side::Side;
use crate::unread::{Unread, each};

/// So many differences are told.
const TOLD: usize = 100;

/// What a live responder has reported of one action.
#[derive(Debug)]
struct Lived {
    /// What it came to last.
    outcome: Option<Outcome>,
    /// The last step, and why.
    last: (ActionState, String),
    /// The decision behind it.
    decision: String,
    /// What was read for it, in the order in which it was.
    facts: VecDeque<GuardFacts>,
}

/// What was reported, and what people said.
#[derive(Debug, Default)]
pub struct Live {
    actions: BTreeMap<ActionKey, Lived>,
    commands: VecDeque<(i64, CommandRecord)>,
}

/// What the responder came to, compared with what it had come to live.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Actions of which something was reported, or would have been.
    pub actions: u64,
    /// Of these, come to the same.
    pub exact: u64,
    /// The first of the others.
    pub differences: Vec<Difference>,
}

impl Live {
    /// Reads the topics `actions` and `commands`; gives also what people did, and what of it all cannot be read.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn read(
        actions: &mut dyn Source,
        commands: &mut dyn Source,
    ) -> Result<(Self, Reported, Unread), BacktestError> {
        let mut live = Self::default();
        let (reported, mut unread) = Reported::read(actions, |record| live.take(*record))?;
        unread.merge(each(commands, |at, command| live.commands.push_back((at, command)))?);
        Ok((live, reported, unread))
    }

    fn take(&mut self, record: ActionRecord) {
        // What needs a person before any action is planned has no key, and is compared with the decisions.
        let ActionRecord { key: Some(key), state, reason, decision, facts, .. } = record else { return };
        let lived = self.actions.entry(key).or_insert_with(|| Lived {
            outcome: None,
            last: (state, String::new()),
            decision,
            facts: VecDeque::new(),
        });
        lived.outcome = outcome(state).or(lived.outcome);
        lived.last = (state, reason);
        lived.facts.extend(facts.filter(|facts| facts.read));
    }

    /// What was read for each action.
    fn facts(&mut self) -> HashMap<ActionKey, VecDeque<GuardFacts>> {
        self.actions.iter_mut().map(|(key, lived)| (key.clone(), std::mem::take(&mut lived.facts))).collect()
    }
}

/// Plays the decisions on the records of this time, and compares what comes of them.
///
/// # Errors
/// When they cannot be read, or the responder does what it never may.
pub fn replay(
    side: &Side,
    recorded: &Recorded,
    decisions: &mut dyn Source,
    mut live: Live,
    (times, period): (Times<'_>, Period),
) -> Result<Outcomes, BacktestError> {
    let facts = live.facts();
    let mut replay = Replay { side, recorded, times, period, stage: None, facts, played: HashSet::new() };
    let mut ended = Ok(());
    let commands = &mut live.commands;
    decisions.read(&mut |chunk| {
        ended = replay.chunk(&chunk, commands);
        if ended.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    ended?;
    let Replay { stage, played, .. } = replay;
    let Some(mut stage) = stage else { return Ok(Outcomes::default()) };
    stage.said(&mut live.commands, None)?;
    stage.come_to_rest()?;
    Ok(compare(stage.courses.outcomes(), &live.actions, &played))
}

struct Replay<'a> {
    side: &'a Side,
    recorded: &'a Recorded,
    times: Times<'a>,
    period: Period,
    stage: Option<Stage<'a>>,
    facts: HashMap<ActionKey, VecDeque<GuardFacts>>,
    played: HashSet<String>,
}

impl Replay<'_> {
    fn chunk(&mut self, chunk: &Chunk, commands: &mut VecDeque<(i64, CommandRecord)>) -> Result<(), BacktestError> {
        for (at, bytes) in chunk.records() {
            // What is none was counted when the decisions were noted.
            let Ok(decision) = serde_json::from_slice::<DecisionRecord>(bytes) else { continue };
            let is_asked = self.period.holds(decision.enriched_at);
            if decision.verdict == Verdict::Nothing || !is_asked || !self.recorded.is_first(&decision.id, at) {
                continue;
            }
            self.decide(decision, chunk.place(at), commands)?;
        }
        Ok(())
    }

    fn decide(
        &mut self,
        decision: DecisionRecord,
        place: Place,
        commands: &mut VecDeque<(i64, CommandRecord)>,
    ) -> Result<(), BacktestError> {
        let at = decision.decided_at;
        let stage = match &mut self.stage {
            Some(stage) => stage,
            None => {
                let mut stage = Stage::new(self.side, self.times, decision.tenant.clone(), at)?;
                stage.recorded = std::mem::take(&mut self.facts);
                self.stage.insert(stage)
            }
        };
        stage.said(commands, Some(at))?;
        self.played.insert(decision.id.clone());
        stage.decide(decision, at, place)
    }
}

impl Stage<'_> {
    /// What people had said up to this time.
    fn said(
        &mut self,
        commands: &mut VecDeque<(i64, CommandRecord)>,
        until: Option<Timestamp>,
    ) -> Result<(), BacktestError> {
        while let Some((offset, command)) =
            commands.pop_front_if(|(_, said)| until.is_none_or(|until| said.at <= until))
        {
            self.pass_to(command.at)?;
            let at = self.at.wall;
            self.give(Event::Command(offset, Some(at), Ok(command)))?;
        }
        Ok(())
    }
}

/// The facts of a fresh read as they were recorded; of what is recorded nowhere, those of the model.
pub(super) fn as_recorded(model: FreshFacts, then: GuardFacts) -> FreshFacts {
    // Title and users of an alert are recorded on the decision alone.
    let alert = model.alert.filter(|_| then.alert_read).map(|known| AlertSummary {
        title: known.title,
        users: known.users,
        ..then.alert
    });
    let isolation = if then.ours { model.isolation } else { then.isolation };
    FreshFacts { alert, machine: then.machine, isolation, ..model }
}

fn compare(
    played: &BTreeMap<ActionKey, (Outcome, String)>,
    lived: &BTreeMap<ActionKey, Lived>,
    decisions: &HashSet<String>,
) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let lived: BTreeMap<&ActionKey, &Lived> =
        lived.iter().filter(|(_, lived)| decisions.contains(&lived.decision)).collect();
    let keys: std::collections::BTreeSet<&ActionKey> = played.keys().chain(lived.keys().copied()).collect();
    for key in keys {
        outcomes.actions += 1;
        let (new, old) = (played.get(key), lived.get(key));
        if new.map(|(outcome, _)| *outcome) == old.and_then(|lived| lived.outcome) {
            outcomes.exact += 1;
        } else if outcomes.differences.len() < TOLD {
            outcomes.differences.push(Difference { place: key.to_string(), why: told(new, old.copied()) });
        }
    }
    outcomes
}

/// Both sides in words.
fn told(played: Option<&(Outcome, String)>, lived: Option<&Lived>) -> String {
    let live = lived.map_or_else(
        || "nothing was reported".to_owned(),
        |Lived { outcome, last: (state, why), .. }| {
            let word = outcome.map_or("no outcome", Outcome::told);
            format!("live {word} (last {}: {why})", state.as_str())
        },
    );
    let again = played.map_or_else(
        || "nothing comes of it again".to_owned(),
        |(outcome, why)| format!("played again {} ({why})", outcome.told()),
    );
    format!("{live}; {again}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lived(outcome: Option<Outcome>, decision: &str) -> Lived {
        let last = (ActionState::Failed, "off".to_owned());
        Lived { outcome, last, decision: decision.to_owned(), facts: VecDeque::new() }
    }

    #[test]
    fn outcomes_are_compared_by_action_and_of_a_decision_that_was_not_played_none_is() {
        let key = |text: &str| ActionKey::new(text).unwrap();
        let decisions = HashSet::from(["d".to_owned()]);
        let live = BTreeMap::from([
            (key("aaaa"), lived(Some(Outcome::Done), "d")),
            (key("bbbb"), lived(Some(Outcome::Held), "d")),
            (key("cccc"), lived(None, "d")),
            (key("eeee"), lived(Some(Outcome::Done), "earlier")),
        ]);
        let again = |outcome| (outcome, "why".to_owned());
        let played = BTreeMap::from([
            (key("aaaa"), again(Outcome::Done)),
            (key("bbbb"), again(Outcome::Refused)),
            (key("cccc"), again(Outcome::Done)),
            (key("dddd"), again(Outcome::Would)),
        ]);
        let outcomes = compare(&played, &live, &decisions);
        assert_eq!((outcomes.actions, outcomes.exact), (4, 1));
        let told: Vec<&str> = outcomes.differences.iter().map(|difference| difference.why.as_str()).collect();
        assert_eq!(
            told,
            [
                "live held for a person (last failed: off); played again refused (why)",
                "live no outcome (last failed: off); played again done (why)",
                "nothing was reported; played again rehearsed (shadow) (why)",
            ]
        );
    }
}
