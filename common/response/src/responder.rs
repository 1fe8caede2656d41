//! The heart of respond: one state machine that turns events into effects. Pure; time is passed in.
//!
//! Guards and ledger live here, in one place and in one order, so that caps are exact and one machine in doubt
//! blocks nobody else. Its shell carries the effects out and brings their outcomes back as events. Here is only who is asked
//! next; the steps are in the files that the crate's first page names.

use std::time::{Duration, Instant};

use cordon_policy::Guards;
use cordon_records::{ActionKey, CommandPlace, LedgerRecord, Mode, RecordOutcome, Report, StampedRecord, TenantId};
use cordon_signing::AllowedSigners;

use super::event::{Effect, Event, Moment, OutOfPlace};
use super::follow::FollowUps;
use super::job::{Question, Sought, State, Step};
use super::jobs::Jobs;
use super::ledger::LedgerState;
use super::quota::Quotas;
use super::report::say_how_long_it_stays;
use super::schedule::{Due, Schedule};
use super::settlement::{Durable, NotWaiting, OnDurable, Settlement, WriteId};
use super::waits::Waits;

mod approval;
mod attempt;
mod bulk;
mod cancel;
mod command;
mod follow;
#[cfg(test)]
pub(crate) mod forgotten;
mod intake;
mod order;
mod others;
mod preflight;
mod reconcile;
mod refused;
mod release;
mod retry;
mod switches;
mod tail;
mod timer;
mod upkeep;

use attempt::Gathering;
use follow::Links;
use refused::Refusals;
pub use retry::Retry;
use timer::Timers;
use upkeep::Upkeep;

/// What the responder must know beside the ledger.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whose machines these are.
    pub tenant: TenantId,
    /// The ceiling over the rules' modes.
    pub mode: Mode,
    /// The guards.
    pub guards: Guards,
    /// Whose signatures count.
    pub signers: AllowedSigners,
    /// How long an INTENT permits the call, monotonic. 30 s by design.
    pub lease: Duration,
    /// How long an action in doubt rests before the list is believed. 120 s by design.
    pub settle: Duration,
    /// How long an action waits for what.
    pub waits: Waits,
    /// How long from one walk through what has ended, to close it, to the next. An hour by design; a replay of months in
    /// seconds takes longer ones.
    pub close_every: Duration,
}

/// The state machine.
#[derive(Debug)]
pub struct Responder {
    config: Config,
    /// Hash of the guards in force.
    guard_set: String,
    ledger: LedgerState,
    epoch: u64,
    jobs: Jobs,
    settlement: Settlement,
    tailed_to: i64,
    follow: FollowUps,
    timers: Timers,
    refusals: Refusals,
    links: Links,
    gathering: Gathering,
    quotas: Quotas,
    schedule: Schedule,
    upkeep: Upkeep,
    effects: Vec<Effect>,
}

impl Responder {
    /// Takes over a restored ledger under a claim of `epoch`. What was on its way goes on: accepted actions are
    /// followed, intents without an outcome are in doubt from this moment. `tailed_to` is the last offset folded
    /// into the state.
    #[must_use]
    pub fn new(config: Config, ledger: LedgerState, epoch: u64, tailed_to: i64, at: Moment) -> Self {
        let follow = FollowUps::new(config.waits.follow_up, config.waits.alarm_after);
        let guard_set = config.guards.hash();
        let mut responder = Self {
            config,
            guard_set,
            ledger,
            epoch,
            jobs: Jobs::default(),
            settlement: Settlement::default(),
            tailed_to,
            follow,
            timers: Timers::default(),
            refusals: Refusals::default(),
            links: Links::default(),
            gathering: Gathering::default(),
            quotas: Quotas::default(),
            schedule: Schedule::default(),
            upkeep: Upkeep::new(at),
            effects: Vec::new(),
        };
        responder.ledger.hold(epoch);
        responder.schedule.set(Due::Count, at.mono);
        responder.schedule.set(Due::Shorten, at.mono + upkeep::STEP);
        responder.schedule.set(Due::Remove, at.mono + upkeep::STEP);
        responder.write_again_what_is_astray(at);
        responder.resume_open(at);
        responder.resume_retries(at);
        responder.resume_timers(at);
        responder.resume_refused(at);
        responder
    }

    /// Takes one event and gives what is to be done, in order.
    pub fn on(&mut self, event: Event, at: Moment) -> Vec<Effect> {
        match event {
            Event::Decision(offset, decision) => self.take_in(offset, &decision, at),
            Event::Tailed(offset, record) => self.tailed(offset, *record, at),
            Event::Erased(offset, key) => self.erased(offset, &key, at),
            Event::Command(offset, written_at, command) => {
                self.apply_command(CommandPlace { offset, written_at }, command, at);
            }
            Event::Facts(key, facts) => self.facts(&key, facts.map(|facts| *facts), at),
            Event::IntentWritten(key, offset) => self.intent_written(&key, offset, at),
            Event::ClaimWritten(offset) => self.claim_written(offset, at),
            Event::Answered(key, answer) => self.answered(&key, answer, at),
            Event::AnsweredTogether(keys, answer) => self.answered_together(&keys, &answer, at),
            Event::Recorded(write) => self.recorded(write, at),
            Event::Looked(key, actions) => self.looked(&key, actions, at),
            Event::Followed(standings) => self.followed(standings, at),
            Event::Linked(key, link) => self.linked(&key, link, at),
            Event::Counted(machines) => self.counted(machines, at),
            Event::Policy(policy) => self.policy(*policy),
            Event::Tick => {}
        }
        self.wake(at);
        self.start_queued(at);
        std::mem::take(&mut self.effects)
    }

    /// Whether a person has paused all actions.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.ledger.pause().is_some_and(|latch| latch.on)
    }

    /// The ledger, for reports about the whole.
    #[must_use]
    pub fn ledger(&self) -> &LedgerState {
        &self.ledger
    }

    /// When something is due next.
    #[must_use]
    pub fn next_wake(&self) -> Option<Instant> {
        self.schedule.next()
    }

    fn wake(&mut self, at: Moment) {
        self.timers_after_a_pause(at);
        for due in self.schedule.due(at.mono) {
            match due {
                Due::Waited(key) => self.write_what_was_waited(&key, at),
                Due::Job(key) => self.wake_job(&key, at),
                Due::Look(key) => self.follow.is_due(key),
                Due::Told => self.go_through_what_was_told(at),
                Due::Retry(key) => self.try_again(&key),
                Due::Release(key) => self.time_is_over(&key, at),
                Due::ReadAgain => self.read_again_now(at),
                Due::Link(key) => self.fetch_link_again(&key, at),
                Due::Gathered => self.send_gathered(at),
                Due::Count => self.effects.push(Effect::CountFleet),
                Due::Shorten => self.shorten(at),
                Due::Remove => self.remove_some(at),
                // Looked at in every turn: below, and where jobs are started.
                Due::Looks | Due::Expiry | Due::Quota(_) => {}
            }
        }
        self.expire_when_due(at);
        self.effects.extend(self.follow.look(&mut self.schedule, at));
    }

    fn wake_job(&mut self, key: &ActionKey, at: Moment) {
        let Some(job) = self.jobs.get(key) else { return self.misplaced("time", key) };
        match job.state() {
            State::InDoubt(_, None, _) => self.look(key, Sought::Lost),
            State::InDoubt(_, Some(listed_by), _) if at.mono >= *listed_by => self.look(key, Sought::RunningSettled),
            State::InDoubt(_, Some(listed_by), _) => self.look(key, Sought::Running(Some(*listed_by))),
            State::Queued(_)
            | State::Reading(_)
            | State::Resting(..)
            | State::IntentSent(_)
            | State::IntentAt(..)
            | State::Gathering(_)
            | State::Calling
            | State::Looking(..) => self.wait(key),
        }
    }

    /// Has a job wait for its turn.
    fn wait(&mut self, key: &ActionKey) {
        _ = self.step(key, Step::Wait);
    }

    /// Has a job take a step. Where it cannot come that is said, and nothing else may follow.
    #[must_use]
    fn step(&mut self, key: &ActionKey, step: Step) -> bool {
        match self.jobs.step(key, step, &mut self.schedule) {
            Ok(()) => true,
            Err(what) => {
                self.effects.push(Effect::OutOfPlace(what));
                false
            }
        }
    }

    /// Whether this answer is one that a job waits for. Nobody waits for it where its job was taken out, or was begun anew,
    /// since it was asked for; what was never asked for is out of place.
    fn is_awaited(&mut self, key: &ActionKey, question: Question) -> bool {
        match self.jobs.awaits(key, question) {
            Ok(awaited) => awaited,
            Err(what) => {
                self.effects.push(Effect::OutOfPlace(what));
                false
            }
        }
    }

    /// Says that this cannot come where the job of this key stands.
    fn misplaced(&mut self, event: &'static str, key: &ActionKey) {
        self.effects.push(Effect::OutOfPlace(self.jobs.out_of_place(event, key)));
    }

    /// Makes these changes of the ledger, and hands reports and what is to be written to the shell; `then` happens once both are
    /// durable.
    fn record(&mut self, reports: Vec<Report>, changes: Vec<LedgerRecord>, then: OnDurable) {
        let ledger = changes.into_iter().map(|change| self.ledger.transition(change)).collect();
        self.write(reports, ledger, then);
    }

    /// Hands reports and what the ledger wants written to the shell; `then` happens once both are durable.
    fn write(&mut self, mut reports: Vec<Report>, ledger: Vec<StampedRecord>, then: OnDurable) {
        reports.iter_mut().for_each(|report| say_how_long_it_stays(report, &self.config.guards));
        let write = self.settlement.write(then);
        self.effects.push(Effect::Record { write, reports, ledger });
    }

    fn recorded(&mut self, write: WriteId, at: Moment) {
        let Ok(Durable { settled, follow }) = self.settlement.durable(write) else {
            return self.out_of_place("recorded", None, "no such write is under way");
        };
        self.effects.extend(settled.map(Effect::from));
        if let Some(entry) = follow.and_then(|key| self.ledger.get(&key)) {
            self.follow.add(entry, &mut self.schedule, at);
        }
    }

    /// One of the actions of the decision at `offset` is done with; the decision itself once all are.
    fn one_done(&mut self, offset: i64, outcome: RecordOutcome) {
        match self.settlement.one_done(offset, outcome) {
            Ok(settled) => self.effects.extend(settled.map(Effect::from)),
            Err(NotWaiting) => self.out_of_place("action done", None, "its decision waits for nothing"),
        }
    }

    /// Says that this cannot come to an action of which the ledger knows nothing.
    fn not_in_the_ledger(&mut self, event: &'static str, key: &ActionKey) {
        self.out_of_place(event, Some(key), "not in the ledger");
    }

    /// Says that something came where it cannot come. It changes nothing; it is a mistake of ours, or of the shell.
    fn out_of_place(&mut self, event: &'static str, key: Option<&ActionKey>, state: &'static str) {
        self.effects.push(Effect::OutOfPlace(OutOfPlace { event, key: key.cloned(), state }));
    }
}
