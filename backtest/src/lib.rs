//! What would other rules have done? Records that the pipeline has made are judged again, by a program that cannot act.
//!
//! One backtest's way, in order: `side.rs` reads rules and guards; `input` hands out records; `judge.rs` judges each by both
//! rule sets, in parallel and as little of it as it can (`quick`), and keeps counts (`tally.rs`) and the records on which
//! anything is planned (`acting.rs`); `cache` does the same from what it keeps of records that were read before; `respond` plays these, in the order of their time, through the same responder that runs live, against a model
//! tenant; `compare.rs` says what differs and why; `document.rs` is the result, `print` shows it, `gates.rs` judges it; `command.rs`
//! is how it begins and ends, `progress.rs` what is told meanwhile.
//!
//! `corpus` makes recorded alerts up, and takes them out of a topic, with pseudonyms if asked for.
//!
//! There is no HTTP client in this crate and no credential of Defender's.

mod acting;
mod against;
pub mod args;
mod cache;
mod command;
mod compare;
pub mod corpus;
pub mod document;
mod error;
mod fleet;
mod found;
mod gates;
mod input;
mod judge;
mod manifest;
mod origin;
mod place;
mod print;
pub mod progress;
mod quick;
mod record;
mod recorded;
mod reported;
mod respond;
mod run;
mod settings;
mod side;
mod sweep;
mod tally;
#[cfg(test)]
mod tests;
mod unread;
mod watch;

use cordon_records::Topic;
use cordon_runtime::kafka::Access;

pub use command::command;
pub use error::BacktestError;
pub use run::{Verdict, run};

/// What a backtest does on the broker: it looks.
pub const ACCESS: Access = Access {
    reads: &[Topic::Enriched, Topic::Decisions, Topic::Actions, Topic::Commands, Topic::Policies],
    ..Access::NONE
};
