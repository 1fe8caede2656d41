//! A segment: some ten thousand records of one file or topic, by column, and packed as they came.
//!
//! Its file is written once and never changed. It holds the packed records, then the sections; where each section is, and its
//! checksum, stands in the note of the segment, which is part of the index. Blocks of packed records have zstd's own checksum.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cordon_policy::columns::{self, columns};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::column::{Column, Filling, index};
use super::fault::CacheFault;
use super::layout::{Block, Blocks, Places, Times};
use crate::input::Chunk;
use crate::record::Record;

/// So many records, those that cannot be read among them, and so many bytes of values are in a segment at most.
const ROWS: usize = if cfg!(test) { 64 } else { 65_536 };
const BYTES: usize = 80 << 20;
/// So many items of evidence.
const ITEMS: usize = 1 << 20;

/// So many bytes of records are packed together: reading one record unpacks all of them.
const BLOCK: usize = 32 << 10;

/// How hard zstd tries: alerts repeat themselves so much that more makes little difference.
const LEVEL: i32 = 1;

/// The column that says what of an alert is cut, the one that says whether there is a machine to judge on, and the one that says
/// how many items of evidence there are.
pub const CUT: &str = "cut";
pub const HAS_MACHINE: &str = "has machine";
pub const EVIDENCE: &str = "evidence";

const PLACES: &str = "places";
const TIMES: &str = "times";
const BLOCKS: &str = "blocks";
const UNREAD: &str = "unread";

/// A record that cannot be read: where it is, and why.
pub type Unread = (Option<i32>, i64, String);

/// What the index says of a segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Note {
    /// The name of its file.
    pub file: String,
    /// How many records it holds.
    pub rows: usize,
    /// How many items of evidence these have.
    pub items: usize,
    /// How many it names that cannot be read.
    pub unread: usize,
    /// When the first was made, and the last.
    pub times: Option<(Timestamp, Timestamp)>,
    sections: BTreeMap<String, Section>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Section {
    at: u64,
    length: usize,
    crc: u32,
}

/// A segment that is being written.
pub struct Writer {
    path: PathBuf,
    name: String,
    file: File,
    end: u64,
    packer: zstd::bulk::Compressor<'static>,
    block: Vec<u8>,
    block_row: u32,
    blocks: Blocks,
    places: Places,
    times: Times,
    between: Option<(Timestamp, Timestamp)>,
    columns: Vec<(columns::Column, Filling)>,
    cut: Filling,
    has_machine: Filling,
    evidence: Filling,
    items: usize,
    unread: Vec<Unread>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Writer {
    /// Begins the segment of this name.
    ///
    /// # Errors
    /// When its file cannot be made.
    pub fn create(folder: &Path, name: String) -> Result<Self, CacheFault> {
        let path = folder.join(&name);
        // It holds alerts: for its owner alone.
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let mut packer = zstd::bulk::Compressor::new(LEVEL).map_err(CacheFault::at(&path))?;
        packer.include_checksum(true).map_err(CacheFault::at(&path))?;
        Ok(Self {
            file: file.map_err(CacheFault::at(&path))?,
            path,
            name,
            end: 0,
            packer,
            block: Vec::new(),
            block_row: 0,
            blocks: Blocks::default(),
            places: Places::default(),
            times: Times::default(),
            between: None,
            columns: columns().into_iter().map(|column| (column, Filling::default())).collect(),
            cut: Filling::default(),
            has_machine: Filling::default(),
            evidence: Filling::default(),
            items: 0,
            unread: Vec::new(),
        })
    }

    /// Adds all of a chunk.
    ///
    /// # Errors
    /// When the file takes no more.
    pub fn take(&mut self, chunk: &Chunk) -> Result<(), CacheFault> {
        let refused = chunk.refused.iter().map(|(number, why)| (chunk.partition, *number, why.clone()));
        self.unread.extend(refused);
        for (number, bytes) in chunk.records() {
            match Record::read(bytes) {
                Ok(record) => self.add((chunk.partition, number), &record, bytes)?,
                Err(why) => self.unread.push((chunk.partition, number, why)),
            }
        }
        Ok(())
    }

    /// Whether another is to be begun.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let values: usize = self.columns.iter().map(|(_, filling)| filling.size()).sum();
        index(self.places.rows()) + self.unread.len() >= ROWS || values >= BYTES || self.items >= ITEMS
    }

    fn add(
        &mut self,
        (partition, number): (Option<i32>, i64),
        record: &Record,
        bytes: &[u8],
    ) -> Result<(), CacheFault> {
        let at = record.at();
        self.between = Some(self.between.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        self.times.push(at);
        let machine = record.laid().machine();
        for (column, filling) in &mut self.columns {
            column.values(record.alert(), machine, |value| filling.push(value));
        }
        let items = record.alert().evidence.len();
        self.items += items;
        self.evidence.push(&u32::try_from(items).unwrap_or(u32::MAX).to_le_bytes());
        let cut =
            if record.cut().is_empty() { Vec::new() } else { serde_json::to_vec(record.cut()).unwrap_or_default() };
        self.cut.push(&cut);
        self.has_machine.push(if machine.is_some() { b"1" } else { b"" });
        self.places.push(partition, number);
        self.blocks.record(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.block.extend_from_slice(bytes);
        if self.block.len() >= BLOCK { self.pack() } else { Ok(()) }
    }

    fn pack(&mut self) -> Result<(), CacheFault> {
        let packed = self.packer.compress(&self.block).map_err(CacheFault::at(&self.path))?;
        let length = u32::try_from(packed.len()).unwrap_or(u32::MAX);
        self.blocks.push(Block { at: self.end, length, row: self.block_row });
        self.block.clear();
        self.block_row = self.places.rows();
        self.write(&packed)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), CacheFault> {
        self.file.write_all(bytes).map_err(CacheFault::at(&self.path))?;
        self.end += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Writes the columns, and brings all of it to the disk.
    ///
    /// # Errors
    /// When the file takes no more.
    pub fn end(mut self) -> Result<Note, CacheFault> {
        if !self.block.is_empty() {
            self.pack()?;
        }
        let mut sections = BTreeMap::new();
        for (column, filling) in std::mem::take(&mut self.columns) {
            self.section(&mut sections, &column.name(), &filling.bytes())?;
        }
        let (cut, has_machine, evidence) = (self.cut.bytes(), self.has_machine.bytes(), self.evidence.bytes());
        self.section(&mut sections, CUT, &cut)?;
        self.section(&mut sections, HAS_MACHINE, &has_machine)?;
        self.section(&mut sections, EVIDENCE, &evidence)?;
        let (places, blocks) = (self.places.bytes(), self.blocks.bytes());
        self.section(&mut sections, PLACES, &places)?;
        self.section(&mut sections, BLOCKS, &blocks)?;
        let times = std::mem::take(&mut self.times);
        self.section(&mut sections, TIMES, times.bytes())?;
        let unread = serde_json::to_vec(&self.unread).unwrap_or_default();
        self.section(&mut sections, UNREAD, &unread)?;
        self.file.sync_all().map_err(CacheFault::at(&self.path))?;
        Ok(Note {
            file: self.name,
            rows: index(self.places.rows()),
            items: self.items,
            unread: self.unread.len(),
            times: self.between,
            sections,
        })
    }

    fn section(
        &mut self,
        sections: &mut BTreeMap<String, Section>,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), CacheFault> {
        let section = Section { at: self.end, length: bytes.len(), crc: crc32fast::hash(bytes) };
        sections.insert(name.to_owned(), section);
        self.write(bytes)
    }
}

/// A segment that is read.
#[derive(Debug)]
pub struct Segment {
    /// What the index says of it.
    pub note: Note,
    path: PathBuf,
    file: File,
}

impl Segment {
    /// Opens the file that the index names.
    ///
    /// # Errors
    /// When it is not there.
    pub fn open(folder: &Path, note: Note) -> Result<Self, CacheFault> {
        let path = folder.join(&note.file);
        let file = File::open(&path).map_err(|error| CacheFault::damaged(&path, error))?;
        Ok(Self { note, path, file })
    }

    fn bytes(&self, at: u64, length: usize) -> Result<Vec<u8>, CacheFault> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => CacheFault::damaged(&self.path, "it ends too early"),
            _ => CacheFault::at(&self.path)(error),
        })?;
        Ok(bytes)
    }

    fn section(&self, name: &str) -> Result<Vec<u8>, CacheFault> {
        let section = self.note.sections.get(name).ok_or_else(|| self.odd(name))?;
        let bytes = self.bytes(section.at, section.length)?;
        if crc32fast::hash(&bytes) == section.crc { Ok(bytes) } else { Err(self.odd(name)) }
    }

    fn odd(&self, what: &str) -> CacheFault {
        CacheFault::damaged(&self.path, format!("the section {what} is not what was written"))
    }

    /// A column that has a value for each row.
    ///
    /// # Errors
    /// When it is not what was written, as of all sections.
    pub fn column(&self, name: &str) -> Result<Column, CacheFault> {
        Column::of(self.section(name)?, self.note.rows).ok_or_else(|| self.odd(name))
    }

    /// A column that has a value for each item of evidence.
    ///
    /// # Errors
    /// As of a column of rows.
    pub fn column_of_items(&self, name: &str) -> Result<Column, CacheFault> {
        Column::of(self.section(name)?, self.note.items).ok_or_else(|| self.odd(name))
    }

    /// Where the rows are from.
    ///
    /// # Errors
    /// As of every section.
    pub fn places(&self) -> Result<Places, CacheFault> {
        Places::read(&self.section(PLACES)?, self.note.rows).ok_or_else(|| self.odd(PLACES))
    }

    /// When the rows were made.
    ///
    /// # Errors
    /// As of every section.
    pub fn times(&self) -> Result<Times, CacheFault> {
        Times::read(self.section(TIMES)?, self.note.rows).ok_or_else(|| self.odd(TIMES))
    }

    /// What cannot be read.
    ///
    /// # Errors
    /// As of every section.
    pub fn unread(&self) -> Result<Vec<Unread>, CacheFault> {
        if self.note.unread == 0 {
            return Ok(Vec::new());
        }
        serde_json::from_slice(&self.section(UNREAD)?).map_err(|_| self.odd(UNREAD))
    }

    /// Lends the records of these rows, which go up, as they came.
    ///
    /// # Errors
    /// When they are not what was written, and those of whom they are lent to.
    pub fn records(
        &self,
        rows: &[u32],
        mut take: impl FnMut(u32, &[u8]) -> Result<(), CacheFault>,
    ) -> Result<(), CacheFault> {
        if rows.is_empty() {
            return Ok(());
        }
        let blocks = Blocks::read(&self.section(BLOCKS)?, self.note.rows).ok_or_else(|| self.odd(BLOCKS))?;
        let mut unpacker = zstd::bulk::Decompressor::new().map_err(CacheFault::at(&self.path))?;
        for rows in rows.chunk_by(|one, other| blocks.number(*one) == blocks.number(*other)) {
            let found = rows.first().and_then(|row| blocks.number(*row)).and_then(|number| blocks.get(number));
            let (block, lengths) = found.ok_or_else(|| self.odd(BLOCKS))?;
            let size: usize = lengths.iter().map(|length| index(*length)).sum();
            let packed = self.bytes(block.at, index(block.length))?;
            let records = unpacker.decompress(&packed, size).map_err(|error| CacheFault::damaged(&self.path, error))?;
            let mut start = 0;
            let mut wanted = rows.iter().peekable();
            for (row, length) in (block.row..).zip(lengths) {
                let end = start + index(*length);
                if wanted.next_if(|wanted| **wanted == row).is_some() {
                    take(row, records.get(start..end).ok_or_else(|| self.odd(BLOCKS))?)?;
                }
                start = end;
            }
        }
        Ok(())
    }
}
