//! Guards that change while respond holds the ledger.

use cordon_policy::Guards;
use cordon_records::{ActionState, LedgerRecord, PolicyStanding};
use cordon_signing::AllowedSigners;

use super::samples::{config, decision, start};
use super::world::World;
use crate::event::{ActivePolicy, Event};

/// These guards, and nobody whose signature counts.
pub fn in_force(guards: &str) -> ActivePolicy {
    let guards = Guards::load("guards.yaml", guards).unwrap();
    let standing = PolicyStanding { rule_set: "rules".into(), rules: 0, refused: None, at: start() };
    ActivePolicy { guards, signers: AllowedSigners::default(), standing }
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
        let mut config = config();
        config.guards = Guards::load("guards.yaml", guards).unwrap();
        let mut world = World::restored(config, Vec::new());
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
    let mut policy = in_force("");
    world.give(Event::Policy(Box::new(policy.clone())));
    world.give(Event::Policy(Box::new(policy.clone())));
    world.run();
    assert_eq!(told(&world), 1);
    policy.standing.refused = Some("rules/a.yaml:1:1: no".into());
    let mut world = World::restored(config(), world.log);
    world.give(Event::Policy(Box::new(policy)));
    world.run();
    assert_eq!(told(&world), 2);
    assert_eq!(world.responder.ledger().policy().unwrap().refused.as_deref(), Some("rules/a.yaml:1:1: no"));
}
