//! What holds for every case and every file.

use cordon_records::Impact;
use proptest::sample::select;

use super::*;

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
        (kind, approved) in (prop_oneof![Just(ActionKind::Isolate), select(ActionKind::ALL)], any::<bool>()),
        (os, name, group, value) in (any_text(), any_text(), any_text(), any_text()),
        tags in proptest::option::of(proptest::collection::vec("[a-z]{1,4}", 0..3)),
        age in proptest::option::of(-1_000i64..8_000),
        isolation in any_isolation(),
        made in proptest::collection::vec(-50i64..100_000, 0..30),
        fleet in proptest::option::of((0u64..10_000, 0i64..100_000)),
        (paused, latched_, known) in (any::<bool>(), any::<bool>(), any::<bool>()),
        limits in proptest::collection::vec((1u64..90_000, 1u32..20), 0..2),
    ) -> CaseFacts {
        let mut facts = facts();
        (facts.mode, facts.action, facts.approved) = (mode, action(kind), approved);
        let machine = facts.machine();
        (machine.os, machine.name, machine.group, machine.value, machine.tags) = (os, name, group, value, tags);
        facts.machine = facts.machine.filter(|_| known);
        facts.alert.newest_moment = age.map(|age| at(-age));
        facts.isolation = isolation;
        facts.attempts = made.into_iter().map(|ago| attempt_of(kind, -ago)).collect();
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
        prop_assert_eq!(names.len(), judgement.verdicts.len());
        prop_assert!(judgement.verdicts.iter().all(|verdict| !verdict.why.is_empty()));
        let free = judgement.verdicts.iter().all(|verdict| verdict.ruling == Ruling::Pass);
        prop_assert_eq!(judgement.ruling == Ruling::Pass, free);
        prop_assert!(judgement.tripped.is_none() || judgement.ruling == Ruling::Hold);
    }

    #[test]
    fn what_stands_unread_passes_with_no_fresh_facts_about_the_same_case(recorded in any_facts(), mut fresh in any_facts()) {
        let guards = guards("never: {tags: [ab], names: ['PC1*'], groups: [lab]}\nhold: {kinds: [scan, indicator]}");
        let mut recorded = recorded;
        recorded.machine = Some(recorded.machine.unwrap_or_else(|| super::facts().machine.unwrap()));
        (recorded.isolation, recorded.read) = (Isolation::None, false);
        let judged = recorded.judge(&guards);
        prop_assume!(stands_unread(&judged, &recorded.case()));
        // Only what is read can be another: the machine, its isolation, and the alert but for its age.
        (fresh.mode, fresh.action, fresh.approved) = (recorded.mode, recorded.action.clone(), recorded.approved);
        (fresh.pause, fresh.breaker, fresh.polled) = (recorded.pause, recorded.breaker, recorded.machine);
        (fresh.alert.newest_moment, fresh.now) = (recorded.alert.newest_moment, recorded.now);
        prop_assert_ne!(fresh.judge(&guards).ruling, Ruling::Pass);
    }

    #[test]
    fn one_more_attempt_never_turns_a_hold_into_a_pass(facts in any_facts(), ago in -50i64..100_000) {
        let guards = guards("caps: {per_rule: {1h: 5}, per_device_group: {1h: 4}, gentle: {1h: 5}}");
        let before = facts.judge(&guards).ruling;
        let mut more = facts;
        more.attempts.push(attempt_of(more.action.kind(), -ago));
        let after = more.judge(&guards).ruling;
        prop_assert!(before == Ruling::Pass || after != Ruling::Pass, "{:?} became {:?}", before, after);
    }

    #[test]
    fn a_machine_on_the_never_list_is_refused_whatever_else_also_approved(
        mut facts in any_facts(),
        by in 0..3,
        kind in select(ActionKind::ALL),
    ) {
        facts.action = action(kind);
        let machine = facts.machine.get_or_insert_with(|| super::facts().machine.unwrap());
        match by {
            0 => machine.tags = Some(vec!["x".to_owned(), "CORDON-never".to_owned()]),
            1 => machine.name = Some("DC01.corp.example".to_owned()),
            _ => machine.group = Some("Tier 0".to_owned()),
        }
        let guards = guards("never: {tags: [cordon-never], names: ['dc*'], groups: [tier 0]}");
        let refused = facts.judge(&guards).verdicts.iter().any(|verdict| verdict.guard == guard::NEVER_LIST && verdict.ruling == Ruling::Refuse);
        let on_a_machine = !matches!(kind, ActionKind::UpdateAlert | ActionKind::Indicator);
        prop_assert_eq!(refused, on_a_machine && kind.impact() != Impact::Restoring);
        prop_assert!(!refused || facts.judge(&guards).ruling == Ruling::Refuse);
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

    #[test]
    fn the_order_of_attempts_does_not_matter(facts in any_facts(), turn in 0usize..30) {
        let guards = guards("caps: {per_rule: {1h: 5}, per_device_group: {1h: 4}}");
        let mut turned = facts.clone();
        let length = turned.attempts.len().max(1);
        turned.attempts.rotate_left(turn % length);
        prop_assert_eq!(facts.judge(&guards), turned.judge(&guards));
    }

    #[test]
    fn an_approval_lifts_no_refusal_no_switch_and_no_missing_fact_and_never_trips(mut facts in any_facts()) {
        facts.approved = false;
        let before = facts.judge(&Guards::built_in());
        facts.approved = true;
        let after = facts.judge(&Guards::built_in());
        prop_assert_eq!(&after.tripped, &None);
        for (asked, approved) in before.verdicts.iter().zip(&after.verdicts) {
            let lifted = asked.ruling == Ruling::Hold && approved.ruling == Ruling::Pass;
            prop_assert!(lifted || asked == approved, "{:?} became {:?}", asked, approved);
            let firm = ["not be read", "not known", "paused since", "latched since"];
            prop_assert!(!lifted || !firm.iter().any(|words| asked.why.contains(words)) || asked.why.contains("in the future"), "{:?} was lifted", asked);
        }
    }

    #[test]
    fn without_a_fact_that_a_guard_needs_nothing_passes(mut facts in any_facts(), gone in 0..6) {
        let on_a_machine = !matches!(facts.action.kind(), ActionKind::UpdateAlert | ActionKind::Indicator);
        prop_assume!(on_a_machine && facts.action.kind().impact() != Impact::Restoring);
        let machine = facts.machine.get_or_insert_with(|| super::facts().machine.unwrap());
        match gone {
            0 => machine.tags = None,
            1 => machine.name = None,
            2 => machine.group = None,
            3 => machine.os = None,
            4 => facts.alert.newest_moment = None,
            _ => facts.machine = None,
        }
        let guards = guards("never: {names: ['dc*'], groups: [Tier 0]}");
        prop_assert_ne!(facts.judge(&guards).ruling, Ruling::Pass);
    }

    #[test]
    fn the_strongest_verdict_rules(facts in any_facts()) {
        let judgement = facts.judge(&Guards::built_in());
        let has = |ruling| judgement.verdicts.iter().any(|verdict| verdict.ruling == ruling);
        let order = [Ruling::Refuse, Ruling::Covered, Ruling::Hold, Ruling::Pass];
        prop_assert_eq!(Some(judgement.ruling), order.into_iter().find(|ruling| has(*ruling)));
    }

    #[test]
    fn what_gives_back_is_never_refused_and_a_person_is_not_even_held(mut facts in any_facts(), kind in select(&FREEING[..])) {
        facts.action = action(kind);
        let guards = guards("never: {tags: [], names: ['*'], groups: [clients]}");
        prop_assert_ne!(facts.judge(&guards).ruling, Ruling::Refuse);
        facts.asker = Asker::Person;
        prop_assert!(matches!(facts.judge(&guards).ruling, Ruling::Pass | Ruling::Covered));
    }

    #[test]
    fn no_text_makes_the_reading_of_guards_panic(text in "\\PC{0,80}") {
        let _ = Guards::load("guards.yaml", &text);
    }

    #[test]
    fn a_file_of_known_keys_and_odd_values_is_refused_whole_or_loads_and_prints_as_itself(
        entries in proptest::collection::btree_map(select(KEYS), any_value(), 0..6),
    ) {
        let mut sections = std::collections::BTreeMap::<&str, Vec<String>>::new();
        for (path, value) in &entries {
            let (section, key) = path.split_once('.').unwrap_or((path, ""));
            sections.entry(section).or_default().push(if key.is_empty() { value.clone() } else { format!("{key}: {value}") });
        }
        let written = sections.iter().map(|(section, lines)| match *section {
            "allow_os" | "maintenance" => format!("{section}: {}\n", lines[0]),
            _ => format!("{section}: {{{}}}\n", lines.join(", ")),
        });
        let text: String = written.collect();
        match Guards::load("guards.yaml", &text) {
            Ok(guards) => {
                prop_assert_eq!(&super::guards(&guards.to_string()), &guards, "{}", guards);
                prop_assert_eq!(&super::guards(&guards.annotated()), &guards, "{}", guards.annotated());
                let _ = (guards.warnings(at(0)), guards.meaning(at(0)));
            }
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }

    #[test]
    fn any_names_print_as_themselves(names in proptest::collection::vec("[a-zA-Z0-9%:#,{}'\"\\\\ ~-]{0,6}[a-zA-Z0-9~]", 0..5)) {
        let mut guards = Guards::built_in();
        guards.never.names.clone_from(&names);
        guards.scope_tags = names.iter().cloned().chain(["null", "NULL", "true", "~", "1e5", "0x1f"].map(str::to_owned)).collect();
        prop_assert_eq!(&super::guards(&guards.to_string()), &guards, "{}", guards);
    }
}

const FREEING: [ActionKind; 3] = [ActionKind::Release, ActionKind::UnrestrictCode, ActionKind::Cancel];

const KEYS: &[&str] = &[
    "scope.tags",
    "allow_os",
    "never.tags",
    "never.names",
    "never.groups",
    "never.nonsense",
    "hold.tags",
    "hold.kinds",
    "hold.users",
    "hold.alert_older_than",
    "caps.all_rules",
    "caps.fleet_share",
    "caps.per_rule",
    "caps.gentle",
    "caps.per_device_group",
    "approvals.allowed_signers",
    "approvals.valid_for",
    "approvals.two_people",
    "maintenance",
];

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(&[
            "[]", "[isolate]", "[a, 'b c']", "{1h: 5}", "{10m: 1, 1d: 7}", "{1h: 1%}", "{1d: 0.5%, floor: 2}", "15m", "1d",
            "{kinds: [isolate], above: {1h: 3}}", "file.signers", "null",
            "[{tags: [a], from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', by: a, why: b}]",
        ][..]).prop_map(str::to_owned),
        1 => select(&["{}", "-1", "5", "[[]]", "[null]", "{1h: 0}", "{x: y}", "''", "99999999999999999999d", "[release]"][..])
            .prop_map(str::to_owned),
    ]
}
