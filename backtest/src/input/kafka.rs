//! A range of the topic `enriched`, by time or by the offsets of a manifest, up to what the topic held when reading began.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use cordon_records::Topic;
use cordon_runtime::kafka::{Extent, KafkaSettings, Lent, RangeReader, Span};
use cordon_runtime::time::Period;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Chunk, Covered, Source};
use crate::error::BacktestError;
use crate::manifest::ManifestInput;
use crate::progress::Size;

/// How many bytes a chunk holds, about.
const CHUNK: usize = 1 << 20;

/// The time stamps of records are of other clocks, and of a moment after the record was made: so much more is read on both
/// sides, and the records themselves say when they were made.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// See the module.
#[derive(Debug)]
pub struct TopicRange {
    reader: RangeReader,
    cluster: String,
    parts: Vec<Part>,
    extents: Vec<Extent>,
    from: Option<Timestamp>,
}

/// The last record that was read of a partition: a topic that was made anew under the old name has another there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Its offset.
    pub offset: i64,
    written: Option<Timestamp>,
    crc: u32,
}

impl Last {
    fn of(offset: i64, written: Option<Timestamp>, value: &[u8]) -> Self {
        Self { offset, written, crc: crc32fast::hash(value) }
    }
}

/// What is read of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    span: Span,
    /// What stood before it was deleted already.
    is_cut: bool,
}

impl TopicRange {
    /// Takes up position for all that was made in this time: what the topic gets from now on is no part of it.
    ///
    /// # Errors
    /// When the broker does not answer, knows no such topic, or does not let us look.
    pub fn open(kafka: &KafkaSettings, topic: Topic, Period { from, to }: Period) -> Result<Self, BacktestError> {
        let reader = RangeReader::open(kafka, topic)?;
        let since = from.map(|from| from.checked_sub(MARGIN).unwrap_or(Timestamp::MIN));
        let until = to.map(|to| to.checked_add(MARGIN).unwrap_or(Timestamp::MAX));
        let extents = reader.extents(since, until)?;
        let part = |extent: &Extent| {
            let Extent { partition, low, since, until, high: _ } = *extent;
            Part { span: Span { partition, from: since, to: until.max(since) }, is_cut: since == low && low > 0 }
        };
        let parts = extents.iter().map(part).collect();
        Ok(Self { cluster: reader.cluster_id()?, parts, extents, reader, from })
    }

    /// Takes up position for exactly what a manifest names.
    ///
    /// # Errors
    /// When the topic is on another cluster or under another name, or records of the range are deleted.
    pub fn again(
        kafka: &KafkaSettings,
        topic: Topic,
        inputs: &[ManifestInput],
        from: Option<Timestamp>,
    ) -> Result<Self, BacktestError> {
        let reader = RangeReader::open(kafka, topic)?;
        let extents = reader.extents(None, None)?;
        let cluster = reader.cluster_id()?;
        let name = reader.topic_name().to_string();
        let mut parts = Vec::new();
        for input in inputs {
            let ManifestInput::Partition { cluster: then, topic, partition, from, to, cut } = input else { continue };
            if *topic != name {
                continue;
            }
            if *then != cluster {
                let why = format!("the manifest is of the cluster {then}, and kafka.bootstrap_servers names {cluster}");
                return Err(BacktestError::Usage(why));
            }
            let part = Part { span: Span { partition: *partition, from: *from, to: *to }, is_cut: *cut };
            is_there(&name, &extents, part.span)?;
            parts.push(part);
        }
        if parts.is_empty() {
            return Err(BacktestError::Usage(format!("the manifest names no part of {name}")));
        }
        parts.sort_by_key(|part| part.span.partition);
        Ok(Self { reader, cluster, parts, extents, from })
    }

    /// The spans that are read.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.parts.iter().map(|part| part.span).collect()
    }

    /// The cluster's id, and the topic's name.
    #[must_use]
    pub fn names(&self) -> (&str, &Arc<str>) {
        (&self.cluster, self.reader.topic_name())
    }

    /// A part of it, to be read by itself.
    #[must_use]
    pub fn part(&self, spans: &[Span]) -> TopicPart<'_> {
        TopicPart { range: self, spans: spans.to_vec(), read: Vec::new() }
    }

    /// Whether these records, by partition, are where they were.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub fn still_holds(&self, lasts: &BTreeMap<i32, Last>) -> Result<bool, BacktestError> {
        let is_kept = |(partition, last): (&i32, &Last)| {
            let mut extents = self.extents.iter();
            extents.any(|extent| extent.partition == *partition && (extent.low..extent.high).contains(&last.offset))
        };
        if !lasts.iter().all(is_kept) {
            return Ok(false);
        }
        let span =
            |(partition, last): (&i32, &Last)| Span { partition: *partition, from: last.offset, to: last.offset + 1 };
        let mut found = BTreeMap::new();
        self.reader.drain(&lasts.iter().map(span).collect::<Vec<_>>(), |lent| {
            found.insert(lent.partition, Last::of(lent.offset, lent.timestamp, lent.value.unwrap_or_default()));
            ControlFlow::Continue(())
        })?;
        Ok(found == *lasts)
    }

    /// What is missing of what was asked for, where so many offsets of each partition have been seen, and this one first.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub fn gaps(&self, seen: &BTreeMap<i32, (i64, i64)>) -> Result<Vec<String>, BacktestError> {
        // Only where something was deleted it matters when the oldest record was written.
        let cut = self.parts.iter().filter(|part| part.is_cut);
        let first = |part: &Part| {
            let (_, first) = seen.get(&part.span.partition)?;
            Some(Span { from: *first, to: first + 1, ..part.span })
        };
        let spans: Vec<Span> = cut.filter_map(first).collect();
        let mut written = BTreeMap::new();
        if !spans.is_empty() {
            self.reader.drain(&spans, |lent| {
                written.insert(lent.partition, lent.timestamp);
                ControlFlow::Continue(())
            })?;
        }
        let of = |part: &Part| {
            let Span { partition, from, to } = part.span;
            let missing = to - from - seen.get(&partition).map_or(0, |(count, _)| *count);
            gaps(*part, self.from, self.reader.topic_name(), (missing, written.get(&partition).copied().flatten()))
        };
        Ok(self.parts.iter().flat_map(of).collect())
    }

    /// Reads these spans; what each partition had comes back, and whether all of it was read.
    fn drain(
        &self,
        spans: &[Span],
        give: &mut dyn FnMut(Chunk) -> ControlFlow<()>,
    ) -> Result<(BTreeMap<i32, Filling>, ControlFlow<()>), BacktestError> {
        let new = |span: &Span| (span.partition, Filling::new(self.reader.topic_name(), *span));
        let mut filling: BTreeMap<i32, Filling> = spans.iter().map(new).collect();
        let mut flow = ControlFlow::Continue(());
        self.reader.drain(spans, |lent| {
            let Some(filling) = filling.get_mut(&lent.partition) else { return flow };
            filling.take(lent);
            if filling.chunk.bytes.len() >= CHUNK {
                flow = give(filling.emptied());
            }
            flow
        })?;
        for filling in filling.values_mut() {
            let rest = filling.emptied();
            if flow.is_continue() && !(rest.records.is_empty() && rest.refused.is_empty()) {
                flow = give(rest);
            }
        }
        Ok((filling, flow))
    }

    /// What is read, for a manifest.
    #[must_use]
    pub fn inputs(&self) -> Vec<ManifestInput> {
        let of = |part: &Part| ManifestInput::Partition {
            cluster: self.cluster.clone(),
            topic: self.reader.topic_name().to_string(),
            partition: part.span.partition,
            from: part.span.from,
            to: part.span.to,
            cut: part.is_cut,
        };
        self.parts.iter().map(of).collect()
    }
}

/// The same range, one partition after the other: two readings give the same order.
#[derive(Debug)]
pub struct InOrder(pub TopicRange);

impl InOrder {
    fn each(
        &mut self,
        parts: &[Part],
        give: &mut dyn FnMut(Chunk) -> ControlFlow<()>,
    ) -> Result<Vec<String>, BacktestError> {
        let (mut gaps, mut flow) = (Vec::new(), ControlFlow::Continue(()));
        for part in parts {
            self.0.parts = vec![*part];
            let covered = self.0.read(&mut |chunk| {
                flow = give(chunk);
                flow
            })?;
            gaps.extend(covered.gaps);
            if flow.is_break() {
                break;
            }
        }
        Ok(gaps)
    }
}

impl Source for InOrder {
    fn read(&mut self, give: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> Result<Covered, BacktestError> {
        let parts = std::mem::take(&mut self.0.parts);
        let gaps = self.each(&parts, give);
        self.0.parts = parts;
        Ok(Covered { inputs: self.0.inputs(), gaps: gaps? })
    }

    fn size(&self) -> Size {
        self.0.size()
    }
}

/// Whether all of the span is kept.
fn is_there(topic: &str, extents: &[Extent], span: Span) -> Result<(), BacktestError> {
    let Span { partition, from, to } = span;
    let extent = extents.iter().find(|extent| extent.partition == partition);
    let why = match extent {
        _ if from >= to => return Ok(()),
        None => "there is no such partition".to_owned(),
        Some(extent) if from < extent.low => format!("what stood before offset {} is deleted", extent.low),
        Some(extent) if extent.high < to => {
            format!("it ends at offset {}, so it is another topic of that name", extent.high)
        }
        Some(_) => return Ok(()),
    };
    let what = format!("offsets {from} to {to} of {topic}, partition {partition}");
    Err(BacktestError::Input { what, why: format!("{why}; run without --manifest over what is there") })
}

impl Source for TopicRange {
    fn read(&mut self, give: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> Result<Covered, BacktestError> {
        let (filling, flow) = self.drain(&self.spans(), give)?;
        let mut gaps = Vec::new();
        for part in self.parts.iter().filter(|_| flow.is_continue()) {
            let filling = filling.get(&part.span.partition);
            gaps.extend(filling.into_iter().flat_map(|it| it.gaps(*part, self.from, self.reader.topic_name())));
        }
        Ok(Covered { inputs: self.inputs(), gaps })
    }

    fn size(&self) -> Size {
        size(&self.spans())
    }
}

/// A part of a topic's range.
#[derive(Debug)]
pub struct TopicPart<'a> {
    range: &'a TopicRange,
    spans: Vec<Span>,
    read: Vec<(Span, Option<Last>)>,
}

impl TopicPart<'_> {
    /// What was read of each span, up to one behind the last offset that came, and the last record of it. What a reading that
    /// ended early has left out is no part of it, nor are offsets at the end that have no record: nobody can tell these apart.
    #[must_use]
    pub fn covered(self) -> Vec<(Span, Option<Last>)> {
        self.read
    }
}

impl Source for TopicPart<'_> {
    fn read(&mut self, give: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> Result<Covered, BacktestError> {
        let (mut filling, _) = self.range.drain(&self.spans, give)?;
        let read = |span: &Span| filling.remove(&span.partition).map(|it| (Span { to: it.next, ..*span }, it.last));
        self.read = self.spans.iter().filter_map(read).filter(|(span, _)| span.from < span.to).collect();
        Ok(Covered::default())
    }

    fn size(&self) -> Size {
        size(&self.spans)
    }
}

fn size(spans: &[Span]) -> Size {
    Size::Records(spans.iter().map(|span| u64::try_from(span.to - span.from).unwrap_or(0)).sum())
}

/// The records of one partition, as they come.
#[derive(Debug)]
struct Filling {
    chunk: Chunk,
    /// The offset that is to come next.
    next: i64,
    /// How many offsets have no record.
    missing: i64,
    /// When the first record was written, and the newest.
    first: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// The last record that was given away.
    last: Option<Last>,
}

impl Filling {
    fn new(topic: &Arc<str>, span: Span) -> Self {
        let chunk = Chunk {
            origin: Arc::clone(topic),
            partition: Some(span.partition),
            bytes: Vec::new(),
            records: Vec::new(),
            refused: Vec::new(),
        };
        Self { chunk, next: span.from, missing: 0, first: None, newest: None, last: None }
    }

    fn take(&mut self, lent: Lent<'_>) {
        self.missing += (lent.offset - self.next).max(0);
        self.next = lent.offset + 1;
        self.first = self.first.or(lent.timestamp);
        let Chunk { bytes, records, refused, .. } = &mut self.chunk;
        match lent.value {
            None => refused.push((lent.offset, "it has no value".to_owned())),
            Some([]) => refused.push((lent.offset, "its value is empty".to_owned())),
            Some(value) => {
                if bytes.capacity() == 0 {
                    bytes.reserve(CHUNK + CHUNK / 4);
                }
                let start = bytes.len();
                bytes.extend_from_slice(value);
                records.push((lent.offset, start..bytes.len()));
                self.newest = lent.timestamp;
            }
        }
    }

    /// What has come so far; from here on it fills anew.
    fn emptied(&mut self) -> Chunk {
        if let Some((offset, value)) = self.chunk.records().last() {
            self.last = Some(Last::of(offset, self.newest, value));
        }
        let next = Chunk {
            origin: Arc::clone(&self.chunk.origin),
            partition: self.chunk.partition,
            bytes: Vec::new(),
            records: Vec::new(),
            refused: Vec::new(),
        };
        std::mem::replace(&mut self.chunk, next)
    }

    /// What is missing of what was asked for.
    fn gaps(&self, part: Part, from: Option<Timestamp>, topic: &str) -> Vec<String> {
        gaps(part, from, topic, (self.missing + (part.span.to - self.next).max(0), self.first))
    }
}

/// What is missing of what was asked for, where so many offsets have no record and the first that has was written then.
fn gaps(part: Part, from: Option<Timestamp>, topic: &str, (missing, first): (i64, Option<Timestamp>)) -> Vec<String> {
    let Span { partition, from: begin, to } = part.span;
    let place = format!("{topic}, partition {partition}");
    let is_younger = |first: Timestamp| from.is_none_or(|from| first > from);
    let cut = match first {
        _ if !part.is_cut => None,
        Some(first) if is_younger(first) => Some(format!(
            "{place}: what stood before offset {begin} is deleted; the oldest record that is kept was written {first}"
        )),
        Some(_) => None,
        None => Some(format!("{place}: what stood before offset {begin} is deleted, and nothing has come since")),
    };
    let holes = (missing > 0).then(|| format!("{place}: {missing} of the offsets from {begin} to {to} have no record"));
    cut.into_iter().chain(holes).collect()
}

#[cfg(test)]
mod tests;
