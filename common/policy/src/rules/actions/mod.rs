//! The actions that a rule may ask for, as rule files write them. One file for each group of kinds holds both how its
//! settings are read and how the JSON Schema describes them. What Microsoft limits is checked here wherever the rule
//! file alone shows it.

mod cancel;
mod indicator;
mod isolate;
mod live_response;
mod machine_label;
mod plain;
mod scan;
mod stop_file;
mod texts;
mod update_alert;

use cordon_records::{ActionKind, Retired};
use cordon_settings::{Section, closest};
use serde_json::{Map, Value};

use super::template::Template;

pub use update_alert::fits as determination_fits;

/// The names of the kinds that a rule may ask for, in the order of [`ActionKind::TAKEN`].
pub const ACTION_KINDS: &[&str] = &{
    let mut names = [""; ActionKind::TAKEN.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = ActionKind::TAKEN[index].as_str();
        index += 1;
    }
    names
};

/// What Microsoft and others call a kind that has a shorter name here.
const OTHER_NAMES: &[(&str, ActionKind)] = &[
    ("contain", ActionKind::Isolate),
    ("unisolate", ActionKind::Release),
    ("restrict_code_execution", ActionKind::RestrictCode),
    ("unrestrict_code_execution", ActionKind::UnrestrictCode),
    ("run_antivirus_scan", ActionKind::Scan),
    ("antivirus_scan", ActionKind::Scan),
    ("collect_investigation_package", ActionKind::CollectPackage),
    ("investigate", ActionKind::Investigate),
    ("start_investigation", ActionKind::Investigate),
    ("stop_and_quarantine_file", ActionKind::StopFile),
    ("quarantine", ActionKind::StopFile),
    ("run_live_response", ActionKind::LiveResponse),
    ("add_tag", ActionKind::Tag),
    ("submit_indicator", ActionKind::Indicator),
    ("cancel_action", ActionKind::Cancel),
];

/// Reads one entry of `actions`: a kind with its settings. `None` after a mistake was recorded.
pub fn read(mut item: Section) -> Option<Template> {
    let kinds = kinds(&item);
    let mut templates: Vec<Option<Template>> = kinds.iter().map(|kind| read_kind(&mut item, *kind)).collect();
    item.finish();
    templates.drain(..).next().flatten()
}

/// The kinds that an entry names: one, unless it holds a mistake.
fn kinds(item: &Section) -> Vec<ActionKind> {
    let written = item.keys();
    let mut kinds = Vec::new();
    for key in &written {
        match ActionKind::TAKEN.iter().find(|kind| kind.as_str() == key) {
            Some(kind) if kinds.is_empty() => kinds.push(*kind),
            Some(kind) => {
                item.problem_with_help(key, "a second kind in one entry", "begin every action with its own `- `");
                kinds.push(*kind);
            }
            None => match retired(key) {
                Some(Retired { why, instead }) => item.problem_with_help(key, why, instead),
                None => item.problem_with_help(key, "is no kind of action", meant(key)),
            },
        }
    }
    if written.is_empty() {
        item.problem_with_help(
            ActionKind::Isolate.as_str(),
            "an entry names no action",
            format!("write `- {}`", example(ActionKind::Isolate)),
        );
    }
    kinds
}

/// The kind that a name stands for elsewhere.
fn spoken(name: &str) -> Option<ActionKind> {
    OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, kind)| *kind)
}

/// Why the kind that a key names is gone, if it is.
fn retired(key: &str) -> Option<Retired> {
    spoken(&snake(key)).and_then(ActionKind::retired)
}

fn meant(key: &str) -> String {
    let key = snake(key);
    let spoken = |name: &str| spoken(name).filter(|kind| kind.retired().is_none()).map(ActionKind::as_str);
    let others: Vec<&str> = OTHER_NAMES.iter().map(|(name, _)| *name).collect();
    spoken(&key)
        .or_else(|| closest(&key, ACTION_KINDS))
        .or_else(|| spoken(closest(&key, &others)?))
        .map_or_else(|| format!("known are {}", ACTION_KINDS.join(", ")), |kind| format!("did you mean `{kind}`?"))
}

/// `collectInvestigationPackage` as `collect_investigation_package`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

fn read_kind(item: &mut Section, kind: ActionKind) -> Option<Template> {
    match kind {
        ActionKind::Isolate => settings(item, kind, isolate::read),
        ActionKind::Scan => settings(item, kind, scan::read),
        ActionKind::StopFile => settings(item, kind, stop_file::read),
        ActionKind::LiveResponse => settings(item, kind, live_response::read),
        ActionKind::Tag => settings(item, kind, machine_label::tag),
        ActionKind::SetDeviceValue => machine_label::device_value(item),
        ActionKind::UpdateAlert => settings(item, kind, update_alert::read),
        ActionKind::Indicator => settings(item, kind, indicator::read),
        ActionKind::Cancel => settings(item, kind, cancel::read),
        ActionKind::Release => settings(item, kind, plain::release),
        ActionKind::RestrictCode => settings(item, kind, plain::restrict_code),
        ActionKind::UnrestrictCode => settings(item, kind, plain::unrestrict_code),
        ActionKind::CollectPackage => settings(item, kind, plain::collect_package),
        // `kinds` gives none: it is refused there.
        ActionKind::Investigate => None,
        ActionKind::Offboard => settings(item, kind, plain::offboard),
    }
}

/// The section under the kind's name, read and finished.
fn settings(item: &mut Section, kind: ActionKind, read: fn(&mut Section) -> Option<Template>) -> Option<Template> {
    let name = kind.as_str();
    if !item.is_present(name) {
        item.problem_with_help(name, "has no settings", format!("write `- {}`", example(kind)));
    }
    let mut section = item.optional_section(name)?;
    let template = read(&mut section);
    section.finish();
    template
}

/// The kind's shortest entry, for messages. A test reads each.
const fn example(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::Isolate => "isolate: {type: Full, comment: why}",
        ActionKind::Release => "release: {comment: why}",
        ActionKind::RestrictCode => "restrict_code: {comment: why}",
        ActionKind::UnrestrictCode => "unrestrict_code: {comment: why}",
        ActionKind::Scan => "scan: {type: Quick, comment: why}",
        ActionKind::Investigate => "scan: {type: Full, comment: why}",
        ActionKind::CollectPackage => "collect_package: {comment: why}",
        ActionKind::StopFile => "stop_file: {files: evidence, comment: why}",
        ActionKind::LiveResponse => "live_response: {commands: [{run_script: triage.ps1}], comment: why}",
        ActionKind::Offboard => "offboard: {comment: why}",
        ActionKind::Tag => "tag: {add: name}",
        ActionKind::SetDeviceValue => "set_device_value: High",
        ActionKind::UpdateAlert => "update_alert: {status: InProgress}",
        ActionKind::Indicator => "indicator: {from: evidence_ips, action: Block, title: what, description: why}",
        ActionKind::Cancel => "cancel: {what: isolate, comment: why}",
    }
}

/// The JSON Schema of every kind's settings, by name.
pub fn schemas() -> Map<String, Value> {
    ActionKind::TAKEN.iter().map(|kind| (kind.as_str().to_owned(), schema(*kind))).collect()
}

fn schema(kind: ActionKind) -> Value {
    match kind {
        ActionKind::Isolate => isolate::schema(),
        ActionKind::Scan => scan::schema(),
        ActionKind::StopFile => stop_file::schema(),
        ActionKind::LiveResponse => live_response::schema(),
        ActionKind::Tag => machine_label::tag_schema(),
        ActionKind::SetDeviceValue => machine_label::device_value_schema(),
        ActionKind::UpdateAlert => update_alert::schema(),
        ActionKind::Indicator => indicator::schema(),
        ActionKind::Cancel => cancel::schema(),
        ActionKind::Release => plain::schema("Let the machine back; left out where `isolate` is asked for, too"),
        ActionKind::RestrictCode => {
            plain::schema("Let only programs run that Microsoft has signed; Windows, Defender Antivirus active")
        }
        ActionKind::UnrestrictCode => plain::schema("Lift that restriction"),
        ActionKind::CollectPackage => {
            plain::schema("Collect an investigation package; its link comes with the report of success")
        }
        // Nothing fits.
        ActionKind::Investigate => Value::Bool(false),
        ActionKind::Offboard => {
            plain::schema("Take the machine out of Defender; not macOS or Linux; by default a person approves it")
        }
    }
}

#[cfg(test)]
mod tests;
