//! An alert with what it names: the record on the `enriched` topic.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cut::Cut;
use crate::ids::{AlertId, TenantId};
use crate::sighting::{Change, Source};
use crate::{Verbatim, by_name, known_version_of_alert, schema_version};

/// A record on `enriched`: keyed by machine id, else by alert id.
///
/// As it stands it keeps Microsoft's JSON as text. With `A = Alert` and `M = Machine` it reads everything in one pass, for
/// whoever works through many; where that fails, as on JSON that has to be repaired, the text is to be read by
/// [`Verbatim::view`], which gives the same wherever the one pass succeeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "A: Deserialize<'de>, M: Deserialize<'de>"))]
pub struct EnrichedRecord<A = Verbatim, M = Verbatim> {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version_of_alert")]
    pub schema_version: u32,
    /// The id of the alert record that this one expands.
    pub id: String,
    /// The alert's id.
    pub alert_id: AlertId,
    /// The tenant.
    pub tenant: TenantId,
    /// Who brought the alert in.
    pub source: Source,
    /// New or updated.
    pub change: Change,
    /// When ingest saw the alert.
    pub seen_at: Timestamp,
    /// When this record was made. A backtest takes it for "now".
    pub enriched_at: Timestamp,
    /// Microsoft's alert with its evidence (users, files, addresses, domains): byte for byte, but for what `cut` names.
    #[serde(deserialize_with = "by_name::value")]
    pub alert: A,
    /// Microsoft's machine, byte for byte, of a very large one the fields that are known; absent when it could not be had (see `missing`).
    #[serde(default, deserialize_with = "by_name::option", skip_serializing_if = "Option::is_none")]
    pub machine: Option<M>,
    /// What of the alert did not fit into the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<Cut>,
    /// What could not be had, and why. Not empty = the record is partial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// Something that a lookup should have brought and did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What: `machine`, `evidence` …
    pub what: String,
    /// Why, for people.
    pub why: String,
}
