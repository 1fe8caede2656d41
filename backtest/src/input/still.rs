//! Files that nobody may write to while they are read: what was read would be neither what they were nor what they are.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;

/// A file that is being read, and what the file system said of it before.
#[derive(Debug)]
pub struct Still {
    file: File,
    then: Stamp,
}

/// What every change of a file's content changes: size, and the times of the last change in seconds and nanoseconds.
type Stamp = (u64, (i64, i64));

impl Still {
    /// Takes note of an open file.
    ///
    /// # Errors
    /// When the file system does not answer.
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self { then: stamp(&file.metadata()?), file: file.try_clone()? })
    }

    /// Refuses a file that was written to since.
    ///
    /// # Errors
    /// When it was, or the file system does not answer.
    pub fn check(&self) -> io::Result<()> {
        match stamp(&self.file.metadata()?) == self.then {
            true => Ok(()),
            false => Err(io::Error::other("it was written to while it was read; run again when nobody writes to it")),
        }
    }
}

/// Of a pipe, which has neither, nothing ever changes.
fn stamp(it: &Metadata) -> Stamp {
    if it.is_file() { (it.len(), (it.mtime(), it.mtime_nsec())) } else { Stamp::default() }
}
