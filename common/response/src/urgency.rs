//! Which action goes first: what takes effect and is severe, before what only asks, looks or is rehearsed. Pure.

use std::collections::BTreeMap;

use cordon_policy::Asker;
use cordon_records::{ActionKey, ActionKind, DecisionRecord, Impact, LedgerEntry, Mode, PlannedAction, Severity};

use super::asker::{asker, is_approved};

/// How much hangs on it; the first is the most urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// It takes effect, and takes something from people or gives it back.
    Effect,
    /// A person is to be asked.
    Question,
    /// It takes effect, but only looks at a machine or writes into a page.
    LowImpact,
    /// It is only rehearsed.
    Rehearsal,
}

/// How urgent an action is: the lower the value, the sooner its turn comes. Of two alike the first to come goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Urgency {
    pub(super) weight: Weight,
    /// 0 for High.
    severity: u8,
}

impl Urgency {
    /// Of a decision that a person has to look at.
    pub(super) const fn of_a_question(severity: &Severity) -> Self {
        Self { weight: Weight::Question, severity: rank(severity) }
    }

    /// Of what rules ask for in this mode, with an action of this kind, for an alert of this severity.
    pub(super) fn of_rules(mode: Mode, kind: ActionKind, severity: &Severity) -> Self {
        let weight = match (mode, kind.impact()) {
            (Mode::Shadow, _) => Weight::Rehearsal,
            (Mode::Approve, _) => Weight::Question,
            (Mode::Auto, Impact::LowImpact) => Weight::LowImpact,
            (Mode::Auto, Impact::Disruptive | Impact::Restoring) => Weight::Effect,
        };
        Self { weight, severity: rank(severity) }
    }

    /// The same as a number, the lowest for the most urgent.
    #[must_use]
    pub const fn rank(self) -> u8 {
        let weight = match self.weight {
            Weight::Effect => 0,
            Weight::Question => 1,
            Weight::LowImpact => 2,
            Weight::Rehearsal => 3,
        };
        weight * SEVERITIES + self.severity
    }

    /// Whether it takes effect, and takes something from people or gives it back.
    #[must_use]
    pub const fn is_pressing(self) -> bool {
        matches!(self.weight, Weight::Effect)
    }

    /// Of what this entry asks for. What people ask for or have approved takes effect.
    pub(super) fn of(entry: &LedgerEntry) -> Self {
        let by_rules = Self::of_rules(entry.mode, entry.action.kind(), &entry.alert.severity);
        match asker(entry) {
            Asker::Person | Asker::Undo => Self { weight: Weight::Effect, severity: 0 },
            Asker::Rules | Asker::Timer if entry.mode == Mode::Approve && is_approved(entry) => {
                Self::of_rules(Mode::Auto, entry.action.kind(), &entry.alert.severity)
            }
            Asker::Rules | Asker::Timer => by_rules,
        }
    }
}

/// How urgent each of a decision's actions is under this ceiling, in their order. One is no less urgent than those that wait
/// for it.
pub(super) fn urgencies(decision: &DecisionRecord, ceiling: Mode) -> Vec<Urgency> {
    let of = |planned: &PlannedAction| {
        Urgency::of_rules(planned.mode.min(ceiling), planned.action.kind(), &decision.alert.severity)
    };
    let mut urgencies: Vec<Urgency> = decision.planned.iter().map(of).collect();
    let mut most = None;
    for urgency in urgencies.iter_mut().rev() {
        let more = most.map_or(*urgency, |most| (*urgency).min(most));
        (*urgency, most) = (more, Some(more));
    }
    urgencies
}

/// How many severities are told apart.
const SEVERITIES: u8 = 4;

/// A severity that we do not know may be any.
const fn rank(severity: &Severity) -> u8 {
    match severity {
        Severity::High => 0,
        Severity::Medium | Severity::UnSpecified | Severity::Other(_) => 1,
        Severity::Low => 2,
        Severity::Informational => 3,
    }
}

/// The actions that wait for their turn, each once.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: BTreeMap<(Urgency, u64), ActionKey>,
    places: BTreeMap<ActionKey, (Urgency, u64)>,
    arrivals: u64,
}

impl Backlog {
    /// One more comes; one that waits already comes anew.
    pub(super) fn push(&mut self, key: ActionKey, urgency: Urgency) {
        self.remove(&key);
        let place = (urgency, self.arrivals);
        self.arrivals += 1;
        self.places.insert(key.clone(), place);
        self.waiting.insert(place, key);
    }

    /// Its turn has come, or it is not wanted any more.
    pub(super) fn remove(&mut self, key: &ActionKey) {
        if let Some(place) = self.places.remove(key) {
            self.waiting.remove(&place);
        }
    }

    /// The most urgent first, of two alike the one that came first.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = &ActionKey> {
        self.waiting.values()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// How many machines are read at the same time for what is pressing or asks. More would only drain the quota ahead of the
/// breaker.
const READS_AT_ONCE: usize = 16;

/// How many besides, for low-impact kinds and what is rehearsed: they never take the place of an isolation, and never wait
/// for ever either.
const LOW_READS_AT_ONCE: usize = 4;

/// The fresh reads that are under way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reads {
    pressing: usize,
    low: usize,
}

impl Reads {
    const fn of(&mut self, weight: Weight) -> &mut usize {
        match weight {
            Weight::Effect | Weight::Question => &mut self.pressing,
            Weight::LowImpact | Weight::Rehearsal => &mut self.low,
        }
    }

    /// Whether one more of this weight may begin.
    pub(super) const fn has_room(&self, weight: Weight) -> bool {
        match weight {
            Weight::Effect | Weight::Question => self.pressing < READS_AT_ONCE,
            Weight::LowImpact | Weight::Rehearsal => self.low < LOW_READS_AT_ONCE,
        }
    }

    /// One more is under way.
    pub(super) const fn begin(&mut self, weight: Weight) {
        *self.of(weight) += 1;
    }

    /// One that was under way has ended.
    pub(super) const fn end(&mut self, weight: Weight) {
        let under_way = self.of(weight);
        *under_way = under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> ActionKey {
        ActionKey::new(format!("key-{number}")).unwrap()
    }

    fn any_urgency() -> impl Strategy<Value = Urgency> {
        let weight =
            prop_oneof![Just(Weight::Effect), Just(Weight::Question), Just(Weight::LowImpact), Just(Weight::Rehearsal)];
        (weight, 0_u8..4).prop_map(|(weight, severity)| Urgency { weight, severity })
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(u8, Urgency),
        Remove(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0_u8..12, any_urgency()).prop_map(|(number, urgency)| Step::Push(number, urgency)),
            1 => (0_u8..12).prop_map(Step::Remove),
        ]
    }

    proptest! {
        #[test]
        fn whatever_comes_and_goes_the_most_urgent_is_first_and_of_two_alike_the_one_that_came_first(
            steps in prop::collection::vec(step(), 0..60),
        ) {
            let (mut backlog, mut naive): (Backlog, Vec<(u8, Urgency)>) = (Backlog::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Push(number, urgency) => {
                        naive.retain(|(other, _)| *other != number);
                        naive.push((number, urgency));
                        backlog.push(key(number), urgency);
                    }
                    Step::Remove(number) => {
                        naive.retain(|(other, _)| *other != number);
                        backlog.remove(&key(number));
                    }
                }
                let mut expected = naive.clone();
                expected.sort_by_key(|(_, urgency)| *urgency);
                let expected: Vec<ActionKey> = expected.into_iter().map(|(number, _)| key(number)).collect();
                prop_assert_eq!(backlog.len(), expected.len());
                prop_assert_eq!(backlog.in_turn().cloned().collect::<Vec<_>>(), expected);
            }
        }
    }

    proptest! {
        #[test]
        fn a_rank_orders_as_the_urgency_does(one in any_urgency(), other in any_urgency()) {
            prop_assert_eq!(one.cmp(&other), one.rank().cmp(&other.rank()));
        }
    }

    #[test]
    fn an_isolation_goes_before_a_question_that_before_a_tag_and_that_before_a_rehearsal_whatever_the_severity() {
        let of = |mode, kind, severity: &Severity| Urgency::of_rules(mode, kind, severity);
        let order = [
            of(Mode::Auto, ActionKind::Isolate, &Severity::High),
            of(Mode::Auto, ActionKind::Isolate, &Severity::Medium),
            of(Mode::Auto, ActionKind::Release, &Severity::Informational),
            of(Mode::Approve, ActionKind::Isolate, &Severity::High),
            of(Mode::Approve, ActionKind::Tag, &Severity::Low),
            of(Mode::Auto, ActionKind::Tag, &Severity::High),
            of(Mode::Auto, ActionKind::Scan, &Severity::Low),
            of(Mode::Shadow, ActionKind::Isolate, &Severity::High),
        ];
        assert!(order.is_sorted_by(|one, next| one < next), "{order:?}");
    }
}
