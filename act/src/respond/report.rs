//! From a ledger entry to the report about it. Pure.

use cordon_records::{ActionRecord, ActionState, LedgerEntry, SCHEMA_VERSION};

/// The report of one step.
#[must_use]
pub fn of(entry: &LedgerEntry, state: ActionState) -> ActionRecord {
    ActionRecord {
        schema_version: SCHEMA_VERSION,
        id: ActionRecord::step_id(&entry.key, entry.attempt, state),
        key: Some(entry.key.clone()),
        attempt: entry.attempt,
        state,
        action: Some(entry.action.clone()),
        alert: entry.alert.clone(),
        machine: Some(entry.machine.clone()),
        rules: entry.rules.clone(),
        conditions: entry.conditions.clone(),
        mode: entry.mode,
        reason: entry.reason.clone(),
        guards: entry.guards.clone(),
        machine_action_id: entry.machine_action_id.clone(),
        decision: entry.decision.clone(),
        expires_at: entry.expires_at,
        intent: (state == ActionState::Held).then(|| entry.intent()),
        requested_by: entry.requested_by.clone(),
        approvals: entry.approvals.clone(),
        link: None,
        at: entry.at,
    }
}
