//! Records that a holder has put aside: kept by their offsets alone, until there is room to fetch them again. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// How many are fetched again at once.
const BATCH: usize = 128;

/// How far apart the first and the last of them may lie: what is between them is read, too, and thrown away.
const SPAN: i64 = 4_096;

/// Every so many batches the oldest record goes first, whatever its rank: none waits for ever.
const FOR_THE_OLDEST: u32 = 4;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// The offsets, by rank; the lowest rank is fetched first.
    waiting: BTreeMap<u8, BTreeSet<i64>>,
    /// How many are being fetched, and their rank.
    fetching: usize,
    fetched_rank: u8,
    batches: u32,
}

impl Aside {
    /// Puts one aside.
    pub(super) fn put(&mut self, rank: u8, offset: i64) {
        self.waiting.entry(rank).or_default().insert(offset);
    }

    /// How many are aside, those among them that are being fetched.
    pub(super) fn len(&self) -> usize {
        self.waiting.values().map(BTreeSet::len).sum::<usize>() + self.fetching
    }

    /// The lowest rank of those that are aside, those that are being fetched among them.
    pub(super) fn first(&self) -> Option<u8> {
        let fetched = (self.fetching > 0).then_some(self.fetched_rank);
        self.waiting.keys().next().copied().into_iter().chain(fetched).min()
    }

    /// What to fetch next, in the order of the offsets; nothing while something is being fetched, or nothing is aside.
    pub(super) fn next_batch(&mut self) -> Option<Vec<i64>> {
        if self.fetching > 0 {
            return None;
        }
        let rank = self.next_rank()?;
        let offsets = self.waiting.get_mut(&rank)?;
        let first = *offsets.first()?;
        let batch: Vec<i64> = offsets.range(..first.saturating_add(SPAN)).take(BATCH).copied().collect();
        for offset in &batch {
            offsets.remove(offset);
        }
        if offsets.is_empty() {
            self.waiting.remove(&rank);
        }
        (self.fetching, self.fetched_rank) = (batch.len(), rank);
        Some(batch)
    }

    fn next_rank(&mut self) -> Option<u8> {
        self.batches = self.batches.wrapping_add(1);
        if self.batches.is_multiple_of(FOR_THE_OLDEST) {
            let oldest = |offsets: &BTreeSet<i64>| offsets.first().copied();
            return self.waiting.iter().min_by_key(|(_, offsets)| oldest(offsets)).map(|(rank, _)| *rank);
        }
        self.waiting.keys().next().copied()
    }

    /// One of the batch was fetched.
    pub(super) const fn came(&mut self) {
        self.fetching = self.fetching.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fetched(aside: &mut Aside) -> Vec<i64> {
        let batch = aside.next_batch().unwrap_or_default();
        assert!(batch.is_empty() || aside.next_batch().is_none(), "one batch at a time");
        batch.iter().for_each(|_| aside.came());
        batch
    }

    #[test]
    fn the_lower_rank_is_fetched_first_and_every_fourth_batch_begins_with_the_oldest() {
        let mut aside = Aside::default();
        (0..10).for_each(|offset| aside.put(9, offset));
        (100..100 + 5 * 128).for_each(|offset| aside.put(0, offset));
        let firsts: Vec<i64> = (0..6).map(|_| fetched(&mut aside)[0]).collect();
        assert_eq!(firsts, [100, 228, 356, 0, 484, 612]);
        assert_eq!(aside.len(), 0);
    }

    #[test]
    fn records_far_apart_are_not_fetched_in_one_go() {
        let mut aside = Aside::default();
        [7, 8, 4_102, 4_103].into_iter().for_each(|offset| aside.put(0, offset));
        assert_eq!(fetched(&mut aside), [7, 8, 4_102]);
        assert_eq!(fetched(&mut aside), [4_103]);
    }

    proptest! {
        #[test]
        fn whatever_is_put_aside_is_fetched_once_in_batches_of_one_rank(
            records in prop::collection::btree_map(0_i64..20_000, 0_u8..5, 0..600),
            early in 0_usize..600,
        ) {
            let mut aside = Aside::default();
            let (mut seen, mut put) = (BTreeSet::new(), BTreeSet::new());
            let mut left = records.iter();
            left.by_ref().take(early).for_each(|(offset, rank)| {
                put.insert((*rank, *offset));
                aside.put(*rank, *offset);
            });
            loop {
                let first = |put: &BTreeSet<(u8, i64)>| put.first().map(|(rank, _)| *rank);
                let batch = aside.next_batch().unwrap_or_default();
                for offset in &batch {
                    prop_assert_eq!(aside.first(), first(&put), "also of those that are being fetched");
                    put.remove(&(records[offset], *offset));
                    aside.came();
                }
                prop_assert!(batch.len() <= BATCH && batch.is_sorted());
                let ranks: BTreeSet<&u8> = batch.iter().filter_map(|offset| records.get(offset)).collect();
                prop_assert!(ranks.len() <= 1);
                prop_assert!(batch.iter().all(|offset| seen.insert(*offset)), "twice");
                let more: Vec<_> = left.by_ref().take(40).collect();
                if batch.is_empty() && more.is_empty() {
                    break;
                }
                more.into_iter().for_each(|(offset, rank)| {
                    put.insert((*rank, *offset));
                    aside.put(*rank, *offset);
                });
            }
            prop_assert_eq!(seen.len(), records.len());
        }
    }
}
