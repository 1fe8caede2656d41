//! Why a record is dead, and the headers that say so.

/// Names of the headers that a dead letter carries beside its original ones.
pub mod header {
    /// Topic that the record was read from.
    pub const TOPIC: &str = "x-original-topic";
    /// Its partition.
    pub const PARTITION: &str = "x-original-partition";
    /// Its offset.
    pub const OFFSET: &str = "x-original-offset";
    /// Its timestamp, RFC 3339; absent when the broker gave none.
    pub const TIMESTAMP: &str = "x-original-timestamp";
    /// The stage that gave up.
    pub const STAGE: &str = "x-failed-stage";
    /// [`super::DeadLetterReason::as_str`].
    pub const REASON: &str = "x-error-class";
    /// A short text for people, without bodies or tokens.
    pub const DETAIL: &str = "x-error-detail";
    /// The last offset of a range of records that are lost; the first is the original offset.
    pub const LAST_OFFSET: &str = "x-last-offset";
    /// When, RFC 3339.
    pub const FAILED_AT: &str = "x-failed-at";
}

/// Why a stage could not handle a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterReason {
    /// The value is not JSON of the record's shape.
    Decode,
    /// The record has no value.
    Empty,
    /// The record would be, or is, larger than the broker takes.
    Oversize,
    /// The stage's code panicked on it.
    Panic,
    /// The record carries the mark of a replay, or belongs to another tenant.
    Foreign,
    /// The outside refused it for good.
    Rejected,
    /// It was deleted before it was read: there is no record, only a range of offsets.
    Lost,
}

impl DeadLetterReason {
    /// The stable name: header value and metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Empty => "empty",
            Self::Oversize => "oversize",
            Self::Panic => "panic",
            Self::Foreign => "foreign",
            Self::Rejected => "rejected",
            Self::Lost => "lost",
        }
    }
}
