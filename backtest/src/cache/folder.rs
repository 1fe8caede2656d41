//! The folder of one file or topic: who has it, what in it is ours, and what of all folders goes.
//!
//! `--cache` may name a folder in which others keep something, too. So nothing is deleted but a file that is named as ours are, in
//! a folder that is named as ours are and holds nothing else; and no link is followed.

use std::collections::BTreeSet;
use std::fs::{File, Metadata, OpenOptions, TryLockError, symlink_metadata};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::entry::named_by;

/// Says what there is.
pub const INDEX: &str = "index";
/// An index that is being written.
pub const PART: &str = "index.part";
const LOCK: &str = "lock";

/// What a lock of ours says.
const USED: &[u8] = b"used";

/// What nobody has used for so long is deleted.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long a folder's name is, in hexadecimal digits.
pub const NAME: usize = 32;

/// What a segment is called; it is one of so many of a batch.
pub fn segment(batch: u64, number: u32) -> String {
    format!("{batch:08}-{number:05}")
}

fn is_segment(name: &str) -> bool {
    let is_number = |text: &str, least: usize| text.len() >= least && text.bytes().all(|it| it.is_ascii_digit());
    name.split_once('-').is_some_and(|(batch, number)| is_number(batch, 8) && is_number(number, 5))
}

/// Locks a folder, and notes that it was used now.
pub fn locked(folder: &Path) -> io::Result<File> {
    let path = folder.join(LOCK);
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
    alone(&lock)?;
    if !is_at(&lock, &path)? {
        // Somebody has deleted it meanwhile; or it is a link, and what that names is not ours.
        return Err(io::Error::other("its lock is gone, or is a link"));
    }
    // Its time is when the folder was used last.
    (&lock).write_all(USED)?;
    Ok(lock)
}

fn alone(lock: &File) -> io::Result<()> {
    match lock.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(io::ErrorKind::WouldBlock, "another backtest uses it")),
    }
}

/// Whether this open file is the one that stands there.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (open, there) = (file.metadata()?, symlink_metadata(path)?);
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

/// Deletes what was being written of a cache and is not to be kept. What cannot be deleted stays.
pub fn tidy(folder: &Path, kept: &BTreeSet<String>) {
    for (path, name) in listed(folder) {
        if name == PART || is_segment(&name) && !kept.contains(&name) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Deletes the caches that nobody uses, but for this one. What cannot be deleted stays.
pub fn sweep(root: &Path, own: &Path, now: Timestamp) {
    for (folder, name) in listed(root) {
        let is_named = name.len() == NAME && name.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        if is_named && folder != own {
            // Where it cannot be told whose it is, it stays.
            let _ = delete_unused(&folder, &name, now);
        }
    }
}

fn delete_unused(folder: &Path, name: &str, now: Timestamp) -> io::Result<()> {
    let path = folder.join(LOCK);
    let is_old = |it: &Metadata| it.modified().is_ok_and(|used| is_past(used, now));
    // Whoever uses it must not find it locked: it is locked only where it seems to be old.
    let looked = symlink_metadata(&path)?;
    if !symlink_metadata(folder)?.is_dir() || !looked.is_file() || !is_old(&looked) {
        return Ok(());
    }
    let lock = File::open(&path)?;
    alone(&lock)?;
    let mut says = Vec::new();
    (&lock).take(64).read_to_end(&mut says)?;
    let files = listed(folder);
    let is_unused = is_at(&lock, &path)? && is_old(&lock.metadata()?);
    if !is_unused || says != USED || !files.iter().all(is_ours) || !names(folder, name) {
        return Ok(());
    }
    for (file, _) in files.iter().filter(|(_, name)| name != LOCK) {
        std::fs::remove_file(file)?;
    }
    std::fs::remove_file(path)?;
    std::fs::remove_dir(folder)
}

fn is_past(used: std::time::SystemTime, now: Timestamp) -> bool {
    Timestamp::try_from(used).is_ok_and(|used| now.duration_since(used) > KEPT)
}

fn is_ours((path, name): &(PathBuf, String)) -> bool {
    let is_named = [INDEX, PART, LOCK].contains(&name.as_str()) || is_segment(name);
    is_named && symlink_metadata(path).is_ok_and(|it| it.is_file())
}

/// Whether the index is the one of the folder of this name; where there is none yet, nothing else is said.
fn names(folder: &Path, name: &str) -> bool {
    let index = folder.join(INDEX);
    match symlink_metadata(&index) {
        Err(error) => error.kind() == io::ErrorKind::NotFound,
        Ok(_) => named_by(&index).is_some_and(|named| named == name),
    }
}

/// What is in a folder, with its name; a name that is no text is none of ours, and stands here with what it has of text.
fn listed(folder: &Path) -> Vec<(PathBuf, String)> {
    let listed = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    listed.map(|entry| (entry.path(), entry.file_name().to_string_lossy().into_owned())).collect()
}
