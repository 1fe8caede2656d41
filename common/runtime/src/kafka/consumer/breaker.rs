//! The breaker of the dead letters. Putting a record aside is right while few records are bad; when nearly all are, the
//! fault is this program's or the one before it, and to go on would empty the topic into the dead letters.
//!
//! The rule is Sentry Arroyo's `DlqLimit`: a limit for records in a row, and one for their share. A third limit is for
//! the beginning: the count is not kept over a restart, so a supervisor that starts a stage again and again would feed
//! the whole topic to it by twenties. A process to which nothing was sound yet is believed less.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// So many dead letters in a row are believed; one more, and the fault is ours.
const IN_A_ROW: u32 = 20;
/// So many, when no record was sound since the start. A burst of poison that happens to lie where a stage begins costs a
/// restart for every five; a stage that can read nothing at all loses no more than five to each.
const AT_START: u32 = 5;
/// The share of dead letters is looked at over this time.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// The grain of that time.
const SLOT: Duration = Duration::from_secs(10);
/// Slots of one window.
const SLOTS: u128 = WINDOW.as_millis() / SLOT.as_millis();
/// Fewer records say nothing about a share: one of ten is ten percent.
const LEAST_RECORDS: u64 = 100;
/// So many in the window are believed, whatever their share.
const MOST_DEAD: u64 = 20;
/// So many of a hundred are believed.
const PERCENT: u64 = 5;

/// Why no further dead letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tripped {
    /// Nothing but dead letters since the process started.
    AtStart {
        /// How many were written.
        dead: u32,
    },
    /// Too many one after the other.
    InARow {
        /// How many were written.
        dead: u32,
    },
    /// Too many of the records of the last five minutes, this one included.
    Share {
        /// Dead ones.
        dead: u64,
        /// All.
        records: u64,
    },
}

impl fmt::Display for Tripped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtStart { dead } => write!(f, "all {dead} records since the start went to the dead letters"),
            Self::InARow { dead } => write!(f, "{dead} records in a row went to the dead letters"),
            Self::Share { dead, records } => {
                let minutes = WINDOW.as_secs() / 60;
                write!(f, "{dead} of the last {records} records, within {minutes} minutes, were for the dead letters")
            }
        }
    }
}

/// What ended within one slot of time.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Slots since the first record.
    number: u128,
    records: u64,
    dead: u64,
}

/// See the module. Pure: time is passed in, and going back in time is standing still.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    in_a_row: u32,
    was_sound: bool,
    began: Option<Instant>,
    slot: Slot,
    /// Those before it, oldest first, as far as the window reaches.
    earlier: VecDeque<Slot>,
    tripped: Option<Tripped>,
}

impl Breaker {
    /// A record proved to be readable, though it has not ended yet.
    pub(super) fn sound(&mut self) {
        self.in_a_row = 0;
        self.was_sound = true;
    }

    /// A record ended, and not as a dead letter.
    pub(super) fn ended(&mut self, now: Instant) {
        self.sound();
        self.slot(now).records += 1;
    }

    /// Asks for one more dead letter, and counts it. A refusal is for good: only a new process begins anew.
    pub(super) fn dead(&mut self, now: Instant) -> Result<(), Tripped> {
        if self.tripped.is_none() {
            self.tripped = self.verdict(now);
        }
        if let Some(tripped) = self.tripped {
            return Err(tripped);
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        let slot = self.slot(now);
        slot.records += 1;
        slot.dead += 1;
        Ok(())
    }

    /// What one more dead letter would mean.
    fn verdict(&mut self, now: Instant) -> Option<Tripped> {
        let dead = self.in_a_row;
        if !self.was_sound && dead >= AT_START {
            return Some(Tripped::AtStart { dead });
        }
        if dead >= IN_A_ROW {
            return Some(Tripped::InARow { dead });
        }
        let slot = *self.slot(now);
        let sum = |(dead, records), slot: &Slot| (dead + slot.dead, records + slot.records);
        let (dead, records) = self.earlier.iter().fold((slot.dead + 1, slot.records + 1), sum);
        let too_many = dead > MOST_DEAD && records >= LEAST_RECORDS && dead * 100 > records * PERCENT;
        too_many.then_some(Tripped::Share { dead, records })
    }

    /// The slot of that time, after those that are over were dropped.
    fn slot(&mut self, now: Instant) -> &mut Slot {
        let began = *self.began.get_or_insert(now);
        let number = now.saturating_duration_since(began).as_millis() / SLOT.as_millis();
        if number > self.slot.number {
            let before = std::mem::replace(&mut self.slot, Slot { number, ..Slot::default() });
            self.earlier.push_back(before);
            self.earlier.retain(|slot| slot.number + SLOTS > number);
        }
        &mut self.slot
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sound_one(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        breaker.ended(now);
        breaker
    }

    fn dead_letter(breaker: &mut Breaker, count: u32, now: Instant) {
        for n in 0..count {
            assert_eq!(breaker.dead(now), Ok(()), "dead letter {n}");
        }
    }

    #[test]
    fn twenty_in_a_row_are_believed_and_a_sound_record_begins_a_new_row() {
        let now = Instant::now();
        let mut breaker = sound_one(now);
        dead_letter(&mut breaker, 20, now);
        breaker.sound();
        dead_letter(&mut breaker, 20, now);
        assert_eq!(breaker.dead(now), Err(Tripped::InARow { dead: 20 }));
    }

    #[test]
    fn a_process_to_which_nothing_was_sound_is_believed_five_times() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        dead_letter(&mut breaker, 5, now);
        assert_eq!(breaker.dead(now), Err(Tripped::AtStart { dead: 5 }));
    }

    #[test]
    fn a_refusal_is_for_good() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        dead_letter(&mut breaker, 5, now);
        assert!(breaker.dead(now).is_err());
        breaker.ended(now);
        assert_eq!(breaker.dead(now), Err(Tripped::AtStart { dead: 5 }));
    }

    #[test]
    fn every_tenth_record_may_die_until_there_are_enough_of_them_to_tell_a_share() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        let mut seen = (0, 0);
        let tripped = loop {
            (0..9).for_each(|_| breaker.ended(now));
            seen = (seen.0 + 1, seen.1 + 10);
            if let Err(tripped) = breaker.dead(now) {
                break tripped;
            }
        };
        assert_eq!((seen, tripped), ((21, 210), Tripped::Share { dead: 21, records: 210 }));
    }

    #[test]
    fn the_same_share_over_a_longer_time_is_believed() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        // Two an hour, of twenty.
        for round in 0_u64..1000 {
            let now = start + Duration::from_secs(round * 1800);
            (0..9).for_each(|_| breaker.ended(now));
            assert_eq!(breaker.dead(now), Ok(()));
        }
        assert!(breaker.earlier.len() < 30);
    }

    #[test]
    fn a_refusal_says_how_many_of_how_many() {
        let told =
            [Tripped::AtStart { dead: 5 }, Tripped::InARow { dead: 20 }, Tripped::Share { dead: 21, records: 210 }]
                .map(|tripped| tripped.to_string());
        assert_eq!(
            told,
            [
                "all 5 records since the start went to the dead letters",
                "20 records in a row went to the dead letters",
                "21 of the last 210 records, within 5 minutes, were for the dead letters",
            ]
        );
    }

    /// The rule once more, from the whole history.
    fn model(history: &[(u64, bool)], at: u64) -> Option<Tripped> {
        let row = history.iter().rev().take_while(|(_, dead)| *dead).count();
        let dead = u32::try_from(row).unwrap();
        if row == history.len() && row >= 5 {
            return Some(Tripped::AtStart { dead });
        }
        if row >= 20 {
            return Some(Tripped::InARow { dead });
        }
        let first = history.first().map_or(at, |(when, _)| *when);
        let slot = |when: u64| (when - first) / 10;
        let recent: Vec<bool> =
            history.iter().filter(|(when, _)| slot(*when) + 30 > slot(at)).map(|(_, dead)| *dead).collect();
        let records = recent.len() as u64 + 1;
        let dead = recent.iter().filter(|dead| **dead).count() as u64 + 1;
        (dead > 20 && records >= 100 && dead * 20 > records).then_some(Tripped::Share { dead, records })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        /// `rate` of a hundred die; `pace` is the longest pause between two, in seconds.
        #[test]
        fn it_refuses_exactly_when_the_whole_history_says_so(
            draws in proptest::collection::vec((0_u64..1000, 0_u64..100), 0..900),
            rate in prop_oneof![0_u64..12, 0_u64..=100],
            pace in prop_oneof![Just(1_u64), 1_u64..40],
        ) {
            let start = Instant::now();
            let (mut breaker, mut history, mut at) = (Breaker::default(), Vec::new(), 0);
            for (pause, fate) in draws {
                at += pause % pace;
                let now = start + Duration::from_secs(at);
                let dead = fate < rate;
                if dead {
                    let expected = model(&history, at);
                    prop_assert_eq!(breaker.dead(now).err(), expected);
                    if expected.is_some() {
                        break;
                    }
                } else {
                    breaker.ended(now);
                }
                history.push((at, dead));
            }
            prop_assert!(breaker.earlier.len() < 30);
        }
    }
}
