//! Records of every earlier version stay readable, and unknown fields are passed over. A version's folder is never
//! edited; a new version adds a folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};

use cordon_records::{
    AlertRecord, CommandRecord, CursorRecord, DecisionRecord, EnrichedRecord, LedgerRecord, Machine, Report,
};
use serde::{Serialize, de::DeserializeOwned};

fn files(prefix: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/v1");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_stem().unwrap().to_str().unwrap().starts_with(prefix))
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
fn reports_stay_readable() {
    stay_readable::<Report>("action");
}

#[test]
fn the_ledger_stays_readable() {
    stay_readable::<LedgerRecord>("ledger");
}

#[test]
fn cursors_stay_readable() {
    stay_readable::<CursorRecord>("cursor");
}

#[test]
fn commands_stay_readable() {
    stay_readable::<CommandRecord>("command");
}

fn of_tomorrow<T: DeserializeOwned>(prefix: &str) {
    for path in files(prefix) {
        let text = std::fs::read_to_string(&path).unwrap();
        let newer = text.replacen("\"schema_version\": 1", "\"schema_version\": 2", 1);
        if newer == text {
            continue;
        }
        let Err(error) = serde_json::from_str::<T>(&newer) else { panic!("{} was read", path.display()) };
        let said = error.to_string();
        assert!(said.contains("schema_version 2 is newer than 1") && said.contains("upgrade this stage"), "{said}");
    }
}

#[test]
fn a_record_of_a_newer_version_is_refused_by_its_version_and_never_read_half() {
    of_tomorrow::<AlertRecord>("alert");
    of_tomorrow::<EnrichedRecord>("enriched");
    of_tomorrow::<DecisionRecord>("decision");
    of_tomorrow::<Report>("action");
    of_tomorrow::<LedgerRecord>("ledger");
    of_tomorrow::<CommandRecord>("command");
    let versioned = ["alert", "enriched", "decision", "action", "ledger-action", "command"];
    for prefix in versioned {
        let text = std::fs::read_to_string(&files(prefix)[0]).unwrap();
        assert!(text.contains("\"schema_version\": 1"), "{prefix}: the example shows no version");
    }
}
