//! The ledger's birth: written once, on request, so that an empty ledger is never mistaken for a fresh one.

use std::time::{Duration, Instant};

use cordon_records::{Genesis, Headers, LedgerRecord, StampedRecord, Topic};
use cordon_response::{LedgerState, RawRecord};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Outbound};

use super::GROUP;
use super::inbound::Restoring;
use crate::error::ActError;

/// How long a group may stay busy with replicas that were started too early.
const GROUP_EMPTIES: Duration = Duration::from_secs(90);

/// The pause between two attempts to commit.
const AGAIN: Duration = Duration::from_secs(2);

/// Writes the genesis record, unless there is one, and commits the present end of `decisions` for respond's group,
/// unless it has a position.
///
/// # Errors
/// When the broker cannot be read or written, or the ledger already belongs to another cluster.
pub async fn init_ledger(context: &Context) -> Result<(), ActError> {
    let cluster_id = kafka::cluster_id(&context.kafka).await?;
    let ledger = read_ledger(context).await?;
    if let Some(genesis) = ledger.genesis() {
        check_cluster(genesis, &cluster_id)?;
        // A group that rested for longer than the broker keeps offsets has lost its own.
        return commit_end_of_decisions(context).await;
    }
    commit_end_of_decisions(context).await?;
    let record = LedgerRecord::Genesis(Genesis { cluster_id, at: context.clock.now() }).stamped(ledger.epoch());
    context.producer.send(outbound(&record, context)?).await?;
    tracing::info!("ledger initialised: respond starts at the present end of decisions");
    Ok(())
}

/// Commits the present end, unless a position is committed already. A replica that was started too early makes the
/// group busy, and a busy group takes no commit from outside; it ends by itself for want of a position, so this waits
/// for it.
async fn commit_end_of_decisions(context: &Context) -> Result<(), ActError> {
    let deadline = Instant::now() + GROUP_EMPTIES;
    loop {
        if kafka::has_committed(&context.kafka, GROUP, Topic::Decisions).await? {
            return Ok(());
        }
        match kafka::commit_end(&context.kafka, GROUP, Topic::Decisions).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() < deadline => {
                tracing::warn!(error = %error, "the position cannot be committed yet; trying again");
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Refuses a ledger without a genesis record, or of another cluster.
///
/// # Errors
/// [`ActError::NoGenesis`] or [`ActError::OtherCluster`].
pub fn check(ledger: &LedgerState, cluster_id: &str) -> Result<(), ActError> {
    ledger.genesis().map_or(Err(ActError::NoGenesis), |genesis| check_cluster(genesis, cluster_id))
}

fn check_cluster(genesis: &Genesis, cluster_id: &str) -> Result<(), ActError> {
    if genesis.cluster_id == cluster_id {
        return Ok(());
    }
    Err(ActError::OtherCluster { ledger: genesis.cluster_id.clone(), here: cluster_id.to_owned() })
}

/// Reads the ledger as a restore does: what a tombstone or a later record put right says nothing.
async fn read_ledger(context: &Context) -> Result<LedgerState, ActError> {
    let take = |restoring: &mut Restoring, record: kafka::Inbound| restoring.take(&record);
    Ok(kafka::fold_all(&context.kafka, Topic::Ledger, Restoring::new(), take).await?.finish()?.0)
}

/// Reads a ledger record. An unreadable one is fatal: guessing here could act twice.
///
/// # Errors
/// [`ActError::Ledger`] with the record's place.
pub fn read(inbound: &kafka::Inbound) -> Result<StampedRecord, ActError> {
    let value = inbound.value.as_deref().unwrap_or_default();
    StampedRecord::read(value).map_err(|error| ActError::Ledger { place: inbound.position(), why: error.to_string() })
}

/// What the folds of a ledger take.
pub fn raw(inbound: &kafka::Inbound) -> RawRecord<'_> {
    RawRecord { key: inbound.key.as_deref(), headers: &inbound.headers, value: inbound.value.as_deref() }
}

/// The tombstone that removes a key, under the claim of this epoch.
pub fn tombstone(key: String, epoch: u64) -> Outbound {
    let headers = RawRecord::headers_of(epoch);
    Outbound { topic: Topic::Ledger, key: Some(key), headers, value: None }
}

/// The Kafka record of a ledger record. There may be a million closed actions, so theirs has no headers.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn outbound(record: &StampedRecord, context: &Context) -> Result<Outbound, ActError> {
    let key = record.record().key();
    let headers = match record.record() {
        LedgerRecord::Closed(_) => Headers::default(),
        _ => Headers::event("act", "ledger.entry", &key, context.clock.now(), &key),
    };
    Ok(Outbound::json(Topic::Ledger, &key, headers, record)?)
}
