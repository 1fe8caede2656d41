//! The respond role: the one writer that may act.
//!
//! What becomes of an action is decided in `cordon-response`, which is pure; `session.rs` is the shell around it: it reads topics,
//! carries out what is to be done and brings back what came of it. `tenant.rs` is the port to Defender; `summary.rs` keeps what
//! people look at.

mod inbound;
mod restore;
mod session;
mod summary;
mod tenant;
#[cfg(test)]
mod tests;
mod writes;

pub use restore::init_ledger;
pub use session::Respond;
pub use summary::Pace;
pub use tenant::{DefenderTenant, Tenant};

/// The consumer group of respond, without the prefix.
pub const GROUP: &str = "act-respond";
