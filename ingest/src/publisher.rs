//! Brings one item onto Kafka and says what became of it.

use std::sync::Arc;

use cordon_records::{AlertId, Change, Clock, DeadLetterReason, RecordOutcome, TenantId};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{KafkaFailure, Producer};

use crate::error::IngestError;
use crate::item::{Item, Reading};
use crate::outgoing;
use crate::round::News;

/// Writes alerts and dead letters; copies share the producer.
#[derive(Clone)]
pub struct Publisher {
    producer: Producer,
    clock: Arc<dyn Clock>,
    tenant: TenantId,
}

impl Publisher {
    /// A publisher for the alerts of one tenant.
    #[must_use]
    pub fn new(context: &Context, tenant: TenantId) -> Self {
        Self { producer: context.producer.clone(), clock: Arc::clone(&context.clock), tenant }
    }

    /// Writes one item and waits until the broker has it.
    ///
    /// # Errors
    /// When the delivery is not confirmed. The record may be there all the same: a repetition has the same id.
    pub async fn deliver(&self, news: &News) -> Result<RecordOutcome, IngestError> {
        match &news.item.reading {
            Reading::Alert(id) => self.alert(&news.item, id, news.change).await,
            Reading::Unreadable(why) => self.dead_letter(&news.item, DeadLetterReason::Decode, why).await,
        }
    }

    async fn alert(&self, item: &Item, id: &AlertId, change: Change) -> Result<RecordOutcome, IngestError> {
        let record = outgoing::alert(item, id, change, &self.tenant, self.clock.now())?;
        match self.producer.send(record).await {
            Ok(_) => Ok(RecordOutcome::Sent),
            Err(refused @ KafkaFailure::Refused { .. }) => {
                self.dead_letter(item, DeadLetterReason::Oversize, &refused.to_string()).await
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn dead_letter(
        &self,
        item: &Item,
        reason: DeadLetterReason,
        detail: &str,
    ) -> Result<RecordOutcome, IngestError> {
        let alert = item.alert_id().map(AlertId::as_str);
        tracing::warn!(alert, reason = reason.as_str(), detail, "an item of the alert list goes to the dead letters");
        self.producer.send(outgoing::dead_letter(item, reason, detail, self.clock.now())).await?;
        Ok(RecordOutcome::DeadLettered(reason))
    }
}
