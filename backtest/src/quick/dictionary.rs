//! Numbers for texts, and for sequences of such numbers.

use std::collections::HashMap;

use foldhash::quality::RandomState;

/// So many are remembered before it is asked whether that helps, and so many at most.
const TRIED: usize = 2_048;
const MOST: usize = 1 << 17;

/// So many bytes of them are remembered at most, about: whoever writes alerts chooses how long they are.
const ROOM: usize = 8 << 20;

/// Whether so many distinct ones among so many are too many to be worth it: to ask about one that does not come again costs no
/// more than to ask about its record.
const fn is_vain(distinct: usize, all: usize) -> bool {
    distinct >= TRIED && distinct * 10 > all * 9
}

/// The texts that one field has had, each with its number. An absent one has the number 0.
#[derive(Debug, Default)]
pub struct Dictionary {
    numbers: HashMap<Box<str>, u32, RandomState>,
    /// How many bytes the texts are.
    held: usize,
    asked: usize,
    is_given_up: bool,
}

impl Dictionary {
    /// The number of a text; `None` from when nearly every record has another, for good.
    pub fn number(&mut self, text: Option<&str>) -> Option<u32> {
        if self.is_given_up {
            return None;
        }
        let Some(text) = text else { return Some(0) };
        self.asked = self.asked.saturating_add(1);
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        if is_vain(self.numbers.len(), self.asked) {
            self.is_given_up = true;
            (self.numbers, self.held) = (HashMap::default(), 0);
            return None;
        }
        let number = u32::try_from(self.numbers.len()).ok()? + 1;
        self.numbers.insert(text.into(), number);
        self.held += text.len();
        Some(number)
    }

    /// Whether it is time to forget all numbers.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.numbers.len() >= MOST || self.held >= ROOM
    }
}

/// Sequences of numbers, each at a place of its own: those that begin alike share the way.
#[derive(Debug, Default)]
pub struct Ways {
    /// The first step, which most sequences have only.
    first: Vec<u32>,
    steps: HashMap<(u32, u32), u32, RandomState>,
    last: u32,
    asked: usize,
}

impl Ways {
    /// Where all sequences begin.
    pub const START: u32 = 0;

    /// One step on from a place.
    pub fn step(&mut self, from: u32, number: u32) -> u32 {
        if from == Self::START {
            let at = usize::try_from(number).unwrap_or(usize::MAX);
            if self.first.len() <= at {
                self.first.resize(at + 1, Self::START);
            }
            let Some(place) = self.first.get_mut(at) else { return Self::START };
            if *place == Self::START {
                self.last += 1;
                *place = self.last;
            }
            return *place;
        }
        let next = self.last + 1;
        let place = *self.steps.entry((from, number)).or_insert(next);
        self.last = self.last.max(place);
        place
    }

    /// Counts a record, and says whether there are too many places for so many records.
    pub fn is_vain(&mut self) -> bool {
        self.asked = self.asked.saturating_add(1);
        is_vain(self.steps.len(), self.asked)
    }

    /// Whether it is time to forget all of them.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.steps.len() >= MOST
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_field_in_which_nearly_every_record_has_its_own_text_gets_no_more_numbers() {
        let mut various = Dictionary::default();
        let numbers: Vec<_> = (0..3_000).map(|number| various.number(Some(&number.to_string()))).collect();
        assert_eq!(numbers.iter().flatten().count(), TRIED);
        assert_eq!(various.number(Some("7")), None);
        let mut few = Dictionary::default();
        assert!((0..90_000).all(|number| few.number(Some(&(number / 9).to_string())).is_some()));
        assert!(!few.is_full() && (0..MOST * 9).all(|number| few.number(Some(&(number / 9).to_string())).is_some()));
        assert!(few.is_full());
        assert_eq!(few.number(Some("7")), few.number(Some("7")));
    }

    #[test]
    fn long_texts_fill_the_room_before_they_are_many() {
        let mut long = Dictionary::default();
        let asked = (0..100_000).take_while(|number| {
            let text = format!("{number:>60000}");
            assert!(long.number(Some(&text)).is_some());
            !long.is_full()
        });
        assert_eq!(asked.count(), ROOM / 60_000);
    }

    proptest! {
        #[test]
        fn two_sequences_end_at_one_place_exactly_where_they_are_alike(
            sequences in proptest::collection::vec(proptest::collection::vec(0..3_u32, 0..4), 1..40),
        ) {
            let mut ways = Ways::default();
            let ends: Vec<u32> =
                sequences.iter().map(|it| it.iter().fold(Ways::START, |at, number| ways.step(at, *number))).collect();
            for (one, end) in sequences.iter().zip(&ends) {
                for (other, also) in sequences.iter().zip(&ends) {
                    prop_assert_eq!(one == other, end == also);
                }
            }
        }
    }
}
