//! The calls to the tenant that the responder asks for: each is a future that ends in the event which tells it so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cordon_records::{Action, ActionKey, ActionKind, AlertId, MachineActionId, MachineId};
use cordon_response::{Event, Order};
use cordon_runtime::kafka::Tenure;
use jiff::Timestamp;

use super::tenant::Tenant;
use crate::error::ActError;
#[cfg(feature = "failpoints")]
use crate::failpoint::{self, Point};

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
