//! Whether nobody knows what came of a call that an entry remembers.

use super::{AttemptState, LedgerEntry};
use crate::report::ActionState;

impl LedgerEntry {
    /// Whether a call may have reached Defender of which nobody has seen the end: that of the newest attempt, or one that
    /// was given up before it. However the entry stands, that call may have come through, or may do so yet.
    ///
    /// What Defender has taken and is followed leaves no doubt of the newest attempt. Neither does what is covered, also by
    /// somebody else's action: it was answered so, or the settled list was searched for it first.
    #[must_use]
    pub fn leaves_doubt(&self) -> bool {
        self.doubts_earlier() || self.newest_is_unseen()
    }

    /// The same of the attempts before the newest one alone.
    #[must_use]
    pub fn doubts_earlier(&self) -> bool {
        self.unseen_before() > 0
    }

    /// The newest attempt is given up as it stands, for a new one or for another action: from then on it counts among those
    /// before.
    pub fn give_up(&mut self) {
        self.unseen = Some(self.unseen_before() + u32::from(self.newest_is_unseen()));
        self.undone = true;
    }

    /// How many attempts before the newest one nobody has seen the end of. A build that did not count them leaves open of
    /// which of them that is so.
    fn unseen_before(&self) -> u32 {
        let all_before = || u32::try_from(self.intents.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.unseen.unwrap_or_else(all_before)
    }

    fn newest_is_unseen(&self) -> bool {
        if self.intents.is_empty() || self.undone || self.other_action.is_some() {
            return false;
        }
        match self.state {
            AttemptState::Intent | AttemptState::InDoubt => true,
            AttemptState::Reported(state) => match state {
                ActionState::InDoubt | ActionState::NeedsHuman => true,
                // A word of guards or people. It says nothing of a call that was made before.
                ActionState::Refused
                | ActionState::Held
                | ActionState::Would
                | ActionState::Approved
                | ActionState::Denied
                | ActionState::Expired => true,
                ActionState::Covered
                | ActionState::Accepted
                | ActionState::Overdue
                | ActionState::Succeeded
                | ActionState::ClosedMeanwhile
                | ActionState::Failed
                | ActionState::TimedOut
                | ActionState::Cancelled => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LedgerRecord;

    const EXAMPLE: &str = include_str!("../../examples/v1/ledger-action.json");

    /// An entry with so many calls, that stands so.
    fn entry(state: AttemptState, calls: usize) -> LedgerEntry {
        let LedgerRecord::Action(mut entry) = serde_json::from_str(EXAMPLE).unwrap() else { panic!("an action") };
        (entry.state, entry.attempt) = (state, u32::try_from(calls).unwrap());
        entry.intents = vec![entry.at; calls];
        (entry.undone, entry.unseen) = (false, Some(0));
        *entry
    }

    /// Every state, and whether the newest call of one that stands so is one that nobody has seen the end of.
    const STATES: [(AttemptState, bool); 18] = [
        (AttemptState::Intent, true),
        (AttemptState::InDoubt, true),
        (AttemptState::Reported(ActionState::Refused), true),
        (AttemptState::Reported(ActionState::Held), true),
        (AttemptState::Reported(ActionState::Would), true),
        (AttemptState::Reported(ActionState::Covered), false),
        (AttemptState::Reported(ActionState::InDoubt), true),
        (AttemptState::Reported(ActionState::Accepted), false),
        (AttemptState::Reported(ActionState::Succeeded), false),
        (AttemptState::Reported(ActionState::Failed), false),
        (AttemptState::Reported(ActionState::TimedOut), false),
        (AttemptState::Reported(ActionState::Cancelled), false),
        (AttemptState::Reported(ActionState::NeedsHuman), true),
        (AttemptState::Reported(ActionState::ClosedMeanwhile), false),
        (AttemptState::Reported(ActionState::Approved), true),
        (AttemptState::Reported(ActionState::Denied), true),
        (AttemptState::Reported(ActionState::Expired), true),
        (AttemptState::Reported(ActionState::Overdue), false),
    ];

    #[test]
    fn what_was_never_called_leaves_no_doubt_however_it_stands() {
        for (state, _) in STATES {
            assert!(!entry(state, 0).leaves_doubt(), "{state:?}");
        }
    }

    #[test]
    fn one_call_leaves_doubt_by_where_it_stands_and_none_where_it_was_certainly_not_done() {
        for (state, unseen) in STATES {
            let mut one = entry(state, 1);
            assert_eq!(one.leaves_doubt(), unseen, "{state:?}");
            let mut theirs = one.clone();
            one.undone = true;
            assert!(!one.leaves_doubt(), "{state:?}");
            let id = crate::MachineActionId::new("by-hand").unwrap();
            theirs.other_action = Some(crate::OtherAction { id, by: "ann@example.com".into(), scope: None });
            assert!(!theirs.leaves_doubt(), "{state:?}");
        }
    }

    #[test]
    fn an_earlier_call_that_was_given_up_leaves_doubt_whatever_is_known_of_the_newest() {
        for (state, _) in STATES {
            for undone in [false, true] {
                let mut two = entry(state, 2);
                (two.unseen, two.undone) = (Some(1), undone);
                assert!(two.leaves_doubt(), "{state:?}, {undone}");
                // A build that did not count does not say that the first one ended.
                two.unseen = None;
                assert!(two.leaves_doubt(), "{state:?}, {undone}");
            }
        }
    }

    #[test]
    fn earlier_calls_whose_end_was_seen_leave_none() {
        for (state, unseen) in STATES {
            assert_eq!(entry(state, 3).leaves_doubt(), unseen, "{state:?}");
        }
    }

    #[test]
    fn giving_up_keeps_the_doubt_and_no_other() {
        for (state, unseen) in STATES {
            let mut one = entry(state, 1);
            one.give_up();
            assert_eq!(one.unseen, Some(u32::from(unseen)), "{state:?}");
            one.state = AttemptState::Reported(ActionState::Failed);
            assert_eq!(one.leaves_doubt(), unseen, "{state:?}");
            one.give_up();
            assert_eq!(one.unseen, Some(u32::from(unseen)), "{state:?}: once");
        }
    }
}
