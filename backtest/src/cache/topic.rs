//! A topic with a cache: what is not there yet is read, and added.

use std::collections::{BTreeMap, btree_map};
use std::path::Path;

use cordon_runtime::kafka::Span;
use serde::{Deserialize, Serialize};

use super::Work;
use super::build::build;
use super::entry::{Batch, Entry, Of};
use super::fault::CacheFault;
use crate::input::{Last, TopicRange};

/// A batch with fewer records is small; where there are more of these than so many, they are read again as one.
const SMALL: usize = 16_384;
const SMALL_BATCHES: usize = 16;

/// What was read of one partition at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The partition.
    pub partition: i32,
    /// The first offset.
    pub from: i64,
    /// The first offset that is not part of it.
    pub to: i64,
    /// The last record of it: by that a topic is known.
    pub last: Option<Last>,
}

/// A topic's cache.
#[derive(Debug)]
pub struct CachedTopic {
    /// Its cache, which holds all of the range.
    pub entry: Entry,
    /// How many records were there already.
    pub known: usize,
}

/// The cache of a topic, with all of the range in it.
///
/// # Errors
/// When the broker cannot be had, or the folder cannot be used.
pub fn cached(root: &Path, range: &TopicRange, work: Work<'_>) -> Result<CachedTopic, CacheFault> {
    let (cluster, topic) = range.names();
    let of = Of::Topic { cluster: cluster.to_owned(), topic: topic.to_string() };
    let mut entry = Entry::open(root, of, work)?;
    if !range.still_holds(&lasts(entry.batches()))? {
        // The topic was made anew under its old name, or nothing is left of what was read.
        entry.clear()?;
    }
    if entry.batches().iter().filter(|batch| batch.rows() < SMALL).count() > SMALL_BATCHES {
        entry.retain(|batch| batch.rows() >= SMALL);
    }
    let known = entry.batches().iter().map(Batch::rows).sum();
    let missing = missing(&range.spans(), entry.batches());
    if missing.is_empty() {
        return Ok(CachedTopic { entry, known });
    }
    let number = entry.next();
    let mut batch = Batch::default();
    for (round, spans) in (0..).zip(rounds(missing)) {
        let mut part = range.part(&spans);
        let name = number * 1_000 + round;
        let built = build((entry.folder(), name), &mut part, (work.threads, work.progress));
        let (segments, _) = built.inspect_err(|_| entry.tidy())?;
        batch.segments.extend(segments);
        batch.seen.extend(part.covered().into_iter().map(|(span, last)| Seen {
            partition: span.partition,
            from: span.from,
            to: span.to,
            last,
        }));
    }
    if !batch.seen.is_empty() {
        entry.commit(Some(batch))?;
    }
    Ok(CachedTopic { entry, known })
}

/// The newest record of each partition.
fn lasts(batches: &[Batch]) -> BTreeMap<i32, Last> {
    let mut lasts: BTreeMap<i32, Last> = BTreeMap::new();
    for Seen { partition, last, .. } in batches.iter().flat_map(|batch| &batch.seen) {
        let Some(last) = last else { continue };
        let known = lasts.entry(*partition).or_insert_with(|| last.clone());
        if known.offset < last.offset {
            *known = last.clone();
        }
    }
    lasts
}

/// What of these spans was never read.
fn missing(spans: &[Span], batches: &[Batch]) -> Vec<Span> {
    let mut missing: Vec<Span> = spans.to_vec();
    for seen in batches.iter().flat_map(|batch| &batch.seen) {
        let without = |span: Span| {
            if span.partition != seen.partition || seen.to <= span.from || span.to <= seen.from {
                return [Some(span), None];
            }
            let (before, after) = (Span { to: seen.from, ..span }, Span { from: seen.to, ..span });
            [Some(before).filter(|it| it.from < it.to), Some(after).filter(|it| it.from < it.to)]
        };
        missing = missing.into_iter().flat_map(without).flatten().collect();
    }
    missing.retain(|span| span.from < span.to);
    missing
}

/// One span of each partition at a time.
fn rounds(mut spans: Vec<Span>) -> Vec<Vec<Span>> {
    let mut rounds = Vec::new();
    while !spans.is_empty() {
        let mut round: BTreeMap<i32, Span> = BTreeMap::new();
        let mut rest = Vec::new();
        for span in spans {
            match round.entry(span.partition) {
                btree_map::Entry::Occupied(_) => rest.push(span),
                btree_map::Entry::Vacant(vacant) => _ = vacant.insert(span),
            }
        }
        rounds.push(round.into_values().collect());
        spans = rest;
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(partition: i32, from: i64, to: i64) -> Span {
        Span { partition, from, to }
    }

    #[test]
    fn only_what_was_never_read_is_read_one_span_of_a_partition_at_a_time() {
        let seen = |partition, from, to| Seen { partition, from, to, last: None };
        let batch = |seen| Batch { seen, ..Batch::default() };
        let batches = [batch(vec![seen(0, 10, 20), seen(1, 0, 5)]), batch(vec![seen(0, 30, 40)])];
        let left = missing(&[span(0, 5, 50), span(1, 0, 5), span(2, 7, 7)], &batches);
        assert_eq!(left, [span(0, 5, 10), span(0, 20, 30), span(0, 40, 50)]);
        assert_eq!(rounds(left).len(), 3);
        assert_eq!(missing(&[span(0, 12, 18)], &batches), []);
    }
}
