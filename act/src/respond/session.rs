//! The shell around the responder: reads topics, carries out effects, brings back events.
//!
//! One task owns the responder; only HTTP calls and Kafka writes run beside it. The order of the `select` matters:
//! a lost tenure first, then the ledger's tail (a higher claim must be seen before anything is begun), then
//! outcomes, time, and last of all new work.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cordon_policy::Guards;
use cordon_records::{
    ActionKey, AttemptState, Classified, CountedFleet, ErrorClass, Latch, LedgerRecord, Report, StampedRecord,
    TenantId, Topic,
};
use cordon_response::{Config, Effect, Event, Moment, OutOfPlace, Responder, SwitchSetRight, WriteId};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{
    self, Arrival, Claimed, Holder, Inbound, Inbox, KafkaFailure, Others, Outbound, Settler, StateLog, Tenure,
};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::summary::{self, Pace, Summary};
use super::tenant::{Calls, Tenant};
use super::writes::{self, Writes};
use super::{inbound, restore};
use crate::error::ActError;
#[cfg(feature = "failpoints")]
use crate::failpoint::{self, Point};
use crate::metrics::ActMetrics;
use crate::policy_log;
use crate::reload::LoadedPolicy;

/// respond's name among the components of its process.
const COMPONENT: &str = "respond";

/// The name under which it says that the tenant refuses it.
const DEFENDER: &str = "defender";

/// A loop with nothing to do turns this often, so that silence means stuck.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long writes under way may take after the tenure has ended.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// The holder of `decisions-0`.
pub struct Respond<T> {
    /// The way to the tenant.
    pub tenant: T,
    /// Whose decisions are acted on.
    pub tenant_id: TenantId,
    /// What the stage shares.
    pub context: Context,
    /// Mode, guards and times.
    pub config: Config,
    /// The guards in force, as they change.
    pub policy: watch::Receiver<LoadedPolicy>,
    /// The notice whose switch is to be lifted at the first tenure.
    pub resume: Option<String>,
    /// How often what people look at is marked and looked at.
    pub summary: Pace,
    /// Counters.
    pub metrics: ActMetrics,
}

/// What one tenure works with.
struct Session<T> {
    calls: Calls<T>,
    tenant_id: TenantId,
    context: Context,
    metrics: ActMetrics,
    tenure: Tenure,
    settler: Settler,
    work: JoinSet<Result<Event, ActError>>,
    writes: Writes,
    summary: Summary,
    doubts: Doubts,
    policy: watch::Receiver<LoadedPolicy>,
    /// The newest count of the fleet. What tells it to decide ends with this.
    fleet: watch::Sender<Option<CountedFleet>>,
}

impl<T: Tenant> Holder for Respond<T> {
    type Error = ActError;

    async fn hold(&mut self, tenure: Tenure, inbox: Inbox) -> Result<(), ActError> {
        self.context.health.set_ready("ledger", false, "the ledger is being restored");
        let ended = self.serve(tenure, inbox).await;
        // Who holds nothing waits for its turn: it is neither stuck nor unready.
        self.context.health.rest(COMPONENT);
        self.context.health.set_ready(DEFENDER, true, "");
        self.context.health.set_ready(summary::COMPONENT, true, "");
        if ended.as_ref().err().is_none_or(|error| error.class() != ErrorClass::Fatal) {
            self.context.health.set_ready("ledger", true, "");
        }
        ended
    }
}

impl<T: Tenant> Respond<T> {
    async fn serve(&self, tenure: Tenure, inbox: Inbox) -> Result<(), ActError> {
        let commands = StateLog::open(&self.context, Topic::Commands).await?;
        let restored = async {
            Ok::<_, ActError>((restore::restore(&self.context).await?, restore::earlier_commands(&self.context).await?))
        };
        let ((log, ledger, tailed_to), said) = tokio::select! {
            restored = restored => restored?,
            () = tenure.lost() => return Ok(()),
        };
        restore::check(&ledger, &kafka::cluster_id(&self.context.kafka).await?)?;
        self.context.health.set_ready("ledger", true, "");
        let mut policy = self.policy.clone();
        let standing = policy.borrow_and_update().clone();
        let epoch = log.epoch();
        announce(&standing.policy.guards, &self.config, epoch);
        let at = self.moment();
        self.tenant.acted_before(&ledger.calls_of_the_last_hour(self.config.lease, at.wall));
        let summary = Summary::begin(&ledger, epoch, self.summary, &self.context);
        let mut responder = Responder::new(self.config.clone(), ledger, epoch, tailed_to, at);
        let (fleet, counts) = watch::channel(None);
        tokio::spawn(policy_log::publish_fleet(counts, self.context.clone()));
        let mut session = Session {
            calls: Calls::new(self.tenant.clone(), tenure.clone()),
            context: self.context.clone(),
            metrics: self.metrics.clone(),
            tenure,
            settler: inbox.settler(),
            tenant_id: self.tenant_id.clone(),
            work: JoinSet::new(),
            writes: Writes::default(),
            summary,
            doubts: Doubts::default(),
            policy,
            fleet,
        };
        session.advance(&mut responder, Event::Policy(Box::new(standing.for_respond())))?;
        for command in said {
            session.advance(&mut responder, command)?;
        }
        if let Some(notice) = &self.resume {
            let effects = responder.resume_switch(notice, at);
            if effects.is_empty() {
                let holding = responder.ledger().holding();
                tracing::warn!(resume = %notice, ?holding, "--resume names nothing that is in force; nothing was lifted");
            }
            session.carry_out(effects)?;
        }
        session.run(responder, log, commands, inbox).await
    }

    fn moment(&self) -> Moment {
        Moment { wall: self.context.clock.now(), mono: Instant::now() }
    }
}

/// The actions in doubt of which was said until when they rest: what is only written down anew is not said again.
#[derive(Debug, Default)]
struct Doubts(BTreeMap<ActionKey, Timestamp>);

impl Doubts {
    /// Says that nobody knows whether an action was done, and until when it rests.
    fn say(&mut self, record: &StampedRecord) {
        let LedgerRecord::Action(entry) = record.record() else { return };
        let (AttemptState::InDoubt, Some(until)) = (entry.state, entry.rests_until) else {
            self.0.remove(&entry.key);
            return;
        };
        if self.0.insert(entry.key.clone(), until) == Some(until) {
            return;
        }
        let (kind, since) = (entry.action.kind(), entry.asked_at());
        tracing::warn!(
            key = %entry.key, %kind, machine = %entry.machine.id, %since, %until, reason = %entry.reason,
            "action in doubt: it rests until then, then Defender's list of actions is read"
        );
    }
}

/// Says that a switch was not as we left it: somebody may have believed what was found there.
fn say_set_right(switch: &SwitchSetRight) {
    let SwitchSetRight { switch, found, stands } = switch;
    let told = |latch: &Latch| {
        let on = if latch.on { "on" } else { "off" };
        format!("{on} since {} by {}: {}", latch.at, latch.by, latch.why)
    };
    let found = found.as_ref().map_or_else(|| "deleted".to_owned(), told);
    tracing::warn!(
        %switch, found, stands = told(stands),
        "the ledger's newest record of this switch was not the holder's; what stands was written again"
    );
}

/// Says that something came where it cannot come: nothing was done with it, and somebody should hear of it.
fn say_out_of_place(what: &OutOfPlace) {
    let OutOfPlace { event, key, state } = what;
    let key = key.as_ref().map(ToString::to_string);
    tracing::error!(event, key, state, "this cannot come here: nothing was done with it; please report it");
}

fn announce(guards: &Guards, config: &Config, epoch: u64) {
    tracing::info!(epoch, mode = config.mode.as_str(), guards = %guards, "respond holds the ledger");
}

impl<T: Tenant> Session<T> {
    async fn run(
        mut self,
        mut responder: Responder,
        mut log: Claimed,
        mut commands: StateLog,
        mut inbox: Inbox,
    ) -> Result<(), ActError> {
        let ended = self.turns(&mut responder, (&mut log, &mut commands), &mut inbox).await;
        if ended.as_ref().err().is_none_or(is_of_the_input) {
            self.finish_work(&mut responder).await;
        }
        ended
    }

    /// Works until the tenure ends.
    async fn turns(
        &mut self,
        responder: &mut Responder,
        (log, commands): (&mut Claimed, &mut StateLog),
        inbox: &mut Inbox,
    ) -> Result<(), ActError> {
        loop {
            self.advance(responder, Event::Tick)?;
            self.metrics.observe(responder.ledger());
            self.metrics.waiting(inbox.aside(), responder.waiting());
            self.context.health.beat(COMPONENT);
            let refuses = responder.tenant_refuses();
            self.context.health.set_ready(DEFENDER, refuses.is_none(), refuses.unwrap_or_default());
            let heartbeat = Instant::now() + HEARTBEAT;
            let wake = responder.next_wake().map_or(heartbeat, |due| due.min(heartbeat));
            let event = tokio::select! {
                biased;
                () = self.tenure.lost() => return Ok(()),
                tail = log.next() => inbound::tail(&tail?)?,
                Some(done) = self.work.join_next() => Some(done.map_err(|_| ActError::Task)??),
                command = commands.next() => Some(inbound::command(&command?)),
                Ok(()) = self.policy.changed() => Some(self.changed_policy()),
                astray = self.summary.astray() => {
                    let turn = self.writes.turn(astray.iter().cloned());
                    self.work.spawn(self.summary.say_again(astray, responder.ledger(), turn));
                    None
                }
                () = tokio::time::sleep_until(wake.into()) => None,
                arrival = inbox.arrival(responder.has_room_for(inbox.first_aside())) => match arrival? {
                    Some(arrival) => self.arrived(arrival, responder, inbox)?,
                    None => return Ok(()),
                },
            };
            if let Some(event) = event {
                self.advance(responder, event)?;
            }
        }
    }

    fn changed_policy(&mut self) -> Event {
        Event::Policy(Box::new(self.policy.borrow_and_update().for_respond()))
    }

    fn advance(&mut self, responder: &mut Responder, event: Event) -> Result<(), ActError> {
        let effects = responder.on(event, self.moment());
        self.calls.set_paused(responder.is_paused());
        self.carry_out(effects)
    }

    /// A call under way when the tenure ends is let go to its end within the drain budget, so that its answer is
    /// on record; whatever is missing then is in doubt for the next holder.
    async fn finish_work(&mut self, responder: &mut Responder) {
        // A short session leaves less time; half of it is for the way back.
        let within = LAST_WRITES.min(self.tenure.patience() / 2);
        let until = Instant::now() + within;
        let rest = async {
            while let Some(done) = self.work.join_next().await {
                if let Ok(Ok(event @ (Event::Answered(..) | Event::AnsweredTogether(..)))) = done {
                    self.put_on_record(responder, event);
                }
            }
        };
        if tokio::time::timeout(within, rest).await.is_err() {
            tracing::warn!("work was under way when the tenure ended; the next holder settles it");
        }
        self.summary.finish(until.saturating_duration_since(Instant::now())).await;
    }

    /// Writes what an answer gives to write, and begins nothing new.
    fn put_on_record(&mut self, responder: &mut Responder, answered: Event) {
        for effect in responder.on(answered, self.moment()) {
            match effect {
                Effect::Record { write, reports, ledger } => {
                    if let Err(error) = self.write(write, &reports, ledger) {
                        tracing::warn!(error = %error, "an answer could not be put on record; the next holder looks it up");
                    }
                }
                Effect::OutOfPlace(what) => say_out_of_place(&what),
                // Whatever else there is to do is the next holder's.
                _ => {}
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment { wall: self.context.clock.now(), mono: Instant::now() }
    }

    /// Takes a decision in, if its turn is now. Those for which there is no room, or behind which many wait unread, are put
    /// aside, up to the first that is pressing: it must not wait behind them, but behind those that are as urgent and came
    /// before it. One that asks for nothing or cannot be read is done with at once.
    fn arrived(
        &mut self,
        arrival: Arrival,
        responder: &Responder,
        inbox: &mut Inbox,
    ) -> Result<Option<Event>, ActError> {
        // To ask is a walk over what waits, and nothing changes meanwhile.
        let has_room = LazyCell::new(|| responder.has_room());
        let waits = |record: &Inbound, others: Others| {
            if !others.are_many() && *has_room {
                return None;
            }
            let urgency = inbound::outline(record).and_then(|decision| responder.urgency(&decision))?;
            (!responder.may_go_first(urgency, others.first_aside())).then(|| urgency.rank())
        };
        Ok(inbox.skim(arrival, waits)?.and_then(|arrival| match arrival {
            Arrival::New(record) | Arrival::Again(record) => self.decision(record),
        }))
    }

    /// One that cannot be read goes to the dead letters beside this loop: a broker that is silent about them must keep
    /// neither an answer waiting nor the end of the tenure.
    fn decision(&mut self, inbound: Inbound) -> Option<Event> {
        match inbound::decision(&inbound, &self.tenant_id) {
            Ok(decision) => {
                self.settler.sound();
                Some(Event::Decision(inbound.offset, Box::new(decision)))
            }
            Err((reason, detail)) => {
                let settler = self.settler.clone();
                self.work.spawn(async move {
                    settler.dead_letter(&inbound, reason, &detail).await?;
                    Ok(Event::Tick)
                });
                None
            }
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), ActError> {
        for effect in effects {
            match effect {
                Effect::Settle(offset, fate) => {
                    self.settler.settle(offset, fate);
                    #[cfg(feature = "failpoints")]
                    failpoint::hit_soon(Point::C6);
                }
                Effect::PublishFleet(counted) => {
                    self.fleet.send_replace(Some(counted));
                }
                Effect::SwitchSetRight(switch) => say_set_right(&switch),
                Effect::CommandsMadeAnew(before) => {
                    tracing::warn!(before, "the topic of commands was made anew; what was said since is read");
                }
                Effect::OutOfPlace(what) => say_out_of_place(&what),
                Effect::Superseded(epoch) => return Err(ActError::Superseded { epoch }),
                Effect::WriteIntent(key, record) => self.write_intent(key, *record)?,
                Effect::WriteClaim(record) => self.write_claim(*record)?,
                Effect::Record { write, reports, ledger } => self.write(write, &reports, ledger)?,
                Effect::Act { order, until } => {
                    self.work.spawn(self.calls.act(*order, until));
                }
                Effect::ActTogether { orders, until } => {
                    if let Some(call) = self.calls.act_together(orders, until) {
                        self.work.spawn(call);
                    }
                }
                Effect::Read { key, alert, machine } => {
                    self.work.spawn(self.calls.facts(key, alert, machine));
                }
                Effect::Remove { keys, epoch, until } => self.remove(keys, epoch, until),
                Effect::Look(key, machine) => {
                    self.work.spawn(self.calls.look(key, machine));
                }
                Effect::Follow { ids, since } => {
                    self.work.spawn(self.calls.follow(ids, since));
                }
                Effect::FetchLink(key, action) => {
                    self.work.spawn(self.calls.link(key, action));
                }
                Effect::CountFleet => {
                    self.work.spawn(self.calls.count_fleet());
                }
            }
        }
        Ok(())
    }

    fn write_intent(&mut self, key: ActionKey, record: StampedRecord) -> Result<(), ActError> {
        #[cfg(feature = "failpoints")]
        failpoint::hit(Point::C0);
        let outbound = writes::outbound(&record, &self.context)?;
        let mut turn = self.writes.turn([record.record().key()]);
        let (producer, told) = (self.context.producer.clone(), self.summary.told());
        self.work.spawn(async move {
            turn.come().await?;
            let sent = producer.send(outbound);
            #[cfg(feature = "failpoints")]
            let sent = failpoint::during(Point::C1, Duration::ZERO, sent);
            let offset = sent.await?.offset;
            told.keep([&record]);
            turn.done();
            Ok(Event::IntentWritten(key, offset))
        });
        Ok(())
    }

    fn write_claim(&mut self, record: StampedRecord) -> Result<(), ActError> {
        let outbound = writes::outbound(&record, &self.context)?;
        let mut turn = self.writes.turn([record.record().key()]);
        let (producer, told) = (self.context.producer.clone(), self.summary.told());
        self.work.spawn(async move {
            turn.come().await?;
            let offset = producer.send(outbound).await?.offset;
            told.keep([&record]);
            turn.done();
            Ok(Event::ClaimWritten(offset))
        });
        Ok(())
    }

    /// Deletes keys within the lease; what is left of them then is found again at the next restart.
    fn remove(&mut self, keys: Vec<String>, epoch: u64, until: Instant) {
        let mut turn = self.writes.turn(keys.iter().cloned());
        let producer = self.context.producer.clone();
        self.work.spawn(async move {
            turn.come().await?;
            for key in keys {
                if Instant::now() >= until {
                    break;
                }
                producer.send(writes::tombstone(key, epoch)).await?;
            }
            turn.done();
            Ok(Event::Tick)
        });
    }

    /// Writes what came of an action. An isolation does not wait for it, so that it may leave together with others: alerts
    /// come several at a time.
    fn write(&mut self, id: WriteId, reports: &[Report], ledger: Vec<StampedRecord>) -> Result<(), ActError> {
        let mut said = Vec::with_capacity(reports.len());
        for report in reports {
            self.metrics.reported(report);
            said.push(writes::report(report, &self.context)?);
        }
        ledger.iter().for_each(|record| self.doubts.say(record));
        let kept: Vec<Outbound> =
            ledger.iter().map(|record| writes::outbound(record, &self.context)).collect::<Result<_, _>>()?;
        #[cfg(feature = "failpoints")]
        let accepted = failpoint::accepts(reports);
        let mut turn = self.writes.turn(ledger.iter().map(|record| record.record().key()));
        let (producer, told) = (self.context.producer.clone(), self.summary.told());
        self.work.spawn(async move {
            turn.come().await?;
            producer.send_together(said).await?;
            #[cfg(feature = "failpoints")]
            failpoint::hit_if(accepted, Point::C4Reported);
            producer.send_together(kept).await?;
            #[cfg(feature = "failpoints")]
            failpoint::hit_if(accepted, Point::C5);
            told.keep(&ledger);
            turn.done();
            Ok(Event::Recorded(id))
        });
        Ok(())
    }
}

/// Whether what stops respond is its input: then ledger and topics are as good as ever for what is under way.
fn is_of_the_input(error: &ActError) -> bool {
    matches!(error, ActError::Kafka(KafkaFailure::TooManyDeadLetters { .. }))
}
