//! What the fresh read before an action says of the machine. Pure.

use cordon_policy::Isolation;
use cordon_records::{
    Action, ActionStatus, ActionType, AlertSummary, IsolationType, ListedActions, MachineAction, MachineActionId,
    MachineSummary, NewestAction, ScanType,
};
use jiff::Timestamp;

use super::ours::{author, is_sign_in_name};

/// What was read right before acting. A part that could not be had is absent, and guards hold on it.
#[derive(Debug, Clone, PartialEq)]
pub struct FreshFacts {
    /// The alert as it is now.
    pub alert: Option<AlertSummary>,
    /// The machine as it is now.
    pub machine: Option<MachineSummary>,
    /// Whether it is isolated, and by whom.
    pub isolation: Isolation,
    /// The newest action that bears on it.
    pub newest: Option<MachineAction>,
    /// The list of its actions; `None` when it was not read.
    pub listed: Option<ListedActions>,
    /// Whether this was read. What a switch holds anyway is judged on what the decision says.
    pub read: bool,
}

impl FreshFacts {
    /// A fresh read that brought nothing.
    #[must_use]
    pub const fn missing() -> Self {
        Self { alert: None, machine: None, isolation: Isolation::Unknown, newest: None, listed: None, read: true }
    }

    /// What the decision says of this alert and machine, where nothing is read. Of the machine's actions it says nothing.
    #[must_use]
    pub(crate) fn of_the_record(alert: AlertSummary, machine: MachineSummary, isolation: Isolation) -> Self {
        Self { alert: Some(alert), machine: Some(machine), isolation, read: false, ..Self::missing() }
    }

    /// Whether these are the facts of the decision, and not those of a read that failed.
    #[must_use]
    pub(crate) const fn is_of_the_record(&self) -> bool {
        !self.read && self.alert.is_some()
    }

    /// How much the isolation that stands or runs cuts off, where the list tells.
    #[must_use]
    pub(crate) fn scope(&self) -> Option<IsolationType> {
        self.newest.as_ref().and_then(scope_of)
    }
}

/// What is recorded of a list of actions.
#[must_use]
pub fn listed(actions: &[MachineAction]) -> ListedActions {
    // The list comes newest first, so of two at one instant the first is the newer.
    let newest = actions.iter().min_by_key(|action| std::cmp::Reverse(action.created.unwrap_or(Timestamp::MAX)));
    let newest = newest.map(|action| NewestAction {
        id: action.id.clone(),
        kind: action.kind.as_str().to_owned(),
        status: action.status.as_str().to_owned(),
        by: action.requestor.clone(),
        created: action.created,
    });
    ListedActions { newest }
}

/// The isolation that stands or is on its way, if any.
fn isolating(actions: &[MachineAction]) -> Option<&MachineAction> {
    let ran = |action: &&MachineAction| is_live(action) || action.status == ActionStatus::Succeeded;
    newest(actions).filter(|action| action.kind == ActionType::Isolate).filter(ran)
}

/// What stands or is on its way and makes this action needless: an isolation, a release, or a running action of the same
/// kind. Which file or which commands another one is about, the list does not tell.
#[must_use]
pub(crate) fn in_effect<'a>(actions: &'a [MachineAction], wanted: &Action) -> Option<&'a MachineAction> {
    match wanted {
        Action::Isolate { .. } => isolating(actions).filter(|found| !is_narrower(scope_of(found), wanted)),
        Action::Release { .. } => newest(actions)
            .filter(|action| action.kind == ActionType::Unisolate)
            .filter(|action| is_live(action) || action.status == ActionStatus::Succeeded),
        _ => {
            wanted.kind().row().listed.filter(|listed| listed.says_all)?;
            let listed = ActionType::of(wanted.kind())?;
            let quicker = |action: &&MachineAction| {
                let quick = action.scope.as_deref().is_some_and(|scope| scope.eq_ignore_ascii_case("Quick"));
                quick && matches!(wanted, Action::Scan { scan: ScanType::Full, .. })
            };
            actions.iter().filter(|action| action.kind == listed && is_live(action)).find(|action| !quicker(action))
        }
    }
}

fn is_live(action: &MachineAction) -> bool {
    matches!(action.status, ActionStatus::Pending | ActionStatus::InProgress)
}

/// The newest step that bears on the isolation; one without a time counts as just made. Steps that failed say
/// nothing, but an isolation that somebody cancelled does.
#[must_use]
pub fn newest(actions: &[MachineAction]) -> Option<&MachineAction> {
    let bears = |action: &&MachineAction| match (&action.kind, &action.status) {
        (ActionType::Isolate, ActionStatus::Failed | ActionStatus::TimeOut) => false,
        (ActionType::Unisolate, ActionStatus::Failed | ActionStatus::TimeOut | ActionStatus::Cancelled) => false,
        (ActionType::Isolate | ActionType::Unisolate, _) => true,
        // Defender's other actions, those we know by name and those we do not, leave the network alone.
        (_, _) => false,
    };
    let steps = actions.iter().filter(bears);
    // The list comes newest first, so of two at one instant the first is the newer.
    steps.min_by_key(|action| std::cmp::Reverse(action.created.unwrap_or(Timestamp::MAX)))
}

/// How much an isolation cuts off, where the list tells. Microsoft's samples leave it out at times.
fn scope_of(action: &MachineAction) -> Option<IsolationType> {
    let scope = action.scope.as_deref().filter(|_| action.kind == ActionType::Isolate)?;
    IsolationType::ALL.iter().copied().find(|known| known.as_str().eq_ignore_ascii_case(scope))
}

/// Whether an isolation that is known to cut off so much leaves connected what the wanted action would not.
#[must_use]
pub(crate) fn is_narrower(scope: Option<IsolationType>, wanted: &Action) -> bool {
    match (scope, wanted) {
        (Some(known), Action::Isolate { isolation: IsolationType::Full, .. }) => known != IsolationType::Full,
        _ => false,
    }
}

/// Derives the machine's isolation from its actions: the machine entity itself has no such field. A status that we do
/// not know may mean anything, so nobody knows how the machine stands. Who cancelled an isolation wants the machine
/// connected, as if they had released it. Whether a release is our own, the list does not say: the ledger does.
#[must_use]
pub fn isolation(actions: &[MachineAction]) -> Isolation {
    let Some(newest) = newest(actions) else { return Isolation::None };
    let id = newest.id.clone();
    match (&newest.kind, &newest.status) {
        (_, ActionStatus::Other(_)) => Isolation::Unknown,
        (ActionType::Isolate, ActionStatus::Cancelled) => Isolation::Released {
            at: newest.updated.or(newest.created).unwrap_or(Timestamp::MAX),
            by: newest.cancelled_by.clone().unwrap_or_else(|| "somebody".into()),
        },
        (ActionType::Isolate, ActionStatus::Pending | ActionStatus::InProgress) => Isolation::Running { id },
        (ActionType::Isolate, _) => Isolation::Isolated { id },
        (_, _) => Isolation::Released { at: newest.created.unwrap_or(Timestamp::MAX), by: author(newest) },
    }
}

/// What Defender says of an accepted action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionSnapshot {
    /// The action.
    pub id: MachineActionId,
    /// Its status.
    pub status: ActionStatus,
    /// Who asked for it.
    pub by: String,
    /// Who cancelled it, as far as Defender tells.
    pub cancelled_by: Option<String>,
    /// Who cancelled it or why it failed, as far as Defender tells.
    pub detail: Option<String>,
    /// When it was created, by Defender's clock.
    pub created: Option<Timestamp>,
}

impl ActionSnapshot {
    /// Whether it was cancelled, and Defender names no person.
    #[must_use]
    pub(crate) fn is_cancelled_by_no_person(&self) -> bool {
        self.status == ActionStatus::Cancelled && !self.cancelled_by.as_deref().is_some_and(is_sign_in_name)
    }
}

impl From<&MachineAction> for ActionSnapshot {
    fn from(action: &MachineAction) -> Self {
        let cancelled = action.cancelled_by.as_ref().map(|by| format!("cancelled by {by}"));
        let failed = action.error_code.filter(|code| *code != 0).map(|code| format!("error code {code}"));
        let detail = cancelled.or(failed);
        Self {
            id: action.id.clone(),
            status: action.status.clone(),
            by: author(action),
            cancelled_by: action.cancelled_by.clone(),
            detail,
            created: action.created,
        }
    }
}
