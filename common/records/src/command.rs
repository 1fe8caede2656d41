//! What people say to respond: the record on the `commands` topic.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{known_version, schema_version};

/// A record on `commands`: who said what, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRecord {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version")]
    pub schema_version: u32,
    /// What is asked.
    pub command: Command,
    /// Who asks: user and host, as they say themselves.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// What a person may ask. Only what makes Cordon do less needs no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Hold every action from now on.
    Pause,
}
