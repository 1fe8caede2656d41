//! How a tenure begins: the ledger is claimed, restored and checked, and what people said is read. And how the ledger itself
//! begins: its genesis record is written once, on request, so that an empty ledger is never mistaken for a fresh one.

use std::time::{Duration, Instant};

use cordon_records::{Genesis, LedgerRecord, Topic};
use cordon_response::{Event, LedgerFold, LedgerState};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Claimed, Inbound};

use super::{GROUP, inbound, writes};
use crate::error::ActError;

/// How long a group may stay busy with replicas that were started too early.
const GROUP_EMPTIES: Duration = Duration::from_secs(90);

/// The pause between two attempts to commit.
const AGAIN: Duration = Duration::from_secs(2);

/// The ledger while it is restored.
#[derive(Debug)]
pub struct Restoring {
    fold: LedgerFold,
    tailed_to: i64,
}

impl Restoring {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self { fold: LedgerFold::default(), tailed_to: -1 }
    }

    /// Takes the next record.
    pub fn take(&mut self, record: &Inbound) {
        self.tailed_to = record.offset;
        self.fold.take(&inbound::raw(record), || record.position());
    }

    /// The ledger and the offset it goes to.
    ///
    /// # Errors
    /// [`ActError::Ledger`] when something unreadable was never put right.
    pub fn finish(self) -> Result<(LedgerState, i64), ActError> {
        let (ledger, unreadable) = self.fold.finish();
        match unreadable.into_iter().next() {
            None => Ok((ledger, self.tailed_to)),
            Some(unreadable) => Err(unreadable.into()),
        }
    }
}

/// Claims the ledger and folds it up to the own claim. Gives the log, the ledger, and the offset to which it goes.
///
/// # Errors
/// Those of Kafka, and [`ActError::Ledger`].
pub async fn restore(context: &Context) -> Result<(Claimed, LedgerState, i64), ActError> {
    let mut restoring = Restoring::new();
    let log = Claimed::take(context, Topic::Ledger, |record, _| restoring.take(&record)).await?;
    let (ledger, tailed_to) = restoring.finish()?;
    Ok((log, ledger, tailed_to))
}

/// What people said until now. It is obeyed before the first decision: a pause that was written while nobody held the
/// ledger must not come too late.
///
/// # Errors
/// Those of Kafka.
pub async fn earlier_commands(context: &Context) -> Result<Vec<Event>, ActError> {
    let records = kafka::read_all(&context.kafka, Topic::Commands).await?;
    Ok(records.iter().map(inbound::command).collect())
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
    context.producer.send(writes::outbound(&record, context)?).await?;
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

/// Reads the ledger as a restore does: what a tombstone or a later record put right says nothing.
async fn read_ledger(context: &Context) -> Result<LedgerState, ActError> {
    let take = |restoring: &mut Restoring, record: Inbound| restoring.take(&record);
    Ok(kafka::fold_all(&context.kafka, Topic::Ledger, Restoring::new(), take).await?.finish()?.0)
}

#[cfg(test)]
mod tests {
    use super::super::inbound::tests::inbound;
    use super::super::tests::samples;
    use super::*;

    #[test]
    fn an_unreadable_ledger_record_stops_respond_until_its_key_is_written_again_or_deleted() {
        let genesis = LedgerRecord::Genesis(Genesis { cluster_id: "c".into(), at: samples::start() });
        let good = serde_json::to_vec(&genesis).unwrap();
        for (cure, cured) in [(Some(good), true), (None, true), (Some(b"worse".to_vec()), false)] {
            let mut restoring = Restoring::new();
            restoring.take(&inbound("genesis", Some(b"{".to_vec())));
            restoring.take(&inbound("genesis", cure));
            assert_eq!(restoring.finish().is_ok(), cured);
        }
    }
}
