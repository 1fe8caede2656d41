//! Properties of merging two actions under one key.

use cordon_records::{
    AlertChanges, AlertStatus, Classification, DeviceValue, Indicator, IndicatorAction, IndicatorType, IsolationType,
    ReleaseTerms, ScanType, TagChange,
};

use super::super::settings;
use super::*;

fn pick<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

fn isolate() -> impl Strategy<Value = Action> {
    let release =
        proptest::option::of((1_u64..4, any::<bool>()).prop_map(|(after_s, ask)| ReleaseTerms { after_s, ask }));
    (pick(IsolationType::ALL), release, "[ab]").prop_map(|(isolation, release, comment)| Action::Isolate {
        isolation,
        comment,
        release,
    })
}

fn update() -> impl Strategy<Value = Action> {
    let status = proptest::option::of(pick(&[AlertStatus::New, AlertStatus::Resolved]));
    let found = proptest::option::of(pick(&[Classification::TruePositive, Classification::FalsePositive]));
    let finer = proptest::option::of(pick(&["Malware", "Clean", "Other"]).prop_map(str::to_owned));
    let changes = (status, found, finer, proptest::option::of("[ab]")).prop_map(
        |(status, classification, determination, comment)| AlertChanges {
            status,
            classification,
            determination,
            comment,
            assigned_to: None,
        },
    );
    changes.prop_filter("what a rule may ask for", loads).prop_map(Action::UpdateAlert)
}

fn loads(changes: &AlertChanges) -> bool {
    let pair = changes.determination.as_deref().zip(changes.classification.as_ref());
    pair.is_none_or(|(determination, classification)| crate::rules::determination_fits(determination, classification))
}

const GROUPS: &[&[&str]] = &[&[], &["a"], &["a", "b"], &["b", "a"]];

fn indicator() -> impl Strategy<Value = Action> {
    let severity = proptest::option::of(pick(&["Low", "High"]).prop_map(str::to_owned));
    let groups = pick(GROUPS);
    let action = pick(&[IndicatorAction::Block, IndicatorAction::Allowed]);
    (action, severity, proptest::option::of(1_u64..3), any::<bool>(), groups).prop_map(
        |(action, severity, expires_after_s, generate_alert, groups)| {
            Action::Indicator(Indicator {
                value: "evil.example".to_owned(),
                kind: IndicatorType::DomainName,
                action,
                title: "t".to_owned(),
                description: "d".to_owned(),
                severity,
                expires_after_s,
                generate_alert,
                groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            })
        },
    )
}

/// Three actions that share a key.
fn of_one_key() -> impl Strategy<Value = [Action; 3]> {
    let scan = (pick(ScanType::ALL), "[ab]").prop_map(|(scan, comment)| Action::Scan { scan, comment });
    let value = pick(DeviceValue::ALL).prop_map(|value| Action::SetDeviceValue { value });
    let tag = pick(TagChange::ALL).prop_map(|change| Action::Tag { tag: "t".to_owned(), change });
    let release = "[ab]".prop_map(|comment| Action::Release { comment });
    prop_oneof![
        [isolate(), isolate(), isolate()],
        [update(), update(), update()],
        [indicator(), indicator(), indicator()],
        proptest::array::uniform3(scan),
        proptest::array::uniform3(value),
        proptest::array::uniform3(tag),
        proptest::array::uniform3(release),
    ]
}

/// Without the words of people, of which the first rule's stand, and with groups in order.
fn bare(action: Option<Action>) -> Option<String> {
    let mut value = serde_json::to_value(action?).unwrap();
    value["comment"] = Value::Null;
    if let Some(groups) = value["groups"].as_array_mut() {
        groups.sort_by_key(Value::to_string);
    }
    Some(value.to_string())
}

fn fold(actions: [&Action; 3]) -> Option<Action> {
    settings::merge(settings::merge(actions[0].clone(), actions[1])?, actions[2])
}

proptest! {
    #[test]
    fn settings_merge_to_the_same_in_every_order([a, b, c] in of_one_key()) {
        let merged = bare(fold([&a, &b, &c]));
        for order in [[&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
            prop_assert_eq!(bare(fold(order)), merged.clone());
        }
        prop_assert_eq!(settings::merge(a.clone(), &a), Some(a));
    }
}

#[test]
fn the_longer_isolation_and_the_broader_one_stand() {
    let isolate = |isolation, comment: &str, release: Option<(u64, bool)>| Action::Isolate {
        isolation,
        comment: comment.to_owned(),
        release: release.map(|(after_s, ask)| ReleaseTerms { after_s, ask }),
    };
    let (full, selective) = (IsolationType::Full, IsolationType::Selective);
    let merged = settings::merge(isolate(selective, "a", Some((60, true))), &isolate(full, "b", Some((90, false))));
    assert_eq!(merged, Some(isolate(full, "b", Some((90, true)))));
    let merged = settings::merge(isolate(full, "a", None), &isolate(full, "b", Some((90, true))));
    assert_eq!(merged, Some(isolate(full, "a", None)), "a rule without a time wants a person to release");
}

#[test]
fn changes_of_an_alert_add_up_unless_one_field_would_have_two_values() {
    let update = |status: Option<AlertStatus>, class: Option<Classification>, finer: Option<&str>| {
        let determination = finer.map(str::to_owned);
        Action::UpdateAlert(AlertChanges { status, classification: class, determination, ..AlertChanges::default() })
    };
    let (resolved, wrong) = (Some(AlertStatus::Resolved), Some(Classification::FalsePositive));
    let merged = settings::merge(update(resolved.clone(), None, None), &update(None, wrong.clone(), None));
    assert_eq!(merged, Some(update(resolved.clone(), wrong.clone(), None)));
    assert_eq!(settings::merge(update(resolved, None, None), &update(Some(AlertStatus::New), None, None)), None);
    assert_eq!(settings::merge(update(None, wrong, None), &update(None, None, Some("Malware"))), None);
}
