//! The tenant: the port through which respond sees and touches it, the port's one real implementation, and the calls that
//! the responder asks for, each a future that ends in the event which tells it so.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cordon_defender::{ActionQuery, AlertQuery, ApiError, Defender, Done, Refusal};
use cordon_policy::Isolation;
use cordon_records::{
    Action, ActionKey, ActionKind, Alert, AlertChanges, AlertId, AlertSummary, Classified, ErrorClass, Machine,
    MachineAction, MachineActionId, MachineId, MachineSummary,
};
use cordon_response::facts::{self, ActionSnapshot, FreshFacts};
use cordon_response::ours::{Whose, misapplied, whose};
use cordon_response::{Answer, Event, Order, Unreadable};
use cordon_runtime::kafka::Tenure;
use jiff::Timestamp;

use crate::error::ActError;
#[cfg(feature = "failpoints")]
use crate::failpoint::{self, Point};

/// How long a call that was certainly not done rests when the server names no time.
const REST: Duration = Duration::from_secs(5);

/// What Microsoft's pages on unisolate and on scans name instead of the code `ActiveRequestAlreadyExists`.
const IN_PROGRESS: &str = "Action is already in progress";

/// What respond needs of the outside.
pub trait Tenant: Clone + Send + Sync + 'static {
    /// Reads alert (where one is named, with its last change as far as known), machine and the machine's actions
    /// afresh. What the server does not know is absent in the facts; what could not be read at all is an error.
    fn facts(
        &self,
        alert: Option<(AlertId, Option<Timestamp>)>,
        machine: &MachineId,
    ) -> impl Future<Output = Result<FreshFacts, Unreadable>> + Send;

    /// Actions of these kinds and ages were asked for before, by whichever process held the ledger: they count against
    /// the quota of those to come.
    fn acted_before(&self, calls: &[(ActionKind, Duration)]);

    /// Carries out the order if `permitted` still says so right before the request is sent.
    fn act(&self, order: &Order, permitted: impl Fn() -> bool + Send + Sync) -> impl Future<Output = Answer> + Send;

    /// Makes the same changes to these alerts with one call, if `permitted` still says so right before it is sent.
    fn update_alerts(
        &self,
        alerts: &[AlertId],
        changes: &AlertChanges,
        permitted: impl Fn() -> bool + Send + Sync,
    ) -> impl Future<Output = Answer> + Send;

    /// The link to the package that this action collected. It works for a short time, without a token.
    fn package_link(&self, action: &MachineActionId) -> impl Future<Output = Result<String, Unreadable>> + Send;

    /// The machine's actions, newest first.
    fn actions(&self, machine: &MachineId) -> impl Future<Output = Result<Vec<MachineAction>, Unreadable>> + Send;

    /// What became of these actions; those that Defender does not know are left out.
    fn standings(
        &self,
        ids: &[MachineActionId],
        since: Timestamp,
    ) -> impl Future<Output = Result<Vec<ActionSnapshot>, Unreadable>> + Send;

    /// The number of onboarded machines.
    fn count_machines(&self) -> impl Future<Output = Result<u64, Unreadable>> + Send;
}

/// What a call ends in.
type Ended = Result<Event, ActError>;

/// The tenant as one tenure reaches it.
pub(super) struct Calls<T> {
    tenant: T,
    tenure: Tenure,
    /// The pause switch, for calls that are already on their way to the socket.
    paused: Arc<AtomicBool>,
}

impl<T: Tenant> Calls<T> {
    /// While this tenure lasts; not paused.
    pub fn new(tenant: T, tenure: Tenure) -> Self {
        Self { tenant, tenure, paused: Arc::default() }
    }

    /// Whether people have paused: no request of the rules is sent from then on.
    pub fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// What is asked right before a request is sent.
    fn permission(&self, until: Instant, by_person: bool) -> impl Fn() -> bool + Send + Sync + use<T> {
        let (tenure, paused) = (self.tenure.clone(), Arc::clone(&self.paused));
        move || tenure.is_held() && Instant::now() < until && (by_person || !paused.load(Ordering::Relaxed))
    }

    /// Carries out an order, unless `until` has passed.
    pub fn act(&self, order: Order, until: Instant) -> impl Future<Output = Ended> + Send + use<T> {
        let (tenant, permitted) = (self.tenant.clone(), self.permission(until, order.by_person));
        let kind = order.action.kind();
        tracing::info!(key = %order.key, machine = %order.machine, %kind, "acting");
        async move {
            #[cfg(feature = "failpoints")]
            failpoint::hit(Point::C2);
            let call = tenant.act(&order, permitted);
            #[cfg(feature = "failpoints")]
            let call = failpoint::during(Point::C3, failpoint::UNDER_WAY, call);
            let answer = call.await;
            #[cfg(feature = "failpoints")]
            failpoint::hit(Point::C4);
            tracing::info!(key = %order.key, machine = %order.machine, %kind, %answer, "answered");
            Ok(Event::Answered(order.key, answer))
        }
    }

    /// Changes several alerts with one call: the orders of such an effect are for that, and equal.
    pub fn act_together(
        &self,
        orders: Vec<Order>,
        until: Instant,
    ) -> Option<impl Future<Output = Ended> + Send + use<T>> {
        let Some(Action::UpdateAlert(changes)) = orders.first().map(|order| order.action.clone()) else { return None };
        let (tenant, permitted) = (self.tenant.clone(), self.permission(until, false));
        let (keys, alerts): (Vec<_>, Vec<_>) = orders.into_iter().map(|order| (order.key, order.alert)).unzip();
        tracing::info!(alerts = alerts.len(), kind = %ActionKind::UpdateAlert, "acting");
        Some(async move {
            #[cfg(feature = "failpoints")]
            failpoint::hit(Point::C2);
            let call = tenant.update_alerts(&alerts, &changes, permitted);
            #[cfg(feature = "failpoints")]
            let call = failpoint::during(Point::C3, failpoint::UNDER_WAY, call);
            let answer = call.await;
            #[cfg(feature = "failpoints")]
            failpoint::hit(Point::C4);
            tracing::info!(alerts = alerts.len(), kind = %ActionKind::UpdateAlert, %answer, "answered");
            Ok(Event::AnsweredTogether(keys, answer))
        })
    }

    /// Reads alert, machine and the machine's actions afresh.
    pub fn facts(
        &self,
        key: ActionKey,
        alert: Option<(AlertId, Option<Timestamp>)>,
        machine: MachineId,
    ) -> impl Future<Output = Ended> + Send + use<T> {
        let tenant = self.tenant.clone();
        async move {
            let facts = tenant.facts(alert, &machine).await.map(Box::new);
            if let Err(failure) = &facts {
                tracing::warn!(%key, %machine, why = failure.why, "the alert and its machine cannot be read; the action waits");
            }
            Ok(Event::Facts(key, facts))
        }
    }

    /// Lists the machine's actions.
    pub fn look(&self, key: ActionKey, machine: MachineId) -> impl Future<Output = Ended> + Send + use<T> {
        let tenant = self.tenant.clone();
        async move { Ok(Event::Looked(key, tenant.actions(&machine).await)) }
    }

    /// Lists what became of these actions.
    pub fn follow(&self, ids: Vec<MachineActionId>, since: Timestamp) -> impl Future<Output = Ended> + Send + use<T> {
        let tenant = self.tenant.clone();
        async move {
            let standings = tenant.standings(&ids, since).await;
            if let Err(failure) = &standings {
                tracing::warn!(
                    actions = ids.len(),
                    why = failure.why,
                    "what became of accepted actions cannot be read; they are looked at again"
                );
            }
            Ok(Event::Followed(standings))
        }
    }

    /// Asks for the link to the package that this action collected.
    pub fn link(&self, key: ActionKey, action: MachineActionId) -> impl Future<Output = Ended> + Send + use<T> {
        let tenant = self.tenant.clone();
        async move { Ok(Event::Linked(key, tenant.package_link(&action).await)) }
    }

    /// Counts the onboarded machines.
    pub fn count_fleet(&self) -> impl Future<Output = Ended> + Send + use<T> {
        let tenant = self.tenant.clone();
        async move { Ok(Event::Counted(tenant.count_machines().await)) }
    }
}

/// Microsoft Defender.
#[derive(Clone)]
pub struct DefenderTenant(pub Defender);

impl Tenant for DefenderTenant {
    async fn facts(
        &self,
        alert: Option<(AlertId, Option<Timestamp>)>,
        machine: &MachineId,
    ) -> Result<FreshFacts, Unreadable> {
        let alert = async {
            match &alert {
                Some((id, since)) => self.alert(id, *since).await,
                None => Ok(None),
            }
        };
        let (alert, entity, actions) = tokio::join!(alert, self.machine(machine), self.actions_if_served(machine));
        let actions = actions?;
        let isolation = actions.as_deref().map_or(Isolation::Unknown, facts::isolation);
        let newest = actions.as_deref().and_then(facts::newest).cloned();
        let listed = actions.as_deref().map(facts::listed);
        Ok(FreshFacts { alert: alert?, machine: entity?, isolation, newest, listed, read: true })
    }

    fn acted_before(&self, calls: &[(ActionKind, Duration)]) {
        self.0.acted_before(calls);
    }

    async fn act(&self, order: &Order, permitted: impl Fn() -> bool + Send + Sync) -> Answer {
        if let Some(id) = &order.cancels {
            let cancelled = self.0.cancel_if(id, &order.comment, permitted).await;
            return match cancelled {
                Ok(action) if action.id.as_str().eq_ignore_ascii_case(id.as_str()) => {
                    Answer::Done(format!("Defender took the cancellation of action {id} ({})", action.status))
                }
                Ok(other) => Answer::Lost(format!("Defender answered with action {}, not with {id}", other.id)),
                Err(error) => answer(&error),
            };
        }
        match self.0.act_if(&order.alert, &order.machine, &order.action, &order.comment, permitted).await {
            Ok(Done::MachineAction(action)) => self.compared(order, action).await,
            Ok(Done::Now(what)) => Answer::Done(what),
            Err(error) => answer(&error),
        }
    }

    async fn update_alerts(
        &self,
        alerts: &[AlertId],
        changes: &AlertChanges,
        permitted: impl Fn() -> bool + Send + Sync,
    ) -> Answer {
        match self.0.update_alerts_if(alerts, changes, permitted).await {
            Ok(()) => Answer::Done(format!("changed with {} alerts in one call", alerts.len())),
            Err(error) => answer(&error),
        }
    }

    async fn package_link(&self, action: &MachineActionId) -> Result<String, Unreadable> {
        self.0.package_uri(action).await.map_err(|error| unreadable(&error))
    }

    async fn actions(&self, machine: &MachineId) -> Result<Vec<MachineAction>, Unreadable> {
        let query = ActionQuery { machine: Some(machine.clone()), created_since: None };
        self.0.machine_actions(&query).await.map_err(|error| unreadable(&error))
    }

    async fn standings(&self, ids: &[MachineActionId], since: Timestamp) -> Result<Vec<ActionSnapshot>, Unreadable> {
        let query = ActionQuery { machine: None, created_since: Some(since) };
        let listed = self.0.for_follow_up().machine_actions(&query).await.map_err(|error| unreadable(&error))?;
        let mut standings = Vec::with_capacity(ids.len());
        for id in ids {
            match listed.iter().find(|action| &action.id == id) {
                Some(action) => standings.push(ActionSnapshot::from(action)),
                None => standings.extend(self.standing(id).await?),
            }
        }
        Ok(standings)
    }

    async fn count_machines(&self) -> Result<u64, Unreadable> {
        self.0.count_machines().await.map_err(|error| unreadable(&error))
    }
}

impl DefenderTenant {
    /// Whether the action in an answer is the one that was asked for. One without a comment is read by its id: some answers
    /// leave out what the action itself has.
    async fn compared(&self, order: &Order, action: MachineAction) -> Answer {
        let found = whose(&action, &order.asked());
        if found != Whose::Unsaid {
            return sorted(found, action);
        }
        let id = action.id.clone();
        match self.0.machine_action(&id).await {
            Ok(read) if read.id == id => sorted(whose(&read, &order.asked()), read),
            Ok(read) => Answer::Lost(format!("action {id} has no comment, and asked for it Defender gave {}", read.id)),
            Err(error) => {
                Answer::Lost(format!("action {id} in the answer has no comment, and reading it failed: {error}"))
            }
        }
    }

    /// The alert by its id; a server without that lookup is asked for its list instead.
    async fn alert(&self, id: &AlertId, since: Option<Timestamp>) -> Result<Option<AlertSummary>, Unreadable> {
        let raw = match self.0.alert(id).await {
            Ok(raw) => Some(raw),
            Err(error) if error.is_not_found() => {
                let query = AlertQuery { updated_since: since, top: 1000, expand_evidence: false, order: false };
                let page = self.0.list_alerts(&query).await.map_err(|error| unreadable(&error))?;
                page.items.into_iter().find(|raw| raw.view::<Alert>().is_ok_and(|alert| &alert.id == id))
            }
            Err(error) => return Err(unreadable(&error)),
        };
        Ok(raw.and_then(|raw| raw.view::<Alert>().ok()).map(|alert| alert.summary()))
    }

    /// The machine by its id; a server without that lookup is asked for its list instead.
    async fn machine(&self, id: &MachineId) -> Result<Option<MachineSummary>, Unreadable> {
        let raw = match self.0.machine(id).await {
            Ok(raw) => Some(raw),
            Err(error) if error.is_not_found() => {
                let found = self.0.machines(std::slice::from_ref(id)).await.map_err(|error| unreadable(&error))?;
                found.into_iter().next().map(|(_, machine)| machine)
            }
            Err(error) => return Err(unreadable(&error)),
        };
        Ok(raw.and_then(|raw| raw.view::<Machine>().ok()).map(|machine| machine.summary()))
    }

    /// The machine's actions, or `None` from a server that has no such list.
    async fn actions_if_served(&self, machine: &MachineId) -> Result<Option<Vec<MachineAction>>, Unreadable> {
        let query = ActionQuery { machine: Some(machine.clone()), created_since: None };
        match self.0.machine_actions(&query).await {
            Ok(actions) => Ok(Some(actions)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// One action that the list does not show. Only a definite no says that there is none.
    async fn standing(&self, id: &MachineActionId) -> Result<Option<ActionSnapshot>, Unreadable> {
        match self.0.machine_action(id).await {
            Ok(action) => Ok(Some(ActionSnapshot::from(&action))),
            Err(error) if error.class() == ErrorClass::Poison => Ok(None),
            Err(error) => Err(unreadable(&error)),
        }
    }
}

/// What an answer comes to, by whose action is in it.
fn sorted(found: Whose, action: MachineAction) -> Answer {
    match found {
        Whose::Ours => Answer::Accepted(ActionSnapshot::from(&action)),
        Whose::Others => Answer::Others(Box::new(action)),
        Whose::Misapplied(how) => Answer::Misapplied(misapplied(&how)),
        Whose::Unrelated(how) => Answer::Lost(format!("Defender answered with something else: {how}")),
        Whose::Unsaid => {
            Answer::Lost(format!("action {} in the answer has no comment that says whose it is", action.id))
        }
    }
}

fn unreadable(error: &ApiError) -> Unreadable {
    let refused = error.class() == ErrorClass::Fatal;
    Unreadable { why: error.to_string(), retry_after: error.retry_after(), refused }
}

fn answer(error: &ApiError) -> Answer {
    let says = |refusal: &Refusal| refusal.message.contains(IN_PROGRESS);
    if error.code() == Some("ActiveRequestAlreadyExists") || error.refusal().is_some_and(says) {
        return Answer::AlreadyRunning;
    }
    if matches!(error, ApiError::Forbidden { .. }) {
        return Answer::Forbidden(error.to_string());
    }
    match error.class() {
        ErrorClass::Transient => Answer::NotDone {
            why: error.to_string(),
            after: error.retry_after().unwrap_or(REST).max(REST),
            spent: matches!(error, ApiError::Throttled { .. }),
        },
        ErrorClass::Ambiguous => Answer::Lost(error.to_string()),
        ErrorClass::Poison | ErrorClass::Fatal => Answer::Rejected(error.to_string()),
    }
}
