//! What guards make of the two readings of alert and machine: the polled one that was decided on, and the fresh one.

use cordon_policy::{Guards, Isolation, guard};
use cordon_records::{ActionState, Alert, DecisionRecord, Machine, Report, Ruling};
use serde_json::{Value, json};

use super::world::{World, decision, terms};
use crate::respond::event::{Effect, Event};
use crate::respond::facts::Facts;

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
        "alertCreationTime": super::world::start().to_string()});
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
    let mut terms = terms();
    terms.guards = Guards::load("guards.yaml", guards).unwrap();
    World::restored(terms, Vec::new())
}

/// Answers the fresh read that waits with this alert and machine.
fn read(world: &mut World, alert_: &Value, machine_: &Value) {
    let Some(Effect::Read { key, .. }) = world.waiting.pop_back() else { panic!("no fresh read") };
    let facts = Facts {
        alert: Some(alert(alert_).summary()),
        machine: Some(machine(machine_).summary()),
        isolation: Isolation::None,
        scope: None,
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
