//! What is to be written to `summary`, and when. Pure; time is passed in.
//!
//! What people would not see otherwise is written at once: an INTENT, what is held, a switch, and the first word of each key.
//! Of a key that they see already, that its call was taken and what came of it may wait for a moment: after a crash they read
//! that the call may have been made, until the successor has compared. Where many actions are under way, the records of all of
//! them leave together then, and of one action often only the last.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cordon_records::{ActionKind, ActionState, AttemptState, LedgerRecord};
use cordon_response::{SummaryChanges, SummaryFold, SummaryRecords, mirrored};

/// So many records are under way at once.
const AT_ONCE: usize = 256;

/// What may wait goes when nothing more has come for so long.
const QUIET: Duration = Duration::from_millis(200);

/// What may wait goes after so long in any case.
const LONGEST: Duration = Duration::from_secs(1);

/// What one tenure has to write.
#[derive(Debug)]
pub(super) enum Book {
    /// The topic is yet to be compared with what it is to say.
    Comparing(SummaryRecords),
    /// What is yet to be written.
    Following(Following),
}

impl Book {
    pub(super) fn keep(&mut self, record: &LedgerRecord, now: Instant) {
        match self {
            Self::Comparing(wanted) => wanted.take(record),
            Self::Following(following) => following.keep(record, now),
        }
    }

    /// What the ledger says of keys over which a former holder wrote. While the topic is compared that is found there.
    pub(super) fn say_again(&mut self, what: SummaryChanges) {
        if let Self::Following(following) = self {
            following.say_again(what);
        }
    }

    /// The topic was read.
    pub(super) fn compared(&mut self, found: &SummaryFold) {
        if let Self::Comparing(wanted) = self {
            *self = Self::Following(Following::begin(wanted, found));
        }
    }

    /// The claim of this tenure, while the topic is yet to be compared.
    pub(super) fn claim(&self) -> Option<SummaryChanges> {
        let Self::Comparing(wanted) = self else { return None };
        Some(wanted.get("claim").map(|claim| ("claim".to_owned(), Some(claim.clone()))).into_iter().collect())
    }

    /// Hands over what is to be written next; with `all`, also what may wait.
    pub(super) fn next(&mut self, now: Instant, all: bool) -> SummaryChanges {
        match self {
            Self::Comparing(_) => SummaryChanges::new(),
            Self::Following(following) => following.next(now, all),
        }
    }

    /// Takes back what could not be written, where nothing newer has come.
    pub(super) fn put_back(&mut self, failed: SummaryChanges) {
        if let Self::Following(following) = self {
            following.put_back(failed);
        }
    }

    /// When there is something to hand over, if ever: an instant that has passed is now.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Comparing(_) => None,
            Self::Following(following) => following.due(),
        }
    }
}

/// What is yet to be written, of each key the newest: it stands in one of the two.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// Now; and since when there is something.
    now: SummaryChanges,
    since: Option<Instant>,
    /// After others.
    later: SummaryChanges,
    /// When the first and the last of these came.
    came: Option<(Instant, Instant)>,
    /// Keys of which the topic has a record, or will have one before anything else is written of them.
    shown: BTreeSet<String>,
}

impl Following {
    fn begin(wanted: &SummaryRecords, found: &SummaryFold) -> Self {
        Self { now: wanted.differences(found), shown: wanted.keys().cloned().collect(), ..Self::default() }
    }

    fn keep(&mut self, record: &LedgerRecord, now: Instant) {
        let Some((key, change)) = mirrored(record) else { return };
        let was_shown = match &change {
            Some(_) => !self.shown.insert(key.clone()),
            None => self.shown.remove(&key),
        };
        if was_shown && may_wait(record) && !self.now.contains_key(&key) {
            let first = self.came.filter(|_| !self.later.is_empty()).map_or(now, |(first, _)| first);
            self.came = Some((first, now));
            self.later.insert(key, change);
        } else {
            self.later.remove(&key);
            self.since.get_or_insert(now);
            self.now.insert(key, change);
        }
    }

    fn say_again(&mut self, what: SummaryChanges) {
        what.keys().for_each(|key| _ = self.later.remove(key));
        self.now.extend(what);
    }

    fn next(&mut self, now: Instant, all: bool) -> SummaryChanges {
        if all || self.waited_until().is_some_and(|until| until <= now) {
            self.now.append(&mut self.later);
        }
        self.since = None;
        let next: Vec<String> = self.now.keys().take(AT_ONCE).cloned().collect();
        next.into_iter().filter_map(|key| self.now.remove_entry(&key)).collect()
    }

    /// What is newer of such a key waits no longer: it may be the first that people see of it.
    fn put_back(&mut self, failed: SummaryChanges) {
        for (key, change) in failed {
            let newer = self.later.remove(&key);
            self.now.entry(key).or_insert(newer.unwrap_or(change));
        }
    }

    fn due(&self) -> Option<Instant> {
        self.since.or_else(|| self.waited_until())
    }

    /// When what may wait has waited.
    fn waited_until(&self) -> Option<Instant> {
        self.came.filter(|_| !self.later.is_empty()).map(|(first, last)| (first + LONGEST).min(last + QUIET))
    }
}

/// Whether people lose nothing when this comes a moment later than what they see already. Who lets machines back looks at once
/// whether they are.
fn may_wait(record: &LedgerRecord) -> bool {
    match record {
        LedgerRecord::Action(entry) => {
            !matches!(entry.action.kind(), ActionKind::Release)
                && matches!(
                    entry.state,
                    AttemptState::Reported(
                        ActionState::Accepted
                            | ActionState::Succeeded
                            | ActionState::Failed
                            | ActionState::TimedOut
                            | ActionState::Cancelled
                    )
                )
        }
        LedgerRecord::Closed(_) => true,
        LedgerRecord::Applied { .. }
        | LedgerRecord::Genesis(_)
        | LedgerRecord::Claim(_)
        | LedgerRecord::Breaker(_)
        | LedgerRecord::Pause(_)
        | LedgerRecord::CommandsPosition { .. }
        | LedgerRecord::Policy(_)
        | LedgerRecord::FleetSize { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use cordon_records::{Claim, Latch, LedgerEntry, PlannedAction};

    use super::super::super::tests::samples::{decision, start};
    use super::*;

    fn pause(on: bool) -> LedgerRecord {
        LedgerRecord::Pause(Latch { on, by: "ann".into(), why: "drill".into(), at: start(), window_s: None })
    }

    fn claim() -> LedgerRecord {
        LedgerRecord::Claim(Claim { epoch: 3, owner: "h".into(), at: start() })
    }

    fn action(alert: &str, state: AttemptState) -> LedgerRecord {
        let mut decision = decision(alert, "m1");
        let PlannedAction { key, action, .. } = decision.planned.remove(0);
        let mut entry = LedgerEntry::new(key, action, (decision.alert, decision.machine.unwrap()), start());
        entry.state = state;
        LedgerRecord::Action(Box::new(entry))
    }

    fn said(record: LedgerRecord) -> SummaryChanges {
        SummaryChanges::from([(record.key(), Some(record))])
    }

    const ACCEPTED: AttemptState = AttemptState::Reported(ActionState::Accepted);
    const SUCCEEDED: AttemptState = AttemptState::Reported(ActionState::Succeeded);

    #[test]
    fn what_comes_while_the_topic_is_compared_is_in_what_is_written_and_the_claim_is_first() {
        let (mut book, now) = (Book::Comparing(SummaryRecords::default()), Instant::now());
        [claim(), pause(true), pause(false)].iter().for_each(|record| book.keep(record, now));
        let first = SummaryChanges::from([("claim".to_owned(), Some(claim()))]);
        let nothing = SummaryChanges::new();
        assert_eq!((book.next(now, true), book.claim()), (nothing, Some(first.clone())), "the claim alone before");
        book.compared(&SummaryFold::default());
        let rest = SummaryChanges::from([("pause".to_owned(), Some(pause(false)))]);
        assert_eq!(book.next(now, false), first.into_iter().chain(rest).collect());
        assert!(book.next(now, true).is_empty() && book.claim().is_none());
    }

    #[test]
    fn what_could_not_be_written_is_written_again_unless_something_newer_has_come() {
        let (mut book, now) = (Book::Following(Following::default()), Instant::now());
        [pause(true), claim(), action("a1", AttemptState::Intent)].iter().for_each(|record| book.keep(record, now));
        let failed = book.next(now, false);
        book.keep(&pause(false), now);
        book.keep(&action("a1", ACCEPTED), now);
        book.put_back(failed);
        let wanted = [said(pause(false)), said(claim()), said(action("a1", ACCEPTED))];
        assert_eq!(book.next(now, false), wanted.into_iter().flatten().collect());
        assert!(book.next(now, true).is_empty());
    }

    #[test]
    fn an_intent_is_written_at_once_and_what_came_of_it_waits_for_others_but_not_for_ever() {
        let (mut book, start) = (Book::Following(Following::default()), Instant::now());
        book.keep(&action("a1", AttemptState::Intent), start);
        assert_eq!(book.due(), Some(start));
        assert_eq!(book.next(start, false), said(action("a1", AttemptState::Intent)));
        book.keep(&action("a1", ACCEPTED), start);
        assert_eq!((book.next(start, false), book.due()), (SummaryChanges::new(), Some(start + QUIET)));
        let soon = start + QUIET / 2;
        book.keep(&action("a1", SUCCEEDED), soon);
        assert!(book.next(start + QUIET, false).is_empty(), "something came meanwhile");
        assert_eq!(book.next(soon + QUIET, false), said(action("a1", SUCCEEDED)), "the last of it");
        assert_eq!(book.due(), None);
        let mut now = start;
        while now < start + LONGEST {
            book.keep(&action("a1", ACCEPTED), now);
            assert!(book.next(now, false).is_empty());
            now += QUIET / 2;
        }
        assert_eq!(book.next(now, false), said(action("a1", ACCEPTED)));
    }

    #[test]
    fn nothing_waits_of_what_people_would_not_see_otherwise() {
        let (mut book, now) = (Book::Following(Following::default()), Instant::now());
        let first = [action("a1", ACCEPTED), action("a2", SUCCEEDED)];
        first.iter().for_each(|record| book.keep(record, now));
        assert_eq!(book.next(now, false), first.into_iter().flat_map(said).collect(), "the first word of a key");
        book.keep(&action("a1", SUCCEEDED), now);
        let held = AttemptState::Reported(ActionState::Held);
        for state in [AttemptState::Intent, AttemptState::InDoubt, held] {
            book.keep(&action("a1", state), now);
            assert_eq!(book.next(now, false), said(action("a1", state)));
            assert!(book.next(now, true).is_empty(), "what was to be written later is older");
        }
    }
}
