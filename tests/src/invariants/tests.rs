//! The oracle is judged itself: evidence of one alert on its whole way in which nothing is wrong, and then each promise
//! broken once.

use cordon_records::{AlertId, MachineActionId, MachineId, Topic};
use cordon_simulator::{ActionOutcome, CLIENT_SECRET, LoggedRequest, Mail, MailSource, SimAction};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::usage::Usage;

const KEY: &str = "acee6df23fcd80b6";
const ALERT: &str = "da1_1";
const MACHINE: &str = "0000000000000000000000000000000000c04d00";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn seen(topic: Topic, (partition, offset): (i32, i64), key: &str, value: &Value) -> Seen {
    let value = Some(serde_json::to_vec(value).unwrap());
    Seen { topic, partition, offset, key: Some(key.into()), value, headers: Vec::new(), at: 0 }
}

fn example(text: &str, change: Value) -> Value {
    let mut record: Value = serde_json::from_str(text).unwrap();
    let Value::Object(change) = change else { panic!("an object") };
    record.as_object_mut().unwrap().extend(change);
    if record.get("alert").is_some_and(|alert| alert.get("last_update").is_some()) {
        record["alert"]["id"] = json!(ALERT);
        record["alert"]["last_update"] = json!(at(0));
    }
    record
}

fn alert() -> Value {
    example(include_str!("../../../common/records/examples/v1/alert.json"), json!({"id": "one", "alert_id": ALERT}))
}

fn enriched() -> Value {
    example(include_str!("../../../common/records/examples/v1/enriched.json"), json!({"id": "one", "alert_id": ALERT}))
}

fn decision(id: &str) -> Value {
    let text = include_str!("../../../common/records/examples/v1/decision.json");
    example(text, json!({"id": id}))
}

fn action(attempt: u32, state: &str) -> Value {
    let text = include_str!("../../../common/records/examples/v1/action-accepted.json");
    let id = format!("{KEY}#{attempt}#{state}");
    example(text, json!({"id": id, "key": KEY, "attempt": attempt, "state": state}))
}

fn call(key: &str, attempt: u32, second: i64) -> LoggedRequest {
    LoggedRequest {
        at: at(second),
        method: "POST".into(),
        path: format!("/api/machines/{MACHINE}/isolate"),
        status: 201,
        body: json!({"Comment": format!("High [cordon:{key}#{attempt}]"), "IsolationType": "Full"}).to_string(),
        authorization: true,
        client_id: None,
        user_agent: None,
        fault: None,
    }
}

fn effect(key: &str, attempt: u32, second: i64, status: &'static str) -> (SimAction, &'static str) {
    let action = SimAction {
        id: MachineActionId::new(format!("{key}-{attempt}-{second}")).unwrap(),
        kind: "Isolate".into(),
        machine: MachineId::new(MACHINE).unwrap(),
        machine_name: None,
        requestor: "app".into(),
        comment: format!("High [cordon:{key}#{attempt}]"),
        scope: None,
        sha1: None,
        commands: Vec::new(),
        source: "PublicApi".into(),
        created: at(second),
        settle: std::time::Duration::ZERO,
        outcome: ActionOutcome::Succeeds,
        cancelled: None,
    };
    (action, status)
}

fn mail(id: &str) -> Mail {
    let raw = format!("Message-ID: {id}\r\nSubject: told\r\n\r\ntext\r\n").into_bytes();
    Mail { at: at(4), source: MailSource::Smtp, from: "c@x.example".into(), to: Vec::new(), raw }
}

fn told(offset: i64, state: &str, id: &str) -> Seen {
    let sent = json!({"entry": "sent", "report": "r", "message_id": id, "readers": 1, "epoch": 1, "at": at(4)});
    seen(Topic::Notified, (0, offset), &format!("mail/{KEY}|1|{state}"), &sent)
}

/// One High alert, isolated, confirmed, mailed twice.
fn sound() -> Evidence {
    let records = [
        vec![seen(Topic::Alerts, (3, 0), ALERT, &alert())],
        vec![seen(Topic::Enriched, (10, 0), MACHINE, &enriched())],
        vec![seen(Topic::Decisions, (0, 0), MACHINE, &decision("cordon.enriched/10/0"))],
        vec![
            seen(Topic::Actions, (0, 0), MACHINE, &json_report(action(1, "accepted"))),
            seen(Topic::Actions, (0, 1), MACHINE, &json_report(action(1, "succeeded"))),
        ],
        vec![told(0, "accepted", "<1@cordon>"), told(1, "succeeded", "<2@cordon>")],
    ];
    Evidence {
        prefix: "cordon.".into(),
        records: records.into_iter().map(|records| (records[0].topic, records)).collect(),
        committed: [
            ((Reader::Enrich, 3), 1),
            ((Reader::Decide, 10), 1),
            ((Reader::Respond, 0), 1),
            ((Reader::Notify, 0), 2),
        ]
        .into(),
        requests: vec![call(KEY, 1, 1)],
        actions: vec![effect(KEY, 1, 2, "Succeeded")],
        mails: vec![mail("<1@cordon>"), mail("<2@cordon>")],
        texts: vec![("cordon-act 0".into(), "all is well".into())],
        usage: vec![("cordon-act 0".into(), Usage { peak_kib: 40_000, threads: 20, descriptors: 60 })],
        ended: Vec::new(),
    }
}

fn json_report(mut action: Value) -> Value {
    action["report"] = json!("action");
    action
}

fn expected() -> Expectation {
    Expectation {
        served: [(AlertId::new(ALERT).unwrap(), at(0))].into(),
        caps: vec![(SignedDuration::from_mins(10), 2)],
        never: [MachineId::new("dc").unwrap()].into(),
        ..Expectation::default()
    }
}

/// The numbers of the invariants that are breached.
fn breached(evidence: &Evidence, expectation: &Expectation) -> Vec<u8> {
    let mut numbers: Vec<u8> = evidence.judge(expectation).iter().map(|breach| breach.invariant).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn finds(numbers: &[u8], what: &str, change: impl FnOnce(&mut Evidence)) {
    let mut evidence = sound();
    change(&mut evidence);
    let found = evidence.judge(&expected());
    assert_eq!(breached(&evidence, &expected()), numbers, "{what}: {found:#?}");
}

fn of(evidence: &mut Evidence, topic: Topic) -> &mut Vec<Seen> {
    evidence.records.entry(topic).or_default()
}

fn letter(origin: (&str, i32, i64), reason: &str) -> Seen {
    let mut letter = seen(Topic::DeadLetters, (0, 0), "k", &json!({}));
    let (topic, partition, offset) = origin;
    letter.headers = [
        ("x-original-topic", topic.to_owned()),
        ("x-original-partition", partition.to_string()),
        ("x-original-offset", offset.to_string()),
        ("x-failed-stage", "enrich".into()),
        ("x-error-class", reason.into()),
        ("x-error-detail", "why".into()),
        ("x-failed-at", at(3).to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    letter
}

#[test]
fn in_sound_evidence_nothing_is_found() {
    let found = sound().judge(&expected());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_alert_that_was_served_and_never_decided_is_a_breach_of_i1() {
    let mut expectation = expected();
    expectation.served.insert(AlertId::new("da2_1").unwrap(), at(0));
    assert_eq!(breached(&sound(), &expectation), [1]);
}

#[test]
fn a_change_of_an_alert_that_was_not_decided_is_a_breach_of_i1() {
    let mut expectation = expected();
    expectation.served.insert(AlertId::new(ALERT).unwrap(), at(1));
    assert_eq!(breached(&sound(), &expectation), [1]);
}

#[test]
fn an_input_without_output_is_a_breach_of_i1_and_below_the_committed_offset_one_of_i6() {
    let late = || seen(Topic::Alerts, (3, 1), ALERT, &example(&alert().to_string(), json!({"id": "two"})));
    finds(&[1], "not committed", |it| of(it, Topic::Alerts).push(late()));
    finds(&[1, 6], "committed", |it| {
        of(it, Topic::Alerts).push(late());
        it.committed.insert((Reader::Enrich, 3), 2);
    });
    finds(&[], "dead-lettered", |it| {
        of(it, Topic::Alerts).push(late());
        it.committed.insert((Reader::Enrich, 3), 2);
        of(it, Topic::DeadLetters).push(letter(("cordon.alerts", 3, 1), "decode"));
    });
}

#[test]
fn each_reader_that_commits_beyond_what_it_settled_is_found() {
    finds(&[1, 6], "decide", |it| {
        of(it, Topic::Enriched).push(seen(Topic::Enriched, (10, 1), MACHINE, &enriched()));
        it.committed.insert((Reader::Decide, 10), 2);
    });
    finds(&[1, 3, 6], "respond", |it| {
        let mut other = decision("cordon.enriched/10/0");
        other["planned"][0]["key"] = json!("another");
        of(it, Topic::Decisions).push(seen(Topic::Decisions, (0, 1), MACHINE, &other));
        it.committed.insert((Reader::Respond, 0), 2);
    });
    finds(&[1, 6, 10], "notify", |it| {
        let late = json_report(action(2, "failed"));
        of(it, Topic::Actions).push(seen(Topic::Actions, (0, 2), MACHINE, &late));
        it.committed.insert((Reader::Notify, 0), 3);
    });
}

#[test]
fn an_input_whose_offset_was_never_committed_is_a_breach_of_i1() {
    finds(&[1], "committed", |it| {
        it.committed.remove(&(Reader::Decide, 10));
    });
}

#[test]
fn a_dead_letter_without_a_reason_is_a_breach_of_i1() {
    finds(&[1], "reason", |it| of(it, Topic::DeadLetters).push(letter(("cordon.alerts", 3, 0), "")));
}

#[test]
fn a_second_call_with_effect_under_one_attempt_is_a_breach_of_i2() {
    finds(&[2], "effect", |it| {
        it.requests.insert(0, call(KEY, 1, 0));
        it.actions.push(effect(KEY, 1, 1, "Succeeded"));
    });
}

#[test]
fn a_call_after_the_one_that_had_its_effect_is_a_breach_of_i2_even_if_it_had_none() {
    finds(&[2], "same attempt", |it| it.requests.push(call(KEY, 1, 9)));
    finds(&[2], "next attempt", |it| it.requests.push(call(KEY, 2, 9)));
    finds(&[], "before it", |it| it.requests.insert(0, call(KEY, 1, 0)));
}

#[test]
fn a_call_or_an_effect_without_our_mark_is_a_breach_of_i2() {
    finds(&[2], "call", |it| it.requests.insert(0, LoggedRequest { body: String::new(), ..call(KEY, 1, 0) }));
    finds(&[2], "effect", |it| {
        let mut stray = effect(KEY, 1, 2, "Succeeded");
        stray.0.comment.clear();
        it.actions.push(stray);
    });
    finds(&[], "a person's", |it| {
        let mut person = effect(KEY, 1, 2, "Succeeded");
        person.0.comment.clear();
        "Portal".clone_into(&mut person.0.source);
        it.actions.push(person);
    });
}

#[test]
fn an_action_whose_newest_attempt_has_no_end_is_a_breach_of_i3_unless_defender_is_at_work() {
    let open = |it: &mut Evidence| {
        of(it, Topic::Actions).truncate(1);
        it.committed.insert((Reader::Notify, 0), 1);
    };
    finds(&[3], "over", open);
    finds(&[], "pending", |it| {
        open(it);
        it.actions = vec![effect(KEY, 1, 2, "Pending")];
    });
}

#[test]
fn more_calls_than_a_cap_within_its_window_are_a_breach_of_i4_and_the_same_attempt_counts_once() {
    let calls = |second: i64| [call("b", 1, 3), call("c", 1, second)];
    finds(&[4], "within", |it| it.requests.extend(calls(600)));
    finds(&[], "beyond", |it| it.requests.extend(calls(601)));
    finds(&[], "the same", |it| it.requests.extend([call("b", 1, 3), call("b", 1, 4)]));
}

#[test]
fn a_call_for_a_machine_of_the_never_list_is_a_breach_of_i4() {
    finds(&[4], "never", |it| {
        it.requests.push(LoggedRequest { path: "/api/machines/dc/isolate".into(), ..call("b", 1, 3) });
    });
}

#[test]
fn a_machines_later_input_that_is_decided_first_is_a_breach_of_i5_and_a_repetition_is_not() {
    let more = |it: &mut Evidence, ids: [&str; 2]| {
        of(it, Topic::Enriched).push(seen(Topic::Enriched, (10, 1), MACHINE, &enriched()));
        of(it, Topic::Enriched).push(seen(Topic::Enriched, (10, 2), MACHINE, &enriched()));
        it.committed.insert((Reader::Decide, 10), 3);
        for (offset, id) in (1..).zip(ids) {
            of(it, Topic::Decisions).push(seen(Topic::Decisions, (0, offset), MACHINE, &decision(id)));
        }
        it.committed.insert((Reader::Respond, 0), 3);
    };
    finds(&[5], "overtaken", |it| more(it, ["cordon.enriched/10/2", "cordon.enriched/10/1"]));
    finds(&[], "in order", |it| more(it, ["cordon.enriched/10/1", "cordon.enriched/10/2"]));
    finds(&[], "repeated", |it| {
        more(it, ["cordon.enriched/10/1", "cordon.enriched/10/2"]);
        let again = decision("cordon.enriched/10/1");
        of(it, Topic::Decisions).push(seen(Topic::Decisions, (0, 3), MACHINE, &again));
        it.committed.insert((Reader::Respond, 0), 4);
    });
}

#[test]
fn a_committed_offset_that_goes_back_is_a_breach_of_i6() {
    let (earlier, mut later) = (sound().committed, sound().committed);
    assert!(committed_went_back(&earlier, &later).is_empty());
    later.insert((Reader::Notify, 0), 1);
    assert_eq!(committed_went_back(&earlier, &later).len(), 1);
}

#[test]
fn a_process_that_takes_too_much_is_a_breach_of_i7() {
    finds(&[7], "memory", |it| it.usage[0].1.peak_kib = 300 * 1024);
    finds(&[7], "threads", |it| it.usage[0].1.threads = 500);
    finds(&[7], "descriptors", |it| it.usage[0].1.descriptors = 900);
}

#[test]
fn a_process_that_ended_unasked_is_a_breach_of_i8() {
    finds(&[8], "ended", |it| it.ended.push(("cordon-act 0".into(), "unasked, exit code 70".into())));
}

#[test]
fn a_secret_in_a_log_a_record_a_header_or_a_mail_is_a_breach_of_i9() {
    finds(&[9], "log", |it| it.texts[0].1.push_str(CLIENT_SECRET));
    finds(&[9], "header", |it| {
        of(it, Topic::Enriched)[0].headers.push(("why".into(), format!("secret {CLIENT_SECRET}")));
    });
    finds(&[9], "mail", |it| it.mails[0].raw.extend(CLIENT_SECRET.bytes()));
    let token = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.dW5zaWduZWQ";
    finds(&[9], "token", |it| it.texts[0].1.push_str(&format!(" authorization: Bearer {token}")));
    finds(&[], "a word", |it| it.texts[0].1.push_str(" eyJonesomething.log"));
}

#[test]
fn a_result_without_a_mail_is_a_breach_of_i10_also_when_it_was_written_down() {
    finds(&[10], "no mail", |it| drop(it.mails.pop()));
    finds(&[1, 6, 10], "not written down", |it| drop(of(it, Topic::Notified).pop()));
}

#[test]
fn a_copy_of_a_mail_is_a_breach_of_i10_unless_something_interrupted() {
    finds(&[10], "copy", |it| it.mails.push(mail("<2@cordon>")));
    let mut evidence = sound();
    evidence.mails.push(mail("<2@cordon>"));
    assert!(breached(&evidence, &Expectation { interruptions: 1, ..expected() }).is_empty());
}

#[test]
fn one_result_under_two_message_ids_and_a_mail_that_nobody_wrote_down_are_breaches_of_i10() {
    finds(&[10], "two names", |it| {
        of(it, Topic::Notified).push(told(2, "succeeded", "<3@cordon>"));
        it.mails.push(mail("<3@cordon>"));
    });
    finds(&[10], "nobody", |it| it.mails.push(mail("<9@cordon>")));
}

#[test]
fn what_is_held_needs_a_mail_whatever_holds_it_and_a_digest_that_names_it_is_one() {
    let held = |guard: &str| {
        let mut held = json_report(action(0, "held"));
        held["guards"] = json!([{"guard": guard, "ruling": "hold", "why": "w"}]);
        held
    };
    let holds = |it: &mut Evidence, guard: &str| {
        of(it, Topic::Actions).push(seen(Topic::Actions, (0, 2), MACHINE, &held(guard)));
        it.committed.insert((Reader::Notify, 0), 3);
    };
    for guard in ["breaker", "caps", "age", "fleet-share"] {
        finds(&[1, 6, 10], guard, |it| holds(it, guard));
    }
    let digest = |key: &str, entry: &str| {
        let told = json!({"entry": entry, "message_id": "<d@cordon>", "keys": [format!("{KEY}|0|held")]});
        seen(Topic::Notified, (0, 9), &format!("mail/{key}"), &told)
    };
    finds(&[], "a digest tells it", |it| {
        holds(it, "breaker");
        of(it, Topic::Notified).extend([digest("digest|held|x", "planned"), digest("digest|held|x", "sent")]);
        it.mails.push(mail("<d@cordon>"));
    });
    finds(&[1, 6, 10], "a digest was only planned", |it| {
        holds(it, "breaker");
        of(it, Topic::Notified).push(digest("digest|held|x", "planned"));
        it.mails.push(mail("<d@cordon>"));
    });
}

#[test]
fn a_gentle_action_that_is_done_needs_no_mail_and_one_that_waits_for_a_person_does() {
    let scan = |state: &str| {
        let mut scan = json_report(action(0, state));
        scan["action"] = json!({"kind": "scan", "scan": "Quick", "comment": "c"});
        scan["guards"] = json!([]);
        scan
    };
    for (state, numbers) in [("would", &[][..]), ("held", &[1, 6, 10])] {
        finds(numbers, state, |it| {
            of(it, Topic::Actions).push(seen(Topic::Actions, (0, 2), MACHINE, &scan(state)));
            it.committed.insert((Reader::Notify, 0), 3);
        });
    }
}

#[test]
fn a_report_names_each_breach_with_its_ids_and_tells_the_story_of_the_first() {
    let mut evidence = sound();
    evidence.requests.push(call(KEY, 2, 9));
    let breaches = evidence.judge(&expected());
    let told = report(&breaches, &evidence);
    assert!(told.contains("I2: 1 times") && told.contains(KEY), "{told}");
    assert!(told.contains("POST /api/machines/") && told.contains("decisions/0/0"), "{told}");
}
