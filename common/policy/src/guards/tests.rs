use cordon_records::{
    Action, ActionKind, AlertChanges, AlertSummary, DeviceValue, IsolationType, Latch, MachineActionId, MachineSummary,
    Mode, RuleId, Ruling, ScanType, Sha1, TagChange,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

mod approved;
mod asked;
mod blank;
mod counting;
mod identity;
mod observable;
mod properties;
mod reading;
mod readings;
mod recorded;
mod retired;

/// A case that the built-in guards pass; tests change what they are about.
#[derive(Debug, Clone)]
struct CaseFacts {
    action: Action,
    mode: Mode,
    asker: Asker,
    approved: bool,
    /// The instant of the breaker whose notice people approved.
    by_notice: Option<Timestamp>,
    limits: Vec<(u64, u32)>,
    rules: Vec<RuleId>,
    alert: AlertSummary,
    machine: Option<MachineSummary>,
    polled: Option<MachineSummary>,
    read: bool,
    users: Vec<String>,
    isolation: Isolation,
    ours: bool,
    narrower: bool,
    isolated_by: Option<&'static str>,
    elsewhere: Option<&'static str>,
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

fn facts() -> CaseFacts {
    let alert = r#"{"id":"a1","severity":"High","status":"New","newest_moment":"2027-01-15T07:59:00Z"}"#;
    let machine =
        r#"{"id":"m1","name":"PC1.corp.example","os":"Windows11","group":"Clients","value":"Normal","tags":["lab"]}"#;
    CaseFacts {
        action: Action::Isolate { isolation: IsolationType::Full, comment: "c".to_owned(), release: None },
        mode: Mode::Auto,
        asker: Asker::Rules,
        approved: false,
        by_notice: None,
        limits: vec![],
        rules: vec![rule("r1")],
        alert: serde_json::from_str(alert).unwrap(),
        machine: Some(serde_json::from_str(machine).unwrap()),
        polled: None,
        read: true,
        users: vec![],
        isolation: Isolation::None,
        ours: false,
        narrower: false,
        isolated_by: None,
        elsewhere: None,
        now: at(0),
        attempts: vec![],
        fleet: Some(Fleet { machines: 3_000, at: at(-60) }),
        breaker: None,
        pause: None,
    }
}

impl CaseFacts {
    fn case(&self) -> Case<'_> {
        Case {
            action: &self.action,
            mode: self.mode,
            asker: self.asker,
            consent: match self.by_notice {
                Some(latched) => Consent::Breaker(latched),
                None if self.approved => Consent::Own,
                None => Consent::None,
            },
            limits: &self.limits,
            rules: &self.rules,
            alert: &self.alert,
            machine: self.machine.as_ref(),
            polled: self.polled.as_ref(),
            read: self.read,
            users: &self.users,
            isolation: &self.isolation,
            ours: self.ours,
            narrower: self.narrower,
            isolated_by: self.isolated_by,
            elsewhere: self.elsewhere,
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
    Some(Latch { on, by: "ana".to_owned(), why: "drill".to_owned(), at: at(-5), window_s: None })
}

/// The guards, other than those that only count, that stand against the case.
fn against(judgement: &Judgement) -> Vec<(&str, Ruling)> {
    let hits = judgement.verdicts.iter().filter(|verdict| verdict.ruling != Ruling::Pass);
    hits.map(|verdict| (verdict.guard.as_str(), verdict.ruling)).collect()
}

#[track_caller]
fn expect(yaml: &str, expected: &[(&str, Ruling)], change: impl FnOnce(&mut CaseFacts)) {
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
    let cut = |field: &str| {
        let cut = format!(r#"{{"field":"{field}","kept":1540,"of":2100,"unit":"items"}}"#);
        vec![serde_json::from_str(&cut).unwrap()]
    };
    expect(users, &[(guard::HOLD_USERS, Ruling::Hold)], |f| f.alert.cut = cut("evidence"));
    expect(users, &[], |f| f.alert.cut = cut("title"));
    expect("hold: {users: []}", &[], |f| f.alert.cut = cut("evidence"));
    expect(users, &[(guard::HOLD_USERS, Ruling::Hold)], |f| f.users = vec!["CEO@corp.example".to_owned()]);
    expect(users, &[(guard::HOLD_USERS, Ruling::Hold)], |f| f.alert.users = vec!["ceo@corp.example".to_owned()]);
    for other in ["eve@corp.example", "ceo@elsewhere.example", "CORP\\eve", "eve"] {
        expect(users, &[], |f| f.alert.users = vec![other.to_owned()]);
    }
    for account in ["ceo", "CORP\\CEO"] {
        expect(users, &[(guard::HOLD_USERS, Ruling::Hold)], |f| f.alert.users = vec![account.to_owned()]);
        let listed = format!("hold: {{users: ['{account}']}}");
        expect(&listed, &[(guard::HOLD_USERS, Ruling::Hold)], |f| f.alert.users = vec!["ceo@corp.example".to_owned()]);
    }
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
    let limited = |f: &mut CaseFacts| (f.limits, f.attempts) = (vec![(3_600, 2)], attempts(2, 1_000));
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
