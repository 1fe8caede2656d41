//! A sight of an alert: the record on the `alerts` topic.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AlertId, TenantId};
use crate::{Cut, Verbatim, known_version_of_alert, schema_version};

/// Who brought the alert in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The MDE alert list, polled by ingest.
    Mde,
    /// A scheduled hunting query.
    Hunt,
}

/// Whether the pipeline has seen this alert before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// First sight of the id.
    New,
    /// The id is known, its `lastUpdateTime` is not.
    Updated,
}

/// A record on `alerts`: an alert seen, with the vendor's JSON. Keyed by alert id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version_of_alert")]
    pub schema_version: u32,
    /// `alert id@lastUpdateTime`: the same sight of the same alert has the same id.
    pub id: String,
    /// The alert's id.
    pub alert_id: AlertId,
    /// The tenant we polled.
    pub tenant: TenantId,
    /// Who brought it in.
    pub source: Source,
    /// New or updated.
    pub change: Change,
    /// The vendor's `lastUpdateTime`.
    #[serde(default)]
    pub last_update: Option<Timestamp>,
    /// When we saw it.
    pub seen_at: Timestamp,
    /// Microsoft's JSON: byte for byte, but for what `cut` names.
    pub raw: Verbatim,
    /// What did not fit into a record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<Cut>,
}

impl AlertRecord {
    /// The id that one sight of an alert has, however often it is polled.
    #[must_use]
    pub fn record_id(alert: &AlertId, last_update: Option<Timestamp>) -> String {
        last_update.map_or_else(|| format!("{alert}@"), |at| format!("{alert}@{at}"))
    }

    /// Whether the alert was asked for with its evidence. It is asked for again as soon as that can be had.
    #[must_use]
    pub fn asked_with_evidence(&self) -> bool {
        !self.cut.contains(&Cut::unasked_evidence())
    }
}
