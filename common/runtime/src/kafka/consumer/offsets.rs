//! Which offset of a partition may be committed: the lowest one that is not settled yet.
//!
//! Pure. Work on one partition ends in any order, and a committed offset promises that everything below it is done;
//! so the watermark moves only over a contiguous run of settled records. Offsets have gaps (compaction, transaction
//! markers): only records that were really received count, and the next offset is never assumed to be one higher
//! (librdkafka issue #3171).

use std::collections::VecDeque;

/// The records of one partition between receipt and settlement.
#[derive(Debug, Default)]
pub struct PartitionTracker {
    /// Received and not yet below the watermark, ascending by offset.
    slots: VecDeque<Slot>,
    /// One above the highest offset received.
    next: Option<i64>,
    /// The watermark that was last handed out.
    taken: Option<i64>,
    pending: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    offset: i64,
    bytes: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    /// Only its offset is kept for now.
    Aside,
    Settled,
}

impl PartitionTracker {
    /// Takes note of a record. `false` when this offset is being worked on already: then it must not be worked on
    /// twice. An offset below the watermark is taken again: the log was rewound under us, and the record may be new.
    pub fn receive(&mut self, offset: i64, bytes: usize) -> bool {
        let slot = Slot { offset, bytes, state: State::Pending };
        match self.slots.binary_search_by_key(&offset, |slot| slot.offset) {
            Ok(_) => return false,
            Err(place) => self.slots.insert(place, slot),
        }
        if self.next.is_none() {
            // Where reading began is what is committed already.
            self.taken = Some(offset);
        }
        self.next = self.next.max(Some(offset.saturating_add(1)));
        self.pending = self.pending.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        true
    }

    /// Takes note that a record is done. `false` when it is not one of the pending, nor put aside.
    pub fn settle(&mut self, offset: i64) -> bool {
        if !self.turn(offset, State::Settled) {
            return false;
        }
        while self.slots.front().is_some_and(|slot| slot.state == State::Settled) {
            self.slots.pop_front();
        }
        true
    }

    /// Takes note that a record is put aside: it stays unsettled, but is not worked on, and its bytes are given back.
    /// `false` when it is not one of the pending.
    pub fn put_aside(&mut self, offset: i64) -> bool {
        self.turn(offset, State::Aside)
    }

    fn turn(&mut self, offset: i64, state: State) -> bool {
        let Ok(place) = self.slots.binary_search_by_key(&offset, |slot| slot.offset) else { return false };
        let Some(slot) = self.slots.get_mut(place) else { return false };
        match (slot.state, state) {
            (State::Settled, _) | (_, State::Pending) | (State::Aside, State::Aside) => return false,
            (State::Aside, State::Settled) => {}
            (State::Pending, State::Aside | State::Settled) => {
                self.pending = self.pending.saturating_sub(1);
                self.bytes = self.bytes.saturating_sub(slot.bytes);
            }
        }
        slot.state = state;
        true
    }

    /// The next offset to read after a restart: the lowest pending one, or one above the highest received. `None`
    /// before anything was received.
    #[must_use]
    pub fn watermark(&self) -> Option<i64> {
        self.slots.front().map(|slot| slot.offset).or(self.next)
    }

    /// The watermark, if something was settled below it since the last call.
    pub fn advance(&mut self) -> Option<i64> {
        let watermark = self.watermark().filter(|watermark| self.taken != Some(*watermark))?;
        self.taken = Some(watermark);
        Some(watermark)
    }

    /// Whether everything that was received is settled.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.slots.is_empty()
    }

    /// Records that are received and neither settled nor aside.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Their bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Offsets between the watermark and the highest received: how much a restart would repeat.
    #[must_use]
    pub fn span(&self) -> i64 {
        match (self.watermark(), self.next) {
            (Some(watermark), Some(next)) => next.saturating_sub(watermark),
            (None, _) | (_, None) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_watermark_waits_for_the_lowest_pending_record() {
        let mut tracker = PartitionTracker::default();
        for offset in [10, 11, 12] {
            assert!(tracker.receive(offset, 1));
        }
        tracker.settle(11);
        tracker.settle(12);
        assert_eq!(tracker.watermark(), Some(10));
        tracker.settle(10);
        assert_eq!(tracker.watermark(), Some(13));
    }

    #[test]
    fn a_gap_of_compaction_does_not_hold_the_watermark_back() {
        let mut tracker = PartitionTracker::default();
        tracker.receive(3, 1);
        tracker.receive(900, 1);
        tracker.settle(3);
        assert_eq!(tracker.watermark(), Some(900));
        tracker.settle(900);
        assert_eq!(tracker.watermark(), Some(901));
    }

    #[test]
    fn nothing_is_handed_out_before_something_was_settled() {
        let mut tracker = PartitionTracker::default();
        assert_eq!(tracker.advance(), None);
        tracker.receive(5, 1);
        assert_eq!(tracker.advance(), None);
        tracker.settle(5);
        assert_eq!(tracker.advance(), Some(6));
        assert_eq!(tracker.advance(), None);
    }

    #[test]
    fn a_record_is_settled_once_and_only_if_it_was_received() {
        let mut tracker = PartitionTracker::default();
        tracker.receive(1, 7);
        assert!(!tracker.receive(1, 7));
        assert!(!tracker.settle(2));
        assert!(tracker.settle(1));
        assert!(!tracker.settle(1));
        assert_eq!((tracker.pending(), tracker.bytes()), (0, 0));
    }

    #[test]
    fn a_rewound_log_takes_the_watermark_back_with_it() {
        let mut tracker = PartitionTracker::default();
        tracker.receive(10, 1);
        tracker.settle(10);
        assert!(tracker.receive(4, 1));
        assert_eq!(tracker.watermark(), Some(4));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Aside(i64),
        Receive(i64),
        Settle(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let offset = || 0..60_i64;
        prop_oneof![offset().prop_map(Step::Receive), offset().prop_map(Step::Settle), offset().prop_map(Step::Aside)]
    }

    /// The same rules, written down without any cleverness.
    #[derive(Default)]
    struct Naive {
        seen: BTreeMap<i64, bool>,
        aside: BTreeSet<i64>,
        highest: Option<i64>,
    }

    impl Naive {
        fn watermark(&self) -> Option<i64> {
            let open = self.seen.iter().find(|(_, settled)| !**settled).map(|(offset, _)| *offset);
            open.or(self.highest.map(|h| h + 1))
        }

        fn receive(&mut self, offset: i64) {
            self.seen.entry(offset).or_insert(false);
            self.highest = self.highest.max(Some(offset));
        }

        fn put_aside(&mut self, offset: i64) {
            if self.seen.get(&offset) == Some(&false) {
                self.aside.insert(offset);
            }
        }

        fn settle(&mut self, offset: i64) {
            self.aside.remove(&offset);
            if let Some(settled) = self.seen.get_mut(&offset) {
                *settled = true;
                // Below the watermark everything is forgotten.
                let watermark = self.watermark();
                self.seen.retain(|offset, _| Some(*offset) >= watermark);
            }
        }
    }

    proptest! {
        #[test]
        fn the_tracker_agrees_with_the_naive_model(steps in prop::collection::vec(step(), 0..200)) {
            let (mut tracker, mut naive) = (PartitionTracker::default(), Naive::default());
            for step in steps {
                match step {
                    Step::Receive(offset) => { naive.receive(offset); tracker.receive(offset, 2); }
                    Step::Settle(offset) => { naive.settle(offset); tracker.settle(offset); }
                    Step::Aside(offset) => { naive.put_aside(offset); tracker.put_aside(offset); }
                }
                let open = naive.seen.values().filter(|settled| !**settled).count() - naive.aside.len();
                prop_assert_eq!(tracker.watermark(), naive.watermark());
                prop_assert_eq!(tracker.pending(), open);
                prop_assert_eq!(tracker.bytes(), 2 * open);
            }
        }

        #[test]
        fn what_is_handed_out_never_passes_an_unsettled_record(
            steps in prop::collection::vec(step(), 0..200),
        ) {
            let (mut tracker, mut naive) = (PartitionTracker::default(), Naive::default());
            for step in steps {
                match step {
                    Step::Receive(offset) => { naive.receive(offset); tracker.receive(offset, 1); }
                    Step::Settle(offset) => { naive.settle(offset); tracker.settle(offset); }
                    Step::Aside(offset) => { naive.put_aside(offset); tracker.put_aside(offset); }
                }
                if let Some(handed) = tracker.advance() {
                    prop_assert!(naive.seen.iter().all(|(offset, settled)| *settled || *offset >= handed));
                }
            }
        }
    }
}
