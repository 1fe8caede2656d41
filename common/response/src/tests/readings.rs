//! What guards make of the two readings of alert and machine: the polled one that was decided on, and the fresh one.

use std::time::Duration;

use cordon_policy::{Guards, Isolation, guard};
use cordon_records::{ActionState, Alert, DecisionRecord, Machine, Report, Ruling};
use serde_json::{Value, json};

use super::samples::{config, decision};
use super::world::World;
use crate::event::{Answer, Effect, Event};
use crate::facts::FreshFacts;

/// A machine that the built-in guards pass, with these changes.
fn machine(changes: &Value) -> Machine {
    let mut machine = json!({"id": "m1", "computerDnsName": "pc1.corp.example", "osPlatform": "Windows11",
        "rbacGroupName": "Clients", "deviceValue": "Normal", "machineTags": ["lab"]});
    machine.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value(machine).unwrap()
}

/// A new alert on it, with these changes.
fn alert(changes: &Value) -> Alert {
    let mut alert = json!({"id": "a1", "severity": "High", "status": "New", "machineId": "m1",
        "alertCreationTime": super::samples::start().to_string()});
    alert.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value(alert).unwrap()
}

/// What was decided on, as decide writes it.
fn polled(alert_: &Value, machine_: &Value) -> DecisionRecord {
    let mut decision = decision("a1", "m1");
    decision.alert = alert(alert_).summary();
    decision.machine = Some(machine(machine_).summary());
    decision
}

/// A world under these guards.
fn world(guards: &str) -> World {
    let mut config = config();
    config.guards = Guards::load("guards.yaml", guards).unwrap();
    World::restored(config, Vec::new())
}

/// Answers the fresh read that waits with this alert and machine.
fn read(world: &mut World, alert_: &Value, machine_: &Value) {
    let Some(Effect::Read { key, .. }) = world.waiting.pop_back() else { panic!("no fresh read") };
    let facts = FreshFacts {
        alert: Some(alert(alert_).summary()),
        machine: Some(machine(machine_).summary()),
        isolation: Isolation::None,
        ..FreshFacts::missing()
    };
    world.give(Event::Facts(key, Ok(Box::new(facts))));
}

/// The guards that stand against the newest report.
fn against(world: &World) -> Vec<(String, Ruling)> {
    let Some(Report::Action(report)) = world.reports.last() else { panic!("no report") };
    let verdicts = &report.guards;
    let hits = verdicts.iter().filter(|verdict| verdict.ruling != Ruling::Pass);
    hits.map(|verdict| (verdict.guard.clone(), verdict.ruling)).collect()
}

#[test]
fn a_text_that_is_blank_in_the_fresh_reading_holds_as_one_that_is_null() {
    let guards = "{never: {names: ['dc*'], groups: [Tier 0]}, hold: {device_value: [High]}, maintenance: \
        [{names: ['build-*'], from: '2020-01-01T00:00:00Z', to: '2040-01-01T00:00:00Z', by: ana, why: patching}]}";
    for blank in [Value::Null, json!(""), json!(" "), json!("\t")] {
        for (field, held) in [
            ("computerDnsName", vec![guard::NEVER_LIST, guard::MAINTENANCE]),
            ("rbacGroupName", vec![guard::NEVER_LIST]),
            ("deviceValue", vec![guard::DEVICE_VALUE]),
        ] {
            let mut world = world(guards);
            world.decide(polled(&json!({}), &json!({})));
            read(&mut world, &json!({}), &json!({field: blank}));
            world.run();
            let held: Vec<(String, Ruling)> = held.iter().map(|guard| ((*guard).to_owned(), Ruling::Hold)).collect();
            assert_eq!(against(&world), held, "{field}: {blank:?}");
            assert_eq!((world.calls.len(), world.states()), (0, vec![ActionState::Held]));
        }
    }
}

/// Decides on the polled reading, reads the fresh one and gives the guards that stand against it.
fn judged(guards: &str, (alert, fresh_alert): (&Value, &Value), (machine, fresh_machine): (&Value, &Value)) -> World {
    let mut world = world(guards);
    world.decide(polled(alert, machine));
    if world.waiting.iter().any(|effect| matches!(effect, Effect::Read { .. })) {
        read(&mut world, fresh_alert, fresh_machine);
    }
    world.run();
    world
}

#[test]
fn what_the_polled_alert_said_of_people_is_not_forgotten_when_the_fresh_one_says_nothing() {
    let none = json!({});
    for (guards, evidence) in [
        ("hold: {users: [ceo@example.com]}", json!([{"accountName": "ceo", "userPrincipalName": ""}])),
        ("hold: {users: ['CORP\\boss']}", json!([{"accountName": "boss", "userPrincipalName": "b.smith@example.com"}])),
    ] {
        let (with, without) = (json!({"evidence": evidence}), json!({"evidence": []}));
        for (polled, fresh) in [(&with, &without), (&without, &with), (&with, &with)] {
            let world = judged(guards, (polled, fresh), (&none, &none));
            assert_eq!(against(&world), [(guard::HOLD_USERS.to_owned(), Ruling::Hold)], "{guards}: {polled} {fresh}");
            assert!(world.calls.is_empty());
        }
        assert_eq!(judged(guards, (&without, &without), (&none, &none)).calls.len(), 1);
    }
}

#[test]
fn a_protection_of_the_machine_that_only_the_polled_reading_tells_of_stops_the_call() {
    let (none, alerts) = (json!({}), (&json!({}), &json!({})));
    for (guards, protected, guard, ruling) in [
        ("", json!({"machineTags": ["cordon-never"]}), guard::NEVER_LIST, Ruling::Refuse),
        ("never: {groups: [Tier 0]}", json!({"rbacGroupName": "Tier 0"}), guard::NEVER_LIST, Ruling::Refuse),
        ("never: {names: ['dc*']}", json!({"computerDnsName": "dc01"}), guard::NEVER_LIST, Ruling::Refuse),
        ("hold: {tags: [VIP]}", json!({"machineTags": ["VIP"]}), guard::HOLD_TAGS, Ruling::Hold),
        ("", json!({"deviceValue": "High"}), guard::DEVICE_VALUE, Ruling::Hold),
        ("", json!({"osPlatform": "WindowsServer2022"}), guard::ALLOW_OS, Ruling::Hold),
        ("scope: {tags: [lab]}", json!({"machineTags": []}), guard::SCOPE, Ruling::Hold),
    ] {
        for machines in [(&protected, &none), (&none, &protected)] {
            // Of the never list the polled reading is enough: nothing is read then.
            let world = judged(guards, alerts, machines);
            assert_eq!(against(&world), [(guard.to_owned(), ruling)], "{guards}: {protected}");
            assert!(world.calls.is_empty());
        }
    }
}

#[test]
fn what_was_decided_on_counts_after_a_rest_and_after_a_restart_too() {
    let (ceo, nobody) = (json!({"evidence": [{"accountName": "ceo"}]}), json!({"evidence": []}));
    let (tier0, clients) = (json!({"rbacGroupName": "Tier 0"}), json!({}));
    // Neither list is in force at first, so that the call is tried and put off.
    let mut world = world("");
    world.decide(polled(&ceo, &tier0));
    read(&mut world, &nobody, &clients);
    world.run_with(&mut |_| Answer::NotDone { why: "429".into(), after: Duration::from_secs(60), spent: false });
    assert_eq!(world.calls.len(), 1);
    for (guards, expected) in [
        ("hold: {users: [ceo@example.com]}", (guard::HOLD_USERS.to_owned(), Ruling::Hold)),
        ("never: {groups: [Tier 0]}", (guard::NEVER_LIST.to_owned(), Ruling::Refuse)),
    ] {
        let mut config = config();
        config.guards = Guards::load("guards.yaml", guards).unwrap();
        let mut next = world.restarted(config);
        next.pass(Duration::from_secs(61));
        read(&mut next, &nobody, &clients);
        next.run();
        assert_eq!((against(&next), next.calls.len()), (vec![expected], 0));
    }
}
