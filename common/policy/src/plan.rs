//! Merges what matching rules ask for: one planned action for each action key.

use std::collections::BTreeMap;

use cordon_records::{Action, ActionKey, AlertId, IsolationType, MachineId, Mode, PlannedAction, TenantId};

use crate::rules::Rule;

/// One rule's request.
type Request<'a> = (&'a Rule, &'a Action);

/// Merges the requests of matching rules (sorted by id) on one machine. Approve beats auto, limits merge to the
/// tightest, and shadow rules count only where no other rule asks for the same action.
pub fn merge(matching: &[&Rule], tenant: &TenantId, alert: &AlertId, machine: &MachineId) -> Vec<PlannedAction> {
    let mut requests: BTreeMap<ActionKey, Vec<Request>> = BTreeMap::new();
    for rule in matching {
        for action in &rule.actions {
            requests.entry(ActionKey::derive(tenant, alert, machine, action)).or_default().push((rule, action));
        }
    }
    requests.into_iter().filter_map(|(key, requests)| planned(key, requests)).collect()
}

fn planned(key: ActionKey, mut requests: Vec<Request>) -> Option<PlannedAction> {
    if requests.iter().any(|(rule, _)| rule.mode != Mode::Shadow) {
        requests.retain(|(rule, _)| rule.mode != Mode::Shadow);
    }
    let mode = requests.iter().map(|(rule, _)| rule.mode).min()?;
    let action = requests.iter().rev().map(|(_, action)| *action).max_by_key(|action| strength(action))?.clone();
    Some(PlannedAction {
        key,
        action,
        mode,
        rules: requests.iter().map(|(rule, _)| rule.id.clone()).collect(),
        limits: limits(&requests),
    })
}

/// Where rules ask for different strengths, the stronger action is planned.
const fn strength(action: &Action) -> u8 {
    if matches!(action, Action::Isolate { isolation: IsolationType::Full, .. }) { 1 } else { 0 }
}

fn limits(requests: &[Request]) -> Vec<(u64, u32)> {
    let mut tightest: BTreeMap<u64, u32> = BTreeMap::new();
    for &(window, limit) in requests.iter().flat_map(|(rule, _)| &rule.limits) {
        tightest.entry(window).and_modify(|known| *known = limit.min(*known)).or_insert(limit);
    }
    tightest.into_iter().collect()
}
