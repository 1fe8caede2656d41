//! What a segment holds beside its columns: where each record is from, when it was made, and where its bytes are packed. All
//! numbers are little-endian.

use jiff::Timestamp;

use super::column::{index, u32_at};

/// Records that follow each other in one file or partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The partition; `None` in a file.
    pub partition: Option<i32>,
    /// The offset or line of the first.
    pub number: i64,
    /// The row of the first.
    pub row: u32,
}

/// Where the rows of a segment are from.
#[derive(Debug, Default)]
pub struct Places {
    runs: Vec<Run>,
    rows: u32,
}

/// How a file's partition is written.
const NO_PARTITION: i32 = i32::MIN;

impl Places {
    /// Adds the next row.
    pub fn push(&mut self, partition: Option<i32>, number: i64) {
        let next = self.runs.last().map(|run| (run.partition, run.number + i64::from(self.rows - run.row)));
        if next != Some((partition, number)) {
            self.runs.push(Run { partition, number, row: self.rows });
        }
        self.rows += 1;
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// The partition and number of a row.
    #[must_use]
    pub fn of(&self, row: u32) -> Option<(Option<i32>, i64)> {
        let run = self.runs.get(self.runs.partition_point(|run| run.row <= row).checked_sub(1)?)?;
        (row < self.rows).then(|| (run.partition, run.number + i64::from(row - run.row)))
    }

    /// The runs, each with the row behind its last.
    pub fn runs(&self) -> impl Iterator<Item = (Run, u32)> {
        let ends = self.runs.iter().skip(1).map(|run| run.row).chain([self.rows]);
        self.runs.iter().copied().zip(ends)
    }

    /// As it is kept.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 * self.runs.len());
        for Run { partition, number, row } in &self.runs {
            bytes.extend(partition.unwrap_or(NO_PARTITION).to_le_bytes());
            bytes.extend(number.to_le_bytes());
            bytes.extend(row.to_le_bytes());
        }
        bytes
    }

    /// Reads what was kept of so many rows.
    #[must_use]
    pub fn read(bytes: &[u8], rows: usize) -> Option<Self> {
        let run = |it: &[u8]| {
            let partition = i32::from_le_bytes(it.get(..4)?.try_into().ok()?);
            let number = i64::from_le_bytes(it.get(4..12)?.try_into().ok()?);
            let partition = (partition != NO_PARTITION).then_some(partition);
            Some(Run { partition, number, row: u32_at(it, 12)? })
        };
        let runs = bytes.chunks(16).map(run).collect::<Option<Vec<_>>>()?;
        Some(Self { runs, rows: u32::try_from(rows).ok()? })
    }
}

/// When each row was made.
#[derive(Debug, Default)]
pub struct Times(Vec<u8>);

impl Times {
    /// Adds the next row.
    pub fn push(&mut self, at: Timestamp) {
        self.0.extend(at.as_second().to_le_bytes());
        self.0.extend(at.subsec_nanosecond().to_le_bytes());
    }

    /// As it is kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes what was kept of so many rows.
    #[must_use]
    pub fn read(bytes: Vec<u8>, rows: usize) -> Option<Self> {
        (rows.checked_mul(12)? == bytes.len()).then_some(Self(bytes))
    }

    /// When this row was made.
    #[must_use]
    pub fn of(&self, row: u32) -> Option<Timestamp> {
        let at = index(row).checked_mul(12)?;
        let it = self.0.get(at..at + 12)?;
        let second = i64::from_le_bytes(it.get(..8)?.try_into().ok()?);
        let nanosecond = i32::from_le_bytes(it.get(8..)?.try_into().ok()?);
        Timestamp::new(second, nanosecond).ok()
    }
}

/// Several records, packed in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Where it is in the file, in bytes.
    pub at: u64,
    /// How long it is, packed.
    pub length: u32,
    /// The row of its first record.
    pub row: u32,
}

/// The blocks of a segment, and how long each record is.
#[derive(Debug, Default)]
pub struct Blocks {
    blocks: Vec<Block>,
    lengths: Vec<u32>,
}

impl Blocks {
    /// Adds the length of the next record.
    pub fn record(&mut self, length: u32) {
        self.lengths.push(length);
    }

    /// A block begins or ends.
    pub fn push(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// The number of the block that holds a row.
    #[must_use]
    pub fn number(&self, row: u32) -> Option<usize> {
        self.blocks.partition_point(|block| block.row <= row).checked_sub(1)
    }

    /// A block, and the lengths of the records that it holds.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<(Block, &[u32])> {
        let block = self.blocks.get(number)?;
        let end = self.blocks.get(number + 1).map_or(self.lengths.len(), |next| index(next.row));
        Some((*block, self.lengths.get(index(block.row)..end)?))
    }

    /// As it is kept: the lengths, then the blocks.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
        for Block { at, length, row } in &self.blocks {
            bytes.extend(at.to_le_bytes());
            bytes.extend(length.to_le_bytes());
            bytes.extend(row.to_le_bytes());
        }
        bytes
    }

    /// Reads what was kept of so many rows.
    #[must_use]
    pub fn read(bytes: &[u8], rows: usize) -> Option<Self> {
        let (lengths, blocks) = bytes.split_at_checked(rows.checked_mul(4)?)?;
        let block = |it: &[u8]| {
            let at = u64::from_le_bytes(it.get(..8)?.try_into().ok()?);
            Some(Block { at, length: u32_at(it, 8)?, row: u32_at(it, 12)? })
        };
        Some(Self {
            blocks: blocks.chunks(16).map(block).collect::<Option<_>>()?,
            lengths: lengths.chunks(4).map(|it| u32_at(it, 0)).collect::<Option<_>>()?,
        })
    }
}
