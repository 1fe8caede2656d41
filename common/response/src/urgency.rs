//! Which action goes first: what takes effect and is severe, before what only asks, looks or is rehearsed. Pure.

use std::collections::BTreeMap;
use std::ops::Bound;

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

    /// The same of one that is known by its rank.
    #[must_use]
    pub(super) const fn is_pressing_rank(rank: u8) -> bool {
        rank < SEVERITIES
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

/// What the turn of a waiting action costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cost {
    /// No fresh read for sure.
    Nothing,
    /// A fresh read of what is as urgent as this.
    Read(Weight),
}

/// Where an action stands among those that wait: the most urgent first, of two alike the one that came first.
pub(super) type Turn = (Urgency, u64);

/// The actions that wait for their turn, each once, by what it costs: of those that nobody could read now none is looked at.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: BTreeMap<Cost, BTreeMap<Turn, ActionKey>>,
    places: BTreeMap<ActionKey, (Cost, Turn)>,
    arrivals: u64,
}

impl Backlog {
    /// One more comes; one that waits already comes anew.
    pub(super) fn push(&mut self, key: ActionKey, urgency: Urgency, cost: Cost) {
        self.remove(&key);
        let turn = (urgency, self.arrivals);
        self.arrivals += 1;
        self.put(key, cost, turn);
    }

    /// Its turn has come, or it is not wanted any more.
    pub(super) fn remove(&mut self, key: &ActionKey) {
        if let Some((cost, turn)) = self.places.remove(key)
            && let Some(alike) = self.waiting.get_mut(&cost)
        {
            alike.remove(&turn);
        }
    }

    /// Its turn costs this from now on; one that does not wait has none.
    pub(super) fn costs(&mut self, key: &ActionKey, cost: Cost) {
        if let Some((_, turn)) = self.places.get(key).copied() {
            self.remove(key);
            self.put(key.clone(), cost, turn);
        }
    }

    fn put(&mut self, key: ActionKey, cost: Cost, turn: Turn) {
        self.places.insert(key.clone(), (cost, turn));
        self.waiting.entry(cost).or_default().insert(turn, key);
    }

    /// The next in turn after this one that has come before so many arrivals and whose cost there is room for.
    pub(super) fn next(
        &self,
        after: Option<Turn>,
        arrivals: u64,
        has_room: impl Fn(Cost) -> bool,
    ) -> Option<(Turn, &ActionKey)> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let came_before = |(turn, _): &(&Turn, &ActionKey)| turn.1 < arrivals;
        let payable = self.waiting.iter().filter(|(cost, _)| has_room(**cost));
        let firsts = payable.filter_map(|(_, alike)| alike.range((after, Bound::Unbounded)).find(came_before));
        firsts.min().map(|(turn, key)| (*turn, key))
    }

    /// Where an action stands, if it waits.
    pub(super) fn turn_of(&self, key: &ActionKey) -> Option<Turn> {
        self.places.get(key).map(|(_, turn)| *turn)
    }

    /// All of them, each with what its turn costs, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (&ActionKey, Cost)> {
        self.places.iter().map(|(key, (cost, _))| (key, *cost))
    }

    /// How many have come so far.
    pub(super) const fn arrivals(&self) -> u64 {
        self.arrivals
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
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

    /// Whether there is room for what this costs.
    pub(super) const fn has_room(&self, cost: Cost) -> bool {
        let Cost::Read(weight) = cost else { return true };
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
        Push(u8, Urgency, Cost),
        Remove(u8),
        Costs(u8, Cost),
        Turns(u64, bool, bool),
    }

    fn any_cost() -> impl Strategy<Value = Cost> {
        prop_oneof![Just(Cost::Nothing), any_urgency().prop_map(|urgency| Cost::Read(urgency.weight))]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0_u8..12, any_urgency(), any_cost()).prop_map(|(number, urgency, cost)| Step::Push(number, urgency, cost)),
            1 => (0_u8..12).prop_map(Step::Remove),
            1 => (0_u8..12, any_cost()).prop_map(|(number, cost)| Step::Costs(number, cost)),
            3 => (0_u64..4, any::<bool>(), any::<bool>()).prop_map(|(late, pressing, low)| Step::Turns(late, pressing, low)),
        ]
    }

    proptest! {
        /// The model is a list of all that wait in the order in which they came, sorted and searched for each turn.
        #[test]
        fn whatever_comes_and_goes_the_most_urgent_that_can_be_paid_is_next_and_of_two_alike_the_one_that_came_first(
            steps in prop::collection::vec(step(), 0..60),
        ) {
            let (mut backlog, mut naive): (Backlog, Vec<(u8, Urgency, Cost, u64)>) = (Backlog::default(), Vec::new());
            let mut arrivals = 0;
            for step in steps {
                match step {
                    Step::Push(number, urgency, cost) => {
                        naive.retain(|(other, ..)| *other != number);
                        naive.push((number, urgency, cost, arrivals));
                        arrivals += 1;
                        backlog.push(key(number), urgency, cost);
                    }
                    Step::Remove(number) => {
                        naive.retain(|(other, ..)| *other != number);
                        backlog.remove(&key(number));
                    }
                    Step::Costs(number, cost) => {
                        naive.iter_mut().filter(|(other, ..)| *other == number).for_each(|it| it.2 = cost);
                        backlog.costs(&key(number), cost);
                    }
                    Step::Turns(late, pressing, low) => {
                        let has_room = |cost: Cost| match cost {
                            Cost::Nothing => true,
                            Cost::Read(Weight::Effect | Weight::Question) => pressing,
                            Cost::Read(Weight::LowImpact | Weight::Rehearsal) => low,
                        };
                        let before = arrivals.saturating_sub(late);
                        let mut expected: Vec<_> =
                            naive.iter().filter(|(_, _, cost, came)| has_room(*cost) && *came < before).collect();
                        expected.sort_by_key(|(_, urgency, ..)| *urgency);
                        let expected: Vec<ActionKey> = expected.into_iter().map(|(number, ..)| key(*number)).collect();
                        let (mut found, mut last) = (Vec::new(), None);
                        while let Some((turn, next)) = backlog.next(last, before, has_room) {
                            prop_assert_eq!(backlog.turn_of(next), Some(turn));
                            found.push(next.clone());
                            last = Some(turn);
                        }
                        prop_assert_eq!(found, expected);
                    }
                }
                prop_assert_eq!((backlog.len(), backlog.arrivals()), (naive.len(), arrivals));
            }
        }
    }

    proptest! {
        #[test]
        fn a_rank_orders_as_the_urgency_does(one in any_urgency(), other in any_urgency()) {
            prop_assert_eq!(one.cmp(&other), one.rank().cmp(&other.rank()));
            prop_assert_eq!(one.is_pressing(), Urgency::is_pressing_rank(one.rank()));
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
