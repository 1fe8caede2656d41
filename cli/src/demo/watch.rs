//! What happens, as topics, the tenant's request log and the mailbox show it.

use std::sync::Arc;
use std::time::Duration;

use cordon_records::{AttemptState, DecisionRecord, LedgerEntry, LedgerRecord, Report, SystemClock, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Inbound, StateLog};
use cordon_simulator::{LoggedRequest, Simulator};
use prometheus::Registry;
use tokio::sync::mpsc;

use super::pipeline::Pipeline;

/// How often the request log and the mailbox are looked at.
const LOOK: Duration = Duration::from_millis(40);

/// Something to tell.
#[derive(Debug)]
pub enum Happening {
    /// The rules have spoken.
    Decided(Box<DecisionRecord>),
    /// Every guard has passed; the call follows.
    Permitted(Box<LedgerEntry>),
    /// A step of an action.
    Reported(Box<Report>),
    /// The tenant was asked to isolate a machine.
    Called(LoggedRequest),
    /// A mail has arrived, with this subject.
    Mailed(String),
    /// respond met an action that it knows, and did nothing.
    Known,
}

/// Starts to watch.
pub async fn start(pipeline: &Pipeline) -> anyhow::Result<mpsc::Receiver<Happening>> {
    let (tell, told) = mpsc::channel(1024);
    let context = Context::open("demo", pipeline.kafka.clone(), Registry::new(), Arc::new(SystemClock))?;
    for topic in [Topic::Decisions, Topic::Ledger, Topic::Actions] {
        let log = StateLog::open(&context, topic).await?;
        tokio::spawn(follow(log, tell.clone()));
    }
    tokio::spawn(count_known(pipeline.registry.clone(), tell.clone()));
    tokio::spawn(look(pipeline.tenant.clone(), tell));
    Ok(told)
}

async fn follow(mut log: StateLog, tell: mpsc::Sender<Happening>) {
    while let Ok(inbound) = log.next().await {
        if let Some(happening) = read(&inbound)
            && tell.send(happening).await.is_err()
        {
            return;
        }
    }
}

fn read(inbound: &Inbound) -> Option<Happening> {
    match inbound.topic {
        Topic::Decisions => inbound.json().ok().map(|decision| Happening::Decided(Box::new(decision))),
        Topic::Actions => inbound.json().ok().map(|report| Happening::Reported(Box::new(report))),
        Topic::Ledger => match inbound.json().ok()? {
            LedgerRecord::Action(entry) if entry.state == AttemptState::Intent => Some(Happening::Permitted(entry)),
            LedgerRecord::Action(_)
            | LedgerRecord::Genesis(_)
            | LedgerRecord::Claim(_)
            | LedgerRecord::Closed(_)
            | LedgerRecord::Breaker(_)
            | LedgerRecord::Pause(_)
            | LedgerRecord::CommandsPosition { .. }
            | LedgerRecord::Applied { .. }
            | LedgerRecord::Policy(_)
            | LedgerRecord::FleetSize { .. } => None,
        },
        Topic::Alerts
        | Topic::Enriched
        | Topic::Commands
        | Topic::DeadLetters
        | Topic::Summary
        | Topic::Cursors
        | Topic::Notified
        | Topic::Policies => None,
    }
}

/// respond leaves no record of what it need not do; its counter tells.
async fn count_known(registry: Registry, tell: mpsc::Sender<Happening>) {
    let mut told = 0.0;
    loop {
        let known = known(&registry);
        if known > told && tell.send(Happening::Known).await.is_err() {
            return;
        }
        told = known;
        tokio::time::sleep(LOOK).await;
    }
}

fn known(registry: &Registry) -> f64 {
    let families = registry.gather();
    let skipped = families.iter().filter(|family| family.name() == "cordon_records_skipped_total");
    let labelled = |metric: &&prometheus::proto::Metric| {
        let has = |name, value| metric.get_label().iter().any(|label| label.name() == name && label.value() == value);
        has("stage", "act") && has("reason", "known")
    };
    skipped.flat_map(|family| family.get_metric().iter().filter(labelled).map(|m| m.get_counter().get_value())).sum()
}

async fn look(tenant: Simulator, tell: mpsc::Sender<Happening>) {
    let (mut requests, mut mails) = (0, 0);
    loop {
        let log = tenant.requests();
        for request in log.iter().skip(requests).filter(|request| is_isolate(request)) {
            if tell.send(Happening::Called(request.clone())).await.is_err() {
                return;
            }
        }
        requests = log.len();
        let inbox = tenant.mails();
        for mail in inbox.iter().skip(mails) {
            let subject = mail.subject();
            if tell.send(Happening::Mailed(subject)).await.is_err() {
                return;
            }
        }
        mails = inbox.len();
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether a request asks to isolate a machine.
pub fn is_isolate(request: &LoggedRequest) -> bool {
    request.method == "POST" && request.path.ends_with("/isolate")
}
