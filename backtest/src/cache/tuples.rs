//! The distinct combinations of several columns' values.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::quality::RandomState;

/// A table for fewer combinations than this beats a map.
const TABLE: usize = 1 << 20;

/// The combinations that the rows of a segment have.
#[derive(Debug)]
pub struct Tuples {
    /// The combination of each row.
    pub of_row: Vec<u32>,
    /// A row that has the combination: the first.
    pub first: Vec<u32>,
}

impl Tuples {
    /// One that all of so many rows have.
    #[must_use]
    pub fn one(rows: usize) -> Self {
        Self { of_row: vec![0; rows], first: if rows > 0 { vec![0] } else { Vec::new() } }
    }

    /// Each row has its own.
    #[must_use]
    pub fn by_row(rows: usize) -> Self {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        Self { of_row: (0..rows).collect(), first: (0..rows).collect() }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.first.len()
    }

    /// With one column more, that has so many values and these codes.
    #[must_use]
    pub fn with(self, codes: &[u32], values: usize) -> Self {
        if values <= 1 || self.len() == self.of_row.len() {
            return self;
        }
        match self.len().checked_mul(values).filter(|all| *all <= TABLE) {
            Some(all) => {
                let mut table = vec![u32::MAX; all];
                self.combined(codes, values, |key, next| {
                    let known = usize::try_from(key).ok().and_then(|key| table.get_mut(key));
                    known.map_or(next, |known| {
                        if *known == u32::MAX {
                            *known = next;
                        }
                        *known
                    })
                })
            }
            None => {
                let mut map: HashMap<u64, u32, RandomState> = HashMap::default();
                self.combined(codes, values, |key, next| *map.entry(key).or_insert(next))
            }
        }
    }

    /// A number for each of these ranges, the same where they hold the same combinations in the same order, and how many there
    /// are.
    #[must_use]
    pub fn lists(&self, ranges: impl Iterator<Item = Range<usize>>) -> (Vec<u32>, usize) {
        let mut known: HashMap<&[u32], u32, RandomState> = HashMap::default();
        let mut number = |range: Range<usize>| {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            *known.entry(self.of_row.get(range).unwrap_or_default()).or_insert(next)
        };
        let numbers = ranges.map(&mut number).collect();
        (numbers, known.len())
    }

    /// `number` gives the number of a combination, or takes the next one for it.
    fn combined(mut self, codes: &[u32], values: usize, mut number: impl FnMut(u64, u32) -> u32) -> Self {
        let values = u64::try_from(values).unwrap_or(u64::MAX);
        let mut first = Vec::new();
        for (row, (tuple, code)) in (0..).zip(self.of_row.iter_mut().zip(codes)) {
            let next = u32::try_from(first.len()).unwrap_or(u32::MAX);
            *tuple = number(u64::from(*tuple) * values + u64::from(*code), next);
            if *tuple == next {
                first.push(row);
            }
        }
        Self { of_row: self.of_row, first }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_have_one_number_where_they_hold_the_same_in_the_same_order() {
        let tuples = Tuples { of_row: vec![1, 2, 1, 2, 2, 1], first: vec![0, 1] };
        let (numbers, all) = tuples.lists([0..2, 2..4, 4..6, 6..6, 0..1, 3..3].into_iter());
        assert_eq!((numbers, all), (vec![0, 0, 1, 2, 3, 2], 4));
    }

    proptest! {
        #[test]
        fn two_rows_have_one_combination_exactly_where_they_agree_in_every_column(
            rows in proptest::collection::vec((0..3_u32, 0..4_u32, 0..2_u32), 1..60), values in prop_oneof![Just(4_usize), Just(1 << 21)],
        ) {
            let column = |of: fn(&(u32, u32, u32)) -> u32| rows.iter().map(of).collect::<Vec<_>>();
            let tuples = Tuples::one(rows.len()).with(&column(|it| it.0), 3).with(&column(|it| it.1), values).with(&column(|it| it.2), 2);
            for (one, first) in rows.iter().zip(&tuples.of_row) {
                for (other, second) in rows.iter().zip(&tuples.of_row) {
                    prop_assert_eq!(one == other, first == second);
                }
                prop_assert_eq!(&rows[tuples.first[*first as usize] as usize], one);
            }
        }
    }
}
