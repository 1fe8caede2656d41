//! What is picked out of a record: where the fields that are asked for stand in it.

use std::collections::BTreeSet;

use cordon_records::cut::EVIDENCE;
use cordon_records::lenient::parse_instant;
use cordon_records::{AlertId, EnrichedRecord, MachineId};
use jiff::Timestamp;
use serde::de::IgnoredAny;

use super::walk::{Span, Walk};

/// What is always picked out of an alert: who it is, whose, and what people found.
const ALERT: [&str; 4] = ["id", "machineId", "classification", "lastUpdateTime"];

/// The fields of a record that nearly all records have alike.
const FRAME: [&str; 6] = ["schema_version", "tenant", "source", "change", "cut", "missing"];

/// So many frames are remembered.
const FRAMES: usize = 64;

/// Names of fields, each with its place.
#[derive(Debug)]
pub struct Fields {
    /// The names, by place.
    pub names: Vec<&'static str>,
    /// Places by what can be told of a name at a glance.
    slots: Vec<Vec<usize>>,
}

const SLOTS: usize = 256;

fn slot(name: &[u8]) -> usize {
    let [first, .., last] = name else { return 0 };
    (usize::from(*first) ^ (usize::from(*last) << 2) ^ (name.len() << 4)) % SLOTS
}

impl Fields {
    /// These names, each once.
    #[must_use]
    pub fn of(names: impl IntoIterator<Item = &'static str>) -> Self {
        let names: Vec<&'static str> = names.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut slots = vec![Vec::new(); SLOTS];
        for (place, name) in names.iter().enumerate() {
            if let Some(slot) = slots.get_mut(slot(name.as_bytes())) {
                slot.push(place);
            }
        }
        Self { names, slots }
    }

    /// The place of a name.
    #[must_use]
    pub fn place(&self, name: &[u8]) -> Option<usize> {
        let mut places = self.slots.get(slot(name))?.iter().copied();
        places.find(|place| self.names.get(*place).is_some_and(|known| known.as_bytes() == name))
    }

    /// Notes where each of them stands in an object; `None` also where one is given twice.
    fn walk<'r>(&self, walk: &mut Walk<'r>, spans: &mut [Span]) -> Option<()> {
        walk.object(|walk, key| match self.place(key).and_then(|place| spans.get_mut(place)) {
            Some(span) => once(span, walk.span()?),
            None => walk.skip(),
        })
    }
}

fn once(span: &mut Span, found: Span) -> Option<()> {
    let is_first = span.is_empty();
    *span = found;
    is_first.then_some(())
}

/// Picks fields out of records, one after the other.
#[derive(Debug)]
pub struct Picker {
    ours: Fields,
    /// What is asked for of alerts, of the items of their evidence, and of machines.
    pub alert: Fields,
    pub item: Fields,
    pub machine: Fields,
    /// Where these stand in the record that was picked from last; of items one after the other.
    spans: Spans,
    /// Frames that can be read.
    frames: Vec<Vec<u8>>,
    frame: Vec<u8>,
}

#[derive(Debug, Default)]
struct Spans {
    ours: Vec<Span>,
    alert: Vec<Span>,
    item: Vec<Span>,
    items: usize,
    machine: Vec<Span>,
}

/// What is known of a record that was picked from.
#[derive(Debug, Clone, Copy)]
pub struct Picked<'r> {
    /// The record.
    pub text: &'r str,
    /// When it was made.
    pub at: Timestamp,
    /// The alert's id.
    pub id: &'r str,
    /// When the alert was changed last.
    pub updated: Option<Timestamp>,
    /// What people found, as it stands there.
    pub classification: Option<&'r str>,
}

impl Picker {
    /// Picks these fields.
    #[must_use]
    pub fn of(
        alert: impl Iterator<Item = &'static str>,
        item: impl Iterator<Item = &'static str>,
        machine: impl Iterator<Item = &'static str>,
    ) -> Self {
        let ours = ["id", "alert_id", "seen_at", "enriched_at", "alert", "machine"];
        Self {
            ours: Fields::of(FRAME.into_iter().chain(ours)),
            alert: Fields::of(alert.chain(ALERT)),
            item: Fields::of(item),
            // Ids are not given twice.
            machine: Fields::of(machine.chain(["id", "machineId"])),
            spans: Spans::default(),
            frames: Vec::new(),
            frame: Vec::new(),
        }
    }

    /// Picks from a record; `None` where it has to be read whole: something is rare (no machine, an alert that was cut) or odd
    /// (a machine that is not the alert's, a field given twice).
    pub fn pick<'r>(&mut self, bytes: &'r [u8]) -> Option<Picked<'r>> {
        let text = simdutf8::basic::from_utf8(bytes).ok()?;
        self.walk(text)?;
        let ours = |name: &str| self.spans.ours.get(self.ours.place(name.as_bytes())?)?.of(text);
        plain(ours("id")?)?;
        let alert_id = plain(ours("alert_id")?)?;
        let (made, seen) = (plain(ours("enriched_at")?)?, plain(ours("seen_at")?)?);
        let at: Timestamp = made.parse().ok()?;
        if seen != made {
            seen.parse::<Timestamp>().ok()?;
        }
        // What they hold has been walked.
        ours("alert").and(ours("machine"))?;
        self.is_framed(text).then_some(())?;
        let id = plain(self.alert(text, "id")?)?;
        AlertId::new(id).ok()?;
        if alert_id != id {
            AlertId::new(alert_id).ok()?;
        }
        self.is_its_machine(text).then_some(())?;
        let updated = match self.alert(text, "lastUpdateTime") {
            None | Some("null") => None,
            Some(updated) => parse_instant(plain(updated)?),
        };
        Some(Picked { text, at, id, updated, classification: self.alert(text, "classification") })
    }

    fn walk(&mut self, text: &str) -> Option<()> {
        let Self { ours, alert, item, machine, spans, .. } = self;
        let (ours, alert, item, machine) = (&*ours, &*alert, &*item, &*machine);
        spans.clear((ours, alert, machine));
        let mut walk = Walk::new(text);
        walk.object(|walk, key| {
            let Some(place) = ours.place(key) else { return walk.skip() };
            let found = match key {
                b"alert" => walk.span_of(|walk| spans.walk_alert((alert, item), walk)),
                b"machine" => walk.span_of(|walk| machine.walk(walk, &mut spans.machine)),
                _ => walk.span(),
            };
            once(spans.ours.get_mut(place)?, found?)
        })?;
        walk.is_at_end().then_some(())
    }

    /// Whether the rest of the record can be read, and says that the alert is whole.
    fn is_framed(&mut self, text: &str) -> bool {
        let of = |name: &str| self.spans.ours.get(self.ours.place(name.as_bytes())?)?.of(text);
        if of("cut").is_some_and(|cut| cut != "[]") {
            return false;
        }
        self.frame.clear();
        for (name, value) in FRAME.into_iter().filter_map(|name| Some((name, of(name)?))) {
            for piece in ["\"", name, "\":", value, ","] {
                self.frame.extend_from_slice(piece.as_bytes());
            }
        }
        if self.frames.contains(&self.frame) {
            return true;
        }
        let given = String::from_utf8_lossy(&self.frame);
        let at = "1970-01-01T00:00:00Z";
        let whole = format!(r#"{{{given}"id":"","alert_id":"a","seen_at":"{at}","enriched_at":"{at}","alert":0}}"#);
        let is_read = serde_json::from_str::<EnrichedRecord<IgnoredAny, IgnoredAny>>(&whole).is_ok();
        if is_read {
            if self.frames.len() == FRAMES {
                self.frames.clear();
            }
            self.frames.push(self.frame.clone());
        }
        is_read
    }

    /// Whether the machine is the alert's. As it stands its id must be one, and without escapes no two spellings are one.
    fn is_its_machine(&self, text: &str) -> bool {
        let held = self.machine.place(b"id").and_then(|place| self.spans.machine.get(place)?.of(text));
        let named = self.alert(text, "machineId");
        let is_one = named.and_then(plain).is_some_and(|id| MachineId::new(id).is_ok());
        is_one && named.zip(held).is_some_and(|(named, held)| named.eq_ignore_ascii_case(held))
    }

    fn alert<'r>(&self, text: &'r str, name: &str) -> Option<&'r str> {
        self.spans.alert.get(self.alert.place(name.as_bytes())?)?.of(text)
    }

    /// The text of the alert's field at this place.
    #[must_use]
    pub fn of_alert<'r>(&self, text: &'r str, place: usize) -> Option<&'r str> {
        self.spans.alert.get(place)?.of(text)
    }

    /// The text of the machine's field at this place.
    #[must_use]
    pub fn of_machine<'r>(&self, text: &'r str, place: usize) -> Option<&'r str> {
        self.spans.machine.get(place)?.of(text)
    }

    /// The text of a field of this item of the evidence.
    #[must_use]
    pub fn of_item<'r>(&self, text: &'r str, number: usize, place: usize) -> Option<&'r str> {
        self.spans.item.get(number * self.item.names.len() + place)?.of(text)
    }

    /// How many items of evidence there are.
    #[must_use]
    pub const fn items(&self) -> usize {
        self.spans.items
    }
}

impl Spans {
    fn clear(&mut self, (ours, alert, machine): (&Fields, &Fields, &Fields)) {
        for (spans, fields) in [(&mut self.ours, ours), (&mut self.alert, alert), (&mut self.machine, machine)] {
            spans.clear();
            spans.resize(fields.names.len(), Span::default());
        }
        self.item.clear();
        self.items = 0;
    }

    fn walk_alert(&mut self, (alert, item): (&Fields, &Fields), walk: &mut Walk<'_>) -> Option<()> {
        walk.object(|walk, key| {
            let Some(place) = alert.place(key) else { return walk.skip() };
            let found = if key == EVIDENCE.as_bytes() {
                walk.span_of(|walk| walk.array(|walk| self.walk_item(item, walk)))
            } else {
                walk.span()
            };
            once(self.alert.get_mut(place)?, found?)
        })
    }

    fn walk_item(&mut self, fields: &Fields, walk: &mut Walk<'_>) -> Option<()> {
        let start = self.item.len();
        self.item.resize(start + fields.names.len(), Span::default());
        self.items += 1;
        fields.walk(walk, self.item.get_mut(start..)?)
    }
}

/// What a text says that has no escapes.
fn plain(text: &str) -> Option<&str> {
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\\')).then_some(text)
}
