//! Files with a cache: one is known by its time and size, and where these differ by its content.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Work;
use super::build::{build, read_over};
use super::entry::{Batch, Entry, Of};
use super::fault::CacheFault;
use crate::error::BacktestError;
use crate::input::{Files, Source as _};
use crate::manifest::ManifestInput;

/// A file that changed so shortly before it was looked at may change again at what is the same time to its file system.
const UNSURE: SignedDuration = SignedDuration::from_secs(2);

/// What a file was when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNote {
    stat: Stat,
    /// When it was looked at.
    noted: Timestamp,
    lines: u64,
    blake3: String,
}

/// What the file system says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stat {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stat {
    fn of(path: &Path) -> io::Result<Self> {
        let it: Metadata = std::fs::metadata(path)?;
        Ok(Self {
            device: it.dev(),
            inode: it.ino(),
            size: it.size(),
            modified: (it.mtime(), it.mtime_nsec()),
            changed: (it.ctime(), it.ctime_nsec()),
        })
    }

    /// Whether a later change of the file would show, for who looked at this time.
    fn is_settled(&self, noted: Timestamp) -> bool {
        let before = noted.checked_sub(UNSURE).unwrap_or(Timestamp::MIN).as_second();
        self.modified.0 < before && self.changed.0 < before
    }
}

/// A file's cache, and what a manifest says of the file.
#[derive(Debug)]
pub struct CachedFile {
    /// Its cache, which holds all of it.
    pub entry: Entry,
    /// As it was named.
    pub name: String,
    /// For a manifest.
    pub input: ManifestInput,
    /// Whether it had to be read.
    pub is_new: bool,
}

/// Whether there can be a cache of this input: not of standard input, nor of a pipe.
#[must_use]
pub fn is_cachable(path: &Path) -> bool {
    path != Path::new("-") && std::fs::metadata(path).is_ok_and(|it| it.is_file())
}

/// The cache of a file, which is read where it is not the one that was.
///
/// # Errors
/// When it cannot be read, or the folder cannot be used.
pub fn cached(root: &Path, path: &Path, work: Work<'_>) -> Result<CachedFile, CacheFault> {
    let name = path.display().to_string();
    let failed = |error: io::Error| BacktestError::Input { what: name.clone(), why: error.to_string() };
    let whole: PathBuf = path.canonicalize().map_err(failed)?;
    let mut entry = Entry::open(root, Of::File(whole), work)?;
    let stat = Stat::of(path).map_err(failed)?;
    let known = entry.batches().first().and_then(|batch| batch.file.clone());
    if let Some(note) = known {
        let is_certain = note.stat == stat && stat.is_settled(note.noted);
        if is_certain || is_same(&mut entry, (path, &stat), &note, work)? {
            let input = ManifestInput::File { name: name.clone(), lines: note.lines, blake3: note.blake3 };
            return Ok(CachedFile { entry, name, input, is_new: false });
        }
    }
    entry.retain(|_| false);
    let batch = entry.next();
    let mut files = Files::new(vec![path.to_owned()]);
    let built = build((entry.folder(), batch), &mut files, (work.threads, work.progress));
    let (segments, covered) = built.inspect_err(|_| entry.tidy())?;
    let Some(input @ ManifestInput::File { .. }) = covered.inputs.into_iter().next() else {
        return Err(BacktestError::Broken(format!("{name} was read, and it was not told what it is")).into());
    };
    if let ManifestInput::File { lines, blake3, .. } = &input {
        // What changed while it was read is looked into the next time.
        let is_still = Stat::of(path).is_ok_and(|now| now == stat);
        let noted = if is_still { work.now } else { Timestamp::MIN };
        let file = FileNote { stat, noted, lines: *lines, blake3: blake3.clone() };
        entry.commit(Some(Batch { file: Some(file), seen: Vec::new(), segments }))?;
    }
    Ok(CachedFile { entry, name, input, is_new: true })
}

/// Whether a file that seems to be another has the content that it had; if so, that is noted.
fn is_same(
    entry: &mut Entry,
    (path, stat): (&Path, &Stat),
    note: &FileNote,
    work: Work<'_>,
) -> Result<bool, CacheFault> {
    let mut files = Files::new(vec![path.to_owned()]);
    work.progress.begin(files.size());
    let covered = read_over(&mut files);
    work.progress.end();
    let content = covered?.inputs.into_iter().find_map(|input| match input {
        ManifestInput::File { blake3, .. } => Some(blake3),
        ManifestInput::Partition { .. } => None,
    });
    if content.as_ref() != Some(&note.blake3) {
        return Ok(false);
    }
    let Some(mut batch) = entry.batches().first().cloned() else { return Ok(false) };
    batch.file = Some(FileNote { stat: stat.clone(), noted: work.now, ..note.clone() });
    entry.retain(|_| false);
    entry.commit(Some(batch))?;
    Ok(true)
}
