//! The client of Microsoft Defender for Endpoint, of Entra ID's token endpoint and of Graph's `sendMail`.
//!
//! What is hard about this API is not its shape but what an answer means: a list may ignore the filter, an
//! error body may be HTML, and an isolation whose answer was lost may or may not have been done. So every
//! failure has a class ([`ApiError`]), reads are repeated here and effects never are, calls wait for their
//! share of the published quota, and a token leaves only for the configured origin.
//!
//! One file per area: `alerts`, `machines`, `machine_actions` and `download` to read; `act` for every response action
//! and behind it `respond`, `live_response`, `machine_marks`, `alert_updates`, `indicators`; `mail`,
//! `probe`; below them `transport` (one HTTP exchange), `token`, `quota`, `pace`, `retry`, `odata`, `wire`. No Kafka in here.

mod act;
mod alert_updates;
mod alerts;
mod base;
mod cloud;
mod defender;
mod download;
mod endpoint;
mod error;
mod exchange;
mod gate;
mod graph;
mod indicators;
mod isolations;
mod live_response;
mod machine_actions;
mod machine_marks;
mod machines;
mod mail;
mod metrics;
mod next_link;
mod observer;
mod odata;
mod pace;
mod page;
pub mod permissions;
mod probe;
mod proxy;
mod quota;
mod respond;
mod retry;
mod settings;
mod token;
mod token_cache;
mod transport;
mod wire;

pub use act::Done;
pub use alerts::{AlertPage, AlertQuery};
pub use cloud::Cloud;
pub use defender::Defender;
pub use error::{ApiError, Refusal};
pub use graph::Graph;
pub use isolations::{IsolationStep, IsolationSteps};
pub use machine_actions::ActionQuery;
pub use machines::{FleetPage, MACHINES_PER_CALL, machines_that_fit};
pub use metrics::CallMetrics;
pub use next_link::{NextLink, RefusedLink};
pub use observer::Observer;
pub use pace::Bursts;
pub use quota::Room;
pub use retry::TRIES as READ_TRIES;
pub use settings::{DefenderSettings, GraphSettings, QuotaSettings};
pub use token::{AccessToken, ClientSecret, TokenFacts, TokenFuture, TokenSource};
pub use transport::{Ports, Timeouts};
