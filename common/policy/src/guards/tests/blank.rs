//! A text that is absent, null, empty or blank is one thing to every guard: a missing fact.

use proptest::sample::select;

use super::*;

/// What an operator sets who wants every text asked for.
const EVERYTHING: &str = "{scope: {tags: [lab]}, never: {tags: [cordon-never], names: ['dc*'], groups: [Tier 0]}, \
    hold: {tags: [VIP], users: [ceo@corp.example], device_value: [High]}, caps: {per_device_group: {1h: 5}}, \
    maintenance: [{tags: [patching], names: ['build-*'], from: '2020-01-01T00:00:00Z', to: '2040-01-01T00:00:00Z', \
    by: ana, why: patching}]}";

const BLANKS: [&str; 12] =
    ["", " ", "\t", "\r\n", "\u{a0}", "\u{2003}", "\u{3000}", "\u{2028}", "\u{85}", "\u{200b}", "\u{feff}", "\0"];

fn any_blank() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(&BLANKS[..]), 0..4).prop_map(|parts| parts.concat())
}

#[test]
fn a_name_a_group_and_a_value_that_are_blank_hold_as_null_does() {
    for blank in BLANKS {
        let blank = || Some(blank.to_owned());
        let held = &[(guard::NEVER_LIST, Ruling::Hold)];
        expect("never: {names: ['dc*']}", held, |f| f.machine().name = blank());
        expect("never: {groups: [Tier 0]}", held, |f| f.machine().group = blank());
        expect("", held, |f| f.machine().tags = Some(vec![blank().unwrap(), blank().unwrap()]));
        expect("", &[(guard::DEVICE_VALUE, Ruling::Hold)], |f| f.machine().value = blank());
        expect("", &[(guard::ALLOW_OS, Ruling::Hold)], |f| f.machine().os = blank());
        expect("caps: {per_device_group: {1h: 5}}", &[(guard::PER_DEVICE_GROUP, Ruling::Hold)], |f| {
            f.machine().group = blank();
        });
        let maintenance = "maintenance: [{names: ['pc*'], from: '2020-01-01T00:00:00Z', to: '2040-01-01T00:00:00Z', \
            by: ana, why: patching}]";
        expect(maintenance, &[(guard::MAINTENANCE, Ruling::Hold)], |f| f.machine().name = blank());
    }
}

#[test]
fn a_blank_beside_other_tags_is_no_tag() {
    for blank in BLANKS {
        let tags = |f: &mut CaseFacts| f.machine().tags = Some(vec!["Sales".to_owned(), blank.to_owned()]);
        expect("{scope: {tags: [sales]}, hold: {tags: [VIP]}}", &[], tags);
        expect("scope: {tags: [lab]}", &[(guard::SCOPE, Ruling::Hold)], tags);
        expect("hold: {tags: [sales]}", &[(guard::HOLD_TAGS, Ruling::Hold)], tags);
    }
    expect("", &[], |f| f.machine().tags = Some(vec![]));
    expect("", &[(guard::NEVER_LIST, Ruling::Hold)], |f| f.machine().tags = None);
}

#[test]
fn a_hit_is_told_before_a_blank_beside_it() {
    let tags = |f: &mut CaseFacts| f.machine().tags = Some(vec!["\t".to_owned(), "cordon-never".to_owned()]);
    expect("", &[(guard::NEVER_LIST, Ruling::Refuse)], tags);
}

#[test]
fn blanks_around_a_text_keep_no_list_from_being_met() {
    let refused = &[(guard::NEVER_LIST, Ruling::Refuse)];
    expect("never: {names: ['dc01.corp.example']}", refused, |f| {
        f.machine().name = Some(" DC01.corp.example\t".into())
    });
    expect("never: {groups: [Tier 0]}", refused, |f| f.machine().group = Some("Tier 0\u{a0}".into()));
    expect("", refused, |f| f.machine().tags = Some(vec![" cordon-never".into()]));
    expect("", &[(guard::DEVICE_VALUE, Ruling::Hold)], |f| f.machine().value = Some("High ".into()));
    let users = "hold: {users: ['ceo@corp.example ']}";
    expect(users, &[(guard::HOLD_USERS, Ruling::Hold)], |f| f.users = vec!["\tCEO@corp.example".into()]);
}

#[test]
fn a_user_is_met_with_or_without_the_windows_domain_before_the_name() {
    let held = &[(guard::HOLD_USERS, Ruling::Hold)];
    for (listed, found) in [
        ("CORP\\eve@corp.example", "eve@corp.example"),
        ("eve@corp.example", "CORP\\Eve@corp.example"),
        (" eve", "CORP\\eve"),
    ] {
        expect(&format!("hold: {{users: ['{listed}']}}"), held, |f| f.users = vec![found.to_owned()]);
    }
    expect("hold: {users: ['CORP\\eve@corp.example']}", &[], |f| f.users = vec!["eve@other.example".to_owned()]);
    expect("hold: {users: ['CORP\\']}", &[], |f| f.users = vec!["OTHER\\".to_owned(), "@corp.example".to_owned()]);
}

#[test]
fn without_a_status_nobody_knows_whether_people_closed_the_alert() {
    use cordon_records::AlertStatus;
    for (status, ruling) in
        [("", Ruling::Hold), ("\t", Ruling::Hold), ("Unknown", Ruling::Hold), (" resolved ", Ruling::Refuse)]
    {
        expect("", &[(guard::CLOSED, ruling)], |f| f.alert.status = AlertStatus::Other(status.to_owned()));
    }
    expect("", &[(guard::CLOSED, Ruling::Hold)], |f| f.alert.status = AlertStatus::Unknown);
    expect("", &[], |f| f.alert.status = AlertStatus::Other("Reopened".to_owned()));
}

#[test]
fn an_attempt_on_a_machine_of_a_blank_group_counts_in_every_group_as_one_of_no_known_group_does() {
    for group in [None, Some(""), Some("\t")] {
        expect("caps: {per_device_group: {1h: 1}}", &[(guard::PER_DEVICE_GROUP, Ruling::Hold)], |f| {
            f.attempts = vec![Attempt { group: group.map(Into::into), ..attempt(-5) }];
        });
    }
}

proptest! {
    #[test]
    fn a_blank_text_says_to_the_guards_what_an_absent_one_says(
        blank in any_blank(),
        which in 0..8,
        kind in select(ActionKind::ALL),
    ) {
        let (mut absent, mut given) = (facts(), facts());
        (absent.action, given.action) = (action(kind), action(kind));
        let some = || Some(blank.clone());
        match which {
            0 => (absent.machine().name, given.machine().name) = (None, some()),
            1 => (absent.machine().os, given.machine().os) = (None, some()),
            2 => (absent.machine().group, given.machine().group) = (None, some()),
            3 => (absent.machine().value, given.machine().value) = (None, some()),
            4 => (absent.machine().tags, given.machine().tags) = (None, Some(vec![blank.clone()])),
            5 => given.users = vec![blank.clone()],
            6 => given.alert.users = vec![blank.clone()],
            _ => {
                absent.alert.status = cordon_records::AlertStatus::Unknown;
                given.alert.status = cordon_records::AlertStatus::Other(blank.clone());
                given.alert.classification = Some(cordon_records::Classification::Other(blank.clone()));
            }
        }
        prop_assert_eq!(absent.judge(&guards(EVERYTHING)), given.judge(&guards(EVERYTHING)));
    }
}

#[test]
fn conditions_see_a_blank_text_as_it_came() {
    use cordon_records::{Alert, Machine};

    let alert: Alert = serde_json::from_str(r#"{"id": "a1", "rbacGroupName": "\t"}"#).unwrap();
    let machine: Machine =
        serde_json::from_str(r#"{"id": "m1", "computerDnsName": " ", "rbacGroupName": null}"#).unwrap();
    for (source, expected) in [
        ("has(alert.rbacGroupName) && alert.rbacGroupName == '\\t'", crate::condition::Judged::True),
        ("has(machine.computerDnsName) && machine.computerDnsName == ' '", crate::condition::Judged::True),
        ("has(machine.rbacGroupName)", crate::condition::Judged::False),
    ] {
        let condition = crate::condition::Condition::parse(source).unwrap();
        assert_eq!(
            condition.judge(&crate::facts::RecordFacts::new(&alert, Some(&machine), at(0))),
            expected,
            "{source}"
        );
    }
    assert_eq!(machine.summary().label(), "m1", "people read the id where the name says nothing");
}
