//! What a stage does with topics: read them through one loop, write them through one producer, and be elected by a
//! partition.
//!
//! Read in this order: [`settings`] (how clients are configured), [`records`], [`producer`], [`offsets`] (which offset
//! may be committed), `poll` (the one thread that talks to the group), then [`consume()`] and [`elect()`], which are
//! the two ways to use it. [`state_log`] reads a compacted topic as memory, [`tail`] what is new on a few topics;
//! [`topics`] looks at the broker from outside; [`memory`] is a broker without a broker.

pub mod access;
mod accounts;
mod board;
mod breaker;
mod certificate;
mod clock;
mod commit_health;
mod connection;
pub mod consume;
pub mod dead_letter;
pub mod elect;
pub mod error;
mod gate;
mod hooks;
mod lanes;
mod leave;
mod loss;
mod members;
pub mod memory;
mod mistake;
pub mod offsets;
mod panics;
mod partitions;
mod poll;
mod position;
pub mod producer;
pub mod records;
mod right;
mod security;
pub mod settings;
pub mod snapshot;
pub mod state_log;
mod statistics;
pub mod tail;
pub mod topics;
mod write_health;

pub use access::Access;
pub use breaker::Tripped;
pub use clock::{BrokerClock, broker_clock};
pub use connection::ConnectionError;
pub use consume::{Handler, Outcome, Subscription, consume};
pub use dead_letter::dead_letter;
pub use elect::{ElectError, Election, Fate, Holder, Inbox, Settler, Start, Tenure, elect};
pub use error::{Fault, KafkaFailure};
pub use members::{Membership, members};
pub use memory::MemoryBroker;
pub use mistake::Mistake;
pub use position::{Position, positions};
pub use producer::{Delivered, Producer};
pub use records::{Inbound, Outbound, Undecodable};
pub use right::{Operation, Resource, Right};
pub use settings::{KafkaSettings, Property};
pub use snapshot::{fold_all, fold_since, oldest_at, read_all, read_newest};
pub use state_log::{StateLog, claim};
pub use tail::Tail;
pub use topics::{Applied, TopicsError, apply_topics, check_topics, cluster_id, commit_end, has_committed};
