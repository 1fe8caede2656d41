//! The counting guards: what they count, at the edges of their windows and in any order, and which latch the breaker.

use super::*;

fn in_group(group: &str, ago: i64) -> Attempt<'static> {
    Attempt { group: Some(group.to_owned().into()), ..attempt(-ago) }
}

#[test]
fn the_cap_on_each_rule_counts_that_rule_and_names_it_and_never_latches() {
    let guards = guards("caps: {per_rule: {1h: 15}, all_rules: {1h: 1000}, fleet_share: {1d: 100%}}");
    let mut full = facts();
    (full.rules, full.attempts) = (vec![rule("isolate-high")], attempts(15, 1));
    assert_eq!(full.judge(&guards).ruling, Ruling::Pass, "another rule's attempts");
    for attempt in &mut full.attempts {
        attempt.rules = vec![rule("isolate-high")].into();
    }
    let judgement = full.judge(&guards);
    assert_eq!(judgement.reason, "per-rule: per_rule isolate-high: 15 of 15 in 1h");
    assert_eq!((judgement.ruling, judgement.tripped), (Ruling::Hold, None));
}

#[test]
fn the_cap_on_each_device_group_counts_its_group_and_those_that_are_not_known() {
    let yaml = "caps: {per_device_group: {1h: 2}}";
    let held = &[(guard::PER_DEVICE_GROUP, Ruling::Hold)];
    expect(yaml, &[], |f| f.attempts = vec![in_group("Servers", 1), in_group("Servers", 2), in_group("clients", 3)]);
    expect(yaml, held, |f| f.attempts = vec![in_group("Clients", 1), in_group("CLIENTS", 2)]);
    expect(yaml, held, |f| f.attempts = vec![in_group("Clients", 1), attempt(-2)]);
    expect(yaml, &[], |f| f.attempts = vec![in_group("Clients", 1), in_group("Clients", 3_600)]);
    expect(yaml, held, |f| f.machine().group = None);
    expect("", &[], |f| f.machine().group = None);
    let mut full = facts();
    full.attempts = attempts(2, 1);
    let judgement = full.judge(&guards(yaml));
    assert_eq!(judgement.reason, "per-device-group: per_device_group Clients: 2 of 2 in 1h");
    assert_eq!(judgement.tripped, None);
}

#[test]
fn a_rules_limit_counts_each_kind_of_its_actions_by_itself() {
    let limited = |f: &mut CaseFacts| f.limits = vec![(3_600, 2)];
    let scans = || (0..2).map(|_| attempt_of(ActionKind::Scan, -1)).collect::<Vec<_>>();
    expect("", &[], |f| (limited(f), f.attempts = scans()).1);
    let held = &[(guard::RULE_LIMITS, Ruling::Hold)];
    expect("", held, |f| (limited(f), f.attempts = scans(), f.action = action(ActionKind::Scan)).2);
}

#[test]
fn only_caps_over_all_rules_and_the_share_of_the_fleet_latch_the_breaker() {
    let tripped = |yaml: &str, kind: ActionKind| {
        let mut full = facts();
        full.action = action(kind);
        full.attempts = (0..30).map(|_| Attempt { group: Some("Clients".into()), ..attempt_of(kind, -1) }).collect();
        full.judge(&guards(&format!("{{hold: {{kinds: []}}, caps: {{{yaml}}}}}"))).tripped.map(|trip| trip.cap)
    };
    let (wide, open) = ("all_rules: {1h: 1000}", "fleet_share: {1h: 100%}");
    assert_eq!(tripped(&format!("all_rules: {{1h: 30}}, {open}"), ActionKind::Isolate).unwrap(), "all_rules 1h");
    assert_eq!(tripped(&format!("{wide}, fleet_share: {{1h: 1%}}"), ActionKind::Isolate).unwrap(), "fleet_share 1h");
    for own in ["per_rule: {1h: 30}", "per_device_group: {1h: 30}", "gentle: {1h: 30}"] {
        for kind in [ActionKind::Isolate, ActionKind::StopFile, ActionKind::Tag, ActionKind::UpdateAlert] {
            assert_eq!(tripped(&format!("{wide}, {open}, {own}"), kind), None, "{own}: {kind}");
        }
    }
}

/// Ten thousand machines at once, through one memory of attempts and one breaker, as respond has them.
fn flood(guards: &Guards, change: impl Fn(&mut CaseFacts)) -> (usize, Vec<Trip>, CaseFacts) {
    let mut facts = facts();
    let (mut passed, mut trips) = (0, Vec::new());
    for number in 0..10_000 {
        facts.machine().name = Some(format!("PC{number}.corp.example"));
        change(&mut facts);
        let judgement = facts.judge(guards);
        if judgement.ruling == Ruling::Pass {
            passed += 1;
            facts.attempts.push(Attempt { kind: facts.action.kind(), ..in_group("Clients", 0) });
        }
        if let Some(trip) = judgement.tripped {
            facts.breaker = latched(true);
            trips.push(trip);
        }
    }
    (passed, trips, facts)
}

#[test]
fn a_flood_of_ten_thousand_machines_passes_exactly_the_cap_and_latches_the_breaker_once() {
    let (passed, trips, mut facts) = flood(&Guards::built_in(), |_| {});
    assert_eq!(passed, 10);
    assert_eq!(trips, [Trip { cap: "all_rules 10m".to_owned(), limit: 10, window_s: 600 }]);
    // The window passes, the breaker does not.
    (facts.now, facts.alert.newest_moment) = (at(700), Some(at(700)));
    assert_eq!(against(&facts.judge(&Guards::built_in())), [(guard::BREAKER, Ruling::Hold)]);
}

#[test]
fn a_flood_of_gentle_actions_passes_exactly_their_cap_and_isolations_go_on() {
    let scan = |facts: &mut CaseFacts| facts.action = action(ActionKind::Scan);
    let (passed, trips, mut facts) = flood(&Guards::built_in(), scan);
    assert_eq!((passed, trips), (100, vec![]));
    facts.action = action(ActionKind::Isolate);
    assert_eq!(facts.judge(&Guards::built_in()).ruling, Ruling::Pass);
}

#[test]
fn an_alert_that_is_read_again_long_after_is_held_by_its_age_whatever_is_to_be_done() {
    for kind in ActionKind::TAKEN.iter().copied().filter(|kind| kind.impact() != cordon_records::Impact::Restoring) {
        expect("hold: {kinds: []}", &[(guard::AGE, Ruling::Hold)], |f| {
            (f.action, f.now) = (action(kind), at(30 * 86_400));
            f.fleet = Some(Fleet { machines: 3_000, at: f.now });
        });
    }
}
