//! Records of every earlier version stay readable, and unknown fields are passed over. A version's folder is never
//! edited; a new version adds a folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};

use cordon_records::{
    ActionState, AlertRecord, AttemptState, ClosedEntry, CommandRecord, CursorRecord, DecisionRecord, EnrichedRecord,
    Fleet, LedgerRecord, Machine, PolicyRecord, Report, StageHealth, StampedRecord, WholeSummary,
};
use serde::{Serialize, de::DeserializeOwned};

fn files(prefix: &str) -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut files: Vec<PathBuf> = ["v1", "v2"]
        .into_iter()
        .flat_map(|version| std::fs::read_dir(examples.join(version)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no example of {prefix}");
    files
}

/// Reads each example, also with a field that nobody knows, and writes it back with every field it had.
fn stay_readable<T: DeserializeOwned + Serialize>(prefix: &str) {
    for path in files(prefix) {
        let text = std::fs::read_to_string(&path).unwrap();
        let record: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let before: serde_json::Value = serde_json::from_str(&text).unwrap();
        let after: serde_json::Value = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(before, after, "{} lost something", path.display());
        let newer = text.replacen('{', "{\"a_field_of_tomorrow\": [1], ", 1);
        serde_json::from_str::<T>(&newer).unwrap_or_else(|error| panic!("{} of tomorrow: {error}", path.display()));
    }
}

#[test]
fn alerts_stay_readable() {
    stay_readable::<AlertRecord>("alert");
}

#[test]
fn enriched_alerts_stay_readable_and_so_does_what_is_in_them() {
    stay_readable::<EnrichedRecord>("enriched");
    let record: EnrichedRecord =
        serde_json::from_str(&std::fs::read_to_string(&files("enriched")[0]).unwrap()).unwrap();
    let machine: Machine = record.machine.unwrap().view().unwrap();
    assert_eq!(machine.os_platform.as_deref(), Some("WindowsServer2022"));
}

#[test]
fn decisions_stay_readable() {
    stay_readable::<DecisionRecord>("decision");
}

#[test]
fn what_processes_say_of_their_health_stays_readable() {
    stay_readable::<StageHealth>("health");
}

#[test]
fn reports_stay_readable() {
    stay_readable::<Report>("action");
}

#[test]
fn the_ledger_stays_readable() {
    stay_readable::<StampedRecord>("ledger");
}

#[test]
fn the_mark_of_a_whole_summary_stays_readable() {
    stay_readable::<WholeSummary>("summary");
}

#[test]
fn policies_stay_readable() {
    stay_readable::<PolicyRecord>("policy");
}

/// The example of this name, in whatever version's folder.
fn example<T: DeserializeOwned>(name: &str) -> T {
    let [path] = &files(name)[..] else { panic!("not one example of {name}") };
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn what_somebody_else_did_is_read_as_theirs_and_never_as_ours() {
    let Report::Action(report) = example("action-other") else { panic!("no action") };
    let LedgerRecord::Action(entry) = example("ledger-other") else { panic!("no action") };
    let (told, kept) = (report.other_action.unwrap(), entry.other_action.unwrap());
    assert_eq!((report.machine_action_id, entry.machine_action_id), (None, None));
    assert_eq!(told.to_string(), "analyst@example.com (Full)");
    assert_eq!((kept.to_string(), kept.id), ("Automated investigation".to_owned(), told.id), "a scope may be missing");
}

#[test]
fn an_alert_that_was_read_without_evidence_says_so_on_every_record_of_its_way() {
    let seen: AlertRecord = example("alert-without-evidence");
    assert!(!seen.asked_with_evidence());
    assert!(example::<AlertRecord>("alert.").asked_with_evidence());
    let enriched: EnrichedRecord = example("enriched-without-evidence");
    let decided: DecisionRecord = example("decision-without-evidence");
    for cut in [&seen.cut, &enriched.cut, &decided.alert.cut] {
        assert_eq!(cut.iter().map(ToString::to_string).collect::<Vec<_>>(), ["evidence was not asked for"]);
    }
    assert!(decided.alert.people_cut().is_some(), "it may have named somebody");
}

#[test]
fn the_fleets_size_is_read_with_and_without_who_counted_and_an_older_build_reads_both() {
    let fleet = |name: &str| match example(name) {
        PolicyRecord::Fleet(counted) => counted,
        PolicyRecord::Text(text) => panic!("{text:?}"),
    };
    assert!(fleet("policy-fleet.").by < fleet("policy-fleet-by").by, "whoever says who counted beats who does not");
    for name in ["policy-fleet.", "policy-fleet-by"] {
        let read: Fleet = example(name);
        assert_eq!(read, fleet(name).fleet());
    }
}

#[test]
fn cursors_stay_readable() {
    stay_readable::<CursorRecord>("cursor");
}

#[test]
fn commands_stay_readable() {
    stay_readable::<CommandRecord>("command");
}

/// `newest` is what this build reads of them.
fn of_tomorrow<T: DeserializeOwned>(prefix: &str, newest: u32) {
    for path in files(prefix) {
        let text = std::fs::read_to_string(&path).unwrap();
        let tomorrow = format!("\"schema_version\": {}", newest + 1);
        let newer =
            text.replacen("\"schema_version\": 1", &tomorrow, 1).replacen("\"schema_version\": 2", &tomorrow, 1);
        if newer == text {
            continue;
        }
        let Err(error) = serde_json::from_str::<T>(&newer) else { panic!("{} was read", path.display()) };
        let said = error.to_string();
        let expected = format!("schema_version {} is newer than {newest}", newest + 1);
        assert!(said.contains(&expected) && said.contains("upgrade this stage"), "{said}");
    }
}

#[test]
fn a_record_of_a_newer_version_is_refused_by_its_version_and_never_read_half() {
    of_tomorrow::<AlertRecord>("alert", 2);
    of_tomorrow::<EnrichedRecord>("enriched", 2);
    of_tomorrow::<DecisionRecord>("decision", 2);
    of_tomorrow::<Report>("action", 1);
    of_tomorrow::<StampedRecord>("ledger", 2);
    of_tomorrow::<CommandRecord>("command", 1);
    of_tomorrow::<PolicyRecord>("policy", 1);
    let versioned = ["alert", "enriched", "decision", "action", "ledger-action", "command"];
    for prefix in versioned {
        let text = std::fs::read_to_string(&files(prefix)[0]).unwrap();
        assert!(text.contains("\"schema_version\": 1"), "{prefix}: the example shows no version");
    }
}

/// What a build of before the stamp demands of a ledger record: every field that it does not default, by its entry.
const DEMANDED: [(&str, &[&str]); 9] = [
    ("genesis", &["cluster_id", "at"]),
    ("claim", &["epoch", "owner", "at"]),
    ("action", &["key", "epoch", "attempt", "state", "action", "alert", "machine", "rules", "mode", "decision", "at"]),
    ("breaker", &["on", "by", "why", "at"]),
    ("pause", &["on", "by", "why", "at"]),
    ("commands_position", &["next"]),
    ("obeyed", &["id", "until", "offset"]),
    ("policy", &["rule_set", "rules", "at"]),
    ("fleet_size", &["machines", "at"]),
];

#[test]
fn what_this_build_writes_is_what_an_older_one_reads_and_an_epoch_beside_it() {
    let mut seen = Vec::new();
    for path in files("ledger") {
        let record: LedgerRecord = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        if path.parent().unwrap().ends_with("v2") {
            continue;
        }
        let older = serde_json::to_value(&record).unwrap();
        let written = serde_json::to_value(record.stamped(7)).unwrap();
        let entry = written["entry"].as_str().unwrap().to_owned();
        if entry == "closed" {
            continue;
        }
        let (_, demanded) = DEMANDED.iter().find(|(of, _)| *of == entry).expect("an entry that an older build knows");
        assert!(demanded.iter().all(|field| !written[*field].is_null()), "{written}");
        assert!(written.get("schema_version").is_none_or(|version| *version == 1), "{written}");
        let mut without = written.clone();
        let epoch = without.as_object_mut().unwrap().remove("epoch");
        assert_eq!(epoch, Some(if entry == "claim" { older["epoch"].clone() } else { 7.into() }));
        let mut older = older;
        older.as_object_mut().unwrap().remove("epoch");
        assert_eq!(without, older, "only the epoch is new");
        seen.push(entry);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), DEMANDED.len(), "an entry has no example: {seen:?}");
}

#[test]
fn a_ledger_record_is_read_with_its_epoch_and_one_of_an_older_build_without() {
    let read = |text: &str| serde_json::from_str::<StampedRecord>(text).unwrap();
    let pause = r#"{"entry":"pause","on":true,"by":"ann","why":"w","at":"2026-11-22T18:00:00Z"}"#;
    assert_eq!(read(pause).epoch(), None);
    let stamped = pause.replacen('{', r#"{"epoch":4,"#, 1);
    assert_eq!(read(&stamped).epoch(), Some(4));
    assert_eq!(read(&stamped).record(), read(pause).record());
    for path in files("ledger") {
        let text = std::fs::read_to_string(&path).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read(&text).epoch(), json["epoch"].as_u64(), "{}", path.display());
    }
}

#[test]
fn a_closed_entry_takes_no_more_than_150_bytes_but_for_the_alert_of_an_isolation_and_the_key_of_its_action() {
    let text = std::fs::read_to_string(files("ledger-closed-isolation")[0].clone()).unwrap();
    let LedgerRecord::Closed(mut closed) = serde_json::from_str(&text).unwrap() else { panic!("no closed entry") };
    closed.attempt = 99;
    assert_eq!(closed.id.as_ref().map(|id| id.as_str().len()), Some(36), "a GUID, as Defender has it");
    assert_eq!(LedgerRecord::Closed(closed.clone()).key(), format!("action/{}", closed.key));
    let bytes = |closed: &ClosedEntry| {
        serde_json::to_vec(&LedgerRecord::Closed(closed.clone()).stamped(999_999)).unwrap().len()
    };
    // The longest of those in which an action of Defender's ends.
    closed.state = ActionState::NeedsHuman;
    assert!(bytes(&closed) <= 176, "{}", bytes(&closed));
    closed.alert = None;
    assert!(bytes(&closed) <= 150, "{}", bytes(&closed));
    (closed.id, closed.again, closed.state) = (None, true, ActionState::Refused);
    assert!(bytes(&closed) <= 150, "{}", bytes(&closed));
}

#[test]
fn a_closed_entry_of_an_older_build_bars_for_good_and_its_age_is_not_known() {
    let text = std::fs::read_to_string(files("ledger-closed.")[0].clone()).unwrap();
    let LedgerRecord::Closed(closed) = serde_json::from_str(&text).unwrap() else { panic!("no closed entry") };
    assert_eq!((closed.again, closed.day, closed.alert), (false, None, None));
}

#[test]
fn what_a_command_about_many_has_not_ended_is_refused_by_a_build_that_knows_no_such_command() {
    use ActionState::{Accepted, Approved, Cancelled, Covered, Denied, Failed, Held, Succeeded, TimedOut};

    let version = |name: &str, state: AttemptState| {
        let text = std::fs::read_to_string(&files(name)[0]).unwrap();
        let LedgerRecord::Action(mut entry) = serde_json::from_str(&text).unwrap() else { panic!("no action") };
        entry.state = state;
        entry.schema_version = 1;
        let written = serde_json::to_value(LedgerRecord::Action(entry).stamped(7)).unwrap();
        written["schema_version"].as_u64().unwrap()
    };
    let reported = AttemptState::Reported;
    let on_their_way = [AttemptState::Intent, AttemptState::InDoubt, reported(Approved), reported(Held)];
    for state in on_their_way.into_iter().chain([reported(Accepted)]) {
        assert_eq!((version("ledger-undo", state), version("ledger-approved-by-notice", state)), (2, 2), "{state:?}");
        assert_eq!((version("ledger-asked", state), version("ledger-held", state)), (1, 1), "{state:?}");
    }
    for state in [Succeeded, Cancelled, Covered, Denied, Failed, TimedOut].map(reported) {
        assert_eq!((version("ledger-undo", state), version("ledger-approved-by-notice", state)), (1, 1), "{state:?}");
    }
}
