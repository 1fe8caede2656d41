//! Where a record stands.

use std::sync::Arc;

/// The place of one record. The order is that in which records of one instant are taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The topic's name, or the file's.
    pub origin: Arc<str>,
    /// The partition; `None` in a file.
    pub partition: Option<i32>,
    /// The offset, or the line from 1.
    pub number: i64,
}

impl std::fmt::Display for Place {
    /// Of a topic `topic/partition/offset`, as decisions name it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.partition {
            Some(partition) => write!(f, "{}/{partition}/{}", self.origin, self.number),
            None => write!(f, "{}:{}", self.origin, self.number),
        }
    }
}
