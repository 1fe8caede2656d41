//! What the guards say on a ledger that keeps in short what has ended, against one that forgets nothing: the same, whatever
//! happened and when, also over restarts from what compaction leaves.

use cordon_records::{
    ActionKey, ActionKind, ActionState, ActionStatus, AlertStatus, Command, DecisionRecord, Mode, Report, Ruling,
};
use proptest::prelude::*;

use super::office::{ANN, config_with, signed};
use super::samples::an;
use super::shorten::hours_pass;
use super::stale::compacted;
use super::world::{World, plan};
use crate::Config;

/// Something happens.
#[derive(Debug, Clone)]
enum Happening {
    /// A decision: alert, machine, kind, mode, whether the alert is closed.
    Decision(u8, u8, usize, Mode, bool),
    /// Time passes: hours.
    Hours(u16),
    /// Everything that Defender has taken ends so.
    Ends(bool),
    /// A person lets a machine back.
    Release(u8),
    /// A person denies what is held.
    Deny,
    /// A person approves what is held first.
    Approve,
    /// Another holder takes over, from the log as it is or as compaction leaves it.
    Restart(bool),
}

const KINDS: [ActionKind; 4] = [ActionKind::Isolate, ActionKind::Scan, ActionKind::Release, ActionKind::Tag];

fn happening() -> impl Strategy<Value = Happening> {
    let mode = prop_oneof![4 => Just(Mode::Auto), 1 => Just(Mode::Approve), 2 => Just(Mode::Shadow)];
    let hours = prop_oneof![Just(1_u16), Just(7), Just(25), Just(24 * 8), Just(24 * 11), Just(24 * 40)];
    prop_oneof![
        6 => (0..4_u8, 0..3_u8, 0..KINDS.len(), mode, prop::bool::weighted(0.15))
            .prop_map(|(alert, machine, kind, mode, closed)| Happening::Decision(alert, machine, kind, mode, closed)),
        6 => hours.prop_map(Happening::Hours),
        3 => prop::bool::weighted(0.7).prop_map(Happening::Ends),
        1 => (0..3_u8).prop_map(Happening::Release),
        1 => Just(Happening::Deny),
        1 => Just(Happening::Approve),
        2 => any::<bool>().prop_map(Happening::Restart),
    ]
}

fn config() -> Config {
    config_with(
        "{hold: {kinds: [], alert_older_than: 9999d, released_by_person_within: 10d}, \
         caps: {all_rules: {10d: 4, 1h: 2}, gentle: {9d: 3}, per_rule: {2d: 2}}, \
         approvals: {two_people: {above: {8d: 2}}}}",
    )
}

/// A world, and the same that keeps everything in full.
struct Both {
    short: World,
    full: World,
    commands: u32,
}

/// What a report says, but for its words.
type Said = (Option<ActionKey>, u32, &'static str, Vec<(String, Ruling)>);

fn said(report: &Report) -> Said {
    match report {
        Report::Action(record) => {
            let guards = record.guards.iter().map(|verdict| (verdict.guard.clone(), verdict.ruling)).collect();
            (record.key.clone(), record.attempt, record.state.as_str(), guards)
        }
        Report::Notice(notice) => (None, 0, notice.kind.as_str(), Vec::new()),
    }
}

impl Both {
    fn new() -> Self {
        let mut both = Self {
            short: World::restored(config(), Vec::new()),
            full: World::restored(config(), Vec::new()),
            commands: 0,
        };
        both.full.responder.keep_in_full();
        both
    }

    fn each(&mut self, mut happens: impl FnMut(&mut World)) {
        happens(&mut self.short);
        happens(&mut self.full);
    }

    fn happens(&mut self, happening: &Happening) {
        match happening {
            Happening::Decision(alert, machine, kind, mode, closed) => {
                let decision = decided((*alert, *machine), KINDS[*kind], *mode, *closed);
                self.each(|world| {
                    world.decide(decision.clone());
                    world.run();
                });
            }
            Happening::Hours(hours) => self.each(|world| hours_pass(world, *hours)),
            Happening::Ends(well) => {
                let status = if *well { ActionStatus::Succeeded } else { ActionStatus::Failed };
                self.each(|world| ends(world, &status));
            }
            Happening::Release(machine) => {
                let machine = super::office::machine(&format!("m{machine}"));
                self.says(|_| Some(Command::Release { machine: machine.clone() }));
            }
            Happening::Deny => self.says(|world| first_held(world).map(|(key, _)| Command::Deny { key })),
            Happening::Approve => {
                self.says(|world| first_held(world).map(|(key, intent)| Command::Approve { key, intent }));
            }
            Happening::Restart(is_compacted) => {
                self.short = restarted(&self.short, *is_compacted);
                self.full = restarted(&self.full, *is_compacted);
                self.full.responder.keep_in_full();
            }
        }
    }

    fn says(&mut self, command: impl Fn(&World) -> Option<Command>) {
        self.commands += 1;
        let id = format!("c-{}", self.commands);
        self.each(|world| {
            if let Some(command) = command(world) {
                let record = signed(ANN, command, &id, world.at.wall);
                world.say(record);
                world.run();
            }
        });
    }
}

fn decided((alert, machine): (u8, u8), kind: ActionKind, mode: Mode, closed: bool) -> DecisionRecord {
    let mut decision = plan(&format!("a{alert}"), &format!("m{machine}"), vec![an(kind)]);
    decision.planned[0].mode = mode;
    if closed {
        decision.alert.status = AlertStatus::Resolved;
    }
    decision
}

fn first_held(world: &World) -> Option<(ActionKey, cordon_records::IntentHash)> {
    let (_, key) = world.responder.ledger().waiting().first()?;
    let entry = world.responder.ledger().get(key)?;
    Some((key.clone(), entry.intent()))
}

fn ends(world: &mut World, status: &ActionStatus) {
    if world.responder.ledger().open().next().is_some() {
        world.ends(status);
    }
}

fn restarted(world: &World, is_compacted: bool) -> World {
    let log = if is_compacted { compacted(&world.stamped) } else { world.stamped.clone() };
    let mut next = World::restored_from(config(), log, world.at.wall);
    next.isolated.clone_from(&world.isolated);
    next
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn guards_say_on_a_ledger_that_keeps_ended_actions_in_short_what_they_say_on_one_that_forgets_nothing(
        happenings in prop::collection::vec(happening(), 0..40),
    ) {
        let mut both = Both::new();
        for happening in &happenings {
            let before = (both.short.reports.len(), both.full.reports.len());
            both.happens(happening);
            let restarted = matches!(happening, Happening::Restart(_));
            let from = if restarted { (0, 0) } else { before };
            let short: Vec<Said> = both.short.reports[from.0..].iter().map(said).collect();
            let full: Vec<Said> = both.full.reports[from.1..].iter().map(said).collect();
            prop_assert_eq!(short, full, "after {:?}", happening);
            prop_assert_eq!(both.short.orders.len(), both.full.orders.len());
        }
        // That this compares anything: what has long ended is in short on one side only.
        hours_pass(&mut both.short, 24 * 90);
        prop_assert_eq!(both.full.responder.ledger().closed_count(), 0);
        let ended = both.short.responder.ledger().entries().filter(|entry| {
            let scan = matches!(entry.action.kind(), ActionKind::Scan | ActionKind::Tag);
            scan && !entry.is_open() && entry.state != cordon_records::AttemptState::Reported(ActionState::Held)
        });
        let left = ended.filter(|entry| both.short.responder.ledger().open_on(&entry.machine.id, &entry.key).next().is_none());
        prop_assert_eq!(left.count(), 0);
    }
}
