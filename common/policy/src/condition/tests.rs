use cordon_records::{Alert, Machine};
use proptest::prelude::*;

mod differences;
mod differential;
mod explained;
mod oracle;
mod spellings;

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
    let (alert, machine) = (alert(), machine());
    Condition::parse(source).unwrap_or_else(|mistakes| panic!("{source}: {mistakes:?}")).judge(&RecordFacts::new(
        &alert,
        Some(&machine),
        "2026-01-02T04:00:00Z".parse().unwrap(),
    ))
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
        "now - alert.alertCreationTime < duration('1h') && now.getHours() == 4",
        "alert.incidentId + 1 == 8 && string(alert.incidentId) == '7' && double(alert.incidentId) / 2.0 == 3.5",
        "(machine.osPlatform.lower() + '!').endsWith('11!') && lower('ÄB') == 'äb'",
        "alert.mitreTechniques.map(t, t.size()) == [5] && users.filter(u, u.contains('@')).size() == 1",
        "alert.evidence.exists_one(e, e.entityType == 'File') && !alert.evidence.all(e, has(e.sha1))",
        "alert.evidence.filter(e, has(e.sha1))[0].sha1 == 'aa' && alert.evidence.map(e, has(e.sha1), e.sha1) == ['aa']",
        "cidr('10.1.2.3', '10.0.0.0/8') && !cidr(machine.lastIpAddress, '10.0.0.0/8')",
        "['10.0.0.0/8', '192.168.0.0/16'].exists(n, cidr('192.168.7.7', n))",
        "(has(alert.classification) ? alert.classification : 'none') == 'none'",
        "alert.severity in ['Low', 'Medium', 'High'] && string(alert.severity) != 'Catastrophic'",
        "'T1003' in ['1', '2', '3', '4', '5', '6', '7', '8', '9', 'T1003']",
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
    assert_eq!(found[0].column, 9, "at the field's name");
    assert!(Condition::parse("has(alert.nope)").is_err());
    assert!(Condition::parse("alert['nope'] == ''").is_err());
    assert!(Condition::parse("alert.evidence.exists(e, f.sha1 == '')").is_err());
}

#[test]
fn a_loop_variable_may_hide_a_record() {
    assert_eq!(judge("alert.mitreTechniques.exists(alert, alert == 'T1003')"), Judged::True);
    assert_eq!(judge("alert.evidence.exists(machine, machine.sha1 == 'aa')"), Judged::True);
}

#[test]
fn a_syntax_error_carries_its_line_and_column() {
    let found = mistakes("alert.severity == 'High' &&\n  alert.status = 'New'");
    assert_eq!((found[0].line, found[0].column), (2, 16), "{found:?}");
    for (source, help) in [
        ("alert.status = 'New'", "did you mean `==`?"),
        ("machine.isExcluded and users == []", "did you mean `&&`?"),
        ("machine.isExcluded OR users == []", "did you mean `||`?"),
    ] {
        let found = mistakes(source);
        assert_eq!((found.len(), found[0].help.as_deref()), (1, Some(help)), "{found:?}");
        assert!(found[0].message.ends_with("` does not fit here"), "no names of tokens: {found:?}");
    }
    assert_eq!(said("alert.title == 'x' &&"), ["1:22 the condition ends where more is expected | "]);
    for source in ["", "alert.", "a b", "((", "'ä' == 'ü' &&"] {
        assert!(Condition::parse(source).is_err(), "{source:?} was taken");
    }
}

#[test]
fn a_place_after_letters_beyond_ascii_is_counted_in_characters() {
    let found = mistakes("alert.title == 'äöü€😀' && alert.nope == ''");
    assert_eq!((found[0].line, found[0].column), (1, 33), "{found:?}");
}

#[test]
fn a_constant_pattern_that_does_not_compile_and_deep_loops_are_mistakes() {
    assert!(mistakes("alert.title.matches('(')")[0].message.contains("does not compile"));
    let deep = "[1].all(a, [1].all(b, [1].all(c, a == b && b == c)))";
    assert!(mistakes(deep)[0].message.contains("nested"), "{:?}", mistakes(deep));
}

/// Every mistake of the source as `line:column message | help`.
fn said(source: &str) -> Vec<String> {
    let said = |mistake: &Mistake| {
        format!("{}:{} {} | {}", mistake.line, mistake.column, mistake.message, mistake.help.as_deref().unwrap_or(""))
    };
    mistakes(source).iter().map(said).collect()
}

#[test]
fn what_cannot_be_right_is_a_mistake_at_its_place_with_a_way_out() {
    for (source, expected) in [
        ("alert.severity == 'Hihg'", "1:19 \"Hihg\" is no value of severity | did you mean \"High\"?"),
        ("'hig' != alert.severity", "1:1 \"hig\" is no value of severity | did you mean \"High\"?"),
        ("alert.status in ['New', 'Closed!']", "1:25 \"Closed!\" is no value of status | known are Unknown, New,"),
        (
            "alert.severity >= 'Medium'",
            "1:16 texts have no order: their letters would be compared | name the values: `… in [\"Medium\", \"High\"]`",
        ),
        ("machine.version < '22H2'", "1:17 texts have no order: their letters would be compared | numbers in texts"),
        ("alert.incidentId == '7'", "1:18 an int is never compared with a string | take the quotation marks off"),
        ("alert.lastEventTime > '2026-01-01'", "1:21 a timestamp is never compared with a string | write `timestamp("),
        ("now - alert.lastEventTime > '1h'", "1:27 a duration is never compared with a string | write `duration("),
        ("1 + 1.5 == 2.5", "1:3 `+` does not take an int and a double | make them one type"),
        ("alert.severity", "1:7 the condition is a string, not true or false | compare it"),
        ("alert.title && true", "1:7 a side of `&&` must be a bool, not a string |"),
        ("!alert.title", "1:8 what `!` turns round must be a bool, not a string |"),
        ("alert.title ? true : false", "1:7 what stands before `?` must be a bool, not a string |"),
        ("(true ? 1 : 'x') == 1", "1:7 one side is an int, the other a string |"),
        ("alert.title.startWith('x')", "1:13 unknown function `startWith` | did you mean `startsWith`?"),
        ("startsWith(alert.title, 'x')", "1:1 `startsWith` is called otherwise | write `x.startsWith(\"…\")`"),
        ("alert.title.startsWith()", "1:13 `startsWith` is given the wrong number of arguments | write"),
        ("alert.title.startsWith(3)", "1:24 the second argument must be a string, not an int |"),
        ("size(alert.incidentId) == 1", "1:12 `size` takes a string or a list, not an int |"),
        ("alert.title.matches('[')", "1:21 the pattern \"[\" does not compile"),
        ("cidr(machine.lastIpAddress, '10.0.0.0/33')", "1:29 \"10.0.0.0/33\" is no network"),
        ("timestamp('yesterday') < now", "1:1 this always fails: \"yesterday\" is no timestamp"),
        ("duration('5 minutes') > duration('1s')", "1:1 this always fails: \"5 minutes\" is no duration"),
        ("alert.incidentId == 1 / 0", "1:23 this always fails: division by zero |"),
        ("now.getHours('Europa/Berlin') > 5", "1:14 this is no time zone that is written out | write a name"),
        (
            "alert.evidence.sha1 == ''",
            "1:16 a list<record `evidence`> has no fields | ask its elements: `.exists(x, x.sha1",
        ),
        ("alert.title.exists(t, t == 'x')", "1:13 loops go over lists, not over a string |"),
        ("alert.evidence.exists(e, e.sha2 == '')", "1:28 unknown field `evidence.sha2` | did you mean `sha1`?"),
        ("alert.evidence.exists(e.x, true)", "1:24 a loop's variable is a simple name |"),
        ("alert.evidence.exists(e)", "1:16 the loop is written otherwise | write `list.exists(x, x == …)`"),
        ("users.exists(u, u)", "1:17 what a loop asks of each element must be a bool, not a string |"),
        ("alert.classification == null", "1:25 nothing is ever null here | an absent field"),
        ("'x' in alert.title", "1:5 `in` looks into a list, not into a text | a text in a text is `.contains(…)`"),
        ("3 in alert.mitreTechniques", "1:3 an int is never in a list of string | take the quotation"),
        ("alert == machine", "1:7 a record `alert` is never compared with a record `machine` |"),
        ("alert.evidence[0] == alert.evidence[1]", "1:19 a record `evidence` cannot be compared | compare its fields"),
        ("has(alert)", "1:1 `has()` takes one field | write"),
        ("users['x'] == ''", "1:7 an index must be an int, not a string |"),
        ("[1, 'x'].exists(x, true)", "1:5 a list of int cannot hold a string |"),
        ("[].exists(x, true)", "1:4 this list is always empty |"),
        ("{'a': 1}.size() == 1", "1:1 maps are not part of this language |"),
        ("-alert.title == ''", "1:1 a string cannot be negated |"),
        ("true > false", "1:6 a bool has no order |"),
    ] {
        let said = said(source);
        assert!(
            said.len() == 1 && said[0].starts_with(expected),
            "{source}\n  expected {expected}\n  found    {said:?}"
        );
    }
}

#[test]
fn all_mistakes_of_a_condition_are_told_at_once_and_one_slip_once() {
    let found =
        said("alert.severty == 'Hihg' && alert.status == 'Nwe'\n && machine.osBuild > '1' || foo(alert.title) == nope");
    let places: Vec<&str> = found.iter().filter_map(|said| said.split(' ').next()).collect();
    assert_eq!(places, ["1:7", "1:44", "2:21", "2:30", "2:50"], "{found:#?}");
}

#[test]
fn what_cannot_be_told_is_never_no_match() {
    let unknown = |judged: Judged| matches!(judged, Judged::Unknown(_));
    for source in [
        "1 / (alert.incidentId - 7) == 1",
        "alert.mitreTechniques[9] == ''",
        "alert.incidentId * 9223372036854775807 > 0",
        "cidr(alert.category + 'x', '10.0.0.0/8')",
        "cidr('10.0.0.1', alert.category)",
        "timestamp(alert.severity) < now",
        "alert.severity.matches('(' + alert.category)",
    ] {
        assert!(unknown(judge(source)), "{source}: {:?}", judge(source));
    }
    let alert = alert();
    let absent = RecordFacts::new(&alert, None, jiff::Timestamp::UNIX_EPOCH);
    let asks =
        |severity: &str| Condition::parse(&format!("alert.severity == '{severity}' && machine.osPlatform == ''"));
    assert!(unknown(asks("High").unwrap().judge(&absent)));
    assert_eq!(asks("Low").unwrap().judge(&absent), Judged::False, "whatever the machine is");
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
            let (alert, machine) = (alert(), machine());
            let _ = condition.judge(&RecordFacts::new(&alert, Some(&machine), jiff::Timestamp::UNIX_EPOCH));
        }
    }
}

#[test]
fn a_deep_or_long_condition_is_a_mistake_or_judged_and_never_overflows_the_stack() {
    let shapes: [fn(usize) -> String; 9] = [
        |n| format!("{}true", "!".repeat(n)),
        |n| format!("{}true{}", "(".repeat(n), ")".repeat(n)),
        |n| format!("{}1{} == 1", "[".repeat(n), "]".repeat(n)),
        |n| format!("{}true", "true ? true : ".repeat(n)),
        |n| format!("alert{}.x", ".title".repeat(n)),
        |n| format!("alert.title{} == ''", ".lower()".repeat(n)),
        |n| format!("true{}", " == true".repeat(n)),
        |n| vec!["1"; n].join("+") + " == 1",
        |n| vec!["alert.title == 'x'"; n].join(" || "),
    ];
    let (alert, machine) = (alert(), machine());
    let facts = RecordFacts::new(&alert, Some(&machine), jiff::Timestamp::UNIX_EPOCH);
    for size in [8, 16, 40, 60, 90, 1_000, 4_000, 16_000, 40_000] {
        for shape in shapes {
            if let Ok(condition) = Condition::parse(&shape(size)) {
                let _ = condition.judge(&facts);
            }
        }
    }
    let parenthesised = format!("{}true{}", "(".repeat(60), ")".repeat(60));
    assert_eq!(judge(&parenthesised), Judged::True);
    assert!(mistakes(&vec!["1"; 100].join("+"))[0].message.contains("nested more than 64 deep"));
    let hashes = vec!["'3395856ce81f2b7382dee72602f798b642f14140'"; 700].join(",");
    assert_eq!(judge(&format!("alert.title in [{hashes}]")), Judged::False);
    assert!(mistakes(&format!("{}true{}", "(".repeat(120), ")".repeat(120)))[0].message.contains("too deep"));
}
