//! What every action comes to: gathered from the responder's reports.

use std::collections::{BTreeMap, HashMap};

use cordon_policy::guard;
use cordon_records::{
    Action, ActionKey, ActionKind, ActionRecord, ActionState, AlertId, AlertSummary, GuardVerdict, Notice, NoticeKind,
    Ruling,
};
use jiff::Timestamp;

use crate::document::{AlertName, Course, Latched, Load, Outcome, Totals, Unreproducible};
use crate::found::Later;
use crate::place::Place;

/// What stands for the action where the rules could not be judged.
pub const LOOK: &str = "look";

/// A machine and an action of one kind on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The machine's id; `""` where the alert names none.
    pub machine: String,
    /// The kind, with what tells it from others of its kind.
    pub action: String,
}

/// What one action came to so far.
#[derive(Debug)]
pub struct Step {
    /// The machine and the action.
    pub target: Target,
    /// The machine's name.
    pub name: Option<String>,
    /// The kind alone.
    pub kind: &'static str,
    /// The strongest.
    pub course: Course,
    /// The alert.
    pub alert: AlertId,
    /// The decision that it came from: when its record was made, and where that stands.
    pub decided: (Timestamp, Place),
    is_on_never_list: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Courses {
    steps: BTreeMap<ActionKey, Step>,
    looks: Vec<Step>,
    /// What each action came to last, and why.
    last: BTreeMap<ActionKey, (Outcome, String)>,
    latches: Vec<Latched>,
    load: Load,
    minute: (i64, u64),
    /// Where each decision's record stands.
    decided: HashMap<String, (Timestamp, Place)>,
}

impl Courses {
    /// Takes note of where a decision came from.
    pub fn decided(&mut self, id: &str, at: Timestamp, place: Place) {
        self.decided.insert(id.to_owned(), (at, place));
    }

    /// So many calls are made at this time.
    pub fn called(&mut self, calls: u64, at: Timestamp) {
        self.load.calls += calls;
        let minute = at.as_second().div_euclid(60);
        self.minute = if minute == self.minute.0 { (minute, self.minute.1 + calls) } else { (minute, calls) };
        self.load.calls_in_a_minute = self.load.calls_in_a_minute.max(self.minute.1);
    }

    /// Takes in a step of an action.
    pub fn reported(&mut self, record: &ActionRecord) {
        *self.load.reports_by_day.entry(day(record.at)).or_default() += 1;
        let Some(outcome) = outcome(record.state) else { return };
        if record.state == ActionState::Held || outcome == Outcome::NeedsHuman {
            *self.load.questions_by_shift.entry(shift(record.at)).or_default() += 1;
        }
        if let Some(latch) = self.latches.last_mut().filter(|_| is(&record.guards, guard::BREAKER, Ruling::Hold)) {
            latch.held += 1;
        }
        let step = self.step(record, outcome);
        match (&record.key, &record.action) {
            (Some(key), Some(_)) => {
                self.last.insert(key.clone(), (outcome, record.reason.clone()));
                match self.steps.get_mut(key) {
                    Some(known) => known.take(step),
                    None => _ = self.steps.insert(key.clone(), step),
                }
            }
            (None, _) | (_, None) => self.looks.push(step),
        }
    }

    fn step(&self, record: &ActionRecord, outcome: Outcome) -> Step {
        // What people ask for has no record behind it.
        let decided = self.decided.get(&record.decision).cloned().unwrap_or_else(|| asked_for(record));
        let kind = record.action.as_ref().map_or(LOOK, |action| action.kind().as_str());
        let machine = record.machine.as_ref();
        let done = u64::from(outcome == Outcome::Done);
        Step {
            target: Target {
                machine: machine.map_or_else(String::new, |machine| machine.id.as_str().to_owned()),
                action: record.action.as_ref().map_or_else(|| LOOK.to_owned(), named),
            },
            name: machine.and_then(|machine| machine.name.clone()),
            kind,
            course: Course {
                outcome,
                at: record.at,
                alert: alert_name(&record.alert, &decided.1),
                rules: record.rules.iter().map(|rule| rule.as_str().to_owned()).collect(),
                reason: record.reason.clone(),
                alerts: 1,
                done,
                unreproducible: unreproducible(record),
            },
            alert: record.alert.id.clone(),
            decided,
            is_on_never_list: is(&record.guards, guard::NEVER_LIST, Ruling::Refuse),
        }
    }

    /// The breaker latched, or another notice was given.
    pub fn noticed(&mut self, notice: &Notice) {
        *self.load.reports_by_day.entry(day(notice.at)).or_default() += 1;
        if notice.kind == NoticeKind::BreakerLatched {
            let why = notice.text.lines().next().unwrap_or_default().to_owned();
            self.latches.push(Latched { at: notice.at, why, held: 0 });
        }
    }

    /// What every action came to last, and why.
    #[must_use]
    pub const fn outcomes(&self) -> &BTreeMap<ActionKey, (Outcome, String)> {
        &self.last
    }

    /// All of it, with what people found.
    #[must_use]
    pub fn end(self, later: Later<'_>) -> Played {
        let Self { steps, looks, latches, load, last: _, minute: _, decided: _ } = self;
        let mut played = Played { latches, load, ..Played::default() };
        played.totals.needs_human = u64::try_from(looks.len()).unwrap_or(u64::MAX);
        steps.into_values().chain(looks).for_each(|step| played.take(step));
        played.count_isolated(later);
        played.unreproducible.sort();
        played
    }
}

impl Step {
    /// The next step of the same action.
    fn take(&mut self, next: Self) {
        let is_on_never_list = self.is_on_never_list || next.is_on_never_list;
        if next.course.outcome < self.course.outcome {
            // With all of it: what is explained is the decision that made it stronger.
            *self = next;
        }
        self.is_on_never_list = is_on_never_list;
    }
}

/// What one side came to.
#[derive(Debug, Default)]
pub struct Played {
    /// Every machine and action, with the strongest that it came to.
    pub targets: BTreeMap<Target, Step>,
    /// The sums.
    pub totals: Totals,
    /// When the breaker latched.
    pub latches: Vec<Latched>,
    /// What it cost.
    pub load: Load,
    /// What cannot be told.
    pub unreproducible: Vec<Unreproducible>,
}

impl Played {
    fn take(&mut self, step: Step) {
        let outcome = step.course.outcome;
        *self.totals.actions.entry(step.kind.to_owned()).or_default().entry(outcome.as_str()).or_default() += 1;
        *self.totals.by_hour.entry(hour(step.course.at)).or_default().entry(outcome.as_str()).or_default() += 1;
        self.totals.never_list += u64::from(step.is_on_never_list);
        if let Some(why) = &step.course.unreproducible {
            let machine = step.name.clone().unwrap_or_else(|| step.target.machine.clone());
            self.unreproducible.push(Unreproducible { machine, action: step.target.action.clone(), why: why.clone() });
        }
        match self.targets.get_mut(&step.target) {
            Some(known) => known.join(step),
            None => _ = self.targets.insert(step.target.clone(), step),
        }
    }

    /// Counts the machines that were isolated, once all is taken in: which alert speaks for a machine is known only then.
    fn count_isolated(&mut self, later: Later<'_>) {
        let mut let_back = 0;
        for step in self.targets.values().filter(|step| step.is_isolated()) {
            self.totals.isolated += 1;
            *self.totals.found.entry(later.found.of(&step.alert).told()).or_default() += 1;
            let_back += u64::from(step.let_back(later).is_some());
        }
        self.totals.let_back = later.people.map(|_| let_back);
    }
}

impl Step {
    fn is_isolated(&self) -> bool {
        self.kind == ActionKind::Isolate.as_str() && self.course.outcome == Outcome::Done
    }

    /// When a person let the machine back within 24 h, if it was isolated and that is known.
    #[must_use]
    pub fn let_back(&self, later: Later<'_>) -> Option<Timestamp> {
        let people = later.people.filter(|_| self.is_isolated())?;
        people.let_back_after(&self.target.machine, self.course.at)
    }

    /// Another action of the same target: the strongest speaks, and of two the earlier.
    fn join(&mut self, other: Self) {
        let (alerts, done) = (self.course.alerts + other.course.alerts, self.course.done + other.course.done);
        let place = |step: &Self| (step.course.outcome, step.decided.clone());
        if place(&other) < place(self) {
            *self = other;
        }
        (self.course.alerts, self.course.done) = (alerts, done);
    }
}

/// What a step of an action comes to.
pub fn outcome(state: ActionState) -> Option<Outcome> {
    match state {
        ActionState::Accepted | ActionState::Succeeded | ActionState::Overdue => Some(Outcome::Done),
        ActionState::Held | ActionState::Expired | ActionState::Approved => Some(Outcome::Held),
        ActionState::NeedsHuman => Some(Outcome::NeedsHuman),
        ActionState::Would => Some(Outcome::Would),
        ActionState::Covered => Some(Outcome::Covered),
        ActionState::Refused | ActionState::Denied => Some(Outcome::Refused),
        ActionState::Cancelled => Some(Outcome::Cancelled),
        // Nothing fails in the model tenant, and a note on something that was told before is no outcome.
        ActionState::InDoubt | ActionState::Failed | ActionState::TimedOut | ActionState::ClosedMeanwhile => None,
    }
}

/// Whether it rests on something that nothing holds.
fn unreproducible(record: &ActionRecord) -> Option<String> {
    let fleet = record.facts.as_ref().and_then(|facts| facts.fleet);
    let held = is(&record.guards, guard::FLEET_SHARE, Ruling::Hold);
    (held && fleet.is_none()).then(|| "the fleet's size is not recorded; say it with --fleet".to_owned())
}

fn is(verdicts: &[GuardVerdict], guard: &str, ruling: Ruling) -> bool {
    verdicts.iter().any(|verdict| verdict.guard == guard && verdict.ruling == ruling)
}

/// Where an action comes from that no record planned.
fn asked_for(record: &ActionRecord) -> (Timestamp, Place) {
    (record.at, Place { origin: record.decision.as_str().into(), partition: None, number: 0 })
}

/// An action with what tells it from others of its kind.
fn named(action: &Action) -> String {
    let kind = action.kind().as_str();
    action.detail().map_or_else(|| kind.to_owned(), |detail| format!("{kind} {detail}"))
}

fn alert_name(alert: &AlertSummary, place: &Place) -> AlertName {
    AlertName {
        id: alert.id.as_str().to_owned(),
        title: alert.title.clone(),
        severity: alert.severity.as_str().to_owned(),
        place: place.to_string(),
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn hour(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H").to_string()
}

fn shift(at: Timestamp) -> String {
    let hour = at.as_second().rem_euclid(86_400) / 3_600 / 8 * 8;
    format!("{} {hour:02}-{:02}", day(at), hour + 8)
}
