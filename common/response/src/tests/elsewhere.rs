//! An alert that names another machine than before: one isolation for one alert, unless a person wants more.

use cordon_records::{ActionState, GuardVerdict, Report, Ruling};

use super::samples::{config, decision};
use super::world::World;
use crate::event::Answer;

/// The guard's word on the last report.
fn isolation_guard(world: &World) -> GuardVerdict {
    let Some(Report::Action(record)) = world.reports.last() else { panic!("no report") };
    record.guards.iter().find(|verdict| verdict.guard == "isolation").cloned().expect("it was asked")
}

#[test]
fn an_alert_that_has_an_isolation_on_one_machine_is_held_on_another_also_after_a_restart() {
    let mut first = World::new();
    first.decide(decision("a1", "m1"));
    first.run();
    for mut world in [first.restarted(config()), first] {
        let before = world.calls.len();
        world.decide(decision("a1", "m2"));
        world.run();
        assert_eq!(world.calls.len(), before, "no second machine is cut off");
        assert_eq!(world.states().last(), Some(&ActionState::Held));
        let GuardVerdict { ruling, why, .. } = isolation_guard(&world);
        assert_eq!(ruling, Ruling::Hold);
        assert!(why.starts_with("alert a1 has an isolation on m1.example.com already"), "{why}");
        let Some(Report::Action(record)) = world.reports.last() else { panic!("no report") };
        let told = record.facts.as_ref().and_then(|facts| facts.elsewhere.as_deref());
        assert_eq!(told, Some("m1.example.com"), "a backtest can judge it again");
        world.decide(decision("a2", "m2"));
        world.run();
        assert_eq!(world.calls.len(), before + 1, "another alert is another matter");
    }
}

#[test]
fn an_isolation_that_is_only_on_its_way_or_in_doubt_counts_and_one_that_was_refused_does_not() {
    let answers: [(Answer, bool); 4] = [
        (Answer::Lost("the connection broke".into()), true),
        (Answer::NotDone { why: "429".into(), after: std::time::Duration::from_secs(60), spent: true }, true),
        (Answer::Rejected("403".into()), false),
        (Answer::Accepted(super::samples::pending(&decision("a1", "m1").planned[0].key)), true),
    ];
    for (answer, counts) in answers {
        let mut world = World::new();
        // Both are read before either is judged.
        world.decide(decision("a1", "m1"));
        world.decide(decision("a1", "m2"));
        world.run_with(&mut |_| answer.clone());
        let machines: Vec<&str> = world.calls.iter().map(|(_, machine, _)| machine.as_str()).collect();
        if counts {
            assert_eq!(machines, ["m1"], "{answer}");
        } else {
            // The second was judged while the first was being called.
            assert_eq!(world.states(), [ActionState::Held, ActionState::Failed], "{answer}");
            world.decide(decision("a1", "m3"));
            world.run_with(&mut |_| answer.clone());
            assert_eq!(world.calls.len(), 2, "{answer}: nothing is isolated");
        }
    }
}

#[test]
fn nobody_is_asked_where_the_first_was_only_rehearsed() {
    let mut shadow = config();
    shadow.mode = cordon_records::Mode::Shadow;
    let mut world = World::restored(shadow, Vec::new());
    world.decide(decision("a1", "m1"));
    world.decide(decision("a1", "m2"));
    world.run();
    assert_eq!(world.states(), [ActionState::Would, ActionState::Would]);
    assert_eq!(isolation_guard(&world).ruling, Ruling::Pass);
}
