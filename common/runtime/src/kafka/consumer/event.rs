//! What the poll thread tells the stage.

use tokio::sync::mpsc::UnboundedReceiver;

use super::registry::Lease;
use crate::kafka::error::KafkaFailure;
use crate::kafka::records::Inbound;

/// What the thread tells the stage.
pub(in crate::kafka) enum Event {
    /// A partition is ours from now on.
    Assigned(Assigned),
    /// Reading cannot go on.
    Failed(KafkaFailure),
}

/// A partition that came, with the queue of its records. The queue ends with the lease.
pub(in crate::kafka) struct Assigned {
    pub(in crate::kafka) lease: Lease,
    pub(in crate::kafka) records: UnboundedReceiver<Inbound>,
}
