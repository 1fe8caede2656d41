//! Records, wherever they are kept: files of NDJSON, or a range of the topic `enriched`.
//!
//! A reader hands out [`Chunk`]s of whole records and says at its end what it has covered. It judges nothing.

mod kafka;
mod ndjson;
mod parallel;
mod still;

use std::ops::ControlFlow;
use std::ops::Range;
use std::sync::Arc;

use crate::error::BacktestError;
use crate::manifest::ManifestInput;
use crate::place::Place;
use crate::progress::Size;

pub use kafka::{InOrder, Last, TopicRange};
pub use ndjson::Files;
pub use parallel::{cores, each_chunk};

/// Records that follow each other in one file or partition, in one piece of memory.
#[derive(Debug)]
pub struct Chunk {
    /// The file or the topic.
    pub origin: Arc<str>,
    /// The partition; `None` in a file.
    pub partition: Option<i32>,
    /// All records, one after the other.
    pub bytes: Vec<u8>,
    /// Each record: its offset or line, and where it stands in `bytes`.
    pub records: Vec<(i64, Range<usize>)>,
    /// What stands in the place of a record and can be none: its number, and why.
    pub refused: Vec<(i64, String)>,
}

impl Chunk {
    /// The records with their places.
    pub fn records(&self) -> impl Iterator<Item = (i64, &[u8])> {
        self.records.iter().map(|(number, range)| (*number, self.bytes.get(range.clone()).unwrap_or_default()))
    }

    /// How many records it holds, and how many bytes.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        let of = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        (of(self.records.len()), of(self.bytes.len()))
    }

    /// The place of the record of this number.
    #[must_use]
    pub fn place(&self, number: i64) -> Place {
        Place { origin: Arc::clone(&self.origin), partition: self.partition, number }
    }
}

/// What a reader has read.
#[derive(Debug, Default)]
pub struct Covered {
    /// For the manifest.
    pub inputs: Vec<ManifestInput>,
    /// What of the range is missing, in words.
    pub gaps: Vec<String>,
}

/// Somewhere records are kept.
pub trait Source {
    /// Reads all of it once and gives it away in chunks, until told to stop.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    fn read(&mut self, give: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> Result<Covered, BacktestError>;

    /// How much there is, as far as that can be told before it is read: for whoever waits.
    fn size(&self) -> Size;
}
