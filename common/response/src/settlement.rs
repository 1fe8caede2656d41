//! Decisions that wait for their actions, and writes that wait for the broker's word. Pure.
//!
//! A decision is settled, so that its offset may be committed, once each of its actions has come to something that is
//! durable. One that led to any report counts as sent.

use std::collections::BTreeMap;

use cordon_records::{ActionKey, RecordOutcome};

/// Names a write until it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct WriteId(u64);

/// What happens once a write is durable.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OnDurable {
    /// Of this decision one action is done with, and has led to a report.
    settle: Option<i64>,
    follow: Option<ActionKey>,
}

impl OnDurable {
    /// Of the decision at this offset one action is done with, and has led to a report.
    pub(crate) const fn settle(offset: Option<i64>) -> Self {
        Self { settle: offset, follow: None }
    }

    /// The same, and what becomes of this action is followed.
    pub(crate) fn and_follow(self, key: Option<ActionKey>) -> Self {
        Self { follow: key, ..self }
    }
}

/// A decision that is done with: its offset, and what it led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled(pub i64, pub RecordOutcome);

/// What follows upon a write that is durable.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Durable {
    pub settled: Option<Settled>,
    pub follow: Option<ActionKey>,
}

/// A decision whose offset waits for its actions.
#[derive(Debug)]
struct Waiting {
    left: usize,
    /// How many of its outcomes are on their way to the broker.
    recording: usize,
    outcome: RecordOutcome,
}

/// Nobody waits for this: it was never begun, or is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotWaiting;

/// What waits for its actions, and what for its write.
#[derive(Debug, Default)]
pub(crate) struct Settlement {
    decisions: BTreeMap<i64, Waiting>,
    writes: BTreeMap<WriteId, OnDurable>,
    next: WriteId,
}

impl Settlement {
    /// The decision at `offset` waits for so many outcomes; `outcome` is what it led to if none of them is a report.
    pub(crate) fn open(&mut self, offset: i64, outcomes: usize, outcome: RecordOutcome) {
        self.decisions.insert(offset, Waiting { left: outcomes, recording: 0, outcome });
    }

    /// A write begins, upon which `then` follows.
    pub(crate) fn write(&mut self, then: OnDurable) -> WriteId {
        let id = self.next;
        self.next.0 += 1;
        if let Some(waiting) = self.waiting(&then) {
            waiting.recording += 1;
        }
        self.writes.insert(id, then);
        id
    }

    /// A write is durable.
    ///
    /// # Errors
    /// There is no such write, or the decision that it settles waits for nothing.
    pub(crate) fn durable(&mut self, id: WriteId) -> Result<Durable, NotWaiting> {
        let then = self.writes.remove(&id).ok_or(NotWaiting)?;
        if let Some(waiting) = self.waiting(&then) {
            waiting.recording = waiting.recording.saturating_sub(1);
        }
        let settled = match then.settle {
            Some(offset) => self.one_done(offset, RecordOutcome::Sent)?,
            None => None,
        };
        Ok(Durable { settled, follow: then.follow })
    }

    /// One of the outcomes that the decision at `offset` waits for is there; the decision itself is done with once all are.
    ///
    /// # Errors
    /// It waits for nothing.
    pub(crate) fn one_done(&mut self, offset: i64, outcome: RecordOutcome) -> Result<Option<Settled>, NotWaiting> {
        let waiting = self.decisions.get_mut(&offset).ok_or(NotWaiting)?;
        waiting.left = waiting.left.saturating_sub(1);
        if matches!(outcome, RecordOutcome::Sent) {
            waiting.outcome = RecordOutcome::Sent;
        }
        if waiting.left > 0 {
            return Ok(None);
        }
        Ok(self.decisions.remove(&offset).map(|done| Settled(offset, done.outcome)))
    }

    /// How many writes are on their way to the broker.
    pub(crate) fn under_way(&self) -> usize {
        self.writes.len()
    }

    /// Whether an outcome of the decision at `offset` is on its way to the broker.
    pub(crate) fn is_recording(&self, offset: i64) -> bool {
        self.decisions.get(&offset).is_some_and(|decision| decision.recording > 0)
    }

    fn waiting(&mut self, then: &OnDurable) -> Option<&mut Waiting> {
        then.settle.and_then(|offset| self.decisions.get_mut(&offset))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: RecordOutcome = RecordOutcome::Skipped("known");

    const fn settles(offset: i64) -> OnDurable {
        OnDurable::settle(Some(offset))
    }

    #[test]
    fn a_decision_is_settled_when_the_last_of_its_outcomes_is_durable_and_not_before() {
        let mut settlement = Settlement::default();
        settlement.open(7, 3, KNOWN);
        assert_eq!(settlement.one_done(7, KNOWN), Ok(None));
        let (first, second) = (settlement.write(settles(7)), settlement.write(settles(7)));
        assert!(settlement.is_recording(7));
        assert_eq!(settlement.durable(second), Ok(Durable::default()));
        assert!(settlement.is_recording(7), "the other is on its way yet");
        let settled = Some(Settled(7, RecordOutcome::Sent));
        assert_eq!(settlement.durable(first), Ok(Durable { settled, follow: None }));
        assert!(!settlement.is_recording(7));
    }

    #[test]
    fn a_decision_that_led_to_no_report_says_why() {
        let mut settlement = Settlement::default();
        settlement.open(7, 2, KNOWN);
        assert_eq!(settlement.one_done(7, KNOWN), Ok(None));
        assert_eq!(settlement.one_done(7, KNOWN), Ok(Some(Settled(7, KNOWN))));
    }

    #[test]
    fn what_nobody_waits_for_is_an_error_and_changes_nothing() {
        let mut settlement = Settlement::default();
        assert_eq!(settlement.one_done(7, RecordOutcome::Sent), Err(NotWaiting));
        let write = settlement.write(OnDurable::default());
        assert_eq!(settlement.durable(write), Ok(Durable::default()));
        assert_eq!(settlement.durable(write), Err(NotWaiting), "it was durable before");
        settlement.open(7, 1, KNOWN);
        assert_eq!(settlement.one_done(7, KNOWN), Ok(Some(Settled(7, KNOWN))));
        assert_eq!(settlement.one_done(7, KNOWN), Err(NotWaiting), "it is settled");
    }

    proptest! {
        /// However the outcomes of several decisions and their writes come in, each decision is settled once, by its last.
        #[test]
        fn every_decision_is_settled_exactly_once_by_the_last_of_its_outcomes(
            sizes in proptest::collection::vec(1usize..5, 1..5),
            order in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..40),
        ) {
            let mut settlement = Settlement::default();
            let mut left = sizes.clone();
            let (mut under_way, mut settled) = (Vec::new(), Vec::new());
            for (offset, size) in (0i64..).zip(&sizes) {
                settlement.open(offset, *size, KNOWN);
            }
            // As it comes, then whatever is left.
            let rest = std::iter::repeat_n((None, true), sizes.iter().sum::<usize>() * 2);
            for (index, begins) in order.into_iter().map(|(index, begins)| (Some(index), begins)).chain(rest) {
                let open: Vec<usize> = (0..sizes.len()).filter(|at| left[*at] > 0).collect();
                let pick = |of: usize| index.as_ref().map_or(0, |index| index.index(of));
                if begins && !open.is_empty() {
                    let at = open[pick(open.len())];
                    left[at] -= 1;
                    under_way.push((at, settlement.write(settles(at as i64))));
                } else if !under_way.is_empty() {
                    let (at, write) = under_way.remove(pick(under_way.len()));
                    let others = left[at] + under_way.iter().filter(|(other, _)| *other == at).count();
                    let expected = (others == 0).then_some(Settled(at as i64, RecordOutcome::Sent));
                    prop_assert_eq!(settlement.durable(write), Ok(Durable { settled: expected, follow: None }));
                    settled.extend(expected.map(|Settled(offset, _)| offset));
                }
            }
            settled.sort_unstable();
            prop_assert_eq!(settled, (0..sizes.len() as i64).collect::<Vec<_>>());
        }
    }
}
