//! A world that carries out effects by hand, so that a test decides what happens when.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use cordon_policy::Isolation;
use cordon_records::{
    Action, ActionKey, ActionKind, ActionState, ActionStatus, AttemptState, Claim, CommandRecord, CountedFleet,
    DecisionRecord, LedgerRecord, MachineId, Mode, PlannedAction, RecordOutcome, Report, RuleId, StampedRecord,
};
use jiff::{SignedDuration, Timestamp};

use super::samples::{config, decision, laptop, pending, start, summary};
use crate::event::{Answer, Effect, Event, Moment, Order, SwitchSetRight, Unreadable};
use crate::facts::{ActionSnapshot, FreshFacts};
use crate::ledger::LedgerState;
use crate::responder::{Config, Responder, forgotten};

/// A decision that plans these actions, in this order, by one rule in mode auto.
pub fn plan(alert: &str, machine: &str, actions: Vec<Action>) -> DecisionRecord {
    let mut decision = decision(alert, machine);
    let (tenant, alert, machine) = (&decision.tenant, &decision.alert.id, MachineId::new(machine).unwrap());
    let rules = vec![RuleId::new("one-rule").unwrap()];
    let planned = actions.into_iter().map(|action| PlannedAction {
        key: ActionKey::derive(tenant, alert, &machine, &action),
        action,
        mode: Mode::Auto,
        rules: rules.clone(),
        limits: Vec::new(),
    });
    decision.planned = planned.collect();
    decision
}

/// A responder, a ledger of one partition, and everything that has come out.
pub struct World {
    pub responder: Responder,
    pub at: Moment,
    pub log: Vec<LedgerRecord>,
    /// The same records as they stand on the topic, each with its writer's epoch.
    pub stamped: Vec<StampedRecord>,
    pub waiting: VecDeque<Effect>,
    pub calls: Vec<(ActionKey, MachineId, String)>,
    pub orders: Vec<Order>,
    pub together: Vec<Vec<Order>>,
    /// What the next question for the link to a package is answered with.
    pub link: Result<String, Unreadable>,
    pub reports: Vec<Report>,
    /// What decide was told of the fleet.
    pub published: Vec<CountedFleet>,
    /// The switches of which was said that they were set right.
    pub set_right: Vec<SwitchSetRight>,
    pub settled: Vec<(i64, RecordOutcome)>,
    pub superseded: bool,
    /// The keys that were deleted from the ledger.
    pub removed: Vec<String>,
    /// How the tenant says that machines stand.
    pub isolated: BTreeMap<MachineId, Isolation>,
    next_decision: i64,
    next_command: i64,
}

impl World {
    pub fn new() -> Self {
        Self::restored(config(), Vec::new())
    }

    /// A new holder that has restored this log.
    pub fn restored(config: Config, log: Vec<LedgerRecord>) -> Self {
        Self::restored_at(config, log, start() + SignedDuration::from_secs(60))
    }

    /// The same, at this time of the wall clock.
    pub fn restored_at(config: Config, log: Vec<LedgerRecord>, wall: Timestamp) -> Self {
        Self::restored_from(config, log.into_iter().map(StampedRecord::from).collect(), wall)
    }

    /// The same, from records as they stand on the topic.
    pub fn restored_from(config: Config, mut stamped: Vec<StampedRecord>, wall: Timestamp) -> Self {
        let mut ledger = LedgerState::default();
        stamped.iter().cloned().for_each(|record| ledger.apply(record));
        let (epoch, next_command) = (ledger.epoch() + 1, ledger.commands_next());
        let claim = StampedRecord::from(LedgerRecord::Claim(Claim { epoch, owner: "test".into(), at: start() }));
        ledger.apply(claim.clone());
        stamped.push(claim);
        let log: Vec<LedgerRecord> = stamped.iter().cloned().map(StampedRecord::into_record).collect();
        let at = Moment { wall, mono: Instant::now() };
        let end = i64::try_from(log.len()).unwrap() - 1;
        let responder = Responder::new(config, ledger, epoch, end, at);
        let mut world = Self {
            responder,
            at,
            log,
            stamped,
            waiting: VecDeque::new(),
            calls: Vec::new(),
            orders: Vec::new(),
            together: Vec::new(),
            link: Ok("https://packages.example.com/one".into()),
            reports: Vec::new(),
            published: Vec::new(),
            set_right: Vec::new(),
            settled: Vec::new(),
            isolated: BTreeMap::new(),
            superseded: false,
            removed: Vec::new(),
            next_decision: 0,
            next_command,
        };
        world.give(Event::Tick);
        world
    }

    pub fn give(&mut self, event: Event) {
        let effects = self.responder.on(event, self.at);
        forgotten::nothing(&self.responder);
        self.waiting.extend(effects);
    }

    pub fn decide(&mut self, decision: DecisionRecord) {
        let offset = self.next_decision;
        self.next_decision += 1;
        self.give(Event::Decision(offset, Box::new(decision)));
    }

    pub fn pass(&mut self, time: Duration) {
        self.at.mono += time;
        self.at.wall += SignedDuration::try_from(time).unwrap();
        self.give(Event::Tick);
    }

    /// Carries out one effect as a healthy world would; calls are answered by `answer`.
    pub fn step(&mut self, answer: &mut dyn FnMut(&ActionKey) -> Answer) -> bool {
        // Who is superseded does nothing more.
        let Some(effect) = self.waiting.pop_front().filter(|_| !self.superseded) else { return false };
        match effect {
            Effect::Settle(offset, outcome) => self.settled.push((offset, outcome)),
            Effect::Superseded(_) => self.superseded = true,
            Effect::Read { key, alert, machine } => {
                let isolation = self.isolated.get(&machine).cloned().unwrap_or(Isolation::None);
                let facts = FreshFacts {
                    alert: alert.map(|(alert, _)| summary(&alert)),
                    machine: Some(laptop(&machine)),
                    isolation,
                    ..FreshFacts::missing()
                };
                self.give(Event::Facts(key, Ok(Box::new(facts))));
            }
            Effect::WriteIntent(key, record) => {
                let offset = self.append_stamped(*record);
                self.give(Event::IntentWritten(key, offset));
            }
            Effect::WriteClaim(record) => {
                let offset = self.append_stamped(*record);
                self.give(Event::ClaimWritten(offset));
            }
            Effect::Record { write, reports, ledger } => {
                self.reports.extend(reports);
                for record in ledger {
                    self.append_stamped(record);
                }
                self.give(Event::Recorded(write));
            }
            Effect::Act { order, .. } => {
                let key = order.key.clone();
                self.calls.push((order.key.clone(), order.machine.clone(), order.comment.clone()));
                self.orders.push(*order);
                let answer = answer(&key);
                self.keep(&answer);
                self.give(Event::Answered(key, answer));
            }
            Effect::ActTogether { orders, .. } => {
                let keys: Vec<ActionKey> = orders.iter().map(|order| order.key.clone()).collect();
                let answer = answer(&keys[0]);
                self.together.push(orders);
                self.give(Event::AnsweredTogether(keys, answer));
            }
            Effect::FetchLink(key, _) => self.give(Event::Linked(key, self.link.clone())),
            Effect::Look(key, _) => self.give(Event::Looked(key, Ok(Vec::new()))),
            Effect::Follow { .. } => self.give(Event::Followed(Ok(Vec::new()))),
            Effect::Remove { keys, .. } => self.removed.extend(keys),
            Effect::PublishFleet(counted) => self.published.push(counted),
            Effect::SwitchSetRight(switch) => self.set_right.push(switch),
            Effect::OutOfPlace(what) => panic!("{what:?}"),
            // What was read before is in the ledger.
            Effect::CommandsMadeAnew(_) => {}
            Effect::CountFleet => {
                self.give(Event::Counted(Err(Unreadable {
                    why: "not counted here".into(),
                    retry_after: None,
                    refused: false,
                })));
            }
        }
        true
    }

    /// A world in which such an action on machine m1 has something to do: to be released it must be isolated, and by us.
    pub fn ready_for(kind: ActionKind) -> Self {
        let mut world = Self::new();
        if kind == ActionKind::Release {
            world.decide(decision("a0", "m1"));
            world.run();
            let mut end = pending(&world.calls[0].0);
            end.status = ActionStatus::Succeeded;
            world.until_followed(&[end]);
            world.run();
        }
        world.restarted(config())
    }

    /// The next holder after this one, at the same time.
    pub fn restarted(&self, config: Config) -> Self {
        let mut next = Self::restored_from(config, self.stamped.clone(), self.at.wall);
        next.isolated.clone_from(&self.isolated);
        next
    }

    /// What the tenant makes of the last order.
    fn keep(&mut self, answer: &Answer) {
        let (Some(order), Answer::Accepted(standing)) = (self.orders.last(), answer) else { return };
        let machine = order.machine.clone();
        match order.action.kind() {
            ActionKind::Isolate => self.isolated.insert(machine, Isolation::Isolated { id: standing.id.clone() }),
            ActionKind::Release => self.isolated.insert(machine, Isolation::None),
            _ => None,
        };
    }

    /// A person says this; gives back its offset.
    pub fn say(&mut self, command: CommandRecord) -> i64 {
        let offset = self.next_command;
        self.next_command += 1;
        self.give(Event::Command(offset, None, Ok(command)));
        offset
    }

    /// Carries out everything, with calls accepted.
    pub fn run(&mut self) {
        self.run_with(&mut |key| Answer::Accepted(pending(key)));
    }

    pub fn run_with(&mut self, answer: &mut dyn FnMut(&ActionKey) -> Answer) {
        for _ in 0..100_000 {
            if !self.step(answer) {
                return;
            }
        }
        panic!("the responder never comes to rest");
    }

    /// Lets time pass until the next look at accepted actions, and answers it.
    pub fn until_followed(&mut self, standings: &[ActionSnapshot]) {
        for _ in 0..10_000 {
            match self.waiting.front() {
                Some(Effect::Follow { .. }) => {
                    self.waiting.pop_front();
                    for standing in standings {
                        if matches!(
                            standing.status,
                            ActionStatus::Failed | ActionStatus::TimeOut | ActionStatus::Cancelled
                        ) {
                            let ended = Isolation::Isolated { id: standing.id.clone() };
                            self.isolated.retain(|_, stands| *stands != ended);
                        }
                    }
                    self.give(Event::Followed(Ok(standings.to_vec())));
                    return;
                }
                Some(_) => assert!(self.step(&mut |key| Answer::Accepted(pending(key)))),
                None => self.pass(Duration::from_secs(5)),
            }
        }
        panic!("nobody looks at accepted actions");
    }

    /// Where the first INTENT of this holder stands in the log.
    pub fn intent_at(&self) -> usize {
        let is_intent =
            |record: &LedgerRecord| matches!(record, LedgerRecord::Action(e) if e.state == AttemptState::Intent);
        let own = self.log.iter().rposition(|record| matches!(record, LedgerRecord::Claim(_))).unwrap_or(0);
        own + self.log.iter().skip(own).position(is_intent).expect("an INTENT")
    }

    /// How many attempts the caps count.
    pub fn intents_counted(&self) -> usize {
        self.responder.ledger().attempts(Timestamp::MIN, Mode::Auto, None).len()
    }

    /// The link in the last report.
    pub fn link_reported(&self) -> Option<String> {
        match self.reports.last()? {
            Report::Action(record) => record.link.clone(),
            Report::Notice(_) => None,
        }
    }

    /// Another writer's record, of a build before there was a stamp.
    pub fn append(&mut self, record: LedgerRecord) -> i64 {
        self.append_stamped(record.into())
    }

    pub fn append_stamped(&mut self, record: StampedRecord) -> i64 {
        self.log.push(record.record().clone());
        self.stamped.push(record.clone());
        let offset = i64::try_from(self.log.len()).unwrap() - 1;
        self.give(Event::Tailed(offset, Box::new(record)));
        offset
    }

    /// The kinds that were called, in order.
    pub fn called(&self) -> Vec<ActionKind> {
        self.orders.iter().map(|order| order.action.kind()).collect()
    }

    /// What was reported, in order: kind and state.
    pub fn steps(&self) -> Vec<(ActionKind, ActionState)> {
        let steps = self.reports.iter().filter_map(|report| match report {
            Report::Action(record) => Some((record.action.as_ref()?.kind(), record.state)),
            Report::Notice(_) => None,
        });
        steps.collect()
    }

    pub fn states(&self) -> Vec<ActionState> {
        self.reports
            .iter()
            .filter_map(|report| match report {
                Report::Action(record) => Some(record.state),
                Report::Notice(_) => None,
            })
            .collect()
    }

    pub fn reasons(&self) -> Vec<String> {
        self.reports
            .iter()
            .filter_map(|report| match report {
                Report::Action(record) => Some(record.reason.clone()),
                Report::Notice(_) => None,
            })
            .collect()
    }

    pub fn notices(&self) -> usize {
        self.reports.iter().filter(|report| matches!(report, Report::Notice(_))).count()
    }

    pub fn intents(&self) -> usize {
        let intent =
            |record: &&LedgerRecord| matches!(record, LedgerRecord::Action(e) if e.state == AttemptState::Intent);
        self.log.iter().filter(intent).count()
    }
}
