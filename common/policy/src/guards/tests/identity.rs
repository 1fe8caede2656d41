//! Which machine is meant, whose isolation stands on it, and in which group it is.

use cordon_records::{Machine, MachineId};

use super::*;

/// The summary of a machine that Defender describes so.
fn machine(fields: &str) -> MachineSummary {
    let wire = format!(
        r#"{{"id":"m1","computerDnsName":"PC1.corp.example","osPlatform":"Windows11","deviceValue":"Normal","machineTags":[],
            {fields}}}"#
    );
    serde_json::from_str::<Machine>(&wire).unwrap().summary()
}

fn said(guard: &str, change: impl FnOnce(&mut CaseFacts)) -> (Ruling, String) {
    let mut facts = facts();
    change(&mut facts);
    let judged = facts.judge(&Guards::built_in());
    let verdict = judged.verdicts.into_iter().find(|verdict| verdict.guard == guard).unwrap();
    (verdict.ruling, verdict.why)
}

#[test]
fn a_machine_that_was_merged_into_another_is_held_and_the_other_is_named() {
    let merged = machine(r#""rbacGroupName":"Clients","mergedIntoMachineId":"m2","isPotentialDuplication":true"#);
    let (ruling, why) = said(guard::MACHINE_FACTS, |facts| facts.machine = Some(merged.clone()));
    assert_eq!(ruling, Ruling::Hold);
    assert_eq!(why, "PC1.corp.example was merged into machine m2: a person decides which is meant");
    let approved = |facts: &mut CaseFacts| (facts.machine, facts.approved) = (Some(merged.clone()), true);
    assert_eq!(said(guard::MACHINE_FACTS, approved).0, Ruling::Pass, "a person may decide that it is meant");
}

#[test]
fn a_machine_that_was_merged_or_a_duplicate_when_the_rules_decided_is_held_although_the_fresh_reading_does_not_say_so()
{
    for fields in [r#""rbacGroupName":"Clients","mergedIntoMachineId":"m2""#, r#""isPotentialDuplication":true"#] {
        let (ruling, why) = said(guard::MACHINE_FACTS, |facts| facts.polled = Some(machine(fields)));
        assert_eq!(ruling, Ruling::Hold, "{fields}");
        assert!(why.ends_with(", as it was when the rules decided"), "{why}");
    }
}

#[test]
fn a_potential_duplicate_is_held_and_no_other_value_makes_one() {
    let duplicate = machine(r#""rbacGroupName":"Clients","mergedIntoMachineId":null,"isPotentialDuplication":true"#);
    let (ruling, why) = said(guard::MACHINE_FACTS, |facts| facts.machine = Some(duplicate));
    assert_eq!(ruling, Ruling::Hold);
    assert!(why.contains("PC1.corp.example (machine m1) a potential duplicate"), "{why}");
    for fields in [
        r#""mergedIntoMachineId":null,"isPotentialDuplication":false"#,
        r#""mergedIntoMachineId":"","isPotentialDuplication":null"#,
        r#""mergedIntoMachineId":" ""#,
        r#""managedBy":"Intune""#,
    ] {
        let (ruling, why) = said(guard::MACHINE_FACTS, |facts| facts.machine = Some(machine(fields)));
        assert_eq!(ruling, Ruling::Pass, "{fields}: {why}");
    }
}

#[test]
fn group_0_with_a_null_name_is_no_group_and_any_other_group_without_a_name_is_a_missing_fact() {
    let lists = guards("{never: {groups: [Servers]}, caps: {per_device_group: {1h: 1}}}");
    let ruling = |fields: &str| {
        let mut facts = facts();
        facts.machine = Some(machine(fields));
        facts.attempts = vec![Attempt { group: Some("Clients".into()), ..attempt(-60) }];
        facts.judge(&lists).ruling
    };
    for known in [
        r#""rbacGroupId":0,"rbacGroupName":null"#,
        r#""rbacGroupId":"0","rbacGroupName":" ""#,
        r#""rbacGroupId":75,"rbacGroupName":"Laptops""#,
    ] {
        assert_eq!(ruling(known), Ruling::Pass, "{known}");
    }
    for missing in [r#""rbacGroupId":75,"rbacGroupName":null"#, r#""rbacGroupName":null"#, r#""rbacGroupId":null"#] {
        assert_eq!(ruling(missing), Ruling::Hold, "{missing}");
    }
    assert_eq!(ruling(r#""rbacGroupId":0,"rbacGroupName":"Servers""#), Ruling::Refuse, "the name is what is listed");
}

#[test]
fn machines_without_a_group_share_one_cap_and_use_up_no_other() {
    let cap = guards("caps: {per_device_group: {1h: 1}}");
    let mut facts = facts();
    facts.machine = Some(machine(r#""rbacGroupId":0,"rbacGroupName":null"#));
    assert_eq!(facts.judge(&cap).ruling, Ruling::Pass);
    facts.attempts = vec![Attempt { group: Some("(no group)".into()), ..attempt(-60) }];
    let judged = facts.judge(&cap);
    assert_eq!(
        (judged.ruling, judged.reason.as_str()),
        (Ruling::Hold, "per-device-group: per_device_group (no group): 1 of 1 in 1h")
    );
    facts.machine().group = Some("Clients".into());
    assert_eq!(facts.judge(&cap).ruling, Ruling::Pass);
}

#[test]
fn an_alert_that_has_an_isolation_on_another_machine_is_held_for_a_person_and_the_first_is_named() {
    let (ruling, why) = said(guard::ISOLATION, |facts| facts.elsewhere = Some("PC0.corp.example"));
    assert_eq!(ruling, Ruling::Hold);
    assert_eq!(
        why,
        "alert a1 has an isolation on PC0.corp.example already: a person decides whether this machine is meant, too"
    );
    let id = MachineActionId::new("x1").unwrap();
    let covered = |facts: &mut CaseFacts| {
        (facts.elsewhere, facts.isolation) = (Some("PC0.corp.example"), Isolation::Isolated { id })
    };
    assert_eq!(said(guard::ISOLATION, covered).0, Ruling::Covered, "it is isolated: nothing is left to decide");
}

#[test]
fn whoever_isolated_the_machine_is_named_whatever_is_asked() {
    let stands = |facts: &mut CaseFacts| {
        facts.isolated_by = Some("analyst@example.com (Selective)");
        facts.isolation = Isolation::Isolated { id: MachineActionId::new("x1").unwrap() };
    };
    let (ruling, why) = said(guard::ISOLATION, stands);
    assert_eq!(
        (ruling, why.as_str()),
        (Ruling::Covered, "already isolated by analyst@example.com (Selective), action x1")
    );
    for (asker, expected) in
        [(Asker::Person, Ruling::Pass), (Asker::Rules, Ruling::Hold), (Asker::Timer, Ruling::Covered)]
    {
        let (ruling, why) = said(guard::STANDING, |facts| {
            stands(facts);
            (facts.action, facts.asker) = (action(ActionKind::Release), asker);
        });
        assert_eq!(ruling, expected);
        assert!(why.contains("by analyst@example.com (Selective), action x1"), "{why}");
    }
}

#[test]
fn what_is_known_of_a_machine_survives_the_ledger_and_an_old_record_knows_less() {
    let full =
        machine(r#""rbacGroupId":0,"rbacGroupName":null,"mergedIntoMachineId":"m2","isPotentialDuplication":true"#);
    let written = serde_json::to_string(&full).unwrap();
    assert_eq!(serde_json::from_str::<MachineSummary>(&written).unwrap(), full);
    let old: MachineSummary = serde_json::from_str(r#"{"id":"m1"}"#).unwrap();
    assert_eq!(old, MachineSummary::unknown(MachineId::new("m1").unwrap()));
    assert_eq!(old.known_group(), None);
}
