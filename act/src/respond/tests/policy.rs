//! Guards that change while respond holds the ledger.

use std::sync::Arc;

use cordon_policy::{Guards, RuleSet};
use cordon_records::{ActionState, LedgerRecord};
use cordon_signing::AllowedSigners;

use super::world::{World, decision, start, terms};
use crate::policy::Policy;
use crate::reload::InForce;
use crate::respond::event::Event;

fn in_force(guards: &str) -> InForce {
    let guards = Guards::load("guards.yaml", guards).unwrap();
    let rules = RuleSet::load(&[]).unwrap();
    let policy = Policy { rules, rule_files: Vec::new(), guards, signers: AllowedSigners::default() };
    InForce::started(policy, start())
}

#[test]
fn the_guards_that_are_in_force_at_the_fresh_read_judge_also_what_waited_since_before() {
    let mut world = World::new();
    world.decide(decision("a1", "m1"));
    world.give(Event::Policy(Box::new(in_force("never: {names: ['m1*']}"))));
    world.run();
    assert_eq!((world.states(), world.calls.len()), (vec![ActionState::Refused], 0));
    world.give(Event::Policy(Box::new(in_force(""))));
    world.decide(decision("a2", "m1"));
    world.run();
    assert_eq!(world.calls.len(), 1, "{:?}", world.reasons());
}

#[test]
fn an_alert_whose_evidence_was_cut_is_held_where_there_is_a_hold_list_of_users_whatever_the_fresh_read_brings() {
    let part = |field: &str| {
        let mut decision = decision("a1", "m1");
        let cut = serde_json::json!({"field": field, "kept": 1_540, "of": 2_100, "unit": "items"});
        decision.alert.cut = vec![serde_json::from_value(cut).unwrap()];
        decision
    };
    let played = |guards: &str, decision| {
        let mut terms = terms();
        terms.guards = Guards::load("guards.yaml", guards).unwrap();
        let mut world = World::restored(terms, Vec::new());
        world.decide(decision);
        world.run();
        (world.states(), world.calls.len(), world.reasons().join("; "))
    };
    for field in ["evidence", "loggedOnUsers", "relatedUser", "users"] {
        let (states, calls, why) = played("hold: {users: [ceo@example.com]}", part(field));
        assert_eq!((states, calls), (vec![ActionState::Held], 0), "{field}");
        assert!(why.contains(&format!("hold-users: 560 of 2100 {field} items were cut")), "{why}");
    }
    assert_eq!(played("", part("evidence")).1, 1, "nobody is on a hold list");
    assert_eq!(played("hold: {users: [ceo@example.com]}", part("description")).1, 1, "no person is named there");
}

#[test]
fn the_ledger_tells_once_what_is_in_force_and_what_was_refused_also_after_a_restart() {
    let told = |world: &World| world.log.iter().filter(|record| matches!(record, LedgerRecord::Policy(_))).count();
    let mut world = World::new();
    let mut standing = in_force("");
    world.give(Event::Policy(Box::new(standing.clone())));
    world.give(Event::Policy(Box::new(standing.clone())));
    world.run();
    assert_eq!(told(&world), 1);
    standing =
        InForce { policy: Arc::clone(&standing.policy), refused: Some("rules/a.yaml:1:1: no".into()), ..standing };
    let mut world = World::restored(terms(), world.log);
    world.give(Event::Policy(Box::new(standing)));
    world.run();
    assert_eq!(told(&world), 2);
    assert_eq!(world.responder.book().policy.as_ref().unwrap().refused.as_deref(), Some("rules/a.yaml:1:1: no"));
}
