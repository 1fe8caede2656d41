//! What a stage does with topics: read them through one loop, write them through one producer, and be elected by a
//! partition.
//!
//! Read in this order: [`settings`] (how clients are configured), `connection` (what keeps them from the broker),
//! [`records`], `producer`, `consumer` (the loop of stages that share partitions) and `election` (the loop of stages of
//! which one may act). `state_log` reads a compacted topic as memory; `topics` looks at the broker from outside;
//! [`access`] says what each part of Cordon may do there; [`memory`] is a broker without a broker.

pub mod access;
mod connection;
mod consumer;
mod election;
pub mod error;
pub mod memory;
mod producer;
mod reader;
pub mod records;
pub mod settings;
mod state_log;
mod topics;

pub use access::Access;
pub use connection::mistake::{ConnectionError, Mistake};
pub use connection::right::{Operation, Resource, Right};
pub use consumer::breaker::Tripped;
pub use consumer::consume::{Subscription, consume};
pub use consumer::dead_letter::{self, dead_letter};
pub use consumer::handler::{Handler, Outcome};
pub use election::{Arrival, ElectError, Election, Holder, Inbox, Others, Settler, Start, Tenure, elect};
pub use error::{Fault, KafkaFailure};
pub use memory::MemoryBroker;
pub use producer::{Delivered, Producer};
pub use records::{Inbound, Outbound, Undecodable};
pub use settings::{KafkaSettings, Property};
pub use state_log::{Claimed, StateLog};
pub use topics::clock::{BrokerClock, broker_clock};
pub use topics::members::{Membership, members};
pub use topics::position::{Position, positions};
pub use topics::range::{Extent, Lent, RangeReader, Span};
pub use topics::snapshot::{fold_all, fold_since, oldest_at, read_all, read_newest};
pub use topics::tail::Tail;
pub use topics::trial::{Outcome as TrialOutcome, Trial, try_rights};
pub use topics::{Applied, TopicsError, apply_topics, check_topics, cluster_id, commit_end, has_committed};
pub(crate) use topics::{claim_topic, make_topics, place_group};
