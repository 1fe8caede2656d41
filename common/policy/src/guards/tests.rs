use cordon_records::{
    Action, ActionKind, AlertChanges, AlertSummary, DeviceValue, IsolationType, Latch, MachineActionId, MachineSummary,
    Mode, RuleId, Ruling, ScanType, Sha1, TagChange,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

mod approved;
mod asked;

/// A case that the built-in guards pass; tests change what they are about.
#[derive(Debug, Clone)]
struct Facts {
    action: Action,
    mode: Mode,
    asker: Asker,
    approved: bool,
    limits: Vec<(u64, u32)>,
    rules: Vec<RuleId>,
    alert: AlertSummary,
    machine: Option<MachineSummary>,
    users: Vec<String>,
    isolation: Isolation,
    now: Timestamp,
    attempts: Vec<Attempt<'static>>,
    fleet: Option<Fleet>,
    breaker: Option<Latch>,
    pause: Option<Latch>,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn rule(id: &str) -> RuleId {
    RuleId::new(id).unwrap()
}

fn facts() -> Facts {
    let alert = r#"{"id":"a1","severity":"High","status":"New","newest_moment":"2027-01-15T07:59:00Z"}"#;
    let machine =
        r#"{"id":"m1","name":"PC1.corp.example","os":"Windows11","group":"Clients","value":"Normal","tags":["lab"]}"#;
    Facts {
        action: Action::Isolate { isolation: IsolationType::Full, comment: "c".to_owned(), release: None },
        mode: Mode::Auto,
        asker: Asker::Rules,
        approved: false,
        limits: vec![],
        rules: vec![rule("r1")],
        alert: serde_json::from_str(alert).unwrap(),
        machine: Some(serde_json::from_str(machine).unwrap()),
        users: vec![],
        isolation: Isolation::None,
        now: at(0),
        attempts: vec![],
        fleet: Some(Fleet { machines: 3_000, at: at(-60) }),
        breaker: None,
        pause: None,
    }
}

impl Facts {
    fn case(&self) -> Case<'_> {
        Case {
            action: &self.action,
            mode: self.mode,
            asker: self.asker,
            approved: self.approved,
            limits: &self.limits,
            rules: &self.rules,
            alert: &self.alert,
            machine: self.machine.as_ref(),
            users: &self.users,
            isolation: &self.isolation,
            now: self.now,
            attempts: &self.attempts,
            fleet: self.fleet,
            breaker: self.breaker.as_ref(),
            pause: self.pause.as_ref(),
        }
    }

    fn judge(&self, guards: &Guards) -> Judgement {
        judge(guards, &self.case())
    }

    fn machine(&mut self) -> &mut MachineSummary {
        self.machine.as_mut().unwrap()
    }
}

fn guards(yaml: &str) -> Guards {
    Guards::load("guards.yaml", yaml).unwrap_or_else(|problems| panic!("{problems}"))
}

fn attempt(seconds: i64) -> Attempt<'static> {
    attempt_of(ActionKind::Isolate, seconds)
}

fn attempt_of(kind: ActionKind, seconds: i64) -> Attempt<'static> {
    Attempt { at: at(seconds), rules: vec![rule("r1")].into(), kind, group: None }
}

/// One action of each kind.
fn action(kind: ActionKind) -> Action {
    let comment = || "c".to_owned();
    match kind {
        ActionKind::Isolate => Action::Isolate { isolation: IsolationType::Full, comment: comment(), release: None },
        ActionKind::Release => Action::Release { comment: comment() },
        ActionKind::RestrictCode => Action::RestrictCode { comment: comment() },
        ActionKind::UnrestrictCode => Action::UnrestrictCode { comment: comment() },
        ActionKind::Scan => Action::Scan { scan: ScanType::Quick, comment: comment() },
        ActionKind::CollectPackage => Action::CollectPackage { comment: comment() },
        ActionKind::Investigate => Action::Investigate { comment: comment() },
        ActionKind::StopFile => Action::StopFile { sha1: Sha1::new(&"a".repeat(40)).unwrap(), comment: comment() },
        ActionKind::LiveResponse => Action::LiveResponse { commands: vec![], comment: comment() },
        ActionKind::Offboard => Action::Offboard { comment: comment() },
        ActionKind::Tag => Action::Tag { tag: "t".to_owned(), change: TagChange::Add },
        ActionKind::SetDeviceValue => Action::SetDeviceValue { value: DeviceValue::Low },
        ActionKind::UpdateAlert => Action::UpdateAlert(AlertChanges::default()),
        ActionKind::Indicator => Action::Indicator(
            serde_json::from_str(
                r#"{"value":"192.0.2.1","type":"IpAddress","action":"Block","title":"t","description":"d"}"#,
            )
            .unwrap(),
        ),
        ActionKind::Cancel => Action::Cancel { what: ActionKind::Isolate, comment: comment() },
    }
}

fn attempts(count: usize, seconds_ago: i64) -> Vec<Attempt<'static>> {
    (0..count).map(|_| attempt(-seconds_ago)).collect()
}

fn latched(on: bool) -> Option<Latch> {
    Some(Latch { on, by: "ana".to_owned(), why: "drill".to_owned(), at: at(-5) })
}

/// The guards, other than those that only count, that stand against the case.
fn against(judgement: &Judgement) -> Vec<(&str, Ruling)> {
    let hits = judgement.verdicts.iter().filter(|verdict| verdict.ruling != Ruling::Pass);
    hits.map(|verdict| (verdict.guard.as_str(), verdict.ruling)).collect()
}

#[track_caller]
fn expect(yaml: &str, expected: &[(&str, Ruling)], change: impl FnOnce(&mut Facts)) {
    let mut facts = facts();
    change(&mut facts);
    let judgement = facts.judge(&guards(yaml));
    assert_eq!(against(&judgement), expected, "{:#?}", judgement.verdicts);
}

#[test]
fn an_ordinary_case_passes_every_guard_and_tells_its_use_of_the_tightest_cap() {
    let judgement = facts().judge(&Guards::built_in());
    assert_eq!((judgement.ruling, judgement.reason.as_str()), (Ruling::Pass, "all guards passed"));
    assert_eq!((judgement.cap_use, judgement.tripped), (Some((1, 10)), None));
    let caps = judgement.verdicts.iter().find(|verdict| verdict.guard == guard::CAPS).unwrap();
    assert_eq!(caps.why, "passed, 1 of 10 in 10m");
}

#[test]
fn switches_and_the_mode_hold() {
    expect("", &[(guard::PAUSE, Ruling::Hold)], |f| f.pause = latched(true));
    expect("", &[(guard::BREAKER, Ruling::Hold)], |f| f.breaker = latched(true));
    expect("", &[], |f| (f.pause, f.breaker) = (latched(false), latched(false)));
    expect("", &[(guard::MODE, Ruling::Hold)], |f| f.mode = Mode::Approve);
    expect("", &[], |f| f.mode = Mode::Shadow);
}

#[test]
fn a_closed_alert_is_refused() {
    use cordon_records::{AlertStatus, Classification};
    expect("", &[(guard::CLOSED, Ruling::Refuse)], |f| f.alert.status = AlertStatus::Resolved);
    for found in [Classification::FalsePositive, Classification::InformationalExpectedActivity] {
        expect("", &[(guard::CLOSED, Ruling::Refuse)], |f| f.alert.classification = Some(found));
    }
    expect("", &[], |f| f.alert.classification = Some(Classification::TruePositive));
}

#[test]
fn scope_and_platform_hold_what_is_outside_or_not_known() {
    expect("scope: {tags: [cordon-pilot]}", &[(guard::SCOPE, Ruling::Hold)], |_| {});
    expect("scope: {tags: [LAB]}", &[], |_| {});
    expect("{scope: {tags: [lab]}, never: {tags: []}}", &[(guard::SCOPE, Ruling::Hold)], |f| f.machine().tags = None);
    expect("", &[(guard::ALLOW_OS, Ruling::Hold)], |f| f.machine().os = Some("WindowsServer2022".to_owned()));
    expect("", &[(guard::ALLOW_OS, Ruling::Hold)], |f| f.machine().os = None);
    expect("", &[(guard::ALLOW_OS, Ruling::Hold)], |f| f.machine().os = Some(String::new()));
    expect("", &[], |f| f.machine().os = Some("macos".to_owned()));
}

#[test]
fn the_never_list_refuses_by_tag_name_and_group_and_holds_when_the_fact_is_missing() {
    let refused = &[(guard::NEVER_LIST, Ruling::Refuse)];
    let held = &[(guard::NEVER_LIST, Ruling::Hold)];
    expect("", refused, |f| f.machine().tags = Some(vec!["Cordon-NEVER".to_owned()]));
    expect("never: {names: ['pc*']}", refused, |_| {});
    expect("never: {names: ['*.CORP.example']}", refused, |_| {});
    expect("never: {groups: [clients]}", refused, |_| {});
    expect("never: {names: ['dc*'], groups: [Servers]}", &[], |_| {});
    expect("", held, |f| f.machine().tags = None);
    expect("never: {names: ['dc*']}", held, |f| f.machine().name = None);
    expect("never: {groups: [Servers]}", held, |f| f.machine().group = None);
    expect("never: {tags: []}", &[], |f| f.machine().tags = None);
}

#[test]
fn the_hold_list_asks_a_person_for_tags_users_and_device_values() {
    expect("hold: {tags: [Lab]}", &[(guard::HOLD_TAGS, Ruling::Hold)], |_| {});
    let users = "hold: {users: [ceo@corp.example]}";
    expect(users, &[(guard::HOLD_USERS, Ruling::Hold)], |f| f.users = vec!["CEO@corp.example".to_owned()]);
    expect(users, &[(guard::HOLD_USERS, Ruling::Hold)], |f| f.alert.users = vec!["ceo@corp.example".to_owned()]);
    expect(users, &[], |f| f.users = vec!["eve@corp.example".to_owned()]);
    expect("", &[(guard::DEVICE_VALUE, Ruling::Hold)], |f| f.machine().value = Some("high".to_owned()));
    expect("", &[(guard::DEVICE_VALUE, Ruling::Hold)], |f| f.machine().value = None);
}

#[test]
fn an_old_alert_or_one_without_a_time_is_held() {
    expect("", &[(guard::AGE, Ruling::Hold)], |f| f.alert.newest_moment = None);
    expect("", &[(guard::AGE, Ruling::Hold)], |f| f.alert.newest_moment = Some(at(-3_601)));
    expect("", &[], |f| f.alert.newest_moment = Some(at(-3_600)));
}

#[test]
fn an_alert_from_the_future_is_held_beyond_what_clocks_differ_by() {
    expect("", &[], |f| f.alert.newest_moment = Some(at(30)));
    expect("", &[], |f| f.alert.newest_moment = Some(at(300)));
    expect("", &[(guard::AGE, Ruling::Hold)], |f| f.alert.newest_moment = Some(at(301)));
}

#[test]
fn a_machine_that_could_not_be_read_is_held() {
    let judgement = {
        let mut f = facts();
        f.machine = None;
        f.judge(&Guards::built_in())
    };
    assert_eq!(judgement.ruling, Ruling::Hold);
    assert!(against(&judgement).contains(&(guard::MACHINE_FACTS, Ruling::Hold)));
}

#[test]
fn an_isolation_that_stands_covers_and_an_unknown_one_holds() {
    let id = || MachineActionId::new("x1").unwrap();
    expect("", &[(guard::ISOLATION, Ruling::Covered)], |f| f.isolation = Isolation::Running { id: id() });
    expect("", &[(guard::ISOLATION, Ruling::Covered)], |f| f.isolation = Isolation::Isolated { id: id() });
    expect("", &[(guard::RELEASED, Ruling::Hold), (guard::ISOLATION, Ruling::Hold)], |f| {
        f.isolation = Isolation::Unknown
    });
}

#[test]
fn what_a_person_released_stays_released_for_a_day() {
    let released = |ago: i64| Isolation::Released { at: at(-ago), by: "ana".to_owned() };
    expect("", &[(guard::RELEASED, Ruling::Hold)], |f| f.isolation = released(86_400));
    expect("", &[], |f| f.isolation = released(86_401));
}

#[test]
fn maintenance_holds_its_machines_in_its_time_only() {
    let window = |machines: &str| {
        format!(
            "{{never: {{tags: []}}, maintenance: [{{{machines}, from: '{}', to: '{}', by: ana, why: patching}}]}}",
            at(-10),
            at(10)
        )
    };
    let held = &[(guard::MAINTENANCE, Ruling::Hold)];
    expect(&window("tags: [LAB]"), held, |_| {});
    expect(&window("names: ['pc*']"), held, |_| {});
    expect(&window("tags: [other], names: ['dc*']"), &[], |_| {});
    expect(&window("tags: [other]"), held, |f| f.machine().tags = None);
    expect(&window("tags: [lab]"), &[], |f| f.now = at(10));
    expect(&window("tags: [lab]"), &[], |f| f.now = at(-11));
}

#[test]
fn a_reached_cap_holds_and_trips_but_only_when_nothing_else_stands_against() {
    let mut full = facts();
    full.attempts = attempts(10, 599);
    let judgement = full.judge(&Guards::built_in());
    assert_eq!(against(&judgement), [(guard::CAPS, Ruling::Hold)]);
    assert_eq!(judgement.cap_use, Some((10, 10)));
    assert_eq!(judgement.tripped, Some(Trip { cap: "all_rules 10m".to_owned(), limit: 10, window_s: 600 }));

    full.mode = Mode::Approve;
    let judgement = full.judge(&Guards::built_in());
    assert_eq!((judgement.tripped, judgement.reason.as_str()), (None, "mode: approval is asked for"));
    let mut gone = facts();
    gone.attempts = attempts(10, 600);
    assert_eq!(gone.judge(&Guards::built_in()).ruling, Ruling::Pass);
}

#[test]
fn a_rules_limit_holds_without_tripping_and_counts_that_rule_only() {
    let limited = |f: &mut Facts| (f.limits, f.attempts) = (vec![(3_600, 2)], attempts(2, 1_000));
    expect("", &[(guard::RULE_LIMITS, Ruling::Hold)], limited);
    let mut tripped = facts();
    limited(&mut tripped);
    assert_eq!(tripped.judge(&Guards::built_in()).tripped, None);
    expect("", &[], |f| (limited(f), f.rules = vec![rule("r2")]).1);
}

#[test]
fn the_share_of_the_fleet_has_a_floor_and_an_unknown_fleet_holds_above_it() {
    let yaml = "caps: {all_rules: {1d: 1000}, fleet_share: {1d: 1%, floor: 10}}";
    let fleet = |machines, ago: i64| Some(Fleet { machines, at: at(-ago) });
    let held = &[(guard::FLEET_SHARE, Ruling::Hold)];
    expect(yaml, &[], |f| (f.attempts, f.fleet) = (attempts(29, 5_000), fleet(3_000, 60)));
    expect(yaml, held, |f| (f.attempts, f.fleet) = (attempts(30, 5_000), fleet(3_000, 60)));
    expect(yaml, &[], |f| (f.attempts, f.fleet) = (attempts(9, 5_000), fleet(5, 60)));
    expect(yaml, held, |f| (f.attempts, f.fleet) = (attempts(10, 5_000), fleet(5, 60)));
    for unknown in [None, fleet(3_000, 86_401)] {
        expect(yaml, &[], |f| (f.attempts, f.fleet) = (attempts(9, 5_000), unknown));
        expect(yaml, held, |f| (f.attempts, f.fleet) = (attempts(10, 5_000), unknown));
    }
    let mut known = facts();
    (known.attempts, known.fleet) = (attempts(30, 5_000), fleet(3_000, 60));
    assert_eq!(known.judge(&guards(yaml)).tripped.unwrap().cap, "fleet_share 1d");
    known.fleet = None;
    assert_eq!(known.judge(&guards(yaml)).tripped, None);
}

#[test]
fn refuse_beats_covered_and_covered_beats_hold() {
    let mut all = facts();
    all.isolation = Isolation::Isolated { id: MachineActionId::new("x1").unwrap() };
    all.mode = Mode::Approve;
    assert_eq!(all.judge(&Guards::built_in()).ruling, Ruling::Covered);
    all.alert.status = cordon_records::AlertStatus::Resolved;
    let judgement = all.judge(&Guards::built_in());
    assert_eq!(
        (judgement.ruling, judgement.reason.as_str()),
        (Ruling::Refuse, "closed: alert was closed: its status is Resolved")
    );
}

#[test]
fn the_example_file_is_the_built_in_defaults() {
    let example = include_str!("../../../../deploy/config/guards.example.yaml");
    assert_eq!(guards(example), Guards::built_in());
    assert_eq!(guards(""), Guards::built_in());
}

#[test]
fn what_is_printed_reads_back_as_the_same_guards() {
    let odd = "{scope: {tags: ['a, b', '#x', \"q\\\"\"]}, never: {names: ['*', 'true', '1']},
        caps: {all_rules: {90m: 7}, fleet_share: {2h: 0.25%, 1d: 10%, floor: 3}},
        maintenance: [{tags: ['p: q'], from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', by: 'a: b', why: \"x\\ny\"}]}";
    for guards in [Guards::built_in(), guards(odd)] {
        assert_eq!(super::tests::guards(&guards.to_string()), guards, "{guards}");
    }
}

#[test]
fn an_invalid_guards_file_is_refused_with_every_mistake() {
    for (yaml, part) in [
        ("nevr: {tags: []}", "did you mean \"never\"?"),
        ("never: {tag: [x]}", "did you mean \"tags\"?"),
        ("never: {tags: cordon-never}", "list of texts"),
        ("never: {names: ['']}", "empty name"),
        ("hold: {alert_older_than: 60}", "unit"),
        ("hold: {alert_older_than: 0s}", "at least one"),
        ("caps: {all_rules: {}}", "names no window"),
        ("caps: {all_rules: {10: 3}}", "unit"),
        ("caps: {all_rules: {10m: 0}}", "at least 1"),
        ("caps: {all_rules: {10m: -1}}", "at least 1"),
        ("caps: {all_rules: {60s: 1, 1m: 2}}", "twice"),
        ("caps: {fleet_share: {1d: 101%}}", "percentage"),
        ("caps: {fleet_share: {1d: 5}}", "percentage"),
        ("caps: {fleet_share: {floor: 5}}", "names no window"),
        (
            "maintenance: [{from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', by: a, why: b}]",
            "names no machines",
        ),
        (
            "maintenance: [{tags: [a], from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z', by: a, why: b}]",
            "not after",
        ),
        ("maintenance: [{tags: [a], from: soon, to: '2026-01-01T00:00:00Z', by: a, why: b}]", "offset"),
        ("[]", "expected"),
        ("never: [", "guards.yaml"),
    ] {
        let problems = Guards::load("guards.yaml", yaml).map(|_| ()).expect_err(yaml);
        assert!(problems.to_string().contains(part), "{yaml}: {part:?} is missing in\n{problems}");
    }
}

fn any_text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![
        Just("Windows11".to_owned()),
        Just("PC1".to_owned()),
        Just("lab".to_owned()),
        "[a-zA-Z0-9.-]{0,8}"
    ])
}

fn any_isolation() -> impl Strategy<Value = Isolation> {
    prop_oneof![
        Just(Isolation::Unknown),
        Just(Isolation::None),
        Just(Isolation::Isolated { id: MachineActionId::new("x1").unwrap() }),
        (0i64..200_000).prop_map(|ago| Isolation::Released { at: at(-ago), by: "ana".to_owned() }),
    ]
}

prop_compose! {
    fn any_facts()(
        mode in prop_oneof![Just(Mode::Auto), Just(Mode::Approve), Just(Mode::Shadow)],
        (os, name, group, value) in (any_text(), any_text(), any_text(), any_text()),
        tags in proptest::option::of(proptest::collection::vec("[a-z]{1,4}", 0..3)),
        age in proptest::option::of(-1_000i64..8_000),
        isolation in any_isolation(),
        made in proptest::collection::vec(-50i64..100_000, 0..30),
        fleet in proptest::option::of((0u64..10_000, 0i64..100_000)),
        (paused, latched_, known) in (any::<bool>(), any::<bool>(), any::<bool>()),
        limits in proptest::collection::vec((1u64..90_000, 1u32..20), 0..2),
    ) -> Facts {
        let mut facts = facts();
        facts.mode = mode;
        let machine = facts.machine();
        (machine.os, machine.name, machine.group, machine.value, machine.tags) = (os, name, group, value, tags);
        facts.machine = facts.machine.filter(|_| known);
        facts.alert.newest_moment = age.map(|age| at(-age));
        facts.isolation = isolation;
        facts.attempts = made.into_iter().map(|ago| attempt(-ago)).collect();
        facts.fleet = fleet.map(|(machines, ago)| Fleet { machines, at: at(-ago) });
        (facts.pause, facts.breaker, facts.limits) = (latched(paused), latched(latched_), limits);
        facts
    }
}

proptest! {
    #[test]
    fn every_guard_gives_one_verdict_on_every_case(facts in any_facts()) {
        let judgement = facts.judge(&Guards::built_in());
        let names: std::collections::BTreeSet<&str> = judgement.verdicts.iter().map(|v| v.guard.as_str()).collect();
        prop_assert_eq!((names.len(), judgement.verdicts.len()), (21, 21));
        prop_assert!(judgement.verdicts.iter().all(|verdict| !verdict.why.is_empty()));
        let free = judgement.verdicts.iter().all(|verdict| verdict.ruling == Ruling::Pass);
        prop_assert_eq!(judgement.ruling == Ruling::Pass, free);
        prop_assert!(judgement.tripped.is_none() || judgement.ruling == Ruling::Hold);
    }

    #[test]
    fn one_more_attempt_never_turns_a_hold_into_a_pass(facts in any_facts(), ago in -50i64..100_000) {
        let before = facts.judge(&Guards::built_in()).ruling;
        let mut more = facts;
        more.attempts.push(attempt(-ago));
        let after = more.judge(&Guards::built_in()).ruling;
        prop_assert!(before == Ruling::Pass || after != Ruling::Pass, "{:?} became {:?}", before, after);
    }

    #[test]
    fn a_machine_on_the_never_list_is_refused_whatever_else(mut facts in any_facts(), by in 0..3) {
        let machine = facts.machine.get_or_insert_with(|| super::tests::facts().machine.unwrap());
        match by {
            0 => machine.tags = Some(vec!["x".to_owned(), "CORDON-never".to_owned()]),
            1 => machine.name = Some("DC01.corp.example".to_owned()),
            _ => machine.group = Some("Tier 0".to_owned()),
        }
        let guards = guards("never: {tags: [cordon-never], names: ['dc*'], groups: [tier 0]}");
        prop_assert_eq!(facts.judge(&guards).ruling, Ruling::Refuse);
    }

    #[test]
    fn at_most_the_limit_passes_in_any_sliding_window(
        gaps in proptest::collection::vec(0i64..400, 1..120),
        machines in 0u64..5_000,
    ) {
        let guards = guards("caps: {all_rules: {10m: 4, 1h: 9}, fleet_share: {2h: 0.5%, floor: 6}}");
        let share = (machines / 200).max(6) as usize;
        let mut facts = facts();
        facts.limits = vec![(1_000, 5)];
        let mut passed: Vec<Timestamp> = Vec::new();
        for gap in gaps {
            facts.now += SignedDuration::from_secs(gap);
            facts.alert.newest_moment = Some(facts.now);
            facts.fleet = Some(Fleet { machines, at: facts.now });
            if facts.judge(&guards).ruling == Ruling::Pass {
                passed.push(facts.now);
                facts.attempts.push(Attempt { at: facts.now, rules: facts.rules.clone().into(), kind: ActionKind::Isolate, group: None });
            }
        }
        for (window, limit) in [(600, 4), (3_600, 9), (7_200, share), (1_000, 5)] {
            for (index, end) in passed.iter().enumerate() {
                let inside = passed[..=index].iter().filter(|at| end.duration_since(**at) < SignedDuration::from_secs(window));
                prop_assert!(inside.count() <= limit, "more than {} in {} s", limit, window);
            }
        }
    }
}
