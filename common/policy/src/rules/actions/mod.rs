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

/// How rule files write a kind.
struct Written {
    kind: ActionKind,
    /// The kind's shortest entry, for messages. A test reads each.
    example: &'static str,
    read: Read,
    /// The JSON Schema of its settings.
    schema: fn() -> Value,
}

/// From where a kind's settings are read.
enum Read {
    /// The section under its name.
    Section(fn(&mut Section) -> Option<Template>),
    /// The entry itself, where a single word may stand under its name.
    Entry(fn(&mut Section) -> Option<Template>),
    /// Nowhere: it is refused before.
    Never,
}

/// The table, in the order of [`ActionKind::ALL`].
static WRITTEN: [Written; ActionKind::ALL.len()] = [
    Written {
        kind: ActionKind::Isolate,
        example: "isolate: {type: Full, comment: why}",
        read: Read::Section(isolate::read),
        schema: isolate::schema,
    },
    Written {
        kind: ActionKind::Release,
        example: "release: {comment: why}",
        read: Read::Section(plain::release),
        schema: || plain::schema("Let the machine back; left out where `isolate` is asked for, too"),
    },
    Written {
        kind: ActionKind::RestrictCode,
        example: "restrict_code: {comment: why}",
        read: Read::Section(plain::restrict_code),
        schema: || plain::schema("Let only programs run that Microsoft has signed; Windows, Defender Antivirus active"),
    },
    Written {
        kind: ActionKind::UnrestrictCode,
        example: "unrestrict_code: {comment: why}",
        read: Read::Section(plain::unrestrict_code),
        schema: || plain::schema("Lift that restriction"),
    },
    Written {
        kind: ActionKind::Scan,
        example: "scan: {type: Quick, comment: why}",
        read: Read::Section(scan::read),
        schema: scan::schema,
    },
    Written {
        kind: ActionKind::CollectPackage,
        example: "collect_package: {comment: why}",
        read: Read::Section(plain::collect_package),
        schema: || plain::schema("Collect an investigation package; its link comes with the report of success"),
    },
    Written {
        kind: ActionKind::Investigate,
        example: "scan: {type: Full, comment: why}",
        read: Read::Never,
        schema: || Value::Bool(false),
    },
    Written {
        kind: ActionKind::StopFile,
        example: "stop_file: {files: evidence, comment: why}",
        read: Read::Section(stop_file::read),
        schema: stop_file::schema,
    },
    Written {
        kind: ActionKind::LiveResponse,
        example: "live_response: {commands: [{run_script: triage.ps1}], comment: why}",
        read: Read::Section(live_response::read),
        schema: live_response::schema,
    },
    Written {
        kind: ActionKind::Offboard,
        example: "offboard: {comment: why}",
        read: Read::Section(plain::offboard),
        schema: || {
            plain::schema("Take the machine out of Defender; not macOS or Linux; by default a person approves it")
        },
    },
    Written {
        kind: ActionKind::Tag,
        example: "tag: {add: name}",
        read: Read::Section(machine_label::tag),
        schema: machine_label::tag_schema,
    },
    Written {
        kind: ActionKind::SetDeviceValue,
        example: "set_device_value: High",
        read: Read::Entry(machine_label::device_value),
        schema: machine_label::device_value_schema,
    },
    Written {
        kind: ActionKind::UpdateAlert,
        example: "update_alert: {status: InProgress}",
        read: Read::Section(update_alert::read),
        schema: update_alert::schema,
    },
    Written {
        kind: ActionKind::Indicator,
        example: "indicator: {from: evidence_ips, action: Block, title: what, description: why}",
        read: Read::Section(indicator::read),
        schema: indicator::schema,
    },
    Written {
        kind: ActionKind::Cancel,
        example: "cancel: {what: isolate, comment: why}",
        read: Read::Section(cancel::read),
        schema: cancel::schema,
    },
];

const _: () = {
    let mut index = 0;
    while index < WRITTEN.len() {
        assert!(WRITTEN[index].kind as usize == index, "a row stands at its kind");
        index += 1;
    }
};

const fn written(kind: ActionKind) -> &'static Written {
    &WRITTEN[kind as usize]
}

fn read_kind(item: &mut Section, kind: ActionKind) -> Option<Template> {
    match written(kind).read {
        Read::Section(read) => settings(item, kind, read),
        Read::Entry(read) => read(item),
        Read::Never => None,
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

const fn example(kind: ActionKind) -> &'static str {
    written(kind).example
}

/// The JSON Schema of every kind's settings, by name.
pub fn schemas() -> Map<String, Value> {
    ActionKind::TAKEN.iter().map(|kind| (kind.as_str().to_owned(), (written(*kind).schema)())).collect()
}

#[cfg(test)]
mod tests;
