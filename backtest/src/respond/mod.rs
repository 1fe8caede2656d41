//! The second step: what plans an action goes, in the order of its time, through the very same responder that runs live.
//!
//! Its shell is another one: no broker, no tenant, no clock. Time passes from record to record; every write is confirmed at
//! once; the tenant is a model in which every call succeeds ([`model`]).

mod courses;
mod model;
mod people;
mod replay;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use cordon_records::{ActionKey, Claim, GuardFacts, LedgerRecord, Mode, NoticeKind, Report, StampedRecord, TenantId};
use cordon_response::{Config, Effect, Event, LedgerState, Moment, Responder, Unreadable, Waits};
use jiff::{SignedDuration, Timestamp};

use crate::acting::Acting;
use crate::error::BacktestError;
use crate::fleet::Fleets;
use crate::found::Later;
use crate::place::Place;
use crate::record::Record;
use crate::side::Side;

use courses::Courses;
pub use courses::{Played, Step};
use model::ModelTenant;
use people::People;
pub use people::Voices;
pub use replay::{Live, Outcomes, replay};

/// What a live responder knows from its configuration and its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Times<'a> {
    /// The ceiling over the rules' modes.
    pub mode: Mode,
    /// How long an action takes that the model tenant has accepted.
    pub succeeds_after: Duration,
    /// How it goes on.
    pub waits: Waits,
    /// How many machines are onboarded, where anybody says so.
    pub fleet: &'a Fleets,
    /// What people answer to what is held.
    pub voices: Voices<'a>,
}

/// What the shipped stage does.
const LEASE: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(120);

/// Nothing is closed before it is 30 days old, and a walk costs what the ledger is long.
const CLOSE_EVERY: Duration = Duration::from_secs(10 * 86_400);

/// How often the responder may ask for the same instant before that is a fault of ours.
const TURNS: u32 = 1_000;

/// Plays all that one side plans.
///
/// # Errors
/// When a record that was kept cannot be read again, or the responder does what it never may.
pub fn play(side: &Side, acting: &mut Acting, times: Times<'_>, later: Later<'_>) -> Result<Played, BacktestError> {
    let mut stage: Option<Stage<'_>> = None;
    for number in 0..acting.len() {
        let read = acting.get(number);
        let read = read.map_err(|error| BacktestError::Broken(format!("what was kept cannot be read: {error}")))?;
        let Some((at, place, bytes)) = read else { continue };
        let record = Record::read(&bytes).map_err(BacktestError::Broken)?;
        let Some(rules) = side.rules_at(&place) else { continue };
        let decided = record.decide(rules, place.to_string());
        let decision = decided.map_err(|error| BacktestError::Broken(error.to_string()))?;
        let stage = match &mut stage {
            Some(stage) => stage,
            None => stage.insert(Stage::new(side, times, decision.tenant.clone(), at)?),
        };
        stage.decide(decision, at, place)?;
    }
    match stage {
        Some(stage) => stage.end(later),
        None => Ok(Courses::default().end(later)),
    }
}

/// One responder with its make-believe surroundings.
struct Stage<'a> {
    responder: Responder,
    tenant: ModelTenant,
    times: Times<'a>,
    began: Moment,
    at: Moment,
    offset: i64,
    ledger_end: i64,
    waiting: VecDeque<Effect>,
    courses: Courses,
    tenant_id: TenantId,
    people: Option<People<'a>>,
    commands: i64,
    /// What was read live for each action, and has not been served yet.
    recorded: HashMap<ActionKey, VecDeque<GuardFacts>>,
}

impl<'a> Stage<'a> {
    fn new(side: &Side, times: Times<'a>, tenant: TenantId, wall: Timestamp) -> Result<Self, BacktestError> {
        let people = People::new(times.voices)?;
        let signers = people.as_ref().map_or_else(|| Ok(side.signers.clone()), People::signers)?;
        let config = Config {
            tenant: tenant.clone(),
            mode: times.mode,
            guards: side.guards.clone(),
            signers,
            lease: LEASE,
            settle: SETTLE,
            waits: times.waits,
            close_every: CLOSE_EVERY,
        };
        let began = Moment { wall, mono: Instant::now() };
        let mut ledger = LedgerState::default();
        let claim = Claim { epoch: 1, owner: "backtest".to_owned(), at: wall };
        ledger.apply(StampedRecord::from(LedgerRecord::Claim(claim)));
        Ok(Self {
            responder: Responder::new(config, ledger, 1, 0, began),
            tenant: ModelTenant::new(times.succeeds_after),
            times,
            began,
            at: began,
            offset: 0,
            ledger_end: 1,
            waiting: VecDeque::new(),
            courses: Courses::default(),
            tenant_id: tenant,
            people,
            commands: 0,
            recorded: HashMap::new(),
        })
    }

    /// A decision comes, when its record was made.
    fn decide(
        &mut self,
        decision: cordon_records::DecisionRecord,
        at: Timestamp,
        place: Place,
    ) -> Result<(), BacktestError> {
        self.pass_to(at)?;
        self.tenant.saw(&decision);
        self.courses.decided(&decision.id, at, place);
        let offset = self.offset;
        self.offset += 1;
        self.give(Event::Decision(offset, Box::new(decision)))
    }

    /// Lets time pass; what people say meanwhile is heard at its time.
    fn pass_to(&mut self, wall: Timestamp) -> Result<(), BacktestError> {
        while let Some(at) = self.people.as_ref().and_then(People::next).filter(|at| *at <= wall) {
            self.tick_to(at)?;
            self.spoken().into_iter().try_for_each(|said| self.give(said))?;
        }
        self.tick_to(wall)
    }

    /// Lets time pass, and the responder do what is due meanwhile.
    fn tick_to(&mut self, wall: Timestamp) -> Result<(), BacktestError> {
        let passed = Duration::try_from(wall.duration_since(self.began.wall)).unwrap_or_default();
        let until = self.began.mono + passed;
        let mut turns = 0;
        while let Some(due) = self.responder.next_wake().filter(|due| *due <= until) {
            turns = if due > self.at.mono { 0 } else { turns + 1 };
            if turns > TURNS {
                return Err(BacktestError::Broken(format!("the responder never comes to rest at {}", self.at.wall)));
            }
            self.at = self.moment(due.max(self.at.mono));
            self.give(Event::Tick)?;
        }
        self.at = Moment { wall: wall.max(self.at.wall), mono: until.max(self.at.mono) };
        Ok(())
    }

    fn moment(&self, mono: Instant) -> Moment {
        let passed = SignedDuration::try_from(mono.saturating_duration_since(self.began.mono));
        let wall = self.began.wall.checked_add(passed.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX);
        Moment { wall, mono }
    }

    /// Gives the responder an event, and carries out all that follows at once.
    fn give(&mut self, event: Event) -> Result<(), BacktestError> {
        let effects = self.responder.on(event, self.at);
        self.waiting.extend(effects);
        while let Some(effect) = self.waiting.pop_front() {
            let events = self.carry_out(effect)?;
            for event in events {
                let effects = self.responder.on(event, self.at);
                self.waiting.extend(effects);
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) -> Result<Vec<Event>, BacktestError> {
        let now = self.at.wall;
        Ok(match effect {
            Effect::Read { key, alert, machine } => {
                self.courses.called(2 + u64::from(alert.is_some()), now);
                let facts = self.tenant.facts(alert.as_ref().map(|(alert, _)| alert), &machine, now);
                let then = self.recorded.get_mut(&key).and_then(VecDeque::pop_front);
                let facts = match then {
                    Some(then) => replay::as_recorded(facts, then),
                    None => facts,
                };
                vec![Event::Facts(key, Ok(Box::new(facts)))]
            }
            Effect::WriteIntent(key, record) => self.intent(key, *record),
            Effect::WriteClaim(record) => {
                let offset = self.ledger_end;
                vec![self.append(*record), Event::ClaimWritten(offset)]
            }
            Effect::Record { write, reports, ledger } => {
                let mut events: Vec<Event> = ledger.into_iter().map(|record| self.append(record)).collect();
                events.push(Event::Recorded(write));
                for report in &reports {
                    events.extend(self.reported(report));
                }
                events
            }
            Effect::Act { order, until: _ } => {
                self.courses.called(1, now);
                let answer = self.tenant.act(&order, now);
                vec![Event::Answered(order.key.clone(), answer)]
            }
            Effect::ActTogether { orders, until: _ } => {
                self.courses.called(1, now);
                let answer = cordon_response::Answer::Done("changed, in the model tenant".to_owned());
                vec![Event::AnsweredTogether(orders.into_iter().map(|order| order.key).collect(), answer)]
            }
            Effect::Look(key, machine) => {
                self.courses.called(1, now);
                vec![Event::Looked(key, Ok(self.tenant.listed(&machine, now)))]
            }
            Effect::Follow { ids, since: _ } => {
                self.courses.called(1, now);
                vec![Event::Followed(Ok(self.tenant.standings(&ids, now)))]
            }
            Effect::FetchLink(key, _) => vec![Event::Linked(key, Ok("no link in the model tenant".to_owned()))],
            Effect::CountFleet => vec![Event::Counted(self.counted())],
            Effect::OutOfPlace(what) => return Err(BacktestError::Broken(format!("out of place: {what:?}"))),
            Effect::Superseded(epoch) => return Err(BacktestError::Broken(format!("superseded by epoch {epoch}"))),
            Effect::Remove { .. }
            | Effect::PublishFleet(_)
            | Effect::SwitchSetRight(_)
            | Effect::CommandsMadeAnew(_)
            | Effect::Settle(..) => Vec::new(),
        })
    }

    fn intent(&mut self, key: ActionKey, record: StampedRecord) -> Vec<Event> {
        let offset = self.ledger_end;
        vec![self.append(record), Event::IntentWritten(key, offset)]
    }

    fn append(&mut self, record: StampedRecord) -> Event {
        let offset = self.ledger_end;
        self.ledger_end += 1;
        Event::Tailed(offset, Box::new(record))
    }

    /// Takes note of a report, and gives what people say to it.
    fn reported(&mut self, report: &Report) -> Vec<Event> {
        let record = match report {
            Report::Action(record) => record,
            Report::Notice(notice) => {
                self.courses.noticed(notice);
                if let Some(people) = self.people.as_mut().filter(|_| notice.kind == NoticeKind::BreakerLatched) {
                    people.hear_of_breaker(&notice.id);
                }
                return Vec::new();
            }
        };
        self.courses.reported(record);
        if let Some(people) = &mut self.people {
            people.hear(record, self.at.wall);
        }
        self.spoken()
    }

    /// What people say by now.
    fn spoken(&mut self) -> Vec<Event> {
        let now = self.at.wall;
        let words = self.people.as_mut().map(|people| people.speak(&self.tenant_id, now)).unwrap_or_default();
        let first = self.commands;
        self.commands += i64::try_from(words.len()).unwrap_or(0);
        (first..).zip(words).map(|(offset, word)| Event::Command(offset, Some(now), Ok(word))).collect()
    }

    fn counted(&self) -> Result<u64, Unreadable> {
        let why =
            || Unreadable { why: "the fleet's size is not recorded".to_owned(), retry_after: None, refused: false };
        self.times.fleet.at(self.at.wall).ok_or_else(why)
    }

    /// What all has come to, once nothing is under way.
    fn end(mut self, later: Later<'_>) -> Result<Played, BacktestError> {
        self.come_to_rest()?;
        Ok(self.courses.end(later))
    }

    /// What is under way comes to its end, and so does what people have yet to say.
    fn come_to_rest(&mut self) -> Result<(), BacktestError> {
        while let Some(at) = self.people.as_ref().and_then(People::next) {
            self.pass_to(at)?;
        }
        let after = SignedDuration::try_from(self.times.succeeds_after.saturating_add(self.times.waits.alarm_after))
            .unwrap_or(SignedDuration::MAX);
        self.pass_to(self.at.wall.checked_add(after).unwrap_or(Timestamp::MAX))
    }
}
