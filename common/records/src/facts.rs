//! What the guards were told when they were asked: recorded with their verdicts, so that a backtest can ask them again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::AlertSummary;
use crate::ids::MachineActionId;
use crate::machine::MachineSummary;
use crate::spelling::{AlertStatus, Classification, Severity};

/// The number of onboarded machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// How many.
    pub machines: u64,
    /// When they were counted.
    pub at: Timestamp,
}

/// What Defender's list of machine actions says of the machine's isolation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Isolation {
    /// The list could not be read.
    Unknown,
    /// No isolation stands or runs.
    None,
    /// One is on its way.
    Running {
        /// That action.
        id: MachineActionId,
    },
    /// The newest finished action is an isolation that succeeded.
    Isolated {
        /// That action.
        id: MachineActionId,
    },
    /// The newest finished action is a release.
    Released {
        /// When.
        at: Timestamp,
        /// Who asked for it.
        by: String,
    },
}

/// The newest of the machine's actions in Defender's list, of whatever kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestAction {
    /// Defender's id.
    pub id: MachineActionId,
    /// Its type, in Defender's spelling (`Isolate`).
    pub kind: String,
    /// Its status, in Defender's spelling (`Succeeded`).
    pub status: String,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

/// Defender's list of the machine's actions, read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListedActions {
    /// The newest of them; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<NewestAction>,
}

/// What the guards were told about one action. A part that could not be had is absent: the guards were told so, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardFacts {
    /// Hash of the guards that were asked; their text is on `policies`.
    pub guard_set: String,
    /// The moment for which they judged.
    pub at: Timestamp,
    /// Whether anything was read. What cannot end in a call whatever a read says (a pause, a latched breaker, shadow mode, an
    /// approval that is still to come, an old alert, a machine on the never-list) is not read afresh; alert and machine are
    /// then those of the decision, and nobody looked at the isolation. Where every fresh read failed, nothing was read either.
    pub read: bool,
    /// The alert as the guards were told of it, without its title and its users.
    pub alert: AlertSummary,
    /// Whether that is what was read then. If not, the alert could not be had, or was not asked for, because a person or a
    /// timer wants the action.
    pub alert_read: bool,
    /// Everybody on the alert or logged on, as far as known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// The machine as it was then; absent when it could not be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineSummary>,
    /// The machine as it was when the rules decided, where that says something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled: Option<MachineSummary>,
    /// Whether it was isolated, and by whom.
    pub isolation: Isolation,
    /// Defender's list of its actions; absent when it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<ListedActions>,
    /// Whether the isolation that stood or ran was Cordon's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ours: bool,
    /// Whether it was known to cut off less than this action would.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub narrower: bool,
    /// Who had asked for it, and how much it cut off: `analyst@example.com (Selective)`; absent where that was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated_by: Option<String>,
    /// Another machine that had an isolation for this very alert: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<String>,
    /// The fleet's size; absent when it was never counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<Fleet>,
    /// Whether a person had paused all actions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// Whether the breaker had latched.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub latched: bool,
    /// When it had latched: an approval by its notice lifts this one alone. Absent on records of older builds, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latched_at: Option<Timestamp>,
    /// Whether it is about another action: one that a person takes back, or whose time is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub about_another: bool,
    /// How many texts of others were left out, so that a report fits its record: users, tags, names and the like. Not 0: the
    /// verdict cannot be repeated for sure.
    #[serde(default, skip_serializing_if = "is_none_left_out")]
    pub left_out: usize,
}

/// At most so many users, and so many tags, are recorded.
const MOST: usize = 100;

/// A text that takes more bytes of JSON than this is left out: half a name would be another name.
const LONGEST: usize = 256;

/// What stands for a word that is too long. It is none of Microsoft's.
const TOO_LONG: &str = "(too long)";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_none_left_out(left_out: &usize) -> bool {
    *left_out == 0
}

impl GuardFacts {
    /// Leaves out what would make a report too large, and says how much. Microsoft bounds none of these texts.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.alert.title.clear();
        self.alert.users.clear();
        let readings = [&mut self.machine, &mut self.polled].into_iter().flatten();
        let newest = self.actions.as_mut().and_then(|actions| actions.newest.as_mut());
        self.left_out = bound(&mut self.users)
            + bound_alert(&mut self.alert)
            + readings.map(bound_machine).sum::<usize>()
            + newest.map_or(0, bound_newest)
            + bound_isolation(&mut self.isolation)
            + [&mut self.isolated_by, &mut self.elsewhere].into_iter().map(bound_text).sum::<usize>();
        self
    }
}

fn is_too_long(text: &str) -> bool {
    let written = |byte: u8| match byte {
        0..=0x1f => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(written).sum::<usize>() > LONGEST
}

fn bound<T: AsRef<str>>(texts: &mut Vec<T>) -> usize {
    let before = texts.len();
    texts.retain(|text| !is_too_long(text.as_ref()));
    texts.truncate(MOST);
    before - texts.len()
}

fn bound_text(text: &mut Option<String>) -> usize {
    usize::from(text.take_if(|text| is_too_long(text)).is_some())
}

/// A word that may not be missing and is too long becomes what no guard knows.
fn bound_word(text: &mut String) -> usize {
    let left_out = is_too_long(text);
    if left_out {
        TOO_LONG.clone_into(text);
    }
    usize::from(left_out)
}

fn bound_alert(alert: &mut AlertSummary) -> usize {
    let mut left_out = bound_text(&mut alert.category);
    if is_too_long(alert.severity.as_str()) {
        alert.severity = Severity::Other(TOO_LONG.to_owned());
        left_out += 1;
    }
    if is_too_long(alert.status.as_str()) {
        alert.status = AlertStatus::Other(TOO_LONG.to_owned());
        left_out += 1;
    }
    if alert.classification.as_ref().is_some_and(|found| is_too_long(found.as_str())) {
        alert.classification = Some(Classification::Other(TOO_LONG.to_owned()));
        left_out += 1;
    }
    let cuts = alert.cut.len();
    alert.cut.retain(|cut| !is_too_long(&cut.field));
    alert.cut.truncate(MOST);
    left_out + cuts - alert.cut.len()
}

fn bound_machine(machine: &mut MachineSummary) -> usize {
    let MachineSummary { id: _, name, os, group, value, tags, ungrouped: _, merged_into, potential_duplicate: _ } =
        machine;
    let texts = [name, os, group, value, merged_into].into_iter().map(bound_text).sum::<usize>();
    texts + tags.as_mut().map_or(0, bound)
}

fn bound_newest(newest: &mut NewestAction) -> usize {
    let NewestAction { id: _, kind, status, by, created: _ } = newest;
    bound_word(kind) + bound_word(status) + bound_text(by)
}

fn bound_isolation(isolation: &mut Isolation) -> usize {
    match isolation {
        Isolation::Released { by, .. } => bound_word(by),
        Isolation::Unknown | Isolation::None | Isolation::Running { .. } | Isolation::Isolated { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Facts with this in the place of every text of Microsoft's.
    fn facts(text: &str) -> GuardFacts {
        let machine = json!({
            "id": "m1", "name": text, "os": text, "group": text, "value": text, "tags": vec![text; 200], "merged_into": text,
        });
        let cuts = vec![json!({"field": text, "kept": 1, "of": 2, "unit": "items"}); 200];
        serde_json::from_value(json!({
            "guard_set": "0f5c", "at": "2026-11-22T18:00:00Z", "read": true, "alert_read": true, "users": vec![text; 200],
            "alert": {
                "id": "a1", "title": text, "severity": text, "status": text, "classification": text, "category": text,
                "users": vec![text; 200], "cut": cuts,
            },
            "machine": machine, "polled": machine,
            "isolation": {"state": "released", "at": "2026-11-22T18:00:00Z", "by": text},
            "actions": {"newest": {"id": "x1", "kind": text, "status": text, "by": text}},
            "isolated_by": text, "elsewhere": text,
        }))
        .unwrap()
    }

    /// Every text in it, wherever it stands.
    fn texts(value: &Value) -> Vec<&str> {
        match value {
            Value::String(text) => vec![text],
            Value::Array(items) => items.iter().flat_map(texts).collect(),
            Value::Object(fields) => fields.values().flat_map(texts).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
        }
    }

    fn any_text() -> impl Strategy<Value = String> {
        let one = prop_oneof!["[a-z]", "\\PC", Just("\u{0}".to_owned()), Just("\"".to_owned())];
        (one, prop_oneof![Just(1_usize), 40..260_usize, Just(300)]).prop_map(|(one, times)| one.repeat(times))
    }

    proptest! {
        #[test]
        fn facts_fit_a_report_however_long_the_texts_are_and_whole_ones_stay(text in any_text()) {
            let bounded = facts(&text).bounded();
            let json = serde_json::to_value(&bounded).unwrap();
            let bytes = serde_json::to_vec(&bounded).unwrap().len();
            prop_assert!(bytes < 130_000, "{} bytes", bytes);
            let is_whole = |it: &str| it == text || it == TOO_LONG || it.len() < 30;
            prop_assert!(texts(&json).into_iter().all(is_whole), "{}", json);
            let fits = serde_json::to_vec(&text).unwrap().len() - 2 <= LONGEST;
            let name = bounded.machine.as_ref().and_then(|machine| machine.name.clone());
            prop_assert_eq!(name, fits.then(|| text.clone()));
            // Users, tags of two readings and marks of cuts are bounded by their number, too.
            prop_assert_eq!(bounded.left_out, if fits { 400 } else { 800 + 20 });
        }
    }
}
