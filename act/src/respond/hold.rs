//! The shell around the responder: reads topics, carries out effects, brings back events.
//!
//! One task owns the responder; only HTTP calls and Kafka writes run beside it. The order of the `select` matters:
//! a lost tenure first, then the ledger's tail (a higher claim must be seen before anything is begun), then
//! outcomes, time, and last of all new work.

use std::time::{Duration, Instant};

use cordon_policy::Guards;
use cordon_records::{Claim, CommandRecord, DeadLetterReason, DecisionRecord, Headers, LedgerRecord, Report, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Fate, Holder, Inbound, Inbox, Outbound, Settler, StateLog, Tenure, dead_letter};
use tokio::task::JoinSet;

use super::book::Book;
use super::genesis;
use super::responder::{Effect, Event, Moment, Responder, Terms};
use super::tenant::Tenant;
use crate::error::ActError;
use crate::metrics::ActMetrics;

/// respond's name among the components of its process.
const COMPONENT: &str = "respond";

/// A loop with nothing to do turns this often, so that silence means stuck.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long writes under way may take after the tenure has ended.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// The holder of `decisions-0`.
pub struct Respond<T> {
    /// The tenant.
    pub tenant: T,
    /// What the stage shares.
    pub context: Context,
    /// Mode, guards and times.
    pub terms: Terms,
    /// The notice whose switch is to be lifted at the first tenure.
    pub resume: Option<String>,
    /// Counters.
    pub metrics: ActMetrics,
}

/// What one tenure works with.
struct Post<T> {
    tenant: T,
    context: Context,
    metrics: ActMetrics,
    tenure: Tenure,
    settler: Settler,
    work: JoinSet<Result<Event, ActError>>,
}

impl<T: Tenant> Holder for Respond<T> {
    type Error = ActError;

    async fn hold(&mut self, tenure: Tenure, inbox: Inbox) -> Result<(), ActError> {
        self.context.health.set_ready("ledger", false, "the ledger is being restored");
        let mut log = StateLog::open(&self.context, Topic::Ledger).await?;
        let commands = StateLog::open(&self.context, Topic::Commands).await?;
        let (book, epoch, tailed_to) = tokio::select! {
            restored = restore(&mut log, &self.context) => restored?,
            () = tenure.lost() => return Ok(()),
        };
        genesis::check(&book, &kafka::cluster_id(&self.context.kafka).await?)?;
        self.context.health.set_ready("ledger", true, "");
        announce(&self.terms.guards, &self.terms, epoch);
        let at = self.moment();
        let mut responder = Responder::new(self.terms.clone(), book, epoch, tailed_to, at);
        let mut post = Post {
            tenant: self.tenant.clone(),
            context: self.context.clone(),
            metrics: self.metrics.clone(),
            tenure,
            settler: inbox.settler(),
            work: JoinSet::new(),
        };
        if let Some(notice) = &self.resume {
            let effects = responder.resume_switch(notice, at);
            post.carry_out(effects)?;
        }
        post.run(responder, log, commands, inbox).await
    }
}

impl<T: Tenant> Respond<T> {
    fn moment(&self) -> Moment {
        Moment { wall: self.context.clock.now(), mono: Instant::now() }
    }
}

fn announce(guards: &Guards, terms: &Terms, epoch: u64) {
    tracing::info!(epoch, mode = terms.mode.as_str(), guards = %guards, "respond holds the ledger");
}

/// Claims the ledger and folds it up to the own claim.
async fn restore(log: &mut StateLog, context: &Context) -> Result<(Book, u64, i64), ActError> {
    let mut book = Book::default();
    let mut broken = None;
    let mut tailed_to = -1;
    let make = |epoch| {
        let claim = LedgerRecord::Claim(Claim { epoch, owner: context.owner.clone(), at: context.clock.now() });
        let headers = Headers::event("act", "ledger.claim", &format!("claim-{epoch}"), context.clock.now(), "claim");
        (claim.key(), headers, serde_json::to_vec(&claim).unwrap_or_default())
    };
    let epoch_of = |inbound: &Inbound| match genesis::read(inbound) {
        Ok(LedgerRecord::Claim(claim)) => Some(claim.epoch),
        Ok(
            LedgerRecord::Genesis(_)
            | LedgerRecord::Action(_)
            | LedgerRecord::Breaker(_)
            | LedgerRecord::Pause(_)
            | LedgerRecord::CommandsPosition { .. }
            | LedgerRecord::FleetSize { .. },
        )
        | Err(_) => None,
    };
    let epoch = kafka::claim(log, make, epoch_of, |inbound: Inbound| {
        tailed_to = inbound.offset;
        match genesis::read(&inbound) {
            Ok(record) => book.apply(record),
            Err(error) => broken = Some(error),
        }
    })
    .await?;
    broken.map_or(Ok((book, epoch, tailed_to)), Err)
}

impl<T: Tenant> Post<T> {
    async fn run(
        mut self,
        mut responder: Responder,
        mut log: StateLog,
        mut commands: StateLog,
        mut inbox: Inbox,
    ) -> Result<(), ActError> {
        loop {
            let effects = responder.on(Event::Tick, self.moment());
            self.carry_out(effects)?;
            self.metrics.observe(responder.book());
            self.context.health.beat(COMPONENT);
            let heartbeat = Instant::now() + HEARTBEAT;
            let wake = responder.next_wake().map_or(heartbeat, |due| due.min(heartbeat));
            let event = tokio::select! {
                biased;
                () = self.tenure.lost() => break,
                tail = log.next() => {
                    let inbound = tail?;
                    Some(Event::Tailed(inbound.offset, Box::new(genesis::read(&inbound)?)))
                }
                Some(done) = self.work.join_next() => Some(done.map_err(|_| ActError::Task)??),
                command = commands.next() => Some(said(&command?)),
                () = tokio::time::sleep_until(wake.into()) => None,
                inbound = inbox.next(), if responder.has_room() => match inbound {
                    Some(inbound) => self.decision(&inbound).await?,
                    None => break,
                },
            };
            if let Some(event) = event {
                let effects = responder.on(event, self.moment());
                self.carry_out(effects)?;
            }
        }
        self.finish_writes().await;
        self.context.health.rest(COMPONENT);
        Ok(())
    }

    /// A call under way when the tenure ends is let go to its end within the drain budget, so that its answer is
    /// on record; whatever is missing then is in doubt for the next holder.
    async fn finish_writes(&mut self) {
        let rest = async { while self.work.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WRITES, rest).await.is_err() {
            tracing::warn!("work was under way when the tenure ended; the next holder settles it");
        }
    }

    fn moment(&self) -> Moment {
        Moment { wall: self.context.clock.now(), mono: Instant::now() }
    }

    async fn decision(&self, inbound: &Inbound) -> Result<Option<Event>, ActError> {
        match inbound.json::<DecisionRecord>() {
            Ok(decision) => Ok(Some(Event::Decision(inbound.offset, Box::new(decision)))),
            Err(error) => {
                let reason = if inbound.value.is_none() { DeadLetterReason::Empty } else { DeadLetterReason::Decode };
                dead_letter(&self.context, inbound, reason, &error.to_string()).await?;
                self.settler.settle(inbound.offset, Fate::DeadLettered(reason));
                Ok(None)
            }
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), ActError> {
        for effect in effects {
            match effect {
                Effect::Settle(offset, fate) => {
                    self.settler.settle(offset, fate);
                }
                Effect::Superseded(epoch) => return Err(ActError::Superseded { epoch }),
                Effect::WriteIntent(entry) => self.write_intent(*entry)?,
                Effect::Record { ticket, reports, ledger } => self.write(ticket, &reports, &ledger)?,
                Effect::Isolate { .. } => self.isolate(effect),
                Effect::Read { .. } | Effect::Look(..) | Effect::Follow { .. } | Effect::CountFleet => {
                    self.read(effect);
                }
            }
        }
        Ok(())
    }

    fn write_intent(&mut self, entry: cordon_records::LedgerEntry) -> Result<(), ActError> {
        let key = entry.key.clone();
        let outbound = genesis::outbound(&LedgerRecord::Action(Box::new(entry)), &self.context)?;
        let producer = self.context.producer.clone();
        self.work.spawn(async move { Ok(Event::IntentWritten(key, producer.send(outbound).await?.offset)) });
        Ok(())
    }

    fn write(&mut self, ticket: u64, reports: &[Report], ledger: &[LedgerRecord]) -> Result<(), ActError> {
        let mut outbounds = Vec::with_capacity(reports.len() + ledger.len());
        for report in reports {
            self.metrics.reported(report);
            outbounds.push(report_outbound(report, &self.context)?);
        }
        for record in ledger {
            outbounds.push(genesis::outbound(record, &self.context)?);
        }
        let producer = self.context.producer.clone();
        self.work.spawn(async move {
            for outbound in outbounds {
                producer.send(outbound).await?;
            }
            Ok(Event::Recorded(ticket))
        });
        Ok(())
    }

    fn isolate(&mut self, effect: Effect) {
        let Effect::Isolate { key, machine, isolation, comment, until } = effect else { return };
        let (tenant, tenure) = (self.tenant.clone(), self.tenure.clone());
        tracing::info!(key = %key, machine = %machine, "isolating");
        self.work.spawn(async move {
            let permitted = move || tenure.is_held() && Instant::now() < until;
            let answer = tenant.isolate(&machine, isolation, &comment, permitted).await;
            tracing::info!(key = %key, machine = %machine, answer = ?answer, "isolate answered");
            Ok(Event::Answered(key, answer))
        });
    }

    fn read(&mut self, effect: Effect) {
        let tenant = self.tenant.clone();
        self.work.spawn(async move {
            Ok(match effect {
                Effect::Read { key, alert, since, machine } => {
                    let facts = tenant.facts(&alert, since, &machine).await.map(Box::new);
                    Event::Facts(key, facts)
                }
                Effect::Look(key, machine) => Event::Looked(key, tenant.actions(&machine).await),
                Effect::Follow { ids, since } => Event::Followed(tenant.standings(&ids, since).await),
                Effect::CountFleet => Event::Counted(tenant.count_machines().await),
                Effect::Isolate { .. }
                | Effect::WriteIntent(_)
                | Effect::Record { .. }
                | Effect::Settle(..)
                | Effect::Superseded(_) => Event::Tick,
            })
        });
    }
}

fn said(inbound: &Inbound) -> Event {
    let command = inbound.json::<CommandRecord>();
    if let Err(error) = &command {
        tracing::warn!(place = %inbound.position(), error = %error, "a command could not be read and does nothing");
    }
    Event::Command(inbound.offset, command.ok())
}

fn report_outbound(report: &Report, context: &Context) -> Result<Outbound, ActError> {
    let (key, kind, trace, at) = match report {
        Report::Action(record) => {
            let key = record.machine.as_ref().map_or(record.alert.id.as_str(), |machine| machine.id.as_str());
            (key, format!("action.{}", record.state.as_str()), record.alert.id.as_str(), record.at)
        }
        Report::Notice(notice) => ("cordon", format!("notice.{}", notice.kind.as_str()), notice.id.as_str(), notice.at),
    };
    let headers = Headers::event(context.stage, &kind, report.id(), at, trace);
    Ok(Outbound::json(Topic::Actions, key, headers, report)?)
}
