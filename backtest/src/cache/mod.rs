//! The cache: what rules can read of records that were read once, by column, and the records themselves, packed. A backtest
//! over the same records again reads a few columns instead of all records.
//!
//! `file.rs` and `topic.rs` know what of an input is there already, and have the rest read (`build.rs`) into segments
//! (`segment.rs`, `column.rs`, `layout.rs`); `entry.rs` is one input's cache, with the index that says what is there, `folder.rs` the folder that it is in; `judge.rs`
//! judges from the columns, once for each combination of values (`ask.rs`, `loaded.rs`, `tuples.rs`), of evidence once for each combination of an item's values (`items.rs`). What is there is checked wherever it is read: what is
//! damaged, of another version, read otherwise than this build reads (`reading.rs`) or of something else is made anew. A result never depends on whether there was a cache.

mod ask;
mod build;
mod column;
mod entry;
mod fault;
mod file;
mod folder;
mod items;
mod judge;
mod layout;
mod loaded;
mod reading;
mod segment;
mod topic;
mod tuples;

#[cfg(test)]
pub use entry::sum;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use cordon_runtime::kafka::Span;
use cordon_settings::variable;
use jiff::Timestamp;

use crate::acting::Acting;
use crate::args::BacktestArgs;
use crate::error::BacktestError;
use crate::input::{Covered, TopicRange};
use crate::judge::{Judgement, Task};
use crate::origin::Records;
use crate::progress::Progress;

use entry::Entry;
use fault::CacheFault;
use judge::{Cached, Counted};
use segment::Segment;

/// How records are read into the cache.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// How many threads write.
    threads: usize,
    /// Who waits for it.
    progress: &'a dyn Progress,
    /// When that is.
    now: Timestamp,
}

/// The folder of the cache; none where none is wanted, or nobody says where the user's files are.
#[must_use]
pub fn folder(args: &BacktestArgs) -> Option<PathBuf> {
    if args.no_cache {
        return None;
    }
    let given = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = || given("XDG_CACHE_HOME").or_else(|| given("HOME").map(|home| home.join(".cache")));
    args.cache.clone().or_else(|| own().map(|own| own.join("cordon").join("backtest")))
}

/// Judges records by way of the cache in this folder.
///
/// # Errors
/// When the records cannot be read. A cache that cannot be used is told, and the records are judged without.
pub fn judge(root: &Path, task: Task<'_>, records: &mut Records, now: Timestamp) -> Result<Judgement, BacktestError> {
    let work = Work { threads: task.threads, progress: task.progress, now };
    let mut is_again = false;
    loop {
        match once(root, task, records, work) {
            Ok(judgement) => return Ok(judgement),
            Err(CacheFault::Failed(error)) => return Err(error),
            Err(CacheFault::Damaged(why)) if !is_again => {
                task.progress.note(&format!("cache: made anew, {why}"));
                is_again = true;
            }
            Err(fault @ (CacheFault::Damaged(_) | CacheFault::Unusable { .. })) => {
                task.progress.note(&format!("cache: not used, {fault}"));
                return crate::judge::judge(task, records.source());
            }
        }
    }
}

fn once(root: &Path, task: Task<'_>, records: &mut Records, work: Work<'_>) -> Result<Judgement, CacheFault> {
    match records {
        Records::Files(files) => {
            // Before any is read: of all of them there is a cache, or none is made.
            if let Some(path) = files.paths().iter().find(|path| !file::is_cachable(path)) {
                let source = std::io::Error::other("only of files there is a cache");
                return Err(CacheFault::at(path)(source));
            }
            let mut cached = Vec::new();
            for path in files.paths() {
                cached.push(file::cached(root, path, work)?);
            }
            let new = cached.iter().filter(|file| file.is_new).count();
            let known = cached.len() - new;
            work.progress.note(&format!("cache: {known} files known, {new} read, in {}", root.display()));
            let inputs = cached.iter().map(|file| file.input.clone()).collect();
            let origins: Vec<&str> = cached.iter().map(|file| file.name.as_str()).collect();
            let origins: Vec<Arc<str>> = origins.into_iter().map(Into::into).collect();
            let mut entries: Vec<Entry> = cached.into_iter().map(|file| file.entry).collect();
            let judged = judged(task, &entries, &origins, None);
            let (Counted { tally, .. }, acting) = believed(judged, &mut entries)?;
            Ok(Judgement { tally, acting, covered: Covered { inputs, gaps: Vec::new() } })
        }
        Records::Topic(range) => {
            let cached = topic::cached(root, range, work)?;
            told(&cached, work, root);
            let (spans, origins) = (range.spans(), [Arc::clone(range.names().1)]);
            let mut entries = [cached.entry];
            let judged = judged(task, &entries, &origins, Some(&spans));
            let (Counted { tally, seen }, acting) = believed(judged, &mut entries)?;
            let covered = covered(range, &seen)?;
            Ok(Judgement { tally, acting, covered })
        }
    }
}

fn covered(range: &TopicRange, seen: &BTreeMap<i32, (i64, i64)>) -> Result<Covered, BacktestError> {
    Ok(Covered { inputs: range.inputs(), gaps: range.gaps(seen)? })
}

fn told(cached: &topic::CachedTopic, work: Work<'_>, root: &Path) {
    let all: usize = cached.entry.batches().iter().map(entry::Batch::rows).sum();
    let new = all.saturating_sub(cached.known);
    work.progress.note(&format!("cache: {} records known, {new} read, in {}", cached.known, root.display()));
}

fn judged(
    task: Task<'_>,
    entries: &[Entry],
    origins: &[Arc<str>],
    spans: Option<&[Span]>,
) -> Result<(Counted, Acting), CacheFault> {
    let segments: Vec<Vec<Segment>> = entries.iter().map(Entry::segments).collect::<Result<_, _>>()?;
    let of = |(segments, origin)| Cached { origin: Arc::clone(origin), segments, spans };
    let cached: Vec<Cached<'_>> = segments.iter().map(Vec::as_slice).zip(origins).map(of).collect();
    let acting = Mutex::new(Acting::default());
    let begun = Instant::now();
    let counted = judge::judge(task, &cached, &acting)?;
    let took = begun.elapsed().as_secs_f64();
    task.progress.note(&format!("judged {} records in {took:.3} s", counted.tally.records));
    let mut acting = acting.into_inner().unwrap_or_else(PoisonError::into_inner);
    acting.sort();
    Ok((counted, acting))
}

/// What is damaged is forgotten, all of it.
fn believed<T>(judged: Result<T, CacheFault>, entries: &mut [Entry]) -> Result<T, CacheFault> {
    if let Err(CacheFault::Damaged(_)) = &judged {
        entries.iter_mut().try_for_each(Entry::clear)?;
    }
    judged
}
