//! A case as a report has it.

use cordon_records::{ActionRecord, Report};

use super::*;

fn report() -> ActionRecord {
    let text = include_str!("../../../../records/examples/v1/action-facts.json");
    let Report::Action(record) = serde_json::from_str(text).unwrap() else { panic!("no action") };
    *record
}

fn asked_by(record: &ActionRecord) -> Asker {
    Recorded::of(record).unwrap().case().asker
}

#[test]
fn a_recorded_case_has_who_asked() {
    let mut record = report();
    assert_eq!(asked_by(&record), Asker::Rules);
    record.action = Some(action(ActionKind::Release));
    assert_eq!(asked_by(&record), Asker::Rules);
    record.facts.as_mut().unwrap().about_another = true;
    assert_eq!(asked_by(&record), Asker::Timer);
    record.requested_by = Some("ann@example.com".to_owned());
    assert_eq!(asked_by(&record), Asker::Undo);
    record.facts.as_mut().unwrap().about_another = false;
    assert_eq!(asked_by(&record), Asker::Person);
}

#[test]
fn a_report_without_facts_or_without_an_action_is_no_case() {
    let (mut without_facts, mut without_action) = (report(), report());
    (without_facts.facts, without_action.action) = (None, None);
    assert!(Recorded::of(&without_facts).is_none() && Recorded::of(&without_action).is_none());
}
