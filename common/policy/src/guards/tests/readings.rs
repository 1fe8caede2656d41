//! Protected people by each of their names, and protection that either of two readings tells of.

use cordon_records::Alert;
use proptest::sample::select;

use super::*;

/// What Defender says of an alert with this evidence, or this related or logged-on user.
fn named(field: &str, value: &str) -> AlertSummary {
    let alert = format!(r#"{{"id": "a1", "severity": "High", "status": "New", "{field}": {value}}}"#);
    let alert: Alert = serde_json::from_str(&alert).unwrap();
    AlertSummary { newest_moment: Some(at(-60)), ..alert.summary() }
}

#[test]
fn a_person_on_the_hold_list_is_met_by_each_name() {
    let held = &[(guard::HOLD_USERS, Ruling::Hold)];
    for (listed, field, value) in [
        ("ceo@example.com", "evidence", r#"[{"accountName":"ceo","userPrincipalName":""}]"#),
        ("CORP\\boss", "evidence", r#"[{"accountName":"boss","userPrincipalName":"b.smith@example.com"}]"#),
        ("boss", "evidence", r#"[{"accountName":"boss","userPrincipalName":"b.smith@example.com"}]"#),
        ("b.smith@example.com", "evidence", r#"[{"accountName":"boss","userPrincipalName":"B.Smith@Example.com"}]"#),
        ("ceo@example.com", "evidence", r#"[{"accountName":"CEO","userPrincipalName":"ceo@example.onmicrosoft.com"}]"#),
        ("CORP\\boss", "evidence", r#"[{"entityType":"Process","accountName":"boss","domainName":"corp"}]"#),
        ("ceo@example.com", "evidence", r#"[{"accountName":"CORP\\ceo"}]"#),
        ("ceo@example.com", "evidence", r#"[{"accountName":"\t","userPrincipalName":" CEO@example.com"}]"#),
        ("CORP\\boss", "relatedUser", r#"{"userName":"Boss","domainName":"CORP"}"#),
        ("ceo@example.com", "relatedUser", r#"{"userName":"ceo","domainName":"corp"}"#),
        ("boss@example.com", "loggedOnUsers", r#"[{"accountName":"boss","domainName":"CORP"}]"#),
    ] {
        let yaml = format!("hold: {{users: ['{listed}']}}");
        expect(&yaml, held, |f| f.alert = named(field, value));
        let polled = named(field, value);
        expect(&yaml, held, |f| f.alert = named("evidence", "[]").remembering(&polled));
    }
    for (listed, value) in [
        ("ceo@example.com", r#"[{"accountName":"","userPrincipalName":""}]"#),
        ("ceo@example.com", r#"[{"accountName":"ceo2","userPrincipalName":"ceo@elsewhere.example"}]"#),
        ("CORP\\boss", r#"[{"accountName":"eve","userPrincipalName":"b.smith@example.com"}]"#),
    ] {
        expect(&format!("hold: {{users: ['{listed}']}}"), &[], |f| f.alert = named("evidence", value));
    }
}

fn other(change: impl FnOnce(&mut MachineSummary)) -> MachineSummary {
    let mut machine = facts().machine.unwrap();
    change(&mut machine);
    machine
}

/// Held or refused by the guard whichever of the two readings is this one.
#[track_caller]
fn either(yaml: &str, expected: (&str, Ruling), reading: &MachineSummary) {
    expect(yaml, &[expected], |f| f.machine = Some(reading.clone()));
    expect(yaml, &[expected], |f| f.polled = Some(reading.clone()));
    expect(yaml, &[expected], |f| (f.machine, f.polled) = (Some(reading.clone()), f.machine.clone()));
}

#[test]
fn what_protects_a_machine_in_either_reading_protects_it() {
    let refused = (guard::NEVER_LIST, Ruling::Refuse);
    either("", refused, &other(|m| m.tags = Some(vec!["cordon-never".into()])));
    either("never: {names: ['dc*']}", refused, &other(|m| m.name = Some("dc01.corp.example".into())));
    either("never: {groups: [Tier 0]}", refused, &other(|m| m.group = Some("Tier 0".into())));
    let tags = other(|m| m.tags = Some(vec!["vip".into()]));
    either("hold: {tags: [VIP]}", (guard::HOLD_TAGS, Ruling::Hold), &tags);
    either("", (guard::DEVICE_VALUE, Ruling::Hold), &other(|m| m.value = Some("High".into())));
    for machines in ["tags: [VIP]", "names: ['srv-*']"] {
        let yaml = format!("maintenance: [{{{machines}, from: '{}', to: '{}', by: a, why: b}}]", at(-10), at(10));
        let machine = other(|m| (m.tags, m.name) = (Some(vec!["vip".into()]), Some("srv-1".into())));
        either(&yaml, (guard::MAINTENANCE, Ruling::Hold), &machine);
    }
}

#[test]
fn scope_and_platform_must_hold_in_both_readings() {
    for tags in [Some(vec!["else".to_owned()]), Some(vec![]), None] {
        let yaml = "{scope: {tags: [lab]}, never: {tags: []}}";
        either(yaml, (guard::SCOPE, Ruling::Hold), &other(|m| m.tags = tags));
    }
    for os in [Some("WindowsServer2022".to_owned()), Some(" ".to_owned()), None] {
        either("", (guard::ALLOW_OS, Ruling::Hold), &other(|m| m.os = os));
    }
}

#[test]
fn a_fact_that_the_fresh_reading_lacks_is_missing_whatever_the_earlier_one_said() {
    let held = &[(guard::NEVER_LIST, Ruling::Hold)];
    for (yaml, without) in [
        ("", other(|m| m.tags = None)),
        ("never: {names: ['dc*']}", other(|m| m.name = Some("\t".into()))),
        ("never: {groups: [Tier 0]}", other(|m| m.group = None)),
    ] {
        expect(yaml, held, |f| (f.polled, f.machine) = (f.machine.clone(), Some(without.clone())));
        expect(yaml, &[], |f| f.polled = Some(without.clone()));
    }
}

#[test]
fn a_word_that_rests_on_the_earlier_reading_says_so() {
    let mut facts = facts();
    facts.polled = Some(other(|m| m.group = Some("Tier 0".into())));
    let reason = facts.judge(&guards("never: {groups: [Tier 0]}")).reason;
    assert_eq!(reason, "never-list: group Tier 0 is on the never list, as it was when the rules decided");
}

/// Everything that two readings bear on, over few texts, so that there are hits.
const LISTS: &str = "{scope: {tags: [lab]}, allow_os: [Windows11], never: {tags: [cordon-never], names: ['dc*'], groups: [Tier 0]}, \
    hold: {tags: [VIP], users: [ceo@corp.example, 'CORP\\boss'], device_value: [High]}, \
    maintenance: [{tags: [patching], names: ['srv-*'], from: '2020-01-01T00:00:00Z', to: '2040-01-01T00:00:00Z', \
    by: ana, why: patching}]}";

fn any_of(texts: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(select(texts).prop_map(str::to_owned))
}

prop_compose! {
    fn any_reading()(
        name in any_of(&["pc1", "dc1", "srv-1", " "]),
        os in any_of(&["Windows11", "WindowsServer2022", ""]),
        group in any_of(&["Clients", "tier 0", "\t"]),
        value in any_of(&["Normal", "High", ""]),
        tags in proptest::option::of(proptest::collection::vec(select(&["lab", "CORDON-never", "vip", "patching", ""][..]), 0..3)),
    ) -> MachineSummary {
        let tags = tags.map(|tags| tags.into_iter().map(str::to_owned).collect());
        MachineSummary { name, os, group, value, tags, ..facts().machine.unwrap() }
    }
}

fn any_users() -> impl Strategy<Value = Vec<String>> {
    let name = select(&["ceo", "ceo@corp.example", "boss", "b.smith@corp.example", "eve", "", " "][..]);
    proptest::collection::vec(name.prop_map(str::to_owned), 0..3)
}

const fn weight(ruling: Ruling) -> u8 {
    match ruling {
        Ruling::Pass => 0,
        Ruling::Hold => 1,
        Ruling::Covered => 2,
        Ruling::Refuse => 3,
    }
}

proptest! {
    #[test]
    fn another_reading_can_only_make_the_guards_stricter(
        kind in select(ActionKind::ALL),
        (fresh, polled) in (proptest::option::of(any_reading()), any_reading()),
        (named, earlier) in (any_users(), any_users()),
        approved in any::<bool>(),
    ) {
        let mut one = facts();
        (one.action, one.machine, one.alert.users, one.approved) = (action(kind), fresh, named, approved);
        let mut both = one.clone();
        both.polled = Some(polled);
        both.alert = both.alert.remembering(&AlertSummary { users: earlier, ..one.alert.clone() });
        let (alone, together) = (one.judge(&guards(LISTS)), both.judge(&guards(LISTS)));
        for (alone, together) in alone.verdicts.iter().zip(&together.verdicts) {
            prop_assert!(weight(alone.ruling) <= weight(together.ruling), "{:?} became {:?}", alone, together);
        }
        prop_assert!(weight(alone.ruling) <= weight(together.ruling));
    }

    #[test]
    fn which_of_two_readings_tells_of_a_protection_does_not_matter(one in any_reading(), other in any_reading()) {
        let mut there = facts();
        (there.machine, there.polled) = (Some(one.clone()), Some(other.clone()));
        let mut back = facts();
        (back.machine, back.polled) = (Some(other), Some(one));
        let refused = |facts: &CaseFacts| facts.judge(&guards(LISTS)).ruling == Ruling::Refuse;
        prop_assert_eq!(refused(&there), refused(&back));
    }
}
