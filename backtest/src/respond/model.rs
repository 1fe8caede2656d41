//! The model tenant: every call succeeds, and what it has begun is done after a while. It serves the facts of the records.

use std::collections::HashMap;
use std::time::Duration;

use cordon_records::{
    Action, ActionStatus, ActionType, AlertId, AlertSummary, DecisionRecord, MachineAction, MachineActionId, MachineId,
    MachineSummary,
};
use cordon_response::facts::{ActionSnapshot, FreshFacts, isolation, listed, newest};
use cordon_response::{Answer, Order};
use jiff::{SignedDuration, Timestamp};

/// Who asks for actions there.
const REQUESTOR: &str = "cordon";

/// See the module.
#[derive(Debug)]
pub struct ModelTenant {
    succeeds_after: SignedDuration,
    alerts: HashMap<AlertId, AlertSummary>,
    machines: HashMap<MachineId, MachineSummary>,
    /// Every machine's actions, the newest first.
    actions: HashMap<MachineId, Vec<MachineAction>>,
    machine_of: HashMap<MachineActionId, MachineId>,
}

impl ModelTenant {
    /// A tenant in which an action takes so long.
    #[must_use]
    pub fn new(succeeds_after: Duration) -> Self {
        Self {
            succeeds_after: SignedDuration::try_from(succeeds_after).unwrap_or(SignedDuration::MAX),
            alerts: HashMap::new(),
            machines: HashMap::new(),
            actions: HashMap::new(),
            machine_of: HashMap::new(),
        }
    }

    /// Takes the facts of a record for those that hold from now on.
    pub fn saw(&mut self, decision: &DecisionRecord) {
        self.alerts.insert(decision.alert.id.clone(), decision.alert.clone());
        if let Some(machine) = &decision.machine {
            self.machines.insert(machine.id.clone(), machine.clone());
        }
    }

    /// What a fresh read brings: the record's facts, and what was done here.
    pub fn facts(&mut self, alert: Option<&AlertId>, machine: &MachineId, now: Timestamp) -> FreshFacts {
        let actions = self.listed(machine, now);
        FreshFacts {
            alert: alert.and_then(|alert| self.alerts.get(alert)).cloned(),
            machine: self.machines.get(machine).cloned(),
            isolation: isolation(&actions),
            newest: newest(&actions).cloned(),
            listed: Some(listed(&actions)),
            read: true,
        }
    }

    /// The machine's actions as they stand now, the newest first.
    pub fn listed(&mut self, machine: &MachineId, now: Timestamp) -> Vec<MachineAction> {
        let Some(actions) = self.actions.get_mut(machine) else { return Vec::new() };
        actions.iter_mut().for_each(|action| settle(action, self.succeeds_after, now));
        actions.clone()
    }

    /// Does what is asked for.
    pub fn act(&mut self, order: &Order, now: Timestamp) -> Answer {
        if let Some(id) = &order.cancels {
            return self.cancel(id, now);
        }
        let kind = order.action.kind();
        let Some(listed) = ActionType::of(kind) else { return Answer::Done(format!("{kind}, in the model tenant")) };
        let number = self.machine_of.len() + 1;
        let Ok(id) = MachineActionId::new(format!("model-{number}")) else {
            return Answer::Rejected("the model tenant has no id for it".to_owned());
        };
        let action = MachineAction {
            id: id.clone(),
            kind: listed,
            status: ActionStatus::Pending,
            machine_id: Some(order.machine.clone()),
            requestor: Some(REQUESTOR.to_owned()),
            comment: Some(order.comment.clone()),
            scope: scope(&order.action),
            created: Some(now),
            updated: Some(now),
            cancelled_by: None,
            error_code: None,
        };
        let standing = ActionSnapshot::from(&action);
        self.machine_of.insert(id, order.machine.clone());
        self.actions.entry(order.machine.clone()).or_default().insert(0, action);
        Answer::Accepted(standing)
    }

    fn cancel(&mut self, id: &MachineActionId, now: Timestamp) -> Answer {
        let machine = self.machine_of.get(id).cloned();
        let actions = machine.and_then(|machine| self.actions.get_mut(&machine));
        let Some(action) = actions.and_then(|actions| actions.iter_mut().find(|action| &action.id == id)) else {
            return Answer::Rejected(format!("the model tenant knows no action {id}"));
        };
        settle(action, self.succeeds_after, now);
        if !action.status.is_final() {
            action.status = ActionStatus::Cancelled;
            action.updated = Some(now);
            action.cancelled_by = Some(REQUESTOR.to_owned());
        }
        Answer::Done(format!("action {id} is {}", action.status.as_str()))
    }

    /// What became of these actions.
    pub fn standings(&mut self, ids: &[MachineActionId], now: Timestamp) -> Vec<ActionSnapshot> {
        let mut standings = Vec::with_capacity(ids.len());
        for id in ids {
            let actions = self.machine_of.get(id).and_then(|machine| self.actions.get_mut(machine));
            let Some(action) = actions.and_then(|all| all.iter_mut().find(|action| &action.id == id)) else { continue };
            settle(action, self.succeeds_after, now);
            standings.push(ActionSnapshot::from(&*action));
        }
        standings
    }
}

/// What time has made of an action.
fn settle(action: &mut MachineAction, after: SignedDuration, now: Timestamp) {
    let Some(created) = action.created.filter(|_| !action.status.is_final()) else { return };
    if now.duration_since(created) >= after {
        action.status = ActionStatus::Succeeded;
        action.updated = created.checked_add(after).ok();
    }
}

fn scope(action: &Action) -> Option<String> {
    match action {
        Action::Isolate { isolation, .. } => Some(isolation.as_str().to_owned()),
        Action::Scan { scan, .. } => Some(scan.as_str().to_owned()),
        _ => None,
    }
}
