//! Everything that has a time: what is due when, in one queue. Pure.
//!
//! Whoever waits for something sets it here and nowhere else, so that nothing with a time can be forgotten, and the next
//! instant at which anything happens is one lookup however much waits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use cordon_records::{ActionKey, ActionKind};

/// Something that becomes due. What is due in one turn is dealt with in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A job in doubt was watched for a while: that is written down, before its list is read.
    Waited(ActionKey),
    /// A job that rests is begun anew, or the list is read for one in doubt.
    Job(ActionKey),
    /// What became of this accepted action is to be looked at, together with others.
    Look(ActionKey),
    /// Looks have kept their distance: the next may be made.
    Looks,
    /// More of what a look told is gone through.
    Told,
    /// A failed action is attempted anew.
    Retry(ActionKey),
    /// The time of this isolation is over.
    Release(ActionKey),
    /// The first of what is held has waited long enough for a person.
    Expiry,
    /// Whether the tenant takes us again is tried.
    ReadAgain,
    /// The link to what this action collected is asked for once more, or no longer.
    Link(ActionKey),
    /// Changes of alerts have waited long enough for company.
    Gathered,
    /// The quota of this kind of call may be there again.
    Quota(ActionKind),
    /// The fleet is counted.
    Count,
    /// Some of what has ended is kept in short.
    Shorten,
    /// What nobody can ask for any more is removed.
    Remove,
}

/// What is due when. Each thing has one time: a later word replaces an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    at: BTreeMap<Due, Instant>,
    queue: BTreeSet<(Instant, Due)>,
}

impl Schedule {
    /// Has this be due at that instant, and at no other.
    pub(crate) fn set(&mut self, what: Due, at: Instant) {
        if let Some(before) = self.at.insert(what.clone(), at) {
            self.queue.remove(&(before, what.clone()));
        }
        self.queue.insert((at, what));
    }

    /// The same, unless it has a time already.
    pub(crate) fn set_first(&mut self, what: Due, at: Instant) {
        if !self.at.contains_key(&what) {
            self.set(what, at);
        }
    }

    /// Takes its time from this. Says whether it had one.
    pub(crate) fn cancel(&mut self, what: &Due) -> bool {
        let Some(at) = self.at.remove(what) else { return false };
        self.queue.remove(&(at, what.clone()))
    }

    /// Whether this has a time.
    pub(crate) fn has(&self, what: &Due) -> bool {
        self.at.contains_key(what)
    }

    /// The instant of what is due next.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Everything that is due by now, which has no time any more, in the order in which it is dealt with.
    pub(crate) fn due(&mut self, now: Instant) -> BTreeSet<Due> {
        let mut due = BTreeSet::new();
        while self.next().is_some_and(|at| at <= now)
            && let Some((_, what)) = self.queue.pop_first()
        {
            self.at.remove(&what);
            due.insert(what);
        }
        due
    }

    /// Everything that has a time.
    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = &Due> {
        self.at.keys()
    }

    /// The failed actions for which a new attempt is planned. Walks over all that has a time: people ask, not every turn.
    pub(crate) fn retries(&self) -> impl Iterator<Item = &ActionKey> {
        self.at.keys().filter_map(|what| if let Due::Retry(key) = what { Some(key) } else { None })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Happening {
        Set(Due, u64),
        SetFirst(Due, u64),
        Cancel(Due),
        Now(u64),
    }

    fn due() -> impl Strategy<Value = Due> {
        let key = (0u8..3).prop_map(|number| serde_json::from_str(&format!("\"{number:032x}\"")).unwrap());
        let of = |make: fn(ActionKey) -> Due| key.clone().prop_map(make);
        prop_oneof![
            of(Due::Waited),
            of(Due::Job),
            of(Due::Look),
            of(Due::Retry),
            of(Due::Release),
            of(Due::Link),
            Just(Due::Looks),
            Just(Due::Told),
            Just(Due::Expiry),
            Just(Due::ReadAgain),
            Just(Due::Gathered),
            Just(Due::Quota(ActionKind::Isolate)),
            Just(Due::Quota(ActionKind::Scan)),
            Just(Due::Count),
        ]
    }

    fn happenings() -> impl Strategy<Value = Vec<Happening>> {
        let one = prop_oneof![
            4 => (due(), 0u64..20).prop_map(|(what, at)| Happening::Set(what, at)),
            1 => (due(), 0u64..20).prop_map(|(what, at)| Happening::SetFirst(what, at)),
            2 => due().prop_map(Happening::Cancel),
            2 => (0u64..20).prop_map(Happening::Now),
        ];
        proptest::collection::vec(one, 0..60)
    }

    proptest! {
        /// The model is a list of everything with its time, searched from end to end.
        #[test]
        fn what_is_due_is_what_a_list_of_everything_with_its_time_says(happenings in happenings()) {
            let start = Instant::now();
            let at = |second| start + Duration::from_secs(second);
            let (mut schedule, mut model) = (Schedule::default(), Vec::<(Due, u64)>::new());
            for happening in happenings {
                match happening {
                    Happening::Set(what, second) => {
                        model.retain(|(other, _)| *other != what);
                        model.push((what.clone(), second));
                        schedule.set(what, at(second));
                    }
                    Happening::SetFirst(what, second) => {
                        if model.iter().all(|(other, _)| *other != what) {
                            model.push((what.clone(), second));
                        }
                        schedule.set_first(what, at(second));
                    }
                    Happening::Cancel(what) => {
                        let had = model.iter().any(|(other, _)| *other == what);
                        model.retain(|(other, _)| *other != what);
                        prop_assert_eq!(schedule.cancel(&what), had);
                    }
                    Happening::Now(second) => {
                        let mut expected: Vec<Due> =
                            model.iter().filter(|(_, due)| *due <= second).map(|(what, _)| what.clone()).collect();
                        expected.sort();
                        model.retain(|(_, due)| *due > second);
                        prop_assert_eq!(schedule.due(at(second)).into_iter().collect::<Vec<_>>(), expected);
                    }
                }
                prop_assert_eq!(schedule.next(), model.iter().map(|(_, second)| at(*second)).min());
                prop_assert!(model.iter().all(|(what, _)| schedule.has(what)));
                let mut retries: Vec<ActionKey> = model.iter().filter_map(|(what, _)| match what {
                    Due::Retry(key) => Some(key.clone()),
                    _ => None,
                }).collect();
                retries.sort();
                prop_assert_eq!(schedule.retries().cloned().collect::<Vec<_>>(), retries);
            }
        }
    }
}
