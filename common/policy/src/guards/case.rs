//! One case before the guards: an action, and everything known that bears on it.

use std::borrow::Cow;

use cordon_records::{
    Action, ActionKind, AlertSummary, Approval, Fleet, Isolation, Latch, MachineSummary, Mode, NoticeKind, RuleId,
};
use jiff::Timestamp;

/// An attempt that was made: each INTENT that was written counts, whatever came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// When the INTENT was written.
    pub at: Timestamp,
    /// The rules that asked for it.
    pub rules: Cow<'a, [RuleId]>,
    /// What was to be done.
    pub kind: ActionKind,
    /// The machine's device group, if it was known.
    pub group: Option<Cow<'a, str>>,
}

/// Who asks for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The operator's rules.
    Rules,
    /// A person, by a signed command.
    Person,
    /// A person, by a signed command that takes one isolation back and ends no other.
    Undo,
    /// The timer of an isolation that ends by itself.
    Timer,
}

impl Asker {
    /// Who asks for this action: whether a person does, and whether it is about another one, which is to be taken back or
    /// whose time is over.
    #[must_use]
    pub const fn of(action: &Action, by_person: bool, about_another: bool) -> Self {
        match (by_person, about_another, action) {
            (true, true, Action::Release { .. }) => Self::Undo,
            (true, _, _) => Self::Person,
            (false, true, Action::Release { .. }) => Self::Timer,
            (false, _, _) => Self::Rules,
        }
    }

    /// Whether a person asks.
    #[must_use]
    pub const fn is_person(self) -> bool {
        matches!(self, Self::Person | Self::Undo)
    }
}

/// How people have approved an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// They have not.
    None,
    /// They looked at this very action: whatever a person may decide is decided.
    Own,
    /// They approved all that the breaker holds which latched at this instant: for this action that breaker counts as
    /// lifted, and so do the rule's mode and the alert's age. Caps and everything else stay as they are.
    Breaker(Timestamp),
}

impl Consent {
    /// How people approved an action by these yeses, unless somebody let the machine back after them. Of two ways the one
    /// that lifts less counts.
    #[must_use]
    pub fn of(approvals: &[Approval], isolation: &Isolation) -> Self {
        let Some(newest) = approvals.iter().map(|yes| yes.at).max() else { return Self::None };
        match isolation {
            Isolation::Released { at, .. } if newest <= *at => return Self::None,
            Isolation::Released { .. }
            | Isolation::Unknown
            | Isolation::None
            | Isolation::Running { .. }
            | Isolation::Isolated { .. } => {}
        }
        let by_notice = approvals.iter().filter_map(|yes| yes.notice.as_deref()).find_map(NoticeKind::latched_at);
        by_notice.map_or(Self::Own, Self::Breaker)
    }
}

/// One action that the rules ask for, and the facts of the moment.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What is to be done.
    pub action: &'a Action,
    /// The lower of the rules' mode and the stage's.
    pub mode: Mode,
    /// Who asks.
    pub asker: Asker,
    /// Whether as many people as are needed have approved exactly this, and how.
    pub consent: Consent,
    /// The rules' limits: at most so many attempts in so many seconds.
    pub limits: &'a [(u64, u32)],
    /// The rules that ask for it.
    pub rules: &'a [RuleId],
    /// The alert, freshly read.
    pub alert: &'a AlertSummary,
    /// The machine, freshly read; `None` when it could not be had.
    pub machine: Option<&'a MachineSummary>,
    /// The machine as it was when the rules decided, where that is another reading. What protects it in either reading
    /// protects it.
    pub polled: Option<&'a MachineSummary>,
    /// Whether alert, machine and isolation were read for this case. Without, alert and machine are those of the decision, and
    /// nobody has looked at the machine's actions.
    pub read: bool,
    /// Names of users that are known from elsewhere than the fresh alert.
    pub users: &'a [String],
    /// Whether the machine is isolated already.
    pub isolation: &'a Isolation,
    /// Whether the isolation that stands or runs is Cordon's own, by Defender's id; for the timer, the very one whose
    /// time is over.
    pub ours: bool,
    /// Whether the isolation that stands or runs is known to cut off less than this action would.
    pub narrower: bool,
    /// Who asked for the isolation that stands or runs, and how much it cuts off, for people: `analyst@example.com
    /// (Selective)`. `None` when that is not known.
    pub isolated_by: Option<&'a str>,
    /// Another machine that has an isolation for this very alert, made or on its way: its name, for people.
    pub elsewhere: Option<&'a str>,
    /// The moment to judge for.
    pub now: Timestamp,
    /// Every attempt of the longest window, in any order.
    pub attempts: &'a [Attempt<'a>],
    /// The fleet's size; `None` when it was never counted.
    pub fleet: Option<Fleet>,
    /// The breaker, if it was ever touched.
    pub breaker: Option<&'a Latch>,
    /// The pause switch, if it was ever touched.
    pub pause: Option<&'a Latch>,
}
