//! One action on its way: where it stands, what it carries there, and what may come next. Pure.
//!
//! ```text
//!           ┌──────────── Wait ◄───────────┐
//!           ▼                              │
//!  new ─► Queued ─Read─► Reading ─Intend─► IntentSent ─Written─► IntentAt ─Gather─► Gathering
//!           ▲  ▲           │  │                                     │Call             │Call
//!           │  └─Wait──────┘  │Unread                               ▼                 │
//!           └─Wait─ Resting ◄─┘◄──────── NotCalled ────────────── Calling ◄───────────┘
//!                      ▲                                            │Doubt, Look
//!                      └─ Repeat, NotCalled ─ Looking ◄─Look─ InDoubt ◄┘
//! ```
//!
//! A job ends by being taken out, wherever it stands.

use std::time::Instant;

use cordon_policy::Asker;
use cordon_records::{ActionKey, ActionKind, LedgerEntry, Mode};

use super::asker::{asker, is_approved};
use super::event::OutOfPlace;
use super::lane::{Place, place};
use super::urgency::{Cost, Urgency};
use super::waited::Watched;

/// What the next INTENT of an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// A new attempt, with the next number.
    New,
    /// A new attempt that has its number already.
    Numbered,
    /// The attempt before, which was definitely not done, once more under its number.
    Again,
}

/// What an action carries until its INTENT is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Before {
    pub attempt: Attempt,
    /// Fresh reads in a row that failed.
    pub unread: u32,
}

/// What Defender's list is read for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sought {
    /// Our call, whose answer was lost: if it was done, the list shows it by now.
    Lost,
    /// An earlier attempt of ours: a fresh read found this one needless, for this reason.
    Needless(String),
    /// The action because of which Defender did nothing. For an isolation the list must show it from that instant on.
    Running(Option<Instant>),
    /// The same, and that instant has come.
    RunningSettled,
}

impl Sought {
    /// Whether what the list does not show by now is not there.
    pub(super) const fn is_settled(&self) -> bool {
        match self {
            Self::Lost | Self::Needless(_) | Self::RunningSettled => true,
            Self::Running(_) => false,
        }
    }
}

/// What an action carries while Defender's list is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Search {
    /// Looks in a row that failed.
    pub unread: u32,
    /// What is made if nothing is found and it may be made once more.
    attempt: Attempt,
}

/// Where a job stands between two events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Waits for its machine or its turn.
    Queued(Before),
    /// The fresh read is under way.
    Reading(Before),
    /// Nothing was done; the fresh read is repeated at this instant.
    Resting(Instant, Before),
    /// The INTENT, made at this instant, is on its way to the broker.
    IntentSent(Instant),
    /// The INTENT is at this offset and waits to be read back.
    IntentAt(Instant, i64),
    /// The INTENT was read back; the call waits for company.
    Gathering(Instant),
    /// The call is under way.
    Calling,
    /// The answer was lost, or Defender did nothing since another isolation is on its way, which its list must show from the
    /// second instant on; the list is read at the first.
    InDoubt(Instant, Option<Instant>, Search),
    /// The list is being read.
    Looking(Sought, Search),
}

impl State {
    /// Its name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Queued(_) => "queued",
            Self::Reading(_) => "reading",
            Self::Resting(..) => "resting",
            Self::IntentSent(_) => "intent sent",
            Self::IntentAt(..) => "intent written",
            Self::Gathering(_) => "gathering",
            Self::Calling => "calling",
            Self::InDoubt(..) => "in doubt",
            Self::Looking(..) => "looking",
        }
    }

    /// When it ends by itself.
    pub(super) const fn until(&self) -> Option<Instant> {
        match self {
            Self::Resting(until, _) | Self::InDoubt(until, ..) => Some(*until),
            Self::Queued(_)
            | Self::Reading(_)
            | Self::IntentSent(_)
            | Self::IntentAt(..)
            | Self::Gathering(_)
            | Self::Calling
            | Self::Looking(..) => None,
        }
    }
}

/// A question that a job asks the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    /// The fresh read.
    Facts,
    /// The list of the machine's actions.
    List,
}

impl Question {
    /// What answers it.
    pub(super) const fn answer(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::List => "list",
        }
    }
}

/// What happens to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// It waits for its turn.
    Wait,
    /// The fresh read is asked for.
    Read,
    /// The fresh read was answered.
    Answered,
    /// The fresh read failed, and is repeated at this instant.
    Unread(Instant),
    /// Its INTENT, made at this instant, is sent.
    Intend(Instant),
    /// Its INTENT is at this offset.
    Written(i64),
    /// Its INTENT was read back, and its call waits for company.
    Gather,
    /// It is called.
    Call,
    /// Certainly nothing was done; the same attempt may be made at this instant.
    NotCalled(Instant),
    /// Nobody knows what came of its call; the list is read at this instant.
    Doubt(Instant),
    /// The list is read.
    Look(Sought),
    /// The list could not be read, or did not show what it must show from the second instant on; it is read again at the first.
    LookAgain(Instant, Option<Instant>),
    /// The list does not know it: it is made once more, from this instant on.
    Repeat(Instant),
}

impl Step {
    /// Its name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Read => "read",
            Self::Answered => "facts read",
            Self::Unread(_) => "facts unread",
            Self::Intend(_) => "intend",
            Self::Written(_) => "intent written",
            Self::Gather => "gather",
            Self::Call => "call",
            Self::NotCalled(_) => "not called",
            Self::Doubt(_) => "doubt",
            Self::Look(_) => "look",
            Self::LookAgain(..) => "look again",
            Self::Repeat(_) => "repeat",
        }
    }
}

impl Step {
    /// The question that it asks the tenant.
    const fn asks(&self) -> Option<Question> {
        match self {
            Self::Read => Some(Question::Facts),
            Self::Look(_) => Some(Question::List),
            Self::Wait
            | Self::Answered
            | Self::Unread(_)
            | Self::Intend(_)
            | Self::Written(_)
            | Self::Gather
            | Self::Call
            | Self::NotCalled(_)
            | Self::Doubt(_)
            | Self::LookAgain(..)
            | Self::Repeat(_) => None,
        }
    }
}

/// One action on its way.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub entry: LedgerEntry,
    /// The decision that waits for it.
    pub offset: Option<i64>,
    /// The action before it in its decision: this one begins when that one is settled.
    pub after: Option<ActionKey>,
    /// How soon its turn comes.
    pub urgency: Urgency,
    /// How often Defender said that another action is running.
    pub busy: u32,
    /// Of one in doubt: up to when it was watched.
    pub watched: Option<Watched>,
    /// Its call is not shared with others.
    pub alone: bool,
    /// Its lane of its machine.
    place: Place,
    /// The answer that it waits for.
    awaits: Option<Question>,
    state: State,
}

impl Job {
    /// One that has not begun and that no decision waits for; its next INTENT is this one.
    pub(super) fn new(entry: LedgerEntry, attempt: Attempt) -> Self {
        let (place, urgency) = (place(&entry), Urgency::of(&entry));
        let state = State::Queued(Before { attempt, unread: 0 });
        Self {
            entry,
            offset: None,
            after: None,
            urgency,
            busy: 0,
            watched: None,
            alone: false,
            place,
            awaits: None,
            state,
        }
    }

    /// One that the decision at `offset` plans, after another one.
    pub(super) fn planned(entry: LedgerEntry, urgency: Urgency, (offset, after): (i64, Option<ActionKey>)) -> Self {
        Self { offset: Some(offset), after, urgency, ..Self::new(entry, Attempt::New) }
    }

    /// One of which nobody knows what came of its call; the list is read at this instant.
    pub(super) fn in_doubt(entry: LedgerEntry, until: Instant) -> Self {
        let search = Search { unread: 0, attempt: Attempt::New };
        Self { state: State::InDoubt(until, None, search), ..Self::new(entry, Attempt::New) }
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// The answer that it waits for.
    pub(super) const fn awaits(&self) -> Option<Question> {
        self.awaits
    }

    /// The answer is there, once.
    pub(super) const fn is_told(&mut self) {
        self.awaits = None;
    }

    /// What the list is being read for.
    pub(super) const fn sought(&self) -> Option<&Sought> {
        match &self.state {
            State::Looking(sought, _) => Some(sought),
            State::Queued(_)
            | State::Reading(_)
            | State::Resting(..)
            | State::IntentSent(_)
            | State::IntentAt(..)
            | State::Gathering(_)
            | State::Calling
            | State::InDoubt(..) => None,
        }
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    /// When the INTENT was made that permits its call.
    pub(super) const fn intended_at(&self) -> Option<Instant> {
        match self.state {
            State::IntentAt(since, _) | State::Gathering(since) => Some(since),
            State::Queued(_)
            | State::Reading(_)
            | State::Resting(..)
            | State::IntentSent(_)
            | State::Calling
            | State::InDoubt(..)
            | State::Looking(..) => None,
        }
    }

    /// Fresh reads, or looks at the list, that failed in a row.
    pub(super) const fn unread(&self) -> u32 {
        match &self.state {
            State::Queued(before) | State::Reading(before) | State::Resting(_, before) => before.unread,
            State::InDoubt(_, _, search) | State::Looking(_, search) => search.unread,
            State::IntentSent(_) | State::IntentAt(..) | State::Gathering(_) | State::Calling => 0,
        }
    }

    /// What its next INTENT is, as far as that is known where it stands.
    pub(super) const fn attempt(&self) -> Attempt {
        match &self.state {
            State::Queued(before) | State::Reading(before) | State::Resting(_, before) => before.attempt,
            State::InDoubt(_, _, search) | State::Looking(_, search) => search.attempt,
            State::IntentSent(_) | State::IntentAt(..) | State::Gathering(_) | State::Calling => Attempt::New,
        }
    }

    /// Whether it needs no fresh read for sure: it is only rehearsed, or a person is still to be asked. What else needs none
    /// is found out when its turn comes.
    pub(super) fn costs_no_read(&self) -> bool {
        let asks = self.entry.mode == Mode::Approve && asker(&self.entry) == Asker::Rules && !is_approved(&self.entry);
        (self.entry.mode == Mode::Shadow || asks) && self.is_plain()
    }

    /// What its turn costs.
    pub(super) fn cost(&self) -> Cost {
        if self.costs_no_read() { Cost::Nothing } else { Cost::Read(self.urgency.weight) }
    }

    /// Whether the facts of the decision may be enough for more than a switch that is on. An earlier call of it may be found by
    /// the read, and so may an end of what the tenant refuses us. A release is about the isolation that stands, which nothing but
    /// the machine's list of actions tells.
    pub(super) fn is_plain(&self) -> bool {
        self.entry.attempt == 0 && !self.entry.tenant_refuses && self.entry.action.kind() != ActionKind::Release
    }

    /// Whether it waits for its turn: neither the tenant nor the broker was asked for anything.
    pub(super) const fn has_not_begun(&self) -> bool {
        match self.state {
            State::Queued(_) => true,
            State::Reading(_)
            | State::IntentSent(_)
            | State::IntentAt(..)
            | State::Gathering(_)
            | State::Calling
            | State::Resting(..)
            | State::InDoubt(..)
            | State::Looking(..) => false,
        }
    }

    /// Whether it has begun and waits for nothing but its own reads and calls.
    pub(super) const fn is_on_its_way(&self) -> bool {
        match self.state {
            State::Reading(_) | State::IntentSent(_) | State::IntentAt(..) | State::Gathering(_) | State::Calling => {
                true
            }
            State::Queued(_) | State::Resting(..) | State::InDoubt(..) | State::Looking(..) => false,
        }
    }

    /// Whether an INTENT of this holder permits a call of it, or that call is out.
    pub(super) const fn is_intended(&self) -> bool {
        match self.state {
            State::IntentSent(_) | State::IntentAt(..) | State::Gathering(_) | State::Calling => true,
            State::Queued(_) | State::Reading(_) | State::Resting(..) | State::InDoubt(..) | State::Looking(..) => {
                false
            }
        }
    }

    /// Whether a call may be out, or comes out at any moment: nobody can say yet what there is to cancel.
    pub(super) const fn is_under_way(&self) -> bool {
        self.is_intended() || matches!(self.state, State::InDoubt(..) | State::Looking(..))
    }

    /// Whether this step can come where it stands.
    pub(super) fn may(&self, step: &Step) -> bool {
        self.after(step).is_some()
    }

    /// Takes a step from where it stands.
    ///
    /// # Errors
    /// It cannot come there: the job stays as it is.
    pub(super) fn on(&mut self, step: Step) -> Result<(), OutOfPlace> {
        let Some(next) = self.after(&step) else {
            let (event, state, key) = (step.name(), self.state.name(), Some(self.entry.key.clone()));
            return Err(OutOfPlace { event, key, state });
        };
        self.entry.undone |= matches!(step, Step::NotCalled(_));
        self.awaits = step.asks().or(self.awaits);
        self.state = next;
        Ok(())
    }

    /// Where it stands after this step; `None` where that cannot come.
    fn after(&self, step: &Step) -> Option<State> {
        Some(match (&self.state, step) {
            (State::Queued(before), Step::Read) => State::Reading(*before),
            (State::Queued(before) | State::Reading(before) | State::Resting(_, before), Step::Wait) => {
                State::Queued(*before)
            }
            (State::Reading(before), Step::Answered) => State::Reading(Before { unread: 0, ..*before }),
            (State::Reading(before), Step::Unread(until)) => {
                State::Resting(*until, Before { unread: before.unread + 1, ..*before })
            }
            (State::Reading(_), Step::Intend(since)) => State::IntentSent(*since),
            (State::IntentSent(since), Step::Written(offset)) => State::IntentAt(*since, *offset),
            (State::IntentAt(since, _), Step::Gather) => State::Gathering(*since),
            (State::IntentAt(..) | State::Gathering(_), Step::Call) => State::Calling,
            (
                State::IntentAt(..) | State::Gathering(_) | State::Calling | State::Looking(Sought::Running(_), _),
                Step::NotCalled(until),
            ) => State::Resting(*until, Before { attempt: Attempt::Again, unread: 0 }),
            (State::Calling | State::Looking(..), Step::Doubt(until)) => {
                State::InDoubt(*until, None, Search { unread: 0, attempt: Attempt::New })
            }
            (State::Queued(before) | State::Reading(before), Step::Look(sought @ Sought::Needless(_))) => {
                State::Looking(sought.clone(), Search { unread: 0, attempt: before.attempt })
            }
            (State::Calling, Step::Look(sought @ Sought::Running(None))) => {
                State::Looking(sought.clone(), Search { unread: 0, attempt: Attempt::New })
            }
            (State::InDoubt(_, _, search), Step::Look(sought)) => State::Looking(sought.clone(), *search),
            (State::Looking(Sought::Running(_), search), Step::LookAgain(until, Some(listed_by))) => {
                State::InDoubt(*until, Some(*listed_by), *search)
            }
            (State::Looking(Sought::Lost | Sought::Needless(_), search), Step::LookAgain(until, None)) => {
                State::InDoubt(*until, None, Search { unread: search.unread + 1, ..*search })
            }
            (State::Looking(sought, search), Step::Repeat(until)) if sought.is_settled() => {
                State::Resting(*until, Before { attempt: search.attempt, unread: 0 })
            }
            _ => return None,
        })
    }
}
