//! What an approval changes, and how many people it takes.

use super::*;

fn approved(change: impl FnOnce(&mut CaseFacts)) -> CaseFacts {
    let mut facts = facts();
    facts.approved = true;
    change(&mut facts);
    facts
}

#[test]
fn an_approval_lifts_what_a_person_may_decide_and_says_so() {
    let yaml = "{scope: {tags: [cordon-pilot]}, allow_os: [macOS], hold: {tags: [lab], users: [ceo@corp.example],
        kinds: [isolate]}, caps: {all_rules: {1h: 1}, per_rule: {1h: 1}, per_device_group: {1h: 1}}}";
    let facts = approved(|f| {
        f.mode = Mode::Approve;
        f.users = vec!["ceo@corp.example".to_owned()];
        f.machine().value = Some("High".to_owned());
        f.alert.newest_moment = Some(at(-90_000));
        f.isolation = Isolation::Released { at: at(-60), by: "ana".to_owned() };
        f.attempts = attempts(40, 1);
        f.limits = vec![(3_600, 1)];
    });
    let judgement = facts.judge(&guards(yaml));
    assert_eq!((judgement.ruling, judgement.tripped), (Ruling::Pass, None), "{:#?}", judgement.verdicts);
    let noted: Vec<&str> = judgement
        .verdicts
        .iter()
        .filter(|verdict| verdict.why.ends_with("; approved"))
        .map(|verdict| verdict.guard.as_str())
        .collect();
    assert_eq!(
        noted,
        [
            guard::MODE,
            guard::HOLD_KINDS,
            guard::SCOPE,
            guard::ALLOW_OS,
            guard::HOLD_TAGS,
            guard::HOLD_USERS,
            guard::DEVICE_VALUE,
            guard::AGE,
            guard::RELEASED,
            guard::RULE_LIMITS,
            guard::PER_RULE,
            guard::PER_DEVICE_GROUP,
            guard::CAPS,
            guard::FLEET_SHARE,
        ]
    );
}

#[test]
fn an_approval_lifts_no_switch_no_refusal_and_no_missing_fact() {
    let stays = |yaml: &str, guard: &str, ruling: Ruling, change: fn(&mut CaseFacts)| {
        let judgement = approved(change).judge(&guards(yaml));
        assert!(against(&judgement).contains(&(guard, ruling)), "{guard}: {:#?}", judgement.verdicts);
    };
    stays("", guard::PAUSE, Ruling::Hold, |f| f.pause = latched(true));
    stays("", guard::BREAKER, Ruling::Hold, |f| f.breaker = latched(true));
    stays("", guard::CLOSED, Ruling::Refuse, |f| f.alert.status = cordon_records::AlertStatus::Resolved);
    stays("never: {names: ['pc*']}", guard::NEVER_LIST, Ruling::Refuse, |_| {});
    stays("", guard::MACHINE_FACTS, Ruling::Hold, |f| f.machine = None);
    stays("scope: {tags: [x]}", guard::SCOPE, Ruling::Hold, |f| f.machine().tags = None);
    stays("", guard::ALLOW_OS, Ruling::Hold, |f| f.machine().os = None);
    stays("", guard::NEVER_LIST, Ruling::Hold, |f| f.machine().tags = None);
    stays("hold: {tags: [x]}", guard::HOLD_TAGS, Ruling::Hold, |f| f.machine().tags = None);
    stays("", guard::DEVICE_VALUE, Ruling::Hold, |f| f.machine().value = None);
    stays("", guard::AGE, Ruling::Hold, |f| f.alert.newest_moment = None);
    stays("", guard::ISOLATION, Ruling::Hold, |f| f.isolation = Isolation::Unknown);
    stays("", guard::RELEASED, Ruling::Hold, |f| f.isolation = Isolation::Unknown);
    stays("caps: {per_device_group: {1h: 9}}", guard::PER_DEVICE_GROUP, Ruling::Hold, |f| f.machine().group = None);
    stays("", guard::FLEET_SHARE, Ruling::Hold, |f| (f.fleet, f.attempts) = (None, attempts(10, 1)));
    let running = |f: &mut CaseFacts| f.isolation = Isolation::Running { id: MachineActionId::new("x1").unwrap() };
    stays("", guard::ISOLATION, Ruling::Covered, running);
}

#[test]
fn two_people_approve_an_offboarding_and_one_person_anything_else() {
    let guards = Guards::built_in();
    for kind in ActionKind::ALL {
        let many: Vec<Timestamp> = (0..100).map(|ago| at(-ago)).collect();
        let expected = if *kind == ActionKind::Offboard { 2 } else { 1 };
        assert_eq!(guards.approvals_needed(*kind, &many, at(0)), expected, "{kind}");
    }
}

#[test]
fn above_so_many_approvals_in_a_window_every_further_one_takes_two_people() {
    let guards = guards("approvals: {two_people: {kinds: [], above: {1h: 5, 1d: 9}}}");
    let needed = |before: &[i64]| {
        let before: Vec<Timestamp> = before.iter().map(|ago| at(-ago)).collect();
        guards.approvals_needed(ActionKind::Isolate, &before, at(0))
    };
    assert_eq!(needed(&[]), 1);
    assert_eq!(needed(&[1, 2, 3, 4]), 1);
    assert_eq!(needed(&[1, 3_599, 3, 4, 2]), 2);
    assert_eq!(needed(&[1, 3_600, 3, 4, 2]), 1);
    assert_eq!(needed(&[4_000; 8]), 1);
    assert_eq!(needed(&[4_000; 9]), 2);
    assert_eq!(needed(&[-60; 5]), 2);
}

#[test]
fn what_is_said_about_approvals_is_read() {
    let guards = guards(
        "approvals: {allowed_signers: people.signers, valid_for: 5m, two_people: {kinds: [isolate], above: {1h: 5}}}",
    );
    assert_eq!(
        guards.approvals(),
        &Approvals {
            allowed_signers: Some("people.signers".to_owned()),
            valid_for: 300,
            two_people_kinds: vec![ActionKind::Isolate],
            two_people_above: vec![(3_600, 5)],
        }
    );
}

/// The breaker is latched, and all that it holds was approved.
fn approved_by_notice(change: impl FnOnce(&mut CaseFacts)) -> CaseFacts {
    let mut facts = facts();
    facts.breaker = latched(true);
    facts.by_notice = facts.breaker.as_ref().map(|latch| latch.at);
    change(&mut facts);
    facts
}

#[test]
fn an_approval_by_notice_lifts_that_breaker_the_mode_and_the_age_and_nothing_else() {
    let lifted = |change: fn(&mut CaseFacts)| approved_by_notice(change).judge(&Guards::built_in());
    let both = lifted(|f| (f.mode, f.alert.newest_moment) = (Mode::Approve, Some(at(-90_000))));
    assert_eq!(both.ruling, Ruling::Pass, "{:#?}", both.verdicts);
    let stays = |yaml: &str, guard: &str, change: fn(&mut CaseFacts)| {
        let judgement = approved_by_notice(change).judge(&guards(yaml));
        assert_eq!(against(&judgement), [(guard, Ruling::Hold)], "{:#?}", judgement.verdicts);
    };
    stays("", guard::BREAKER, |f| f.by_notice = Some(at(-6)));
    stays("", guard::PAUSE, |f| f.pause = latched(true));
    stays("", guard::DEVICE_VALUE, |f| f.machine().value = Some("High".to_owned()));
    stays("hold: {users: [ceo@corp.example]}", guard::HOLD_USERS, |f| f.users = vec!["ceo@corp.example".to_owned()]);
    stays("caps: {all_rules: {1h: 1}}", guard::CAPS, |f| f.attempts = attempts(1, 1));
    stays("caps: {per_rule: {1h: 1}}", guard::PER_RULE, |f| f.attempts = attempts(1, 1));
    stays("", guard::RULE_LIMITS, |f| (f.attempts, f.limits) = (attempts(1, 1), vec![(3_600, 1)]));
}
