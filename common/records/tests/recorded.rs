//! The topics that a build of 2026-11-29 wrote (`examples/recorded/v1`, made by `tests/tests/recorded.rs`): what this build
//! reads there it would write the same, name by name. Wire names never change when code is renamed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;

use cordon_records::{
    ActionKind, ActionState, AlertRecord, AttemptState, CommandRecord, CursorRecord, DecisionRecord, EnrichedRecord,
    LedgerRecord, Mode, NoticeKind, RefusalCause, Report, StampedRecord, Topic,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What somebody else had written to `decisions`, for the dead letters.
const RUBBISH: &str = "{\"no\":\"decision\"}";

/// The values of a topic's records, in the order of the log.
fn values(topic: &str) -> Vec<String> {
    let path = format!("{}/examples/recorded/v1/{topic}.ndjson", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let value = |line: &str| serde_json::from_str::<Value>(line).unwrap()["value"].as_str().map(str::to_owned);
    text.lines().filter_map(value).filter(|value| value != RUBBISH).collect()
}

/// Reads every record of a topic and writes it back with every field under its name.
fn are_written_as_they_were<T: DeserializeOwned + Serialize>(topic: &str) {
    let values = values(topic);
    assert!(!values.is_empty());
    for value in values {
        let record: T = serde_json::from_str(&value).unwrap_or_else(|error| panic!("{topic}: {error}: {value}"));
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(&value).unwrap(), "{topic}");
    }
}

#[test]
fn every_recorded_record_is_read_and_written_with_the_same_names() {
    are_written_as_they_were::<AlertRecord>("alerts");
    are_written_as_they_were::<EnrichedRecord>("enriched");
    are_written_as_they_were::<DecisionRecord>("decisions");
    are_written_as_they_were::<CommandRecord>("commands");
    are_written_as_they_were::<StampedRecord>("ledger");
    are_written_as_they_were::<Report>("actions");
    are_written_as_they_were::<CursorRecord>("cursors");
}

#[test]
fn the_recorded_ledger_shows_every_kind_of_record_and_no_epoch_where_that_build_wrote_none() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for value in values("ledger") {
        let record: StampedRecord = serde_json::from_str(&value).unwrap();
        let json: Value = serde_json::from_str(&value).unwrap();
        *kinds.entry(json["entry"].as_str().unwrap().to_owned()).or_default() += 1;
        let own = matches!(record.record(), LedgerRecord::Action(_) | LedgerRecord::Claim(_));
        assert_eq!(record.epoch(), own.then_some(1), "{value}");
    }
    let kinds: Vec<&str> = kinds.keys().map(String::as_str).collect();
    let all = ["action", "breaker", "claim", "commands_position", "fleet_size", "genesis", "obeyed", "pause", "policy"];
    assert_eq!(kinds, all);
}

fn names<T: Serialize>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    let text = |it: &T| serde_json::to_value(it).unwrap().as_str().unwrap().to_owned();
    all.into_iter().map(|it| text(&it)).collect()
}

// Every name on the wire that is a choice, as it must stay.

#[test]
fn the_names_of_states_and_modes_never_change() {
    assert_eq!(
        names([
            ActionState::Would,
            ActionState::Held,
            ActionState::Approved,
            ActionState::Denied,
            ActionState::Expired,
            ActionState::Refused,
            ActionState::Covered,
            ActionState::InDoubt,
            ActionState::Accepted,
            ActionState::Overdue,
            ActionState::NeedsHuman,
            ActionState::Succeeded,
            ActionState::Failed,
            ActionState::TimedOut,
            ActionState::Cancelled,
            ActionState::ClosedMeanwhile,
        ])
        .join(" "),
        "would held approved denied expired refused covered in_doubt accepted overdue needs_human succeeded failed \
         timed_out cancelled closed_meanwhile"
    );
    let attempts = [AttemptState::Intent, AttemptState::InDoubt];
    assert_eq!(names(attempts).join(" "), "intent in_doubt");
    assert_eq!(names([Mode::Shadow, Mode::Approve, Mode::Auto]).join(" "), "shadow approve auto");
}

#[test]
fn the_names_of_kinds_notices_and_topics_never_change() {
    let notices = [NoticeKind::BreakerLatched, NoticeKind::Paused, NoticeKind::Resumed, NoticeKind::CommandRefused];
    assert_eq!(names(notices).join(" "), "breaker_latched paused resumed command_refused");
    let causes = [
        RefusalCause::NotGenuine,
        RefusalCause::Configuration,
        RefusalCause::TooLate,
        RefusalCause::NothingToDo,
        RefusalCause::NotPossible,
    ];
    assert_eq!(names(causes).join(" "), "not_genuine configuration too_late nothing_to_do not_possible");
    let kinds = [
        ActionKind::Isolate,
        ActionKind::Release,
        ActionKind::RestrictCode,
        ActionKind::UnrestrictCode,
        ActionKind::Scan,
        ActionKind::CollectPackage,
        ActionKind::Investigate,
        ActionKind::StopFile,
        ActionKind::LiveResponse,
        ActionKind::Offboard,
        ActionKind::Tag,
        ActionKind::SetDeviceValue,
        ActionKind::UpdateAlert,
        ActionKind::Indicator,
        ActionKind::Cancel,
    ];
    assert_eq!(
        names(kinds).join(" "),
        "isolate release restrict_code unrestrict_code scan collect_package investigate stop_file live_response \
         offboard tag set_device_value update_alert indicator cancel"
    );
    assert_eq!(
        Topic::ALL.map(Topic::suffix).join(" "),
        "alerts enriched decisions actions commands dead-letters ledger summary cursors notified policies"
    );
}
