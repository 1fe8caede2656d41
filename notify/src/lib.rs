//! Stage notify: Cordon's action reports become mails.
//!
//! One process at a time sends, elected by the one partition of `actions`, so that order is kept and nothing is
//! sent twice. Read in this order: [`message`] (which mail a report deserves), [`wording`] and `facts` (what it
//! says), [`render`] (text, HTML, headers), [`hold`] (the loop), [`notified`] (what has been sent).

mod clean;
pub mod config;
pub mod error;
mod facts;
pub mod graph;
pub mod hold;
pub mod message;
pub mod metrics;
pub mod notified;
pub mod render;
pub mod smtp;
mod stage;
pub mod transport;
pub mod wording;

pub use stage::Notify;
