//! The binary against what was decided, reported and said live, on librdkafka's in-process broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use cordon_policy::{RuleSet, decide};
use cordon_records::{
    Action, ActionKey, ActionRecord, ActionState, AlertId, Command, CommandRecord, DecisionRecord, EnrichedRecord,
    Fleet, Headers, IsolationType, MachineId, Mode, PolicyFile, PolicyKind, PolicyRecord, Report, TenantId, Topic,
    Verdict, policy_texts,
};
use cordon_runtime::kafka::{Delivered, Outbound};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use support::{RULE, World, record};

/// Sends a record and what these rules decide of it.
async fn decided(world: &World, severity: &str, number: u32, rules: &RuleSet) -> DecisionRecord {
    let value = record(severity, number);
    let headers = Headers::default();
    let bytes = Some(serde_json::to_vec(&value).unwrap());
    let sent = Outbound { topic: Topic::Enriched, key: Some(format!("m{number}")), headers, value: bytes };
    let Delivered { partition, offset } = world.producer.send(sent).await.unwrap();
    let record: EnrichedRecord = serde_json::from_value(value).unwrap();
    let later = record.enriched_at + SignedDuration::from_secs(5);
    let mut decision = decide(rules, &record, format!("cordon.enriched/{partition}/{offset}"), later).unwrap();
    decision.fleet = Some(Fleet { machines: 5_000, at: record.enriched_at });
    decision
}

async fn note(world: &World, decision: &DecisionRecord) {
    world.send(Topic::Decisions, "m", Some(serde_json::to_vec(decision).unwrap())).await;
}

async fn text(world: &World, rule: &str) -> RuleSet {
    let rules = RuleSet::load(&[("r.yaml".to_owned(), rule.to_owned())]).unwrap();
    let files = [PolicyFile { name: "r.yaml".to_owned(), text: rule.to_owned() }];
    for part in policy_texts(PolicyKind::Rules, rules.hash(), &files, Timestamp::UNIX_EPOCH).unwrap() {
        let record = PolicyRecord::Text(part);
        world.send(Topic::Policies, &record.key(), Some(serde_json::to_vec(&record).unwrap())).await;
    }
    rules
}

const RECORDED: [&str; 9] =
    ["--rules", "new", "--config", "cordon.yaml", "-o", "json", "--against", "recorded", "--mode=auto"];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_reproduced_record_by_record_each_by_its_own_rules_before_anything_is_told() {
    let world = World::open();
    let (first, second) = (text(&world, RULE).await, text(&world, &RULE.replace("High", "Medium")).await);
    for number in 0..6 {
        let decision = decided(&world, "High", number, &first).await;
        note(&world, &decision).await;
        // Delivered again, as a consumer may.
        note(&world, &DecisionRecord { decided_at: decision.decided_at + SignedDuration::from_secs(60), ..decision })
            .await;
    }
    for number in 6..10 {
        note(&world, &decided(&world, "Medium", number, &second).await).await;
    }
    let gone = RuleSet::load(&[("r.yaml".to_owned(), RULE.replace("High", "Low"))]).unwrap();
    note(&world, &decided(&world, "Low", 10, &gone).await).await;
    let mut other = decided(&world, "Medium", 11, &second).await;
    other.verdict = Verdict::Nothing;
    other.planned.clear();
    note(&world, &other).await;
    let undecided = decided(&world, "Medium", 12, &second).await;
    let (code, document) = world.document(&RECORDED);
    let reproduced = &document["reproduced"];
    let counts = ["decisions", "exact", "without_text", "undecided"].map(|field| reproduced[field].as_u64().unwrap());
    assert_eq!(counts, [12, 10, 1, 1], "{reproduced}");
    let differences = reproduced["differences"].as_array().unwrap();
    assert_eq!((differences.len(), &differences[0]["place"]), (1, &json!(other.id)));
    let why = differences[0]["why"].as_str().unwrap();
    assert!(why.contains("verdict was \"nothing\" and is \"act\" now") && why.contains("planned was []"), "{why}");
    // Both rule sets had their machines: what is compared with is what was decided then.
    let before = &document["totals"]["before"];
    assert_eq!(before["actions"]["isolate"]["done"], 11, "{before}");
    assert_eq!((code, document["totals"]["after"]["isolated"].as_u64()), (1, Some(6)));
    assert_eq!(document["actions"]["removed"].as_array().map(Vec::len), Some(5), "{}", document["actions"]);
    let limits = document["limits"].to_string();
    assert!(limits.contains("3 rule sets have decided") && limits.contains(gone.hash()), "{limits}");
    assert!(!limits.contains(&undecided.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_what_was_decided_gives_the_same_bytes_while_decisions_go_on() {
    let world = World::open();
    let rules = text(&world, RULE).await;
    for number in 0..5 {
        note(&world, &decided(&world, "High", number, &rules).await).await;
    }
    let (_, first, _) = world.says(&RECORDED);
    world.write("first.json", &first);
    let other = text(&world, &RULE.replace("High", "Low")).await;
    note(&world, &decided(&world, "Low", 7, &other).await).await;
    let again: Vec<&str> = RECORDED.iter().copied().chain(["--manifest", "first.json"]).collect();
    assert_eq!(world.says(&again).1, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_refused_where_nothing_was_or_its_rules_have_no_text() {
    let world = World::open();
    world.enriched("High", 0..3).await;
    let (code, _, told) = world.says(&RECORDED);
    assert!(code == 2 && told.contains("no decision on a record of cordon.enriched is recorded"), "{code} {told}");
    let gone = RuleSet::load(&[("r.yaml".to_owned(), RULE.to_owned())]).unwrap();
    note(&world, &decided(&world, "High", 4, &gone).await).await;
    let (code, _, told) = world.says(&RECORDED);
    assert!(code == 2 && told.contains("its newest rules cannot be had: no text of rules"), "{code} {told}");
    world.write("records.ndjson", "");
    let (code, _, told) = world.says(&["--rules", "new", "--against", "recorded", "--input", "records.ndjson"]);
    assert!(code == 2 && told.contains("give --config"), "{code} {told}");
}

/// The key of the isolation that the rule asks for on the machine of this number.
fn isolation_of(number: u32) -> (ActionKey, Action) {
    let isolate = Action::Isolate { isolation: IsolationType::Full, comment: "c".to_owned(), release: None };
    let (alert, machine) = (AlertId::new(format!("a{number}")).unwrap(), MachineId::new(format!("m{number}")).unwrap());
    (ActionKey::derive(&TenantId::new("t").unwrap(), &alert, &machine, &isolate), isolate)
}

/// A report about the machine of this number, with these fields beside.
async fn reported(world: &World, number: u32, (key, action): (&ActionKey, &Action), state: ActionState, more: Value) {
    let mut report = json!({
        "report": "action", "id": ActionRecord::step_id(key, 1, state), "key": key, "attempt": 1, "state": state,
        "action": action, "machine": {"id": format!("m{number}"), "name": format!("laptop-{number}")},
        "alert": {"id": format!("a{number}"), "severity": "High", "status": "New"}, "rules": ["high"],
        "mode": Mode::Auto, "reason": "r", "decision": "d", "at": "2026-09-01T09:00:00Z",
    });
    report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let report: Report = serde_json::from_value(report).unwrap();
    world.send(Topic::Actions, "m", Some(serde_json::to_vec(&report).unwrap())).await;
}

fn yes(by: &str, at: &str, command: &str) -> Value {
    json!({"by": by, "key": "SHA256:x", "why": "seen", "at": at, "command": command, "intent": "0123456789abcdef"})
}

const ASKED: [&str; 10] =
    ["--rules", "new", "--config", "cordon.yaml", "-o", "json", "--guards", "guards.yaml", "--mode", "auto"];

#[tokio::test(flavor = "multi_thread")]
async fn people_answer_what_is_held_as_they_answered_it_live_at_their_time_and_nobody_else_does() {
    let world = World::open();
    world.enriched("High", 0..5).await;
    world.write("guards.yaml", "hold: {device_value: [Normal]}\napprovals: {two_people: {kinds: []}}\n");
    let approved = [(0, "2026-09-01T09:30:00Z"), (1, "2026-09-01T07:00:00Z"), (4, "2026-09-09T09:30:00Z")];
    for (number, at) in approved {
        let (key, isolate) = isolation_of(number);
        let said = json!({"approvals": [yes("ann@soc.example", at, &format!("c{number}"))]});
        reported(&world, number, (&key, &isolate), ActionState::Approved, said.clone()).await;
        reported(&world, number, (&key, &isolate), ActionState::Succeeded, said).await;
    }
    let (key, isolate) = isolation_of(2);
    let said = json!({"reason": "denied by bob: a false alarm", "at": "2026-09-01T10:00:00Z"});
    reported(&world, 2, (&key, &isolate), ActionState::Denied, said).await;
    world.send(Topic::Actions, "m", Some(b"{no report".to_vec())).await;
    let recorded: Vec<&str> = ASKED.iter().copied().chain(["--approvals", "recorded"]).collect();
    let (_, document) = world.document(&recorded);
    let changes = document["actions"]["added"].as_array().unwrap();
    let of = |number: usize| {
        let course = &changes[number]["after"];
        (course["outcome"].as_str().unwrap().to_owned(), course["at"].as_str().unwrap().to_owned())
    };
    assert_eq!(changes.len(), 5, "{changes:?}");
    // At that time; at once where it came before; never, where its time is over.
    assert_eq!(of(0), ("done".to_owned(), "2026-09-01T09:30:00Z".to_owned()));
    assert_eq!(of(1), ("done".to_owned(), "2026-09-01T08:01:00Z".to_owned()));
    assert_eq!([of(2).0, of(3).0, of(4).0], ["held"; 3]);
    assert!(document["totals"]["after"]["actions"]["isolate"] == json!({"done": 2, "held": 3}), "{document}");
    let unread = &document["unread_past"];
    assert_eq!((&unread["records"], &unread["examples"][0]["place"]), (&json!(1), &json!("cordon.actions/0/7")));
    let nobody: Vec<&str> = ASKED.iter().copied().chain(["--approvals", "none"]).collect();
    let (_, nobody) = world.document(&nobody);
    assert_eq!(nobody["totals"]["after"]["actions"]["isolate"], json!({"held": 5}));
    assert_eq!((&nobody["unread_past"], &nobody["totals"]["after"]["let_back"]), (&Value::Null, &Value::Null));
    world.write("first.json", &document.to_string());
    let again: Vec<&str> = recorded.iter().copied().chain(["--manifest", "first.json"]).collect();
    let (key, isolate) = isolation_of(3);
    let said = json!({"approvals": [yes("ann@soc.example", "2026-09-01T09:30:00Z", "c3")]});
    reported(&world, 3, (&key, &isolate), ActionState::Approved, said).await;
    assert_eq!(world.document(&again).1, document, "what was said since is no part of it");
    let (code, _, told) = world.says(&["--rules", "new", "--input", "first.json", "--approvals", "recorded"]);
    assert!(code == 2 && told.contains("what people answered is on the broker"), "{code} {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_to_what_the_breaker_held_names_the_breaker_of_the_model_and_another_does_not_lift_it() {
    let world = World::open();
    world.enriched("High", 0..4).await;
    world.write("guards.yaml", "caps: {all_rules: {1h: 2}}\napprovals: {two_people: {kinds: []}}\n");
    let notice = json!("breaker_latched@2026-08-31T08:00:00Z");
    for (number, at, by_notice) in [(2, "2026-09-01T10:00:00Z", true), (3, "2026-09-01T12:00:00Z", false)] {
        let (key, isolate) = isolation_of(number);
        let mut said = yes("ann@soc.example", at, &format!("c{number}"));
        if by_notice {
            said["notice"] = notice.clone();
        }
        let said = json!({"approvals": [said]});
        reported(&world, number, (&key, &isolate), ActionState::Approved, said).await;
    }
    let recorded: Vec<&str> = ASKED.iter().copied().chain(["--approvals", "recorded"]).collect();
    let (_, document) = world.document(&recorded);
    let outcomes: Vec<&Value> =
        document["actions"]["added"].as_array().unwrap().iter().map(|it| &it["after"]["outcome"]).collect();
    assert_eq!(outcomes, ["done", "done", "done", "held"], "{}", document["actions"]);
    assert_eq!(document["actions"]["added"][2]["after"]["at"], "2026-09-01T10:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_that_a_person_let_back_within_a_day_are_told_and_where_that_was_not_read_it_is_said() {
    let world = World::open();
    world.enriched("High", 0..4).await;
    world.write("guards.yaml", "{}\n");
    let release = Action::Release { comment: "back".to_owned() };
    let lets = [
        (0, "2026-09-01T11:00:00Z", json!({"requested_by": "ann@soc.example"})),
        (1, "2026-09-03T11:00:00Z", json!({"requested_by": "ann@soc.example"})),
        (2, "2026-09-01T11:00:00Z", json!({})),
    ];
    for (number, at, mut more) in lets {
        more["at"] = json!(at);
        let key = ActionKey::new(format!("{number:016x}")).unwrap();
        reported(&world, number, (&key, &release), ActionState::Accepted, more).await;
    }
    let recorded: Vec<&str> = ASKED.iter().copied().chain(["--approvals", "recorded"]).collect();
    let (_, document) = world.document(&recorded);
    assert_eq!(document["totals"]["after"]["let_back"], 1, "too late is one, and the end of its time another");
    let back: Vec<&Value> =
        document["actions"]["added"].as_array().unwrap().iter().map(|change| &change["let_back"]).collect();
    assert_eq!(back, [&json!("2026-09-01T11:00:00Z"), &Value::Null, &Value::Null, &Value::Null]);
    assert!(!document["limits"].to_string().contains("let back is not known"));
    let (_, unread) = world.document(&ASKED);
    assert_eq!(unread["totals"]["after"].get("let_back"), None);
    let limits = unread["limits"].to_string();
    assert!(limits.contains("Which machines people let back is not known here"), "{limits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_and_cannot_be_read_is_counted_listed_and_said_by_the_comparison() {
    let world = World::open();
    let rules = text(&world, RULE).await;
    for number in 0..2 {
        note(&world, &decided(&world, "High", number, &rules).await).await;
    }
    let deny = Command::Deny { key: isolation_of(0).0 };
    let said = CommandRecord::unsigned(deny, "bob".to_owned(), "w".to_owned(), "2026-09-01T08:10:00Z".parse().unwrap());
    world.send(Topic::Commands, "m", Some(serde_json::to_vec(&said).unwrap())).await;
    for (topic, value) in [
        (Topic::Decisions, Some(b"{garbage".to_vec())),
        (Topic::Actions, Some(b"{\"report\":\"later\"}".to_vec())),
        (Topic::Commands, Some(b"7".to_vec())),
        (Topic::Commands, None),
    ] {
        world.send(topic, "m", value).await;
    }
    let (_, document) = world.document(&RECORDED);
    let unread = &document["unread_past"];
    let places: Vec<&str> =
        unread["examples"].as_array().unwrap().iter().map(|example| example["place"].as_str().unwrap()).collect();
    assert_eq!(unread["records"], 4, "{unread}");
    assert_eq!(places, ["cordon.actions/0/0", "cordon.commands/0/1", "cordon.commands/0/2", "cordon.decisions/0/2"]);
    let mut table: Vec<&str> = RECORDED.to_vec();
    table.retain(|flag| !matches!(*flag, "-o" | "json"));
    let (_, told, _) = world.says(&table);
    assert!(told.contains("4 of the decisions, reports and commands that are recorded could not be read"), "{told}");
    assert!(told.contains("cordon.commands/0/1"), "{told}");
}
