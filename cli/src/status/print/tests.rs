//! What the lines say of each kind of trouble.

use cordon_records::{
    ActionState, AttemptState, Claim, LedgerRecord, PolicyStanding, PollCursor, StageHealth, StampedRecord, Wait,
};
use cordon_runtime::kafka::Membership;

use super::*;
use crate::status::picture::{OnPurpose, Unsettled};

fn at(text: &str) -> Timestamp {
    format!("2026-11-24T{text}Z").parse().unwrap()
}

/// The word of a process, so many seconds before 03:01:00.
fn word(owner: &str, group: &str, ago: i64, not_ready: &[&str]) -> StageHealth {
    StageHealth {
        schema_version: 1,
        stage: "act".into(),
        owner: owner.into(),
        groups: vec![group.into()],
        not_ready: not_ready.iter().map(|why| (*why).to_owned()).collect(),
        waiting: None,
        at: at("03:01:00") - SignedDuration::from_secs(ago),
    }
}

/// A stage of one process that is well.
fn alive(name: &'static str) -> Stage {
    let unsettled = (name != "ingest").then_some(Ok(Unsettled::default()));
    Stage { name, members: Ok(Membership::Members(1)), words: Ok(vec![word("soc-1-7-a", name, 12, &[])]), unsettled }
}

fn healthy() -> Picture {
    let standing = PolicyStanding { rule_set: "a1".into(), rules: 11, refused: None, at: at("02:00:00") };
    let claim = Claim { epoch: 3, owner: "act-1".into(), at: at("02:00:00") };
    let older = Claim { epoch: 2, owner: "act-0".into(), at: at("01:00:00") };
    let fleet = LedgerRecord::FleetSize { machines: 3_000, at: at("02:30:00") };
    let records = [LedgerRecord::Claim(claim), LedgerRecord::Claim(older), LedgerRecord::Policy(standing), fleet];
    let mut stages = ["ingest", "enrich", "decide", "respond", "notify"].map(alive);
    stages[4].unsettled = Some(Ok(Unread { records: 2, oldest: Some(at("03:00:58")) }.into()));
    Picture {
        stages: stages.into(),
        ledger: Ok(Ledger::read(records.map(StampedRecord::from), at("03:01:00"))),
        decided: Ok(Some(("a1".into(), at("03:00:50")))),
        cursor: Ok(Some(PollCursor { watermark: at("03:00:00"), covered_until: at("03:00:45"), from: None, epoch: 4 })),
        ..Picture::default()
    }
}

fn unread_commands(unread: Unread) -> crate::status::picture::Looked<Commands> {
    Ok(Commands { unread, made_anew: None })
}

/// What wants a person.
fn wanted(picture: &Picture) -> Vec<&'static str> {
    lines(picture, at("03:01:00")).into_iter().filter(|line| !line.good).map(|line| line.about).collect()
}

fn line_of(picture: &Picture, about: &str) -> String {
    let lines = lines(picture, at("03:01:00"));
    lines.iter().find(|line| line.about == about).unwrap().to_string()
}

fn told(picture: &Picture) -> String {
    lines(picture, at("03:01:00")).iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_healthy_installation_has_nothing_to_look_at() {
    insta::assert_snapshot!(told(&healthy()));
    assert!(lines(&healthy(), at("03:01:00")).iter().all(|line| line.good));
}

#[test]
fn whatever_wants_a_person_is_named_with_what_to_do() {
    let mut picture = healthy();
    let latch = |by: &str, why: &str| {
        Some(Latch { on: true, by: by.into(), why: why.into(), at: at("02:40:00"), window_s: None })
    };
    let refused = Some("rules/a.yaml:2:7: unknown field `alert.severty`\n  2 | when: …".into());
    let ledger = picture.ledger.as_mut().unwrap();
    ledger.breaker = latch("breaker", "all_rules 10m reached: 10 attempts in 10 min");
    ledger.pause = latch("anna@soc-1", "maintenance");
    ledger.policy = Some(PolicyStanding { rule_set: "b2".into(), rules: 11, refused, at: at("02:50:00") });
    (ledger.open, ledger.overdue) = (3, 1);
    ledger.held = vec![held_for("02:40:00", "06:40:00"), held_for("03:00:00", "07:00:00")];
    ledger.timers = Some((4, "2026-11-24T09:30:00Z".parse().unwrap()));
    picture.cursor.as_mut().unwrap().as_mut().unwrap().covered_until = at("01:00:00");
    picture.commands = unread_commands(Unread { records: 1, oldest: Some(at("03:00:00")) });
    picture.dead_letters = Ok(DeadLetters {
        kept: 9,
        unseen: [("enrich decode".to_owned(), 1), ("notify rejected".to_owned(), 4)].into(),
        oldest: Some(at("01:01:00")),
        void: Vec::new(),
        lost: [("enrich".to_owned(), 2)].into(),
        oldest_lost: Some(at("02:01:00")),
    });
    insta::assert_snapshot!(told(&picture));
    let look = document(&picture, &lines(&picture, at("03:01:00")))["look"].clone();
    let expected =
        json!(["decide", "breaker", "pause", "commands", "rules", "held", "actions", "coverage", "dead", "lost"]);
    assert_eq!(look, expected);
}

fn held_for(since: &str, until: &str) -> Held {
    Held { since: at(since), until: Some(at(until)) }
}

/// Nobody in the group of this stage, and nothing heard for so many seconds.
fn killed(picture: &mut Picture, name: &str, ago: i64) {
    let stage = picture.stages.iter_mut().find(|stage| stage.name == name).unwrap();
    stage.members = Ok(Membership::Members(0));
    stage.words = Ok(vec![word("soc-1-7-a", name, ago, &[])]);
}

#[test]
fn with_enrich_act_and_notify_dead_and_alerts_waiting_each_dead_stage_wants_a_person() {
    let mut picture = healthy();
    for name in ["enrich", "decide", "respond", "notify"] {
        killed(&mut picture, name, 250);
    }
    picture.stages[1].unsettled = Some(Ok(Unread { records: 60, oldest: Some(at("02:57:00")) }.into()));
    assert_eq!(wanted(&picture), ["enrich", "decide", "respond", "notify"]);
    insta::assert_snapshot!(told(&picture));
}

#[test]
fn a_stage_without_members_is_dead_two_minutes_after_its_last_word_and_not_before() {
    let mut picture = healthy();
    killed(&mut picture, "enrich", 120);
    assert_eq!(wanted(&picture), Vec::<&str>::new(), "it may be starting again");
    killed(&mut picture, "enrich", 121);
    assert_eq!(wanted(&picture), ["enrich"]);
    picture.stages[1].words = Ok(Vec::new());
    assert!(line_of(&picture, "enrich").contains("NOT RUNNING: no member in its group, never heard from"));
}

#[test]
fn a_group_whose_members_the_broker_does_not_show_lives_by_its_words_alone() {
    let mut picture = healthy();
    picture.stages[1].members = Ok(Membership::Hidden);
    assert_eq!(wanted(&picture), Vec::<&str>::new());
    picture.stages[1].words = Ok(vec![word("soc-1-7-a", "enrich", 130, &[])]);
    assert!(
        line_of(&picture, "enrich")
            .starts_with("LOOK  enrich     NOT HEARD FROM within 2 min (last heard from 2 min ago)")
    );
}

#[test]
fn whoever_cannot_read_what_processes_say_does_not_call_a_stage_dead() {
    let mut picture = healthy();
    for (members, shown) in [
        (Ok(Membership::Members(0)), "no member is shown in its group"),
        (Ok(Membership::Hidden), "the broker does not show its group's members"),
        (Err("no answer".to_owned()), "no answer"),
    ] {
        picture.stages[1].members = members;
        picture.stages[1].words = Err("not permitted to read cordon.policies".into());
        let line = line_of(&picture, "enrich");
        let told = format!(
            "LOOK  enrich     whether it lives cannot be told: {shown}; what its processes say cannot be read: not permitted \
             to read cordon.policies"
        );
        assert!(line.starts_with(&told) && !line.contains("NOT RUNNING") && !line.contains("NOT HEARD"), "{line}");
    }
}

#[test]
fn what_a_dead_process_complained_of_is_over_when_its_successors_word_stands_beside_it() {
    let mut picture = healthy();
    let dead = |host: &str, ago| word(&format!("{host}-7-a"), "act-respond", ago, &["act/token: no token"]);
    let heir = |host: &str| word(&format!("{host}-8-b"), "act-respond", 3, &[]);
    let mut wants = |members, words: Vec<StageHealth>| {
        picture.stages[3].members = Ok(members);
        picture.stages[3].words = Ok(words);
        wanted(&picture) == ["respond"]
    };
    let (one, two) = (Membership::Members(1), Membership::Members(2));
    assert!(!wants(one, vec![dead("pod-1", 46), heir("pod-2")]), "the one member has spoken in time");
    assert!(!wants(Membership::Hidden, vec![dead("soc-1", 46), heir("soc-1")]), "on the same host");
    assert!(wants(one, vec![dead("pod-1", 45), heir("pod-2")]), "it is not late yet, so it may be the one that lives");
    assert!(wants(two, vec![dead("pod-1", 46), heir("pod-2")]), "two are in the group, and one of them is late");
    assert!(wants(Membership::Hidden, vec![dead("pod-1", 46), heir("pod-2")]), "nobody knows whether it was replaced");
    assert!(wants(one, vec![dead("pod-1", 46)]), "nobody has taken its place");
    assert!(line_of(&picture, "respond").contains("NOT READY (last said 46 s ago): act/token: no token"));
}

#[test]
fn a_commands_topic_that_was_made_anew_is_never_said_to_be_read() {
    let mut picture = healthy();
    let mut told = |newest, written: Vec<(i64, Option<Timestamp>)>| {
        let end = i64::try_from(written.len()).unwrap();
        picture.commands = Ok(Commands::of((5, newest), written, end));
        assert_eq!(wanted(&picture), ["commands"]);
        line_of(&picture, "commands")
    };
    let line = told(Some(at("02:00:00")), Vec::new());
    let made =
        "LOOK  commands   the topic was MADE ANEW: respond had read the one before up to 5, and this one ends at";
    assert!(line.starts_with(&format!("{made} 0; nothing here is newer")), "{line}");
    let line = told(Some(at("02:00:00")), vec![(0, Some(at("03:00:59")))]);
    assert!(line.contains("ends at 1; 1 command that respond has not read, the oldest 1 s old"), "{line}");
    let line = told(None, vec![(0, Some(at("03:00:59")))]);
    assert!(line.contains("what is on this one is passed over") && line.contains("say again"), "{line}");
}

#[test]
fn what_others_wrote_stays_on_its_line_and_no_terminal_obeys_it() {
    let hostile = "x\u{1b}[2J\nok    breaker    off \u{202e}\u{9b}31m";
    let mut picture = healthy();
    let ledger = picture.ledger.as_mut().unwrap();
    let latch = Latch { on: true, by: hostile.into(), why: hostile.into(), at: at("02:40:00"), window_s: None };
    (ledger.breaker, ledger.pause) = (Some(latch.clone()), Some(latch));
    ledger.claim = Some(Claim { epoch: 3, owner: hostile.into(), at: at("02:00:00") });
    let refused = Some(hostile.to_owned());
    ledger.policy = Some(PolicyStanding { rule_set: hostile.into(), rules: 1, refused, at: at("02:50:00") });
    ledger.refused = vec![Refused { since: at("02:40:00"), until: None, why: hostile.into() }];
    picture.decided = Ok(Some((hostile.into(), at("03:00:50"))));
    picture.cursor = Err(hostile.into());
    picture.stages[0].words = Ok(vec![word("a-1-1", "ingest", 5, &[hostile])]);
    let dead = picture.dead_letters.as_mut().unwrap();
    (dead.unseen, dead.lost) = ([(hostile.to_owned(), 1)].into(), [(hostile.to_owned(), 1)].into());
    for line in lines(&picture, at("03:01:00")) {
        let shown = line.to_string();
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{shown}");
        assert_eq!(shown.lines().count(), 1 + line.help.len(), "{shown}");
    }
    let document = crate::output::json(&document(&picture, &lines(&picture, at("03:01:00")))).unwrap();
    assert!(!document.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{document}");
}

#[test]
fn records_that_wait_for_more_than_two_minutes_want_a_person_although_the_stage_lives() {
    let mut picture = healthy();
    let waiting = |oldest| Some(Ok(Unread { records: 1, oldest }.into()));
    picture.stages[1].unsettled = waiting(Some(at("02:59:00")));
    assert_eq!(wanted(&picture), Vec::<&str>::new());
    picture.stages[1].unsettled = waiting(Some(at("02:58:59")));
    assert_eq!(wanted(&picture), ["enrich"]);
    picture.stages[1].unsettled = waiting(None);
    assert_eq!(wanted(&picture), ["enrich"], "an age that is not known hides nothing");
}

#[test]
fn what_waits_on_purpose_is_no_standstill_and_what_is_behind_it_may_be_one() {
    let mut picture = healthy();
    let mut waits = |unread| {
        let wait = Wait { what: "a digest of 3 reports of what is held".into(), until: at("03:05:00") };
        let all = Unread { records: 9, oldest: Some(at("02:55:00")) };
        let on_purpose = Some(OnPurpose { waits: vec![wait], unread });
        picture.stages[4].unsettled = Some(Ok(Unsettled { all, on_purpose }));
        (wanted(&picture) == ["notify"], line_of(&picture, "notify"))
    };
    let (wants, line) = waits(Unread::default());
    let told = "ok    notify     lives, 1 member; 9 records unsettled, the oldest 6 min old; it waits on purpose for a digest of \
                3 reports of what is held until 2026-11-24T03:05:00Z (in 4 min)";
    assert_eq!((wants, line.as_str()), (false, told));
    let (wants, line) = waits(Unread { records: 2, oldest: Some(at("02:59:00")) });
    assert!(!wants && line.ends_with("(in 4 min); 2 records not read yet, the oldest 2 min old"), "{line}");
    let (wants, line) = waits(Unread { records: 2, oldest: Some(at("02:58:59")) });
    assert!(wants && line.contains("what does the log of cordon-notify say?"), "{line}");
    assert!(waits(Unread { records: 2, oldest: None }).0, "an age that is not known hides nothing");
}

#[test]
fn a_stage_that_says_it_cannot_work_wants_a_person_and_the_whole_cause_is_told() {
    let mut picture = healthy();
    let why = "act/defender: Entra gave no token for scope https://api.securitycenter.microsoft.com/.default (HTTP 401 \
               invalid_client: AADSTS7000215: Invalid client secret provided.); check client_secret";
    picture.stages[3].words = Ok(vec![word("a-1-1", "act-respond", 5, &[why]), word("b-1-1", "act-respond", 9, &[])]);
    assert_eq!(wanted(&picture), ["respond"]);
    let line = line_of(&picture, "respond");
    assert!(
        line.contains("NOT READY (1 of 2): act/defender: Entra gave no token") && line.contains("check client_secret"),
        "{line}"
    );
    picture.stages[3].words = Ok(vec![word("a-1-1", "act-respond", 300, &[why]), word("b-1-1", "act-respond", 9, &[])]);
    assert_eq!(wanted(&picture), Vec::<&str>::new(), "what a process said that is gone is over");
}

#[test]
fn a_member_that_has_said_nothing_for_two_minutes_may_be_unable_to_write() {
    let mut picture = healthy();
    for words in [Vec::new(), vec![word("a-1-1", "enrich", 400, &[])]] {
        picture.stages[1].words = Ok(words);
        let line = line_of(&picture, "enrich");
        assert!(
            line.starts_with("LOOK") && line.contains("whether it can write and has a token cannot be told"),
            "{line}"
        );
    }
}

#[test]
fn what_cannot_be_looked_at_is_said_with_its_reason_and_nothing_else_is_lost_by_it() {
    let mut picture = healthy();
    picture.ledger = Err("not permitted to read cordon.ledger".into());
    picture.dead_letters = Err("not permitted to read cordon.dead-letters".into());
    picture.cursor = Err("not permitted to read cordon.cursors".into());
    picture.commands = Err("how far respond has read is in the ledger".into());
    picture.decided = Err("not permitted to read cordon.decisions".into());
    picture.stages[1].unsettled = Some(Err("not permitted to ask for group cordon.enrich".into()));
    picture.stages[4].members = Err("no answer".into());
    picture.stages[4].words = Err("not permitted to read cordon.policies".into());
    insta::assert_snapshot!(told(&picture));
    let good: Vec<&str> =
        lines(&picture, at("03:01:00")).iter().filter(|line| line.good).map(|line| line.about).collect();
    assert_eq!(good, ["ingest"]);
}

#[test]
fn commands_that_nobody_reads_want_a_person_after_fifteen_seconds() {
    let mut picture = healthy();
    picture.commands = unread_commands(Unread { records: 2, oldest: Some(at("03:00:45")) });
    assert!(
        line_of(&picture, "commands")
            .starts_with("ok    commands   2 commands that respond has not read, the oldest 15 s old")
    );
    picture.commands = unread_commands(Unread { records: 2, oldest: Some(at("03:00:44")) });
    assert_eq!(wanted(&picture), ["commands"]);
}

#[test]
fn a_fresh_hold_is_normal_and_one_that_is_old_or_soon_over_wants_a_person() {
    let wants = |held: Vec<Held>| {
        let mut picture = healthy();
        picture.ledger.as_mut().unwrap().held = held;
        (wanted(&picture) == ["held"], line_of(&picture, "held"))
    };
    let (fresh, line) = wants(vec![held_for("02:46:00", "06:46:00")]);
    assert!(!fresh, "{line}");
    assert_eq!(line, "ok    held       1 action waits for a person, the oldest for 15 min, the next runs out in 3 h");
    assert!(wants(vec![held_for("02:45:59", "06:46:00")]).0);
    assert!(!wants(vec![held_for("02:58:00", "03:02:00")]).0, "three quarters are just over");
    assert!(wants(vec![held_for("02:57:59", "03:02:00")]).0);
    assert!(wants(vec![held_for("03:00:00", "07:00:00"), held_for("02:58:00", "03:01:30")]).0);
}

#[test]
fn coverage_that_stands_still_wants_a_person_after_five_minutes_or_four_polls() {
    let mut picture = healthy();
    picture.cursor.as_mut().unwrap().as_mut().unwrap().covered_until = at("02:55:59");
    assert_eq!(wanted(&picture), ["coverage"]);
    picture.poll_interval = cordon_ingest::PollInterval::Every(std::time::Duration::from_secs(600));
    assert_eq!(wanted(&picture), Vec::<&str>::new());
}

#[test]
fn dead_letters_that_people_have_seen_want_nobody() {
    let mut picture = healthy();
    picture.dead_letters.as_mut().unwrap().kept = 5;
    assert!(told(&picture).contains("ok    dead       5 dead letters, all seen"), "{}", told(&picture));
    picture.dead_letters.as_mut().unwrap().unseen.insert("enrich decode".to_owned(), 1);
    let lines = lines(&picture, at("03:01:00"));
    assert!(lines.iter().any(|line| line.about == "dead" && !line.good), "an age that is not known hides nothing");
}

/// What respond wrote of an isolation whose answer was lost.
fn in_doubt(until: &str) -> LedgerRecord {
    let text = include_str!("../../../../common/records/examples/v1/ledger-rests.json");
    let LedgerRecord::Action(mut entry) = serde_json::from_str(text).unwrap() else { panic!("no action") };
    entry.rests_until = Some(at(until));
    LedgerRecord::Action(entry)
}

#[test]
fn an_action_in_doubt_is_named_with_its_machine_since_when_and_until_when_it_rests() {
    let ledger = Ledger::read([StampedRecord::from(in_doubt("03:02:30"))], at("03:01:00"));
    let line = doubt(&ledger.doubts, at("03:01:00"));
    let expected = "ok    doubt      1 IN DOUBT: isolate on LAPTOP-ANNA since 2026-11-24T03:00:30Z (30 s ago), rests until \
                    2026-11-24T03:02:30Z (acee6df23fcd80b6): the answer was lost";
    assert_eq!(line.to_string(), expected);
    let document = document(&Picture { ledger: Ok(ledger), ..healthy() }, &[]);
    assert_eq!(document["actions"]["in_doubt"][0]["machine"], "LAPTOP-ANNA");
    assert_eq!(document["actions"]["in_doubt"][0]["until"], "2026-11-24T03:02:30Z");
}

#[test]
fn an_action_that_stays_in_doubt_after_its_rest_wants_a_person() {
    let ledger = Ledger::read([StampedRecord::from(in_doubt("03:02:30"))], at("03:01:00"));
    let line = doubt(&ledger.doubts, at("03:04:00"));
    assert!(
        line.good
            && line.text.contains("rested until 2026-11-24T03:02:30Z; Defender's list is read, or a new attempt waits"),
        "{line}"
    );
    let line = doubt(&ledger.doubts, at("03:08:00"));
    assert!(!line.good && !line.help.is_empty(), "{line}");
}

#[test]
fn a_new_installation_says_what_to_start() {
    let never = |name| Stage { name, members: Ok(Membership::Members(0)), words: Ok(Vec::new()), unsettled: None };
    let stages = ["ingest", "enrich", "decide", "respond", "notify"].map(never).into();
    insta::assert_snapshot!(told(&Picture { stages, ..Picture::default() }));
}

#[test]
fn what_is_held_because_the_tenant_refuses_us_wants_a_person_at_once_with_its_cause_and_asks_for_no_approval() {
    let text = include_str!("../../../../common/records/examples/v1/ledger-action.json");
    let LedgerRecord::Action(mut entry) = serde_json::from_str(text).unwrap() else { panic!("no entry") };
    entry.state = AttemptState::Reported(ActionState::Held);
    entry.tenant_refuses = true;
    entry.reason = "HTTP 403: no role Machine.Read.All; until that is fixed nothing can be done".into();
    (entry.at, entry.expires_at) = (at("02:40:00"), Some(at("06:40:00")));
    let mut picture = healthy();
    let records = [StampedRecord::from(LedgerRecord::Action(entry))];
    let Ledger { policy, claim, .. } = picture.ledger.unwrap();
    picture.ledger = Ok(Ledger { policy, claim, ..Ledger::read(records, at("03:01:00")) });
    assert_eq!(wanted(&picture), ["refused"]);
    let line = line_of(&picture, "refused");
    assert!(line.contains("no role Machine.Read.All") && line.contains("cordon check --stage respond"), "{line}");
    assert!(line.contains("the oldest for 21 min, the next runs out in 3 h"), "{line}");
    assert!(!told(&picture).contains("cordon approve"), "{}", told(&picture));
    let document = document(&picture, &lines(&picture, at("03:01:00")));
    assert_eq!(
        (&document["actions"]["held"], &document["actions"]["refused"][0]["since"]),
        (&json!(0), &json!(at("02:40:00")))
    );
}
