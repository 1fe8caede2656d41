use cordon_records::{Alert, Machine};
use proptest::prelude::*;

use super::*;

fn alert() -> Alert {
    serde_json::from_str(
        r#"{"id":"a1","severity":"high","status":"New","incidentId":7,"mitreTechniques":["T1003"],
            "alertCreationTime":"2026-01-02T03:04:05.1234567Z",
            "evidence":[{"entityType":"User","userPrincipalName":"eve@corp.example"},{"entityType":"File","sha1":"aa"}]}"#,
    )
    .unwrap()
}

fn machine() -> Machine {
    serde_json::from_str(r#"{"id":"m1","osPlatform":"Windows11","machineTags":["lab"]}"#).unwrap()
}

fn judge(source: &str) -> Judged {
    Condition::parse(source).unwrap().judge(&Facts::new(&alert(), Some(&machine())))
}

fn mistakes(source: &str) -> Vec<Mistake> {
    Condition::parse(source).expect_err(source)
}

#[test]
fn fields_carry_microsofts_names_and_absent_ones_their_documented_default() {
    for source in [
        "alert.severity == 'High'",
        "alert.title == '' && alert.classification == '' && alert.incidentId == 7",
        "machine.deviceValue == 'Normal' && machine.healthStatus == ''",
        "'T1003' in alert.mitreTechniques && 'lab' in machine.machineTags",
        "'eve@corp.example' in users && size(users) == 1",
        "alert.evidence.exists(e, e.entityType == 'File' && e.sha1 == 'aa' && e.sha256 == '')",
        "alert.alertCreationTime > timestamp('2026-01-01T00:00:00Z')",
        "alert.resolvedTime == timestamp('1970-01-01T00:00:00Z')",
        "machine.osPlatform.matches('^Windows1[01]$')",
        "alert['severity'] == 'High'",
        "type(alert.title) == string",
        "!machine.isExcluded && machine.osBuild == 0",
    ] {
        assert_eq!(judge(source), Judged::True, "{source}");
    }
}

#[test]
fn has_tells_a_given_field_from_a_default() {
    for (source, expected) in [
        ("has(alert.severity)", Judged::True),
        ("has(alert.classification)", Judged::False),
        ("has(machine.deviceValue)", Judged::False),
        ("has(machine.machineTags)", Judged::True),
        ("alert.evidence.exists(e, has(e.sha1))", Judged::True),
        ("alert.evidence.all(e, has(e.sha1))", Judged::False),
        ("alert.evidence.exists(e, has(e.sha256))", Judged::False),
    ] {
        assert_eq!(judge(source), expected, "{source}");
    }
}

#[test]
fn an_unknown_variable_or_field_is_a_mistake_with_place_and_suggestion() {
    let found = mistakes("alert.severity == 'High' &&\n  alert.severty == 'Low' && machin.id == '' && severity == ''");
    let said: Vec<(usize, &str)> = found.iter().map(|mistake| (mistake.line, mistake.message.as_str())).collect();
    assert_eq!(
        said,
        [(2, "unknown field `alert.severty`"), (2, "unknown variable `machin`"), (2, "unknown variable `severity`")]
    );
    let help: Vec<&str> = found.iter().filter_map(|mistake| mistake.help.as_deref()).collect();
    assert_eq!(help, ["did you mean `severity`?", "did you mean `machine`?", "did you mean `alert.severity`?"]);
    let machin = &found[1];
    assert_eq!(machin.column, 29);
    assert!(Condition::parse("has(alert.nope)").is_err());
    assert!(Condition::parse("alert['nope'] == ''").is_err());
    assert!(Condition::parse("alert.evidence.exists(e, f.sha1 == '')").is_err());
}

#[test]
fn a_loop_variable_may_hide_a_record() {
    assert_eq!(judge("alert.mitreTechniques.exists(alert, alert == 'T1003')"), Judged::True);
    assert_eq!(judge("[{'x': 1}].exists(machine, machine.x == 1)"), Judged::True);
}

#[test]
fn a_syntax_error_carries_its_line_and_column() {
    let found = mistakes("alert.severity == 'High' &&\n  alert.status = 'New'");
    assert_eq!((found[0].line, found[0].column), (2, 16), "{found:?}");
    for source in ["", "alert.", "a b", "((", "'ä' == 'ü' &&"] {
        assert!(Condition::parse(source).is_err(), "{source:?} was taken");
    }
}

#[test]
fn a_place_after_letters_beyond_ascii_is_counted_in_characters() {
    let found = mistakes("alert.title == 'äöü€😀' && alert.nope == ''");
    assert_eq!((found[0].line, found[0].column), (1, 32), "{found:?}");
}

#[test]
fn a_constant_pattern_that_does_not_compile_and_deep_loops_are_mistakes() {
    assert!(mistakes("alert.title.matches('(')")[0].message.contains("does not compile"));
    let deep = "[1].all(a, [1].all(b, [1].all(c, a == b && b == c)))";
    assert!(mistakes(deep)[0].message.contains("nested"), "{:?}", mistakes(deep));
}

#[test]
fn what_cannot_be_told_is_never_no_match() {
    let unknown = |judged: Judged| matches!(judged, Judged::Unknown(_));
    assert!(unknown(judge("alert.severity")));
    assert!(unknown(judge("alert.incidentId / 0 == 1")));
    assert!(unknown(judge("alert.severity > 3")));
    assert!(unknown(judge("alert.mitreTechniques[9] == ''")));
    let absent = Facts::new(&alert(), None);
    let asks = Condition::parse("alert.severity == 'Low' && machine.osPlatform == ''").unwrap();
    assert!(unknown(asks.judge(&absent)));
    assert_eq!(Condition::parse("alert.severity == 'Low'").unwrap().judge(&absent), Judged::False);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(source in "[ -~äß\n]{0,60}") {
        let _ = Condition::parse(&source);
    }

    #[test]
    fn no_expression_of_known_words_makes_the_judge_panic(
        words in proptest::collection::vec(
            prop_oneof![
                Just("alert"), Just(".severity"), Just("machine"), Just("=="), Just("&&"), Just("||"), Just("("), Just(")"),
                Just("'x'"), Just("1"), Just("["), Just("]"), Just(".exists(e, "), Just("has("), Just("users"), Just("{"),
                Just("}"), Just(":"), Just(","), Just("!"), Just("-"), Just("alert.evidence"), Just("e"), Just("?"), Just("in"),
            ],
            0..14,
        ),
    ) {
        if let Ok(condition) = Condition::parse(&words.join(" ")) {
            condition.judge(&Facts::new(&alert(), Some(&machine())));
        }
    }
}
