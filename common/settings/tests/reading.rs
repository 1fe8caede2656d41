//! The crate from outside: what a stage's author and an operator see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::time::Duration;

use cordon_settings::{Document, Problems, Reader, Section, require_https};
use proptest::prelude::*;

fn read<T>(text: &str, take: impl FnOnce(&mut Section) -> T) -> (T, Vec<String>) {
    read_with(text, &[], take)
}

fn read_with<T>(text: &str, vars: &[(&str, &str)], take: impl FnOnce(&mut Section) -> T) -> (T, Vec<String>) {
    let mut document = Document::parse("cordon.yaml", text).unwrap();
    document.overlay("CORDON_", vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let reader = Reader::new(&document);
    let mut root = reader.root();
    let taken = take(&mut root);
    root.finish();
    let problems = reader.finish().err().unwrap_or_default();
    (taken, problems.0.iter().map(ToString::to_string).collect())
}

fn only(problems: &[String]) -> &str {
    assert_eq!(problems.len(), 1, "{problems:#?}");
    &problems[0]
}

#[test]
fn every_kind_of_value_is_read_and_numbers_may_be_texts() {
    let text = "text: hello\nid: 0123\nflag: true\nn: -5\nf: 0.5\nd: 5m\nsize: 10KiB\nurl: https://a.example/x\nlist: [a, 1]\n\
                when: 2026-03-01T22:00:00Z\nfree: {a: [1, true, x]}\n";
    let ((), problems) = read(text, |root| {
        assert_eq!(root.text("text").or(String::new()), "hello");
        assert_eq!(root.text("id").optional().as_deref(), Some("0123"));
        assert_eq!(root.flag("flag").optional(), Some(true));
        assert_eq!(root.integer("n").optional(), Some(-5));
        assert_eq!(root.float("f").optional(), Some(0.5));
        assert_eq!(root.duration("d").optional(), Some(Duration::from_secs(300)));
        assert_eq!(root.size("size").optional(), Some(10240));
        assert_eq!(root.url("url").optional().unwrap().host_str(), Some("a.example"));
        assert_eq!(root.texts("list").optional(), Some(vec!["a".to_owned(), "1".to_owned()]));
        assert_eq!(root.timestamp("when").optional().unwrap().to_string(), "2026-03-01T22:00:00Z");
        assert_eq!(root.value("free").optional().unwrap().to_string(), r#"{"a":[1,true,"x"]}"#);
    });
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn a_duration_that_a_name_may_stand_for_is_either_and_nothing_else() {
    let ((), problems) = read("a: auto\nd: 15s\n", |root| {
        assert_eq!(root.duration_or("a", "auto").optional(), Some(None));
        assert_eq!(root.duration_or("d", "auto").optional(), Some(Some(Duration::from_secs(15))));
        assert_eq!(root.duration_or("absent", "auto").optional(), None);
    });
    assert!(problems.is_empty(), "{problems:#?}");
    for (text, said) in [
        ("Auto", "did you mean \"auto\"?"),
        ("atuo", "did you mean \"auto\"?"),
        ("15", "expected auto, or a duration with a unit, such as 15s or 15ms"),
        ("often", "expected auto, or a duration with a unit, such as 250ms, 5s, 5m, 1h or 1d"),
        ("[auto]", "expected auto, or a duration such as 5s, found a list"),
    ] {
        let (field, problems) = read(&format!("a: {text}\n"), |root| root.duration_or("a", "auto").optional());
        assert_eq!(field, None);
        assert!(only(&problems).contains(said), "{problems:#?}");
    }
}

#[test]
fn an_unknown_key_is_an_error_at_its_place_with_a_suggestion() {
    let (_, problems) = read("act:\n  modee: auto\n", |root| {
        let mut act = root.section("act");
        let mode = act.text("mode").optional();
        act.finish();
        mode
    });
    let expected = "error: act.modee: unknown key\n --> cordon.yaml:2:3\n  |\n2 |   modee: …\n  |   ^\n  = help: did you \
                    mean \"mode\"?";
    assert_eq!(only(&problems), expected);
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_lines() {
    let text = "b: nonsense\na:\n  x: 5\n  y: maybe\n  y: again\n";
    let (_, problems) = read_with(text, &[("CORDON_A__Z", "-1")], |root| {
        let mut a = root.section("a");
        let _ = (a.duration("x").optional(), a.flag("y").optional(), a.count("z").optional());
        let _ = (a.text("w").required(), root.integer("b").optional());
        a.finish();
    });
    let heads: Vec<String> = problems.iter().map(|p| p.lines().take(2).collect::<Vec<_>>().join("")).collect();
    assert_eq!(
        heads,
        [
            "error: b: expected a whole number --> cordon.yaml:1:4",
            "error: a.w: required, but missing --> cordon.yaml:2:1",
            "error: a.x: expected a duration with a unit, such as 5s or 5ms --> cordon.yaml:3:6",
            "error: a.y: expected true or false --> cordon.yaml:4:6",
            "error: y: key given twice; it is already on line 4 --> cordon.yaml:5:3",
            "error: a.z: expected a whole number, 0 or more --> environment variable CORDON_A__Z:1:1",
        ]
    );
}

#[test]
fn a_secret_in_the_file_is_refused_without_showing_it() {
    let texts = [
        "client_secret: hunter2\n",
        "client_secret: \"hunter2\"\n",
        "client_secret: [hunter2]\n",
        "client_secret: {a: hunter2}\n",
        "client_secret: |\n  hunter2\n",
        "client_secret: 'env:hunter2 x'\n",
        "client_secret: file:hunter2\n",
        "{client_secret: hunter2, other: nonsense}\n",
        "client_secrett: hunter2\n",
        "client_secrett: {value: hunter2}\n",
        "{client_secrett: hunter2, other: nonsense}\n",
    ];
    for text in texts {
        let (secret, problems) = read(text, |root| {
            let _ = root.duration("other").optional();
            root.secret("client_secret").optional()
        });
        assert!(secret.is_none() && !problems.is_empty(), "{text}");
        assert!(!problems.concat().contains("hunter2"), "{text}: {problems:#?}");
    }
}

#[test]
fn a_syntax_error_does_not_show_a_secret() {
    for text in ["client_secret: \"hunter2\n", "client_secret: hunter2: x\n", "a: [hunter2\nb: }\n", "? *hunter2\n"] {
        let problems: Problems = Document::parse("cordon.yaml", text).unwrap_err();
        assert!(problems.to_string().contains("cordon.yaml:"), "{problems}");
        assert!(!problems.to_string().contains("hunter2"), "{problems}");
    }
}

#[test]
fn a_password_inside_an_address_is_not_shown() {
    let (_, problems) = read("url: https://user:hunter2@host/\n", |root| root.endpoint("url").required());
    assert!(only(&problems).contains("must not hold"), "{problems:#?}");
    assert!(!problems[0].contains("hunter2"), "{problems:#?}");
}

#[test]
fn a_reference_to_a_secret_is_accepted() {
    let (secrets, problems) = read("a: env:NAME\nb: file:/run/secrets/b\n", |root| {
        (root.secret("a").required(), root.secret("b").required())
    });
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!(secrets.0.unwrap().to_string(), "env:NAME");
    assert_eq!(secrets.1.unwrap().to_string(), "file:/run/secrets/b");
}

#[test]
fn the_environment_wins_over_the_file_and_makes_sections() {
    let vars = [
        ("CORDON_INGEST__POLL_INTERVAL", "7s"),
        ("CORDON_NOTIFY__SMTP__URL", "smtp://localhost"),
        ("CORDON_NOTIFY__TO", "[a@x, b@x]"),
        ("CORDON_CONFIG", "/etc/cordon.yaml"),
        ("CORDON_INGEST_SERVICE_HOST", "10.0.0.1"),
        ("CORDON_EMPTY__KEY", ""),
        ("OTHER_INGEST__X", "1"),
    ];
    let ((), problems) = read_with("ingest: {poll_interval: 5s}\n", &vars, |root| {
        let mut ingest = root.section("ingest");
        assert_eq!(ingest.duration("poll_interval").optional(), Some(Duration::from_secs(7)));
        let mut notify = root.section("notify");
        assert_eq!(notify.section("smtp").url("url").optional().unwrap().scheme(), "smtp");
        assert_eq!(notify.texts("to").optional().unwrap().len(), 2);
        ingest.finish();
        notify.finish();
    });
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn a_bad_variable_is_named() {
    let vars = [("CORDON_INGEST__X__Y", "1"), ("CORDON_INGEST____Z", "1"), ("CORDON_INGEST__W", "a: b: c")];
    let (_, problems) = read_with("ingest: {x: 5}\n", &vars, |root| {
        let _ = root.section("ingest").text("x").optional();
    });
    assert_eq!(problems.len(), 3, "{problems:#?}");
    for (name, _) in vars {
        assert!(problems.iter().any(|p| p.contains(&format!("environment variable {name}:"))), "{problems:#?}");
    }
}

#[test]
fn a_choice_is_closed_and_suggests() {
    let (mode, problems) =
        read("mode: Auto\n", |root| root.choice("mode", &[("shadow", 1), ("approve", 2), ("auto", 3)]).optional());
    assert_eq!(mode, None);
    assert!(only(&problems).contains("\"Auto\" is not one of shadow, approve, auto"), "{problems:#?}");
    assert!(problems[0].contains("did you mean \"auto\"?"), "{problems:#?}");
}

#[test]
fn a_check_reports_at_the_place_of_the_value() {
    let (value, problems) = read("x:\n  url: http://example.com\n", |root| {
        root.section("x").endpoint("url").check(|url| require_https(url, false)).required()
    });
    assert_eq!(value, None);
    assert!(only(&problems).contains("--> cordon.yaml:2:8") && problems[0].contains("plain http"), "{problems:#?}");
}

#[test]
fn a_section_read_by_two_reports_only_keys_that_neither_asked_for() {
    let (_, problems) = read("s: {a: 1, b: 2, c: 3}\n", |root| {
        let mut one = root.section("s");
        let _ = one.text("a").optional();
        one.finish();
        let mut two = root.section("s");
        let _ = two.text("b").optional();
        two.finish();
    });
    assert!(only(&problems).contains("s.c: unknown key"), "{problems:#?}");
}

#[test]
fn an_absent_or_empty_section_reads_as_an_empty_one() {
    for text in ["", "# nothing\n", "s:\n", "s: {}\n", "---\n"] {
        let (value, problems) = read(text, |root| root.section("s").text("x").optional());
        assert!(value.is_none() && problems.is_empty(), "{text}: {problems:#?}");
    }
}

#[test]
fn a_wrong_shape_is_named() {
    let (_, problems) = read("s: 5\nl: {a: 1}\nt: [x]\nm: [1, {a: 1}]\n", |root| {
        let _ = (root.optional_section("s"), root.list_of_sections("l").len(), root.text("t").optional());
        assert_eq!(root.list_of_sections("m").len(), 1);
    });
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(problems[0].contains("s: expected a section (`key: value` lines), found a number"), "{problems:#?}");
    assert!(problems[3].contains("m[0]:"), "{problems:#?}");
}

#[test]
fn free_form_keys_count_as_asked_for() {
    let (keys, problems) = read("properties: {sasl.mechanism: PLAIN, linger.ms: 5}\n", |root| {
        let properties = root.section("properties");
        let keys = properties.keys();
        properties.finish();
        keys
    });
    assert_eq!(keys, ["sasl.mechanism", "linger.ms"]);
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn what_is_not_one_mapping_is_refused() {
    for text in ["- a\n", "text\n", "a: 1\n---\nb: 2\n", "a: &x {b: *x}\n", "<<: {a: 1}\n"] {
        assert!(Document::parse("cordon.yaml", text).is_err(), "{text}");
    }
    let deep = format!("{}1{}", "{a: ".repeat(200), "}".repeat(200));
    assert!(Document::parse("cordon.yaml", &deep).is_err());
}

#[test]
fn a_switch_is_found_wherever_it_is_on() {
    let text = "defender: {allow_http: true}\ngraph: {allow_http: false}\nnotify: {hooks: [{allow_http: \"true\"}]}\n";
    let found = Document::parse("cordon.yaml", text).unwrap().switched_on("allow_http");
    let paths: Vec<_> = found.iter().map(|(path, place)| (path.as_str(), place.line)).collect();
    assert_eq!(paths, [("defender.allow_http", 1), ("notify.hooks[0].allow_http", 3)]);
}

fn ask_everything(text: &str) {
    let Ok(mut document) = Document::parse("f", text) else { return };
    document.overlay("CORDON_", [("CORDON_A__B".to_owned(), text.to_owned())]);
    let reader = Reader::new(&document);
    let mut root = reader.root();
    for key in root.keys() {
        let _ = (root.text(&key).optional(), root.secret(&key).optional(), root.duration(&key).optional());
        let _ = (root.url(&key).optional(), root.texts(&key).optional(), root.value(&key).optional());
        root.list_of_sections(&key).into_iter().for_each(Section::finish);
        root.section(&key).finish();
    }
    root.finish();
    if let Err(problems) = reader.finish() {
        let _ = problems.to_string();
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        ask_everything(&text);
    }

    #[test]
    fn no_yaml_like_text_makes_the_reader_panic(text in "([a-c]: ?|[a-c]|- |\n|\n  |\\{|\\}|\\[|\\]|, |\"|'|\\||>|#|&a |\\*a|!!int |é|\t|\r|env:)*") {
        ask_everything(&text);
    }
}

#[test]
fn relative_paths_count_from_the_folder_of_the_file_wherever_they_are_given() {
    let mut document = Document::parse("conf/cordon.yaml", "rules: [a, /b]\nsecret: file:./c\n").unwrap();
    document = document.of_file(std::path::Path::new("conf/cordon.yaml"));
    document.overlay("CORDON_", [("CORDON_ACT__GUARDS".to_owned(), "guards.yaml".to_owned())]);
    let reader = Reader::new(&document);
    let mut root = reader.root();
    let rules = root.paths("rules").required().unwrap();
    assert_eq!(rules, [std::path::PathBuf::from("conf/a"), std::path::PathBuf::from("/b")]);
    assert_eq!(root.secret("secret").required().unwrap().to_string(), "file:conf/./c");
    let guards = root.section("act").path("guards").required().unwrap();
    assert_eq!(guards, std::path::PathBuf::from("conf/guards.yaml"));
}
