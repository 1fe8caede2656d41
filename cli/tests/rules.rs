//! `cordon rules` as a person and a CI system meet it: what is printed, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cordon_records::{EnrichedRecord, Headers, SystemClock, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{MemoryBroker, Outbound};
use serde_json::{Value, json};

const ISOLATE_HIGH: &str = include_str!("../../deploy/rules/isolate-high.yaml");
const ENRICHED: &str = include_str!("../../common/records/examples/v1/enriched.json");

/// A folder with files, in which `cordon` runs.
struct Desk(tempfile::TempDir);

struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn with(files: &[(&str, &str)]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(desk.path().join("rules")).unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(desk.path().join(name), text).unwrap());
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn rules(&self, args: &[&str]) -> Told {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
        let output = command.arg("rules").args(args).current_dir(self.path()).output().expect("cordon starts");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Told { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }
}

fn json_of(told: &Told) -> Value {
    serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", told.out, told.err))
}

const BROKEN: &str = "id: creds\ndescripton: Credential theft\nmode: automatic\nwhen: |\n  alert.severity == \"Hihg\" &&\n  \
                      machine.osPlatfrom == \"\" || alert.title.matches(\"mimi(katz\")\nactions:\n  - isolate: {type: full}\n";

#[test]
fn the_help_of_each_command_tells_its_exit_codes_and_the_name_of_a_recorded_test() {
    let desk = Desk::with(&[]);
    for command in ["lint", "test", "explain", "fmt", "list"] {
        insta::assert_snapshot!(format!("help_{command}"), desk.rules(&[command, "--help"]).out);
    }
    insta::assert_snapshot!("help", desk.rules(&["--help"]).out);
}

#[test]
fn lint_tells_all_mistakes_with_place_caret_and_suggestion_and_ends_with_1() {
    let syntax = "id: two\nwhen: alert.severity = \"High\" and true\nactions: []\n";
    let recorded = "{\"rule\": \"creds\",\n \"nam\": \"x\", \"given\": {\"alert\": {}}, \"expect\": [\"isolated\"]}";
    let desk = Desk::with(&[
        ("rules/one.yaml", BROKEN),
        ("rules/two.yaml", syntax),
        ("rules/one.march.json", recorded),
        ("rules/three.yaml", "id: three\nwhen: 'true'\n actions: []\n"),
    ]);
    let told = desk.rules(&["lint", "rules"]);
    assert_eq!(told.code, Some(1), "{}", told.err);
    insta::assert_snapshot!(told.out);
}

#[test]
fn warnings_end_with_3_only_when_they_are_denied_and_json_has_their_places() {
    let bare = "id: bare\nmode: auto\nwhen: alert.severity == 'High'\nactions: [{isolate: {comment: x}}]\n";
    let desk = Desk::with(&[("rules/bare.yaml", bare), ("rules/notes.json", "{}")]);
    let told = desk.rules(&["lint", "rules"]);
    assert_eq!(told.code, Some(0));
    insta::assert_snapshot!(told.out);
    let denied = desk.rules(&["lint", "--deny-warnings", "-o", "json", "rules"]);
    assert_eq!(denied.code, Some(3));
    let findings = json_of(&denied)["findings"].as_array().unwrap().clone();
    assert_eq!(findings.len(), 4, "{findings:#?}");
    let first = json!({"severity": "warning", "file": "rules/bare.yaml", "line": 1, "column": 5, "path": "bare"});
    assert!(first.as_object().unwrap().iter().all(|(key, value)| findings[0][key] == *value), "{findings:#?}");
}

#[test]
fn equal_warnings_about_several_rules_are_told_once_with_their_names() {
    let bare = |id: &str, more: &str| {
        format!(
            "id: {id}\ndescription: d\nwhen: alert.severity == 'High' && alert.title != '{id}'{more}\nactions: [{{isolate: {{comment: x}}}}]\n"
        )
    };
    let slip = " && alert.category == 'Malwre' && alert.category == 'Malwre'";
    let desk = Desk::with(&[
        ("rules/a.yaml", &bare("a", slip)),
        ("rules/b.yaml", &bare("b", slip)),
        ("rules/c.yaml", &bare("c", "")),
        ("rules/x.json", "{}"),
        ("rules/y.json", "{}"),
    ]);
    let told = desk.rules(&["lint", "rules"]);
    assert_eq!(told.code, Some(0));
    insta::assert_snapshot!(told.out);
    let json = desk.rules(&["lint", "-o", "json", "rules"]);
    assert_eq!(json_of(&json)["findings"].as_array().unwrap().len(), 9, "scripts get each with its place");
}

#[test]
fn a_recorded_test_is_read_however_powershell_saved_it() {
    let test = json!({"rule": "isolate-high", "name": "März", "expect": ["isolate"], "given": {
        "now": "2026-03-01T22:00:00Z",
        "alert": {"id": "a", "severity": "High", "status": "New", "machineId": "m", "title": "Überfall"}}});
    let text = format!("\u{feff}{test:#}\r\n");
    let utf16 = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let desk = Desk::with(&[("rules/isolate-high.yaml", &format!("\u{feff}{ISOLATE_HIGH}"))]);
    for bytes in [text.clone().into_bytes(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)] {
        std::fs::write(desk.path().join("rules/isolate-high.march.json"), &bytes).unwrap();
        let told = desk.rules(&["test", "rules"]);
        assert_eq!(told.code, Some(0), "{} {}", told.out, told.err);
        assert!(told.out.contains("März"), "{}", told.out);
        let alert = serde_json::to_string(&test["given"]["alert"]).unwrap();
        std::fs::write(
            desk.path().join("alert.json"),
            format!("\u{feff}{alert}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
        )
        .unwrap();
        let told =
            desk.rules(&["explain", "--rules", "rules", "--alert", "alert.json", "--now", "2026-03-01T22:00:00Z"]);
        assert!(told.out.contains("isolate-high"), "{} {}", told.out, told.err);
    }
    std::fs::write(desk.path().join("rules/isolate-high.march.json"), b"{\n\"a\": \"\xe4\"}").unwrap();
    let told = desk.rules(&["test", "rules"]);
    assert!(told.err.contains("line 2 is not UTF-8; save it as UTF-8"), "{}", told.err);
}

#[test]
fn a_failed_test_says_what_was_expected_what_was_found_and_why_and_junit_has_the_same() {
    let wrong = ISOLATE_HIGH.replacen("expect: []", "expect: [isolate]", 1);
    let recorded = json!({
        "rule": "isolate-high", "name": "the one of March",
        "given": {"alert": {"id": "a", "severity": "High", "status": "Resolved", "machineId": "m", "title": "\u{1b}[2J",
                            "lastUpdateTime": "2026-03-01T00:00:00Z"}},
        "expect": ["isolate"],
    });
    let desk =
        Desk::with(&[("rules/isolate-high.yaml", &wrong), ("rules/isolate-high.march.json", &recorded.to_string())]);
    let told = desk.rules(&["test", "rules", "--junit", "report.xml"]);
    assert_eq!(told.code, Some(1), "{}", told.err);
    insta::assert_snapshot!(told.out);
    insta::assert_snapshot!("junit", desk.read("report.xml"));

    let document = json_of(&desk.rules(&["test", "rules", "-o", "json", "--run", "March"]));
    assert_eq!((&document["hold"], &document["fail"]), (&json!(0), &json!(1)));
    let test = &document["tests"][0];
    assert_eq!(test["file"], "rules/isolate-high.march.json");
    assert_eq!(test["condition"]["parts"][1]["parts"][0]["value"], "Resolved");
}

#[test]
fn tests_that_hold_end_with_0_and_a_name_that_no_test_has_with_1() {
    let desk = Desk::with(&[("rules/isolate-high.yaml", ISOLATE_HIGH)]);
    assert_eq!(desk.rules(&["test", "rules"]).code, Some(0));
    let none = desk.rules(&["test", "rules", "--run", "nothing of that name"]);
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("nothing of that name"), "{}", none.err);
}

#[test]
fn the_delivered_rules_are_in_form_without_a_warning_and_their_tests_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules");
    let folder = folder.to_str().unwrap();
    let desk = Desk::with(&[]);
    for args in [&["lint", "--deny-warnings", folder][..], &["test", folder], &["fmt", "--check", folder]] {
        let told = desk.rules(args);
        assert_eq!(told.code, Some(0), "{args:?}\n{}\n{}", told.out, told.err);
    }
}

#[test]
fn rules_and_alerts_that_cannot_be_read_end_with_1_and_a_wrong_flag_with_2() {
    let desk = Desk::with(&[
        ("rules/broken.yaml", BROKEN),
        ("rules/a.json", "{}"),
        ("isolate-high.yaml", ISOLATE_HIGH),
        ("cordon.yaml", "act: {mode: auto, rules: [rules]}"),
    ]);
    for args in [
        &["lint", "gone"][..],
        &["lint", "--deny-warnings", "gone"],
        &["test", "rules"],
        &["test", "gone"],
        &["list", "rules"],
        &["fmt", "rules"],
        &["fmt", "--check", "gone.yaml"],
        &["explain", "--rules", "rules", "--alert", "gone.json"],
        &["explain", "--rules", "isolate-high.yaml", "--alert", "gone.json"],
        &["explain", "--rules", "isolate-high.yaml", "--alert", "isolate-high.yaml"],
        &["explain", "--config", "cordon.yaml", "--alert", "da1"],
        &["test", "rules/a.json"],
    ] {
        let told = desk.rules(args);
        assert_eq!((told.code, told.out.as_str()), (Some(1), ""), "{args:?}: {}", told.err);
        assert!(told.err.contains("error: "), "{args:?}: {}", told.err);
    }
    assert_eq!(desk.rules(&["lint", "--deny-warnings", "rules"]).code, Some(1), "mistakes beat warnings");
    assert_eq!(desk.rules(&["lint"]).code, Some(2));
    assert_eq!(desk.rules(&["explain", "--alert", "a"]).code, Some(2), "neither --rules nor --config");
}

#[test]
fn a_configuration_or_guards_that_are_wrong_end_with_78() {
    let desk = Desk::with(&[
        ("isolate-high.yaml", ISOLATE_HIGH),
        ("nothing.yaml", "act: {mode: auto}"),
        ("wrong.yaml", "act: {mode: automatic, rules: [isolate-high.yaml]}"),
        ("named.yaml", "act: {guards: wrong-guards.yaml, rules: [isolate-high.yaml]}"),
        ("wrong-guards.yaml", "nevr: {}"),
        ("e.json", ENRICHED),
    ]);
    let with_rules = ["--rules", "isolate-high.yaml", "--alert", "e.json"];
    for args in [
        &["explain", "--config", "gone.yaml", "--alert", "da1"][..],
        &["explain", "--config", "nothing.yaml", "--alert", "da1"],
        &["explain", "--config", "wrong.yaml", "--alert", "da1"],
        &["explain", "--config", "named.yaml", "--alert", "e.json"],
        &[&["explain", "--guards", "wrong-guards.yaml"], &with_rules[..]].concat(),
        &[&["explain", "--guards", "gone.yaml"], &with_rules[..]].concat(),
    ] {
        let told = desk.rules(args);
        assert_eq!((told.code, told.out.as_str()), (Some(78), ""), "{args:?}: {}", told.err);
        assert!(told.err.contains("error: "), "{args:?}: {}", told.err);
    }
}

#[test]
fn a_junit_report_is_written_also_when_the_rules_cannot_be_read() {
    let desk = Desk::with(&[("rules/broken.yaml", BROKEN)]);
    for (rules, part) in [("rules", "is no value of severity"), ("gone", "gone: cannot be read")] {
        assert_eq!(desk.rules(&["test", rules, "--junit", "report.xml"]).code, Some(1));
        let report = desk.read("report.xml");
        assert!(report.contains("tests=\"1\"") && report.contains("failures=\"1\""), "{report}");
        assert!(report.contains(part), "{report}");
        std::fs::remove_file(desk.path().join("report.xml")).unwrap();
    }
}

#[test]
fn a_report_that_cannot_be_written_is_told_with_its_name_and_ends_with_1() {
    let desk = Desk::with(&[("rules/isolate-high.yaml", ISOLATE_HIGH), ("broken.yaml", BROKEN)]);
    for rules in ["rules", "broken.yaml"] {
        let told = desk.rules(&["test", rules, "--junit", "no-such-folder/report.xml"]);
        assert_eq!(told.code, Some(1), "{}", told.err);
        assert!(
            told.err.contains("no-such-folder/report.xml") && told.err.contains("cannot be written"),
            "{}",
            told.err
        );
    }
    let told = desk.rules(&["test", "rules", "--junit", "no-such-folder/report.xml"]);
    assert!(told.out.contains("hold, 0 fail"), "the tests' outcome is told all the same: {}", told.out);
}

#[test]
fn fmt_names_what_is_not_in_form_writes_it_once_and_keeps_comments() {
    let text = "when: 'true'   # all\n# why\nid: a\nactions:\n- isolate: {comment: x}\n";
    let desk = Desk::with(&[("rules/a.yaml", text), ("rules/isolate-high.yaml", ISOLATE_HIGH)]);
    let check = desk.rules(&["fmt", "--check", "rules"]);
    assert_eq!((check.code, check.out.as_str()), (Some(1), "would change rules/a.yaml\n"));
    assert_eq!(desk.read("rules/a.yaml"), text, "--check changes nothing");
    let written = desk.rules(&["fmt", "rules"]);
    assert_eq!((written.code, written.out.as_str()), (Some(0), "changed rules/a.yaml\n"), "{}", written.err);
    assert_eq!(desk.read("rules/a.yaml"), "# why\nid: a\nwhen: 'true'   # all\nactions:\n  - isolate: {comment: x}\n");
    assert_eq!(desk.rules(&["fmt", "--check", "rules"]).code, Some(0));
}

#[test]
fn the_list_tells_mode_actions_limits_and_tests_of_every_rule() {
    let desk = Desk::with(&[
        ("rules/isolate-high.yaml", ISOLATE_HIGH),
        ("rules/mark.yaml", "id: mark\ndescription: Marks\nwhen: alert.severity == 'Low'\nactions: []\n"),
    ]);
    insta::assert_snapshot!(desk.rules(&["list", "rules"]).out);
    let document = json_of(&desk.rules(&["list", "rules", "-o", "json"]));
    assert_eq!(document["rules"][0]["tests"], json!({"positive": 1, "negative": 3, "needs_human": 1}));
    assert_eq!(document["rules"][0]["limits"], json!({"1h": 15}));
}

#[test]
fn an_explanation_shows_every_condition_with_its_value_and_every_guard_with_its_verdict() {
    let mark = "id: mark\nwhen: users.exists(u, u.endsWith('@corp.example')) || machine.osBuild > 20000\nactions: []\n";
    let desk =
        Desk::with(&[("rules/isolate-high.yaml", ISOLATE_HIGH), ("rules/mark.yaml", mark), ("e.json", ENRICHED)]);
    let told = desk.rules(&["explain", "--rules", "rules", "--alert", "e.json"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    insta::assert_snapshot!(told.out);
    let one =
        json_of(&desk.rules(&["explain", "--rules", "rules", "--alert", "e.json", "--rule", "mark", "-o", "json"]));
    assert_eq!((one["rules"].as_array().unwrap().len(), &one["verdict"]), (1, &json!("act")));
    let guards = one["planned"][0]["guards"].as_array().unwrap();
    let ruling = |name: &str| guards.iter().find(|guard| guard["guard"] == name).unwrap()["ruling"].clone();
    assert_eq!(
        (ruling("never-list"), ruling("age"), ruling("caps")),
        (json!("refuse"), json!("pass"), json!("unknown"))
    );
    assert_eq!(desk.rules(&["explain", "--rules", "rules", "--alert", "e.json", "--rule", "nope"]).code, Some(1));
}

#[test]
fn a_plain_alert_is_explained_with_its_machine_with_other_guards_or_without_either() {
    let enriched: Value = serde_json::from_str(ENRICHED).unwrap();
    let desk = Desk::with(&[
        ("rules/isolate-high.yaml", ISOLATE_HIGH),
        ("alert.json", &enriched["alert"].to_string()),
        ("machine.json", &enriched["machine"].to_string()),
        ("guards.yaml", "never: {tags: []}\nallow_os: [WindowsServer2022]\n"),
    ]);
    let alone = desk.rules(&["explain", "--rules", "rules", "--alert", "alert.json"]);
    assert!(alone.out.contains("CANNOT BE TOLD") && alone.out.contains("--machine"), "{}", alone.out);
    let args = [
        "explain",
        "--rules",
        "rules",
        "--alert",
        "alert.json",
        "--machine",
        "machine.json",
        "--guards",
        "guards.yaml",
    ];
    let free = desk.rules(&args);
    assert!(free.out.contains("=> passes every guard that can be asked here"), "{}\n{}", free.out, free.err);
    let late = desk.rules(&[&args[..], &["--now", "2026-11-23T22:41:11Z"]].concat());
    assert!(late.out.contains("=> HELD for a person by age: the alert is"), "{}", late.out);
}

#[test]
fn an_alert_with_half_a_character_or_a_repeated_key_is_explained_as_the_stages_judge_it() {
    let enriched: Value = serde_json::from_str(ENRICHED).unwrap();
    let machine = enriched["machine"].to_string().replacen('{', r#"{"vendor":"x\ud83d","#, 1);
    let halves = r#"{"title":"cut \ud83d","\ud800":1,"severity":"Low","evidence":[{"fileName":"inv\udc00oice.exe"}],"#;
    let alert = enriched["alert"].to_string().replacen('{', halves, 1);
    let desk = Desk::with(&[
        ("rules/isolate-high.yaml", ISOLATE_HIGH),
        ("alert.json", &alert),
        ("list.json", &format!("{{\"\\ud800\":0,\"value\":[{alert}]}}")),
        ("machine.json", &machine),
    ]);
    for file in ["alert.json", "list.json"] {
        let told = desk.rules(&["explain", "--rules", "rules", "--alert", file, "--machine", "machine.json"]);
        assert_eq!(told.code, Some(0), "{}", told.err);
        assert!(told.out.contains("rule isolate-high (auto) MATCHES"), "{}", told.out);
    }
}

#[test]
fn the_apis_answer_to_a_list_call_is_explained_if_it_holds_one_alert_and_else_its_ids_are_named() {
    let enriched: Value = serde_json::from_str(ENRICHED).unwrap();
    let alert = &enriched["alert"];
    let many: Vec<Value> = (1..=12).map(|number| json!({"id": format!("da{number}_1")})).collect();
    let answer = |value: Value| json!({"@odata.context": "https://…/$metadata#Alerts", "value": value}).to_string();
    let desk = Desk::with(&[
        ("rules/isolate-high.yaml", ISOLATE_HIGH),
        ("one.json", &answer(json!([alert]))),
        ("none.json", &answer(json!([]))),
        ("two.json", &answer(json!([{"id": "da1_1"}, {"title": "x"}]))),
        ("many.json", &answer(json!(many))),
    ]);
    let explain = |file: &str| desk.rules(&["explain", "--rules", "rules", "--alert", file]);
    let one = explain("one.json");
    assert_eq!(one.code, Some(0), "{}", one.err);
    assert!(one.out.contains(alert["id"].as_str().unwrap()), "{}", one.out);
    let none = explain("none.json");
    assert!(none.err.contains("holds a list without an alert"), "{}", none.err);
    let two = explain("two.json");
    assert!(two.err.contains("holds 2 alerts, and one is wanted: da1_1, one without an id\n"), "{}", two.err);
    let many = explain("many.json");
    assert!(many.err.contains("da9_1, da10_1, … and 2 more\n") && !many.err.contains("da11_1"), "{}", many.err);
    assert!([none.code, two.code, many.code].iter().all(|code| *code == Some(1)));
}

#[test]
fn what_the_kind_and_the_guards_file_alone_decide_is_no_unknown_in_an_explanation() {
    let scan = "id: scan\nmode: auto\nwhen: 'true'\nactions:\n  - scan: {comment: x}\n  - offboard: {comment: x}\n";
    let desk = Desk::with(&[("rules/scan.yaml", scan), ("e.json", ENRICHED)]);
    let document = json_of(&desk.rules(&["explain", "--rules", "rules", "--alert", "e.json", "-o", "json"]));
    let said = |action: usize, name: &str| {
        let guards = document["planned"][action]["guards"].as_array().unwrap();
        let guard = guards.iter().find(|guard| guard["guard"] == name).unwrap_or_else(|| panic!("{name}: {guards:#?}"));
        (guard["ruling"].as_str().unwrap().to_owned(), guard["why"].as_str().unwrap().to_owned())
    };
    assert_eq!((said(0, "hold-kinds").0, said(1, "hold-kinds").0), ("pass".to_owned(), "hold".to_owned()));
    for (action, name) in [(0, "gentle-caps"), (1, "per-rule"), (1, "per-device-group"), (1, "caps")] {
        let counted = ("unknown".to_owned(), "attempts are counted in respond's ledger".to_owned());
        assert_eq!(said(action, name), counted, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_found_by_its_id_the_newest_record_of_it_with_the_configurations_rules_and_mode() {
    let broker = MemoryBroker::start().unwrap();
    let desk = Desk::with(&[("rules/isolate-high.yaml", ISOLATE_HIGH)]);
    let config =
        format!("kafka: {{bootstrap_servers: '{}'}}\nact: {{mode: shadow, rules: [rules]}}\n", broker.bootstrap());
    std::fs::write(desk.path().join("cordon.yaml"), config).unwrap();
    let registry = prometheus::Registry::new();
    let context = Context::open("enrich", broker.settings(), registry, Arc::new(SystemClock)).unwrap();
    let record: EnrichedRecord = serde_json::from_str(ENRICHED).unwrap();
    let id = record.alert_id.clone();
    for (key, second) in [("m1", "12"), ("m2", "58"), ("m3", "30")] {
        let at = format!("2026-11-22T22:41:{second}Z").parse().unwrap();
        let record = EnrichedRecord { enriched_at: at, ..record.clone() };
        let outbound = Outbound::json(Topic::Enriched, key, Headers::default(), &record).unwrap();
        context.producer.send(outbound).await.unwrap();
    }
    let explain = |alert: String| {
        let path = desk.path().to_owned();
        tokio::task::spawn_blocking(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
            command.args(["rules", "explain", "--config", "cordon.yaml", "-o", "json", "--alert", &alert]);
            command.current_dir(path).output().unwrap()
        })
    };
    let found = explain(id.to_string()).await.unwrap();
    let told = String::from_utf8(found.stderr).unwrap();
    let document: Value = serde_json::from_slice(&found.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    assert_eq!((&document["as_of"], &document["mode_ceiling"]), (&json!("2026-11-22T22:41:58Z"), &json!("shadow")));
    assert!(told.contains("cordon.enriched"), "says where it looks: {told}");

    let none = explain("da000".to_owned()).await.unwrap();
    let told = String::from_utf8(none.stderr).unwrap();
    assert_eq!((none.status.code(), none.stdout.len()), (Some(1), 0), "{told}");
    assert!(told.contains("none of the 3 records on cordon.enriched is about alert da000"), "{told}");
}

#[test]
fn a_broker_that_does_not_answer_ends_the_look_up_with_69() {
    let config = "kafka: {bootstrap_servers: '127.0.0.1:1'}\nact: {rules: [rules]}\n";
    let desk = Desk::with(&[("rules/isolate-high.yaml", ISOLATE_HIGH), ("cordon.yaml", config)]);
    let told = desk.rules(&["explain", "--config", "cordon.yaml", "--alert", "da1_1"]);
    assert_eq!((told.code, told.out.as_str()), (Some(69), ""), "{}", told.err);
}
