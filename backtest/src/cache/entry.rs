//! The cache of one file or topic: a folder with an index and segments.
//!
//! What the index does not name does not exist. A segment is whole on the disk before the index names it, and the index is
//! replaced in one step; so whenever a process ends, the next one finds what stood before or what stands after. One process
//! at a time has the folder: the lock ends with the process.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cordon_policy::columns::{Column, columns};
use cordon_records::text::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Work;
use super::fault::CacheFault;
use super::file::FileNote;
use super::folder::{INDEX, NAME, PART, locked, sweep, tidy};
use super::reading::reading;
use super::segment::{Note, Segment};
use super::topic::Seen;

/// Counts the changes of what is written here.
const FORMAT: u32 = 2;

/// What a cache is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// A file, by its whole path.
    File(PathBuf),
    /// A topic.
    Topic {
        /// The cluster's id.
        cluster: String,
        /// The topic's name.
        topic: String,
    },
}

impl Of {
    /// The name of its folder.
    fn folder(&self) -> String {
        let name = serde_json::to_vec(self).map(|of| sum(&of)).unwrap_or_default();
        name.get(..NAME).unwrap_or_default().to_owned()
    }
}

/// What has to be as it was, so that a cache is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    format: u32,
    cordon: String,
    columns: Vec<String>,
    reading: String,
    of: Of,
}

impl Key {
    fn new(of: Of) -> Self {
        let columns = columns().iter().map(Column::name).collect();
        Self {
            format: FORMAT,
            cordon: env!("CARGO_PKG_VERSION").to_owned(),
            columns,
            reading: reading().to_owned(),
            of,
        }
    }
}

/// What was read at one time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Batch {
    /// Of a file: what it was.
    pub file: Option<FileNote>,
    /// Of a topic: what was read, and what stood at its end.
    pub seen: Vec<Seen>,
    /// Where the records are.
    pub segments: Vec<Note>,
}

impl Batch {
    /// How many records it holds.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows).sum()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Index {
    key: Key,
    batches: Vec<Batch>,
    /// The number of the next segment.
    next: u64,
}

impl Index {
    /// The segments that it names.
    fn named(&self) -> BTreeSet<String> {
        self.batches.iter().flat_map(|batch| &batch.segments).map(|note| note.file.clone()).collect()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Entry {
    folder: PathBuf,
    index: Index,
    /// The segments that the index on the disk names.
    kept: BTreeSet<String>,
    _lock: File,
}

impl Entry {
    /// Opens the cache of a file or topic; what is there of another version, or is not what was written, is not believed. What
    /// an earlier process has left unfinished is deleted, and so are the caches that nobody uses.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process has it.
    pub fn open(root: &Path, of: Of, work: Work<'_>) -> Result<Self, CacheFault> {
        let folder = root.join(of.folder());
        // It holds alerts: for its owner alone.
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(CacheFault::at(&folder))?;
        let lock = locked(&folder).map_err(CacheFault::at(&folder))?;
        let key = Key::new(of);
        let known = read(&folder.join(INDEX), &key).unwrap_or_else(|why| {
            work.progress.note(&format!("cache: made anew, {why}"));
            None
        });
        let index = known.unwrap_or_else(|| Index { key, batches: Vec::new(), next: 0 });
        let entry = Self { folder, kept: index.named(), index, _lock: lock };
        entry.tidy();
        sweep(root, &entry.folder, work.now);
        Ok(entry)
    }

    /// What it holds.
    #[must_use]
    pub fn batches(&self) -> &[Batch] {
        &self.index.batches
    }

    /// Where segments are written.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The segments, opened.
    ///
    /// # Errors
    /// When one is not there.
    pub fn segments(&self) -> Result<Vec<Segment>, CacheFault> {
        let notes = self.index.batches.iter().flat_map(|batch| &batch.segments);
        notes.map(|note| Segment::open(&self.folder, note.clone())).collect()
    }

    /// A number for a new segment.
    #[must_use]
    pub const fn next(&mut self) -> u64 {
        self.index.next += 1;
        self.index.next
    }

    /// Forgets the batches that are not to be kept, for good once something is committed.
    pub fn retain(&mut self, keep: impl FnMut(&Batch) -> bool) {
        self.index.batches.retain(keep);
    }

    /// Takes in one batch more, and replaces the index by one that names it.
    ///
    /// # Errors
    /// When the folder takes no more; then the index stands as it was.
    pub fn commit(&mut self, batch: Option<Batch>) -> Result<(), CacheFault> {
        self.index.batches.extend(batch);
        let written = self.write();
        if written.is_ok() {
            self.kept = self.index.named();
        }
        self.tidy();
        written
    }

    fn write(&self) -> Result<(), CacheFault> {
        let text = serde_json::to_string(&self.index).map_err(|error| CacheFault::at(&self.folder)(error.into()))?;
        let (path, part) = (self.folder.join(INDEX), self.folder.join(PART));
        let written = || {
            let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
            let mut file = options?;
            file.write_all(format!("{}\n{text}", sum(text.as_bytes())).as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&part, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        written().map_err(CacheFault::at(&path))
    }

    /// Deletes the segments that the index on the disk does not name, as after writing has failed: they hold alerts.
    pub fn tidy(&self) {
        tidy(&self.folder, &self.kept);
    }

    /// Forgets all that it holds.
    ///
    /// # Errors
    /// When the index cannot be deleted.
    pub fn clear(&mut self) -> Result<(), CacheFault> {
        self.index.batches.clear();
        let path = self.folder.join(INDEX);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CacheFault::at(&path)(error)),
            Ok(()) | Err(_) => {
                self.kept.clear();
                self.tidy();
                Ok(())
            }
        }
    }
}

/// The index; none where there is none, and why what is there is not to be believed.
fn read(path: &Path, key: &Key) -> Result<Option<Index>, String> {
    let Some(text) = checked(path)? else { return Ok(None) };
    /// What the index of any version has.
    #[derive(Deserialize)]
    struct Keyed {
        key: serde_json::Value,
    }
    let keyed: Keyed = serde_json::from_str(&text).map_err(|_| "its index is of another version".to_owned())?;
    if serde_json::to_value(key).ok() != Some(keyed.key) {
        return Err("it is of another version of cordon, or of something else".to_owned());
    }
    serde_json::from_str(&text).map(Some).map_err(|error| error.to_string())
}

/// The text of an index, whatever version wrote it; none where there is none.
fn checked(path: &Path) -> Result<Option<String>, String> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| error.to_string())?,
    };
    let (written, text) = text.split_once('\n').ok_or("its index is damaged")?;
    if written != sum(text.as_bytes()) {
        return Err("its index is damaged".to_owned());
    }
    Ok(Some(text.to_owned()))
}

/// The name of the folder that this index is for; none where it is damaged, or is no index of ours.
pub fn named_by(path: &Path) -> Option<String> {
    /// What the index of any version has.
    #[derive(Deserialize)]
    struct Keyed {
        key: OfOne,
    }
    #[derive(Deserialize)]
    struct OfOne {
        of: Of,
    }
    let text = checked(path).ok().flatten()?;
    serde_json::from_str::<Keyed>(&text).ok().map(|keyed| keyed.key.of.folder())
}

/// The SHA-256 of these bytes, in hexadecimal digits.
pub fn sum(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).iter())
}
