//! Text that an attacker chooses must not choose whether an alert is judged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use cordon_records::{Alert, AlertStatus, Machine, Severity, Verbatim};
use proptest::prelude::*;

fn alert(json: &str) -> Result<Alert, String> {
    let raw = Verbatim::parse(json).unwrap();
    assert_eq!(raw.get(), json, "the text is kept as it came");
    raw.view().map_err(|error| error.to_string())
}

#[test]
fn a_text_that_is_cut_in_the_middle_of_a_character_reads_with_the_replacement_character() {
    let cut = alert(r#"{"id":"a","severity":"High","title":"cut \ud83d"}"#).unwrap();
    assert_eq!((cut.title.as_deref(), cut.severity), (Some("cut \u{fffd}"), Some(Severity::High)));
    let name =
        alert(r#"{"id":"a","severity":"High","evidence":[{"entityType":"File","fileName":"inv\udc00oice.exe"}]}"#);
    assert_eq!(name.unwrap().evidence[0].file_name.as_deref(), Some("inv\u{fffd}oice.exe"));
    for (written, read) in [
        (r"\ud83d\ude00", "\u{1f600}"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
        (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
        (r"\ud83dx\ude00", "\u{fffd}x\u{fffd}"),
        (r"\ud83d\\ude00", "\u{fffd}\\ude00"),
        (r"\uD83D\n\u0000", "\u{fffd}\n\0"),
        ("\\ud83d\u{7f}ü\u{10ffff}", "\u{fffd}\u{7f}ü\u{10ffff}"),
    ] {
        let read_back = alert(&format!(r#"{{"id":"a","title":"{written}"}}"#)).unwrap().title;
        assert_eq!(read_back.as_deref(), Some(read), "{written}");
    }
}

#[test]
fn half_a_character_in_a_key_or_deep_inside_does_no_harm() {
    let read = alert(
        r#"{"id":"a","\ud800":1,"\udc00":2,"evidence":[{"accountName":"b\ud83d","x":{"\ud800":["\udfff"]}}],
            "relatedUser":{"userName":"c\udfff"},"loggedOnUsers":[{"accountName":"d\ud800"}],
            "mitreTechniques":["T1\ud800","T2"],"severity":"High","status":"New"}"#,
    );
    let read = read.unwrap();
    assert_eq!(read.user_names(), ["b\u{fffd}", "c\u{fffd}", "d\u{fffd}"]);
    assert_eq!(read.mitre_techniques, ["T1\u{fffd}", "T2"]);
    assert_eq!((read.severity, read.status), (Some(Severity::High), Some(AlertStatus::New)));
}

#[test]
fn of_a_key_that_is_given_twice_the_last_one_counts() {
    let twice = r#"{"title":"x","severity":"Low","id":"a","severity":"High","title":"y",
        "evidence":[{"fileName":"a","fileName":"b"}],"relatedUser":{"userName":"c","userName":"d"}}"#;
    let twice = alert(twice).unwrap();
    assert_eq!((twice.severity.as_ref(), twice.title.as_deref()), (Some(&Severity::High), Some("y")));
    assert_eq!(twice.evidence[0].file_name.as_deref(), Some("b"));
    assert_eq!(twice.related_user.and_then(|user| user.user_name).as_deref(), Some("d"));
    let machine = Verbatim::parse(r#"{"id":"m","osPlatform":"Linux","osPlatform":"Windows11"}"#).unwrap();
    assert_eq!(machine.view::<Machine>().unwrap().os_platform.as_deref(), Some("Windows11"));
}

#[test]
fn a_list_is_no_object_whatever_stands_in_it_and_whatever_has_to_be_repaired() {
    for list in [r#"["a"]"#, r#"["a",7,"High"]"#, r#"["a",1e999]"#, r#"["a","\ud800"]"#, "[]"] {
        let told = alert(list).unwrap_err();
        assert!(told.contains("invalid type: sequence"), "{list}: {told}");
        assert!(Verbatim::parse(list).unwrap().view::<Machine>().is_err(), "{list}");
    }
    for repaired in ["", r#","title":"\ud83d""#] {
        let read = alert(&format!(r#"{{"id":"a","severity":"High","relatedUser":["eve","CORP"]{repaired}}}"#)).unwrap();
        assert_eq!((read.related_user, read.severity), (None, Some(Severity::High)), "{repaired}");
    }
    let raw = |text: &str| Verbatim::parse(text).unwrap();
    assert_eq!(raw(r#"["a",1]"#).view::<(String, u8)>().unwrap(), ("a".to_owned(), 1), "what is a list stays one");
    assert_eq!(raw("null").view::<Option<Alert>>().unwrap(), None);
}

#[test]
fn an_id_is_never_repaired() {
    for (json, why) in [
        (r#"{"id":"a\ud800","severity":"High"}"#, "the alert id holds the character"),
        (r#"{"id":"a","id":"b","severity":"High"}"#, "the key `id` is given twice"),
        (r#"{"id":"a","id":"a"}"#, "the key `id` is given twice"),
        (r#"{"id":"a","machineId":"m1","machineId":"m2"}"#, "the key `machineId` is given twice"),
        (r#"{"severity":"High","severity":"Low"}"#, "missing field `id`"),
    ] {
        let refused = alert(json).unwrap_err();
        assert!(refused.contains(why), "{json}: {refused}");
    }
    let without = alert(r#"{"id":"a","machineId":"m\udc00","severity":"High"}"#).unwrap();
    assert_eq!((without.machine_id, without.severity), (None, Some(Severity::High)));
    assert!(Verbatim::parse(r#"{"id":"m\ud800"}"#).unwrap().view::<Machine>().is_err());
}

#[test]
fn a_number_that_no_number_can_hold_and_a_value_nested_too_deep_are_absent() {
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    for value in ["1e999", "-1e999", &deep, &format!(r#"{{"a":{deep}}}"#)] {
        for field in ["title", "incidentId", "evidence", "machineId", "relatedUser", "loggedOnUsers", "unknown"] {
            let read = alert(&format!(r#"{{"id":"a","{field}":{value},"severity":"High"}}"#)).unwrap();
            assert_eq!(read.severity, Some(Severity::High), "{field}");
            assert_eq!((read.title, read.incident_id, read.machine_id), (None, None, None), "{field}");
        }
    }
    let huge = alert(r#"{"id":"a","incidentId":123456789012345678901234567890,"title":"\ud800"}"#).unwrap();
    assert_eq!((huge.incident_id, huge.title.as_deref()), (None, Some("\u{fffd}")));
    assert_eq!(alert(r#"{"id":"a","incidentId":7,"title":"\ud800"}"#).unwrap().incident_id, Some(7));
}

#[test]
fn what_is_no_alert_at_all_is_told_as_before() {
    for (json, why) in [
        ("[]", "invalid type: sequence, expected struct Alert"),
        ("17", "invalid type: integer"),
        (r#"{"title":"x"}"#, "missing field `id` at line 1 column 13"),
        (r#"{"id":"a/b"}"#, "holds the character '/'"),
        (r#"{"id":""}"#, "is empty"),
    ] {
        let refused = alert(json).unwrap_err();
        assert!(refused.contains(why), "{json}: {refused}");
    }
}

/// JSON text of a string, with half characters among the rest.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~äß€😀]{0,8}".prop_map(|text| {
            let json = serde_json::to_string(&text).unwrap();
            json[1..json.len() - 1].to_owned()
        }),
        "[dD][89a-fA-F][0-9a-f]{2}".prop_map(|half| format!("\\u{half}")),
        Just(r"\u0000".to_owned()),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![text(), Just("null".to_owned()), Just("1e999".to_owned()), Just("-0.5".to_owned())];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(",")));
        let object = proptest::collection::vec((text(), inner), 0..3).prop_map(|entries| {
            format!("{{{}}}", entries.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(","))
        });
        prop_oneof![list, object]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_text_stands_in_any_field_but_the_ids_the_rest_is_read_as_without_it(
        junk in proptest::collection::vec((0usize..7, value()), 0..6),
        keys in proptest::collection::vec((text(), value()), 0..3),
        status in prop_oneof![Just("New"), Just("Resolved")],
    ) {
        let fields = ["title", "description", "evidence", "relatedUser", "loggedOnUsers", "threatName", "custom"];
        let mut json = r#"{"id":"da1_2","machineId":"m1","#.to_owned();
        for (field, value) in junk.iter().map(|(field, value)| (fields[*field], value)) {
            json.push_str(&format!("\"{field}\":{value},"));
        }
        for (key, value) in keys.iter().filter(|(key, _)| !key.contains(['i', 'I'])) {
            json.push_str(&format!("{key}:{value},"));
        }
        json.push_str(&format!(r#""severity":"High","status":"{status}","lastUpdateTime":"2026-01-01T00:00:00Z"}}"#));
        let read = alert(&json).map_err(TestCaseError::fail)?;
        prop_assert_eq!((read.id.as_str(), read.machine_id.as_ref().map(|id| id.as_str())), ("da1_2", Some("m1")));
        prop_assert_eq!((read.severity.clone(), read.status.clone()), (Some(Severity::High), Some(status.into())));
        prop_assert!(read.last_update_time.is_some());
        let summary = serde_json::to_vec(&read.summary()).unwrap();
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&summary).is_ok(), "records that are ours hold no half");
    }
}
