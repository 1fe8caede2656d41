//! Alerts and machines that are too large for a record are cut, so that they are judged all the same; what is missing is
//! marked on the record.
//!
//! Kafka's producer refuses a record of more than 1,000,000 bytes before it compresses it. An alert of 2,100 files has
//! 1.2 MB, and how many files there are the attacker chooses.
//!
//! What goes first: fields that this build does not know, whole, the largest first; then what is longest among the known
//! ones, texts and lists from their end; and evidence, from its end, down to what is left. Fields beside the evidence are
//! cut only where they take more than half of the room, so that a long description does not cost the evidence; fields that
//! are not known only where they take more than half of theirs.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::repair::{Entries, text_of};
use crate::{Alert, Verbatim};

/// The largest record on `alerts`, in bytes of its value. What the enriched record has besides fits into the rest.
pub const MAX_ALERT_RECORD: usize = 900_000;
/// The largest record on `enriched`, in bytes of its value: the limit of 1,000,000 without key and headers.
pub const MAX_ENRICHED_RECORD: usize = 980_000;
/// What such a record has beside Microsoft's JSON takes at most so many bytes: ids of 256, times, and what was cut of 28
/// fields.
pub const FRAME: usize = 8_000;
/// The largest machine in a record, in bytes; ordinary ones have some 2,000.
pub const MAX_MACHINE: usize = 64 * 1024;
/// The name under which the evidence of an alert is cut.
pub const EVIDENCE: &str = "evidence";
/// What stands for all the fields that this build does not know.
const UNKNOWN: &str = "*";

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutUnit {
    /// Items of a list; the first ones are kept.
    Items,
    /// Bytes of a text or another value as it was written; of a text the beginning is kept.
    Bytes,
    /// Whole fields.
    Fields,
}

/// What a record leaves out of one field, because all of it would not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Microsoft's name of the field; `*` for all fields that the writer did not know.
    pub field: String,
    /// How much is there.
    pub kept: u64,
    /// Of how much.
    pub of: u64,
    /// What is counted.
    pub unit: CutUnit,
}

impl Cut {
    pub(crate) fn new(field: &str, (kept, of): (usize, usize), unit: CutUnit) -> Self {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Self { field: field.to_owned(), kept: count(kept), of: count(of), unit }
    }

    /// The evidence of an alert that was asked for without it: nobody knows how much there is.
    #[must_use]
    pub fn unasked_evidence() -> Self {
        Self::new(EVIDENCE, (0, 0), CutUnit::Items)
    }

    /// Adds what was cut later to what was cut before: of a field that was cut twice, the original size stands.
    pub fn add(cuts: &mut Vec<Self>, later: Vec<Self>) {
        for cut in later {
            match cuts.iter_mut().find(|known| known.field == cut.field) {
                Some(known) if known.unit == cut.unit && known.field != UNKNOWN => known.kept = cut.kept,
                Some(known) if known.unit == cut.unit => {
                    known.of = known.of.saturating_add(cut.of);
                }
                Some(_) | None => cuts.push(cut),
            }
        }
    }
}

impl fmt::Display for Cut {
    /// What is missing: `560 of 2100 evidence items were cut`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (missing, of) = (self.of.saturating_sub(self.kept), self.of);
        match self.unit {
            CutUnit::Items if of == 0 => write!(f, "{} was not asked for", self.field),
            CutUnit::Items => write!(f, "{missing} of {of} {} items were cut", self.field),
            CutUnit::Bytes => write!(f, "{missing} of {of} bytes of {} were cut", self.field),
            CutUnit::Fields => write!(f, "{missing} of {of} fields that are not known were cut"),
        }
    }
}

/// One entry of the object, as it is written or cut.
struct Entry<'t> {
    name: String,
    key: &'t str,
    value: std::borrow::Cow<'t, str>,
    known: bool,
}

impl Entry<'_> {
    /// With the colon and the comma.
    fn size(&self) -> usize {
        self.key.len() + self.value.len() + 2
    }
}

/// Cuts an alert's JSON so that its record fits on `alerts`.
#[must_use]
pub fn for_a_record(raw: Verbatim) -> (Verbatim, Vec<Cut>) {
    alert(raw, Alert::FIELDS, MAX_ALERT_RECORD - FRAME)
}

/// Cuts an alert's JSON to at most so many bytes. An alert that fits stays byte for byte as it is.
#[must_use]
pub fn alert(raw: Verbatim, known: &[&str], most: usize) -> (Verbatim, Vec<Cut>) {
    if raw.get().len() <= most {
        return (raw, Vec::new());
    }
    let Some(mut entries) = read(raw.get(), known) else { return (raw, Vec::new()) };
    let mut cuts = Vec::new();
    let evidence = entries.iter().position(|entry| entry.name == EVIDENCE).map(|at| entries.remove(at));
    // Two bytes for the braces.
    let most = most.saturating_sub(2);
    let size = evidence.as_ref().map_or(0, Entry::size);
    let room = most.saturating_sub(size).max(most / 2);
    let known_size = sum(entries.iter().filter(|entry| entry.known));
    drop_unknown(&mut entries, room.saturating_sub(known_size).max(room / 2), &mut cuts);
    level(&mut entries, room, &mut cuts);
    if let Some(mut evidence) = evidence {
        let left = most.saturating_sub(sum(&entries));
        if evidence.size() > left {
            let overhead = evidence.size() - evidence.value.len();
            cuts.push(shorten(&mut evidence, left.saturating_sub(overhead)));
        }
        entries.push(evidence);
    }
    (written(&entries).unwrap_or(raw), cuts)
}

/// A machine's JSON without what this build does not know of it, largest first, until it has at most so many bytes;
/// `None` where that is not enough. What guards ask about is never cut.
#[must_use]
pub fn machine(raw: Verbatim, known: &[&str], most: usize) -> Option<Verbatim> {
    if raw.get().len() <= most {
        return Some(raw);
    }
    let mut entries = read(raw.get(), known)?;
    let known_size = sum(entries.iter().filter(|entry| entry.known)) + 2;
    drop_unknown(&mut entries, most.saturating_sub(known_size), &mut Vec::new());
    written(&entries).filter(|cut| cut.get().len() <= most)
}

/// The entries of an object; of a key that is given twice the last.
fn read<'t>(text: &'t str, known: &[&str]) -> Option<Vec<Entry<'t>>> {
    let Entries(pairs) = serde_json::from_str(text).ok()?;
    let mut entries: Vec<Entry<'t>> = Vec::with_capacity(pairs.len());
    let mut seen = std::collections::HashSet::new();
    for (key, value) in pairs.into_iter().rev() {
        let (name, _) = text_of(key);
        if seen.insert(name.clone()) {
            let known = known.contains(&name.as_str());
            entries.push(Entry { name, key: key.get(), value: value.get().into(), known });
        }
    }
    entries.reverse();
    Some(entries)
}

fn sum<'e, 't: 'e>(entries: impl IntoIterator<Item = &'e Entry<'t>>) -> usize {
    entries.into_iter().map(Entry::size).sum()
}

fn written(entries: &[Entry<'_>]) -> Option<Verbatim> {
    let mut text = String::with_capacity(sum(entries) + 2);
    text.push('{');
    for (place, entry) in entries.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(entry.key);
        text.push(':');
        text.push_str(&entry.value);
    }
    text.push('}');
    Verbatim::parse(&text).ok()
}

/// Leaves out fields that are not known, the largest first, until the rest of them fits or none is left.
fn drop_unknown(entries: &mut Vec<Entry<'_>>, room: usize, cuts: &mut Vec<Cut>) {
    let mut excess = sum(entries.iter().filter(|entry| !entry.known)).saturating_sub(room);
    let mut sizes: Vec<(usize, usize)> = Vec::new();
    for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| !entry.known) {
        sizes.push((entry.size(), place));
    }
    let of = sizes.len();
    sizes.sort_unstable_by(|one, two| two.cmp(one));
    let mut dropped = std::collections::HashSet::new();
    for (size, place) in sizes {
        if excess == 0 {
            break;
        }
        excess = excess.saturating_sub(size);
        dropped.insert(place);
    }
    if dropped.is_empty() {
        return;
    }
    let mut place = 0;
    entries.retain(|_| {
        place += 1;
        !dropped.contains(&(place - 1))
    });
    cuts.push(Cut::new(UNKNOWN, (of - dropped.len(), of), CutUnit::Fields));
}

/// Shortens the longest values to one length, so that all of them fit.
fn level(entries: &mut [Entry<'_>], room: usize, cuts: &mut Vec<Cut>) {
    if sum(&*entries) <= room {
        return;
    }
    let mut sizes: Vec<usize> = entries.iter().map(|entry| entry.value.len()).collect();
    sizes.sort_unstable();
    let mut left = room.saturating_sub(sum(&*entries) - sizes.iter().sum::<usize>());
    let mut length = 0;
    for (place, size) in sizes.iter().enumerate() {
        length = left / (sizes.len() - place);
        if *size > length {
            break;
        }
        left -= size;
    }
    for entry in entries.iter_mut().filter(|entry| entry.value.len() > length) {
        cuts.push(shorten(entry, length));
    }
}

/// Cuts one value to at most so many bytes. What is neither a text nor a list is left out.
fn shorten(entry: &mut Entry<'_>, most: usize) -> Cut {
    let of = entry.value.len();
    let (value, cut) = match entry.value.as_bytes().first() {
        Some(b'"') if most >= 2 => {
            let text = entry.value.get(1..of - 1).unwrap_or_default();
            let kept = beginning(text, most - 2);
            (format!("\"{kept}\""), Cut::new(&entry.name, (kept.len(), text.len()), CutUnit::Bytes))
        }
        Some(b'[') if most >= 2 => {
            let items: Vec<&RawValue> = serde_json::from_str(&entry.value).unwrap_or_default();
            let kept = first_items(&items, most - 2);
            let texts: Vec<&str> = kept.iter().map(|item| item.get()).collect();
            (format!("[{}]", texts.join(",")), Cut::new(&entry.name, (kept.len(), items.len()), CutUnit::Items))
        }
        _ => ("null".to_owned(), Cut::new(&entry.name, (0, of), CutUnit::Bytes)),
    };
    entry.value = value.into();
    cut
}

fn first_items<'a, 't>(items: &'a [&'t RawValue], most: usize) -> &'a [&'t RawValue] {
    let mut size = 0;
    let fitting = items.iter().take_while(|item| {
        size += item.get().len() + 1;
        // The last one has no comma.
        size - 1 <= most
    });
    items.get(..fitting.count()).unwrap_or_default()
}

/// The longest beginning of a JSON string's inside that cuts no character and no escape in two.
fn beginning(text: &str, most: usize) -> &str {
    let mut end = 0;
    while let Some(length) = text.get(end..).map(first_length).filter(|length| *length > 0) {
        if end + length > most {
            break;
        }
        end += length;
    }
    text.get(..end).unwrap_or_default()
}

/// How many bytes the first character takes as it is written.
fn first_length(text: &str) -> usize {
    let unit = |at: usize| {
        let digits = text.get(at..).and_then(|rest| rest.strip_prefix("\\u")).and_then(|rest| rest.get(..4))?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(6)) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
        (Some(_), _) => 6,
        (None, _) if text.starts_with('\\') => 2,
        (None, _) => text.chars().next().map_or(0, char::len_utf8),
    }
}
