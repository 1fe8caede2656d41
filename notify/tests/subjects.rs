//! What a subject has to say stands in it, whatever others put into its names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod support;

use cordon_notify::message::MAX_SUBJECT;
use cordon_notify::wording::outcome;
use cordon_records::{Action, ActionRecord, ActionState, MachineActionId, OtherAction, Severity};
use proptest::prelude::*;
use support::actions::{approval, every_action};
use support::{machine, step, told};

/// Stands for a name that others chose.
const NAME: &str = "Q";

/// A record of this action and state in which others chose all that is called `name`, and the alert's title and machine.
fn named(action: Action, state: ActionState, theirs: bool, name: &str) -> ActionRecord {
    let mut record = step(state, "LAPTOP-ANNA");
    record.action = Some(action);
    record.approvals = vec![approval(name, "because"), approval(name, "because")];
    record.approvals.truncate(usize::from(state == ActionState::Approved));
    record.other_action = theirs.then(|| OtherAction {
        id: MachineActionId::new("5382f7ea-7557-4ab7-9782-d50480024a4e").unwrap(),
        by: name.to_owned(),
        scope: Some("Full".to_owned()),
    });
    record
}

/// What the outcome says itself, before the first name in it and behind the last.
fn ours(plain: &ActionRecord) -> (String, String) {
    let said = outcome(plain);
    match (said.split_once(NAME), said.rsplit_once(NAME)) {
        (Some((before, _)), Some((_, behind))) => (before.to_owned(), behind.trim_start_matches(" (Full)").to_owned()),
        (_, _) => (said, String::new()),
    }
}

/// Names that others chose: short ones, long ones, and ids.
fn name() -> impl Strategy<Value = String> {
    let guid = "3fa85f64-5717-4562-b3fc-2c963f66afa6";
    prop_oneof!["[a-z]{1,300}", Just(guid.to_owned()), Just(format!("the app {guid} of {guid}")), "\\PC{1,200}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_subject_has_the_severity_and_all_of_the_outcome_and_no_id_whatever_the_lengths(
        names in (name(), name(), name(), name()),
        kind in 0_usize..15,
        (state, theirs) in (0_usize..16, any::<bool>()),
        attempt in prop_oneof![0_u32..3, Just(12), Just(u32::MAX)],
    ) {
        let (who, title, pc, severity) = names;
        let state = ActionState::ALL[state];
        let mut record = named(every_action(&who).remove(kind), state, theirs, &who);
        record.alert.title = title;
        record.machine = Some(machine(&pc, "Windows11"));
        record.attempt = attempt;
        record.alert.severity = if severity.len() % 2 == 0 { Severity::Informational } else { severity.as_str().into() };
        if let Some(told) = told(&record) {
            let subject = &told.subject;
            prop_assert!(subject.chars().count() <= MAX_SUBJECT, "{} in {subject}", subject.chars().count());
            let is_known = record.alert.severity == Severity::Informational;
            prop_assert!(!is_known || subject.starts_with("Informational · "), "{}", subject);
            let mut plain = named(every_action(NAME).remove(kind), state, theirs, NAME);
            plain.attempt = attempt;
            let (before, behind) = ours(&plain);
            prop_assert!(subject.contains(&before) && subject.contains(&behind), "{:?} … {:?}: {}", before, behind, subject);
            let number = format!(" (attempt {attempt})");
            prop_assert!(attempt < 2 || subject.ends_with(&number), "{}", subject);
            let digits = subject.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
            let longest = digits.map(|run| run.chars().filter(char::is_ascii_digit).count()).max().unwrap_or_default();
            prop_assert!(!subject.contains("3fa85f64-5") && longest < 16, "{}", subject);
        }
    }
}
