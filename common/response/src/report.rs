//! From a ledger entry to the report about it, and notices of what is about none. Pure.

use cordon_policy::Guards;
use cordon_records::{
    ActionKind, ActionRecord, ActionState, LedgerEntry, Notice, NoticeKind, RefusalCause, Report, SCHEMA_VERSION,
};
use jiff::Timestamp;

use super::event::Moment;

/// The report of one step.
#[must_use]
pub(crate) fn of(entry: &LedgerEntry, state: ActionState) -> ActionRecord {
    let intent = (state == ActionState::Held).then(|| entry.intent());
    let mut id = ActionRecord::step_id(&entry.key, entry.attempt, state);
    if let Some(intent) = intent.as_ref().filter(|_| !entry.approvals.is_empty()) {
        // Held on after a person's yes is a step of its own.
        id = format!("{id}#{intent}#{}", entry.approvals.len());
    }
    if intent.is_some() && entry.tenant_refuses {
        // What it is held for once it can be read is another step.
        id.push_str("#refused");
    }
    ActionRecord {
        schema_version: SCHEMA_VERSION,
        id,
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
        facts: entry.facts.clone(),
        machine_action_id: entry.machine_action_id.clone(),
        other_action: entry.other_action.clone(),
        decision: entry.decision.clone(),
        expires_at: entry.expires_at,
        intent,
        tenant_refuses: matches!(state, ActionState::Held | ActionState::Expired) && entry.tenant_refuses,
        keeps_connected_s: None,
        requested_by: entry.requested_by.clone(),
        approvals: entry.approvals.clone(),
        link: None,
        at: entry.at,
    }
}

/// Has the report of a release that is a person's word say for how long the guards keep the machine connected after it.
pub(crate) fn say_how_long_it_stays(report: &mut Report, guards: &Guards) {
    let Report::Action(record) = report else { return };
    let releases = record.action.as_ref().is_some_and(|action| action.kind() == ActionKind::Release);
    let counts = matches!(record.state, ActionState::Accepted | ActionState::Covered | ActionState::Succeeded);
    let meant = record.requested_by.is_some() || !record.approvals.is_empty();
    record.keeps_connected_s = (releases && counts && meant).then(|| guards.released_within());
}

/// The report that an action is in doubt. It says until when nothing is done about it.
#[must_use]
pub(crate) fn in_doubt(entry: &LedgerEntry) -> ActionRecord {
    let mut record = of(entry, ActionState::InDoubt);
    if let Some(until) = entry.rests_until {
        let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
        record.reason = format!("{}; it rests until {until}, then Defender's list of actions is read", record.reason);
    }
    record
}

/// The id of a notice that is named by the instant of its happening.
pub(super) fn notice_id(kind: NoticeKind, at: Timestamp) -> String {
    format!("{}@{at}", kind.as_str())
}

/// A notice that is named by the instant of its happening.
pub(super) fn notice(kind: NoticeKind, text: String, at: Moment) -> Report {
    let id = notice_id(kind, at.wall);
    Report::Notice(Notice { schema_version: SCHEMA_VERSION, id, kind, text, cause: None, at: at.wall })
}

/// The notice of a command that does nothing, or does nothing with one action. Its id is of the command's place on its
/// topic, so that it is told once.
pub(super) fn refusal(id: String, (cause, text): (RefusalCause, String), at: Moment) -> Report {
    let kind = NoticeKind::CommandRefused;
    Report::Notice(Notice { schema_version: SCHEMA_VERSION, id, kind, text, cause: Some(cause), at: at.wall })
}
