//! A machine action and its life: `Pending` → `InProgress` → `Succeeded`, computed from the clock when it is read.
//!
//! Nothing sleeps and nothing ticks: the state at a time follows from the creation, the machine's times online, and
//! the time an action takes to settle. An action that never reaches its machine ends as `TimeOut` after three days
//! ("Take response actions on a device").

use std::time::Duration;

use cordon_records::{MachineActionId, MachineId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::tenant::machine::{ActionOutcome, object};
use crate::wire_time::{after, wire_time};

/// How long the service keeps trying to reach a machine.
const GIVES_UP_AFTER: Duration = Duration::from_secs(3 * 24 * 3600);
/// 0x80190198, seen on actions that ended as `TimeOut`.
const HRESULT_TIMEOUT: i64 = -2_145_844_840;
/// `E_ABORT`, seen on actions that ended as `Cancelled`.
const HRESULT_ABORT: i64 = -2_147_467_260;
/// `E_FAIL`.
const HRESULT_FAIL: i64 = -2_147_467_259;

/// When a machine came and went: each change with its time, in order.
pub(crate) type Presence = Vec<(Timestamp, bool)>;

/// A machine action as it was asked for.
#[derive(Debug, Clone)]
pub struct SimAction {
    /// The action id.
    pub id: MachineActionId,
    /// `type`: `Isolate`, `Unisolate`, and others that a person may have started.
    pub kind: String,
    /// `machineId`.
    pub machine: MachineId,
    /// `computerDnsName`.
    pub machine_name: Option<String>,
    /// `requestor`: a person's UPN, or a client id.
    pub requestor: String,
    /// `requestorComment`.
    pub comment: String,
    /// `scope`: `Full` or `Selective`; of a scan `Quick` or `Full`.
    pub scope: Option<String>,
    /// The file that is stopped; `relatedFileInfo`.
    pub sha1: Option<String>,
    /// Live response commands as they were asked for.
    pub commands: Vec<Value>,
    /// `requestSource`: `Portal` or `PublicApi`.
    pub source: String,
    /// `creationDateTimeUtc`.
    pub created: Timestamp,
    /// How long the machine must be online until it is done.
    pub settle: Duration,
    /// How it ends when it reaches the machine.
    pub outcome: ActionOutcome,
    /// Who cancelled it, when, and with which comment.
    pub cancelled: Option<(Timestamp, String, String)>,
}

/// The state of an action at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionState {
    /// `status`.
    pub status: &'static str,
    /// `lastUpdateDateTimeUtc`.
    pub updated: Timestamp,
    /// `errorHResult`.
    pub hresult: i64,
}

impl ActionState {
    /// Whether it is still under way.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.status, "Pending" | "InProgress")
    }

    fn new(status: &'static str, updated: Timestamp, hresult: i64) -> Self {
        Self { status, updated, hresult }
    }
}

impl SimAction {
    /// The state at a time, for a machine with this presence.
    pub(crate) fn state(&self, presence: &Presence, now: Timestamp) -> ActionState {
        let started = reached(presence, self.created, self.settle / 2);
        let done = reached(presence, self.created, self.settle).filter(|_| self.outcome != ActionOutcome::Hangs);
        if let Some(at) = done.filter(|at| *at <= now && self.cancelled.as_ref().is_none_or(|(when, ..)| at <= when)) {
            return match self.outcome {
                ActionOutcome::Succeeds | ActionOutcome::Hangs => ActionState::new("Succeeded", at, 0),
                ActionOutcome::Fails => ActionState::new("Failed", at, HRESULT_FAIL),
            };
        }
        if let Some((at, ..)) = self.cancelled.as_ref().filter(|(at, ..)| *at <= now) {
            return ActionState::new("Cancelled", *at, HRESULT_ABORT);
        }
        let gives_up = after(self.created, GIVES_UP_AFTER);
        if gives_up <= now {
            return ActionState::new("TimeOut", gives_up, HRESULT_TIMEOUT);
        }
        match started.filter(|at| *at <= now && *at > self.created) {
            Some(at) => ActionState::new("InProgress", at, 0),
            None => ActionState::new("Pending", self.created, 0),
        }
    }

    /// The wire form at a time.
    pub(crate) fn to_json(&self, presence: &Presence, now: Timestamp) -> Map<String, Value> {
        let state = self.state(presence, now);
        let cancelled = self.cancelled.as_ref().filter(|(at, ..)| *at <= now);
        object(json!({
            "id": self.id.as_str(), "type": self.kind, "title": null, "requestor": self.requestor,
            "requestorComment": self.comment, "status": state.status, "machineId": self.machine.as_str(),
            "computerDnsName": self.machine_name, "creationDateTimeUtc": wire_time(self.created),
            "lastUpdateDateTimeUtc": wire_time(state.updated), "errorHResult": state.hresult, "scope": self.scope,
            "externalId": null, "requestSource": self.source, "relatedFileInfo": self.file_json(),
            "commands": self.commands_json(&state),
            "troubleshootInfo": null,
            "cancellationRequestor": cancelled.map(|(_, by, _)| by), "cancellationComment": cancelled.map(|(.., comment)| comment),
            "cancellationDateTimeUtc": cancelled.map(|(at, ..)| wire_time(*at)),
        }))
    }
}

impl SimAction {
    fn file_json(&self) -> Value {
        let file = |sha1: &String| json!({"fileIdentifier": sha1, "fileIdentifierType": "Sha1"});
        self.sha1.as_ref().map_or(Value::Null, file)
    }

    /// The commands of a session, each with what became of it: one that fails skips the rest.
    fn commands_json(&self, state: &ActionState) -> Value {
        let entry = |(index, command): (usize, &Value)| {
            let status = match (state.status, index) {
                ("Succeeded", _) => "Completed",
                ("Failed", 0) => "Failed",
                _ => "Created",
            };
            let end = (status != "Created").then(|| wire_time(state.updated));
            let errors = if status == "Failed" { json!(["The command failed"]) } else { json!([]) };
            json!({
                "index": index, "startTime": end.as_ref().map(|_| wire_time(self.created)), "endTime": end,
                "commandStatus": status, "errors": errors, "command": command,
            })
        };
        self.commands.iter().enumerate().map(entry).collect()
    }
}

/// When a machine had been online for `span` in total since `from`; `None` if it never is.
fn reached(presence: &Presence, from: Timestamp, span: Duration) -> Option<Timestamp> {
    let mut missing = SignedDuration::try_from(span).ok()?;
    for (place, (start, online)) in presence.iter().enumerate() {
        let end = presence.get(place + 1).map(|(end, _)| *end);
        if !online || end.is_some_and(|end| end <= from) {
            continue;
        }
        let start = (*start).max(from);
        match end.map(|end| end.duration_since(start)) {
            Some(length) if length < missing => missing -= length,
            _ => return start.checked_add(missing).ok(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn action() -> SimAction {
        SimAction {
            id: MachineActionId::new("a").unwrap(),
            kind: "Isolate".to_owned(),
            machine: MachineId::new("m").unwrap(),
            machine_name: None,
            requestor: "app".to_owned(),
            comment: String::new(),
            scope: None,
            sha1: None,
            commands: Vec::new(),
            source: "PublicApi".to_owned(),
            created: at(0),
            settle: Duration::from_secs(10),
            outcome: ActionOutcome::Succeeds,
            cancelled: None,
        }
    }

    fn status(action: &SimAction, presence: &[(Timestamp, bool)], second: i64) -> &'static str {
        action.state(&presence.to_vec(), at(second)).status
    }

    #[test]
    fn an_action_on_a_machine_that_is_online_settles_in_two_steps() {
        let online = [(at(-100), true)];
        let statuses: Vec<_> = [0, 4, 5, 9, 10, 500_000].iter().map(|s| status(&action(), &online, *s)).collect();
        assert_eq!(statuses, ["Pending", "Pending", "InProgress", "InProgress", "Succeeded", "Succeeded"]);
    }

    #[test]
    fn a_machine_that_is_offline_holds_the_action_up_until_it_comes_back() {
        let away = [(at(-100), false), (at(1000), true)];
        assert_eq!(status(&action(), &away, 999), "Pending");
        assert_eq!(status(&action(), &away, 1006), "InProgress");
        assert_eq!(status(&action(), &away, 1010), "Succeeded");
        let done_then_gone = [(at(-100), true), (at(20), false)];
        assert_eq!(status(&action(), &done_then_gone, 500_000), "Succeeded");
    }

    #[test]
    fn an_action_that_never_reaches_its_machine_times_out_after_three_days() {
        let gone = [(at(-100), false)];
        assert_eq!(status(&action(), &gone, 259_199), "Pending");
        let state = action().state(&gone.to_vec(), at(259_200));
        assert_eq!((state.status, state.hresult), ("TimeOut", HRESULT_TIMEOUT));
    }

    #[test]
    fn a_cancelled_action_never_succeeds_later_and_a_finished_one_stays_finished() {
        let mut cancelled = action();
        cancelled.cancelled = Some((at(7), "p@x".to_owned(), "no".to_owned()));
        let online = [(at(-100), true)];
        assert_eq!(status(&cancelled, &online, 6), "InProgress");
        assert_eq!(status(&cancelled, &online, 100), "Cancelled");
        cancelled.cancelled = Some((at(11), "p@x".to_owned(), "no".to_owned()));
        assert_eq!(status(&cancelled, &online, 100), "Succeeded");
    }

    #[test]
    fn a_settle_of_nothing_is_done_at_once() {
        let mut quick = action();
        quick.settle = Duration::ZERO;
        assert_eq!(status(&quick, &[(at(-100), true)], 0), "Succeeded");
        assert_eq!(status(&quick, &[(at(-100), false)], 0), "Pending");
    }
}
