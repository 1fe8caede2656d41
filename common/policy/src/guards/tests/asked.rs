//! Which guards an action meets, by its kind and by who asks.

use cordon_records::Impact;

use super::*;
use crate::guards::table::Guard;

fn isolated() -> Isolation {
    Isolation::Isolated { id: MachineActionId::new("i1").unwrap() }
}

fn names(kind: ActionKind, asker: Asker) -> Vec<String> {
    let mut facts = facts();
    (facts.action, facts.asker) = (action(kind), asker);
    facts.judge(&Guards::built_in()).verdicts.into_iter().map(|verdict| verdict.guard).collect()
}

fn of_impact(impact: Impact) -> Vec<ActionKind> {
    ActionKind::TAKEN.iter().copied().filter(|kind| kind.impact() == impact).collect()
}

/// What would stop an isolation for all eternity.
fn everything_against(facts: &mut CaseFacts) {
    facts.mode = Mode::Auto;
    facts.alert.status = cordon_records::AlertStatus::Resolved;
    facts.alert.newest_moment = None;
    facts.machine = None;
    facts.isolation = Isolation::Unknown;
    facts.attempts = ActionKind::ALL.iter().flat_map(|kind| (0..1_000).map(|_| attempt_of(*kind, -1))).collect();
    facts.fleet = None;
    facts.breaker = latched(true);
    facts.limits = vec![(3_600, 1)];
}

#[test]
fn a_report_names_exactly_the_guards_that_the_table_says() {
    for kind in ActionKind::ALL {
        for asker in [Asker::Rules, Asker::Person, Asker::Undo, Asker::Timer] {
            let asked: Vec<&str> =
                Guard::ALL.into_iter().filter(|guard| guard.is_asked(*kind, asker)).map(Guard::name).collect();
            assert_eq!(names(*kind, asker), asked, "{kind} by {asker:?}");
        }
    }
}

#[test]
fn the_guards_are_listed_once_each() {
    for guard in Guard::ALL {
        assert_eq!(Guard::ALL.into_iter().filter(|other| *other == guard).count(), 1, "{guard:?}");
        assert_eq!(Guard::ALL.into_iter().filter(|other| other.name() == guard.name()).count(), 1, "{guard:?}");
    }
}

#[test]
fn every_action_on_a_machine_that_takes_away_meets_every_guard_but_those_of_isolation_of_files_and_of_gentle_actions() {
    let only_isolate = [guard::RELEASED, guard::ISOLATION];
    let others = [guard::GENTLE_CAPS, guard::STANDING];
    for kind in of_impact(Impact::Disruptive).into_iter().filter(|kind| *kind != ActionKind::Indicator) {
        for guard in Guard::ALL.into_iter().map(Guard::name) {
            let of_this_kind = match guard {
                guard::OBSERVABLE => kind == ActionKind::StopFile,
                guard::RETIRED => false,
                guard => kind == ActionKind::Isolate || !only_isolate.contains(&guard),
            };
            let expected = !others.contains(&guard) && of_this_kind;
            assert_eq!(names(kind, Asker::Rules).contains(&guard.to_owned()), expected, "{kind}: {guard}");
        }
    }
}

#[test]
fn a_gentle_action_has_caps_of_its_own_and_uses_up_no_other() {
    for kind in of_impact(Impact::LowImpact) {
        let asked = names(kind, Asker::Rules);
        for guard in [guard::CAPS, guard::FLEET_SHARE, guard::PER_RULE, guard::PER_DEVICE_GROUP] {
            assert!(!asked.contains(&guard.to_owned()), "{kind} meets {guard}");
        }
        expect("caps: {gentle: {10m: 3}}", &[(guard::GENTLE_CAPS, Ruling::Hold)], |f| {
            (f.action, f.attempts) =
                (action(kind), vec![attempt_of(kind, -1), attempt_of(kind, -2), attempt_of(kind, -3)]);
        });
        expect("caps: {gentle: {10m: 3}}", &[], |f| (f.action, f.attempts) = (action(kind), attempts(9, 1)));
        expect("caps: {all_rules: {10m: 1}}", &[], |f| f.attempts = vec![attempt_of(kind, -1)]);
    }
}

#[test]
fn a_gentle_cap_that_is_reached_does_not_latch_the_breaker() {
    let mut facts = facts();
    facts.action = action(ActionKind::Scan);
    facts.attempts = (0..100).map(|_| attempt_of(ActionKind::Tag, -1)).collect();
    let judgement = facts.judge(&Guards::built_in());
    assert_eq!((judgement.ruling, judgement.tripped), (Ruling::Hold, None));
    assert_eq!(
        (judgement.reason.as_str(), judgement.cap_use),
        ("gentle-caps: gentle: 100 of 100 in 10m", Some((100, 100)))
    );
}

#[test]
fn what_touches_no_machine_asks_nothing_of_the_machine() {
    for kind in [ActionKind::UpdateAlert, ActionKind::Indicator] {
        let yaml = "{scope: {tags: [elsewhere]}, hold: {kinds: []}, maintenance: [{names: ['*'],
            from: '2020-01-01T00:00:00Z', to: '2040-01-01T00:00:00Z', by: a, why: b}]}";
        expect(yaml, &[], |f| (f.action, f.machine, f.isolation) = (action(kind), None, Isolation::Unknown));
    }
}

#[test]
fn a_person_gives_back_whatever_stands_against_even_while_all_is_paused() {
    for kind in of_impact(Impact::Restoring) {
        let mut facts = facts();
        everything_against(&mut facts);
        (facts.action, facts.asker, facts.mode, facts.pause) =
            (action(kind), Asker::Person, Mode::Approve, latched(true));
        let judgement = facts.judge(&guards("{scope: {tags: [x]}, never: {names: ['*']}}"));
        assert_eq!(judgement.ruling, Ruling::Pass, "{kind}: {judgement:#?}");
        (facts.asker, facts.isolation, facts.ours) = (Asker::Undo, isolated(), true);
        let judgement = facts.judge(&guards("{scope: {tags: [x]}, never: {names: ['*']}}"));
        assert_eq!(judgement.ruling, Ruling::Pass, "{kind}: {judgement:#?}");
    }
}

#[test]
fn a_timer_gives_back_whatever_stands_against_but_waits_while_all_is_paused() {
    for kind in of_impact(Impact::Restoring) {
        let mut facts = facts();
        everything_against(&mut facts);
        (facts.action, facts.asker) = (action(kind), Asker::Timer);
        (facts.isolation, facts.ours) = (isolated(), true);
        assert_eq!(facts.judge(&Guards::built_in()).ruling, Ruling::Pass, "{kind}");
        facts.pause = latched(true);
        assert_eq!(against(&facts.judge(&Guards::built_in())), [(guard::PAUSE, Ruling::Hold)], "{kind}");
    }
}

#[test]
fn what_rules_give_back_stays_inside_the_pilot_and_the_maintenance_windows() {
    let release = |f: &mut CaseFacts| {
        (f.action, f.isolation, f.ours) = (action(ActionKind::Release), isolated(), true);
    };
    expect("scope: {tags: [cordon-pilot]}", &[(guard::SCOPE, Ruling::Hold)], release);
    expect("never: {names: ['*']}", &[], release);
    expect("", &[], |f| (release(f), f.breaker = latched(true), f.attempts = attempts(1_000, 1)).2);
    expect("", &[(guard::PAUSE, Ruling::Hold)], |f| (release(f), f.pause = latched(true)).1);
}

#[test]
fn a_machine_that_is_not_isolated_is_released_by_nobody() {
    let released = Isolation::Released { at: at(-60), by: "ann".to_owned() };
    for (asker, isolation) in [Asker::Rules, Asker::Person, Asker::Undo, Asker::Timer]
        .into_iter()
        .flat_map(|asker| [Isolation::None, released.clone()].map(|isolation| (asker, isolation)))
    {
        expect("", &[(guard::STANDING, Ruling::Covered)], |f| {
            (f.action, f.asker, f.isolation) = (action(ActionKind::Release), asker, isolation.clone());
        });
    }
}

#[test]
fn an_isolation_by_somebody_else_is_ended_by_a_person_only() {
    for (asker, against) in [
        (Asker::Rules, Some(Ruling::Hold)),
        (Asker::Timer, Some(Ruling::Covered)),
        (Asker::Undo, Some(Ruling::Covered)),
        (Asker::Person, None),
    ] {
        let against: Vec<(&str, Ruling)> = against.into_iter().map(|ruling| (guard::STANDING, ruling)).collect();
        for isolation in [isolated(), Isolation::Running { id: MachineActionId::new("x").unwrap() }] {
            expect("", &against, |f| {
                (f.action, f.asker, f.isolation) = (action(ActionKind::Release), asker, isolation.clone());
            });
        }
    }
}

#[test]
fn an_isolation_in_part_is_no_reason_to_leave_a_full_one_undone_in_silence() {
    expect("", &[(guard::ISOLATION, Ruling::Covered)], |f| f.isolation = isolated());
    expect("", &[(guard::ISOLATION, Ruling::Hold)], |f| (f.isolation, f.narrower) = (isolated(), true));
}

#[test]
fn rules_timers_and_who_takes_one_isolation_back_release_nothing_while_nobody_can_read_who_isolated_it() {
    for asker in [Asker::Rules, Asker::Timer, Asker::Undo] {
        expect("", &[(guard::STANDING, Ruling::Hold)], |f| {
            (f.action, f.asker, f.isolation) = (action(ActionKind::Release), asker, Isolation::Unknown);
        });
    }
}

#[test]
fn kinds_that_need_approval_by_default_are_held_and_isolate_is_not() {
    for kind in [ActionKind::Offboard, ActionKind::LiveResponse, ActionKind::Indicator] {
        expect("", &[(guard::HOLD_KINDS, Ruling::Hold)], |f| f.action = action(kind));
        expect("hold: {kinds: []}", &[], |f| f.action = action(kind));
    }
    for kind in [ActionKind::Isolate, ActionKind::RestrictCode, ActionKind::StopFile, ActionKind::Scan] {
        expect("", &[], |f| f.action = action(kind));
    }
    expect("hold: {kinds: [isolate, scan]}", &[(guard::HOLD_KINDS, Ruling::Hold)], |_| {});
}
