//! The actions over time, old against new, as bars of a drawing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::super::words::{number, time};
use crate::document::{Document, Latched, Outcome, Totals};

/// The drawing's width, in its own units; it is stretched to the page.
const WIDTH: f64 = 1_000.0;
/// The height of one side's bars.
const HEIGHT: f64 = 90.0;
/// At most so many bars on each side.
const BARS: i64 = 90;
/// Lengths of time that a bar may stand for, in hours.
const STEPS: [i64; 9] = [1, 2, 3, 6, 12, 24, 48, 72, 168];

/// The drawing, with all that it says in words.
#[derive(Debug, Serialize)]
pub struct Timeline {
    lanes: Vec<Lane>,
    first: String,
    last: String,
    step: String,
    most: String,
    rows: Vec<TableRow>,
}

/// One side.
#[derive(Debug, Serialize)]
struct Lane {
    name: &'static str,
    bars: Vec<Bar>,
    latches: Vec<String>,
}

/// One bar, from the bottom up: what is done, then what waits.
#[derive(Debug, Serialize)]
struct Bar {
    x: String,
    width: String,
    done_y: String,
    done_height: String,
    waits_y: String,
    waits_height: String,
    told: String,
}

/// The same as text.
#[derive(Debug, Serialize)]
struct TableRow {
    from: String,
    cells: Vec<String>,
}

/// Counts of one bar.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    done: u64,
    waits: u64,
}

type Counted = BTreeMap<i64, Counts>;

/// The timeline, if anything is done or waits on either side.
#[must_use]
pub fn timeline(document: &Document) -> Option<Timeline> {
    let window = &document.window;
    let (first, last) = (hour(window.first?), hour(window.last?));
    let sides = std::iter::once(("under test", &document.totals.after, &document.latches.after));
    let before = document.totals.before.as_ref().zip(document.latches.before.as_ref());
    let sides: Vec<_> = sides.chain(before.map(|(totals, latches)| ("before", totals, latches))).collect();
    // What follows the last record, such as a hold that expires, lies beyond the window.
    let hours = sides.iter().flat_map(|(_, totals, _)| totals.by_hour.keys().filter_map(|at| parsed(at)));
    let last = hours.max().map_or(last, |at| at.max(last));
    let hours = last.saturating_sub(first) + 1;
    let step = STEPS.into_iter().find(|step| hours <= step * BARS).unwrap_or(hours / BARS + 1);
    let scale = Scale { first: first.div_euclid(step) * step, step, bars: hours / step + 2 };
    let counted: Vec<Counted> = sides.iter().map(|(_, totals, _)| scale.counts(totals)).collect();
    let most = counted.iter().flat_map(BTreeMap::values).map(|counts| counts.done + counts.waits).max()?;
    let lanes = sides.iter().zip(&counted).map(|((name, _, latches), counted)| Lane {
        name,
        bars: counted.iter().map(|(place, counts)| scale.bar(*place, *counts, most)).collect(),
        latches: latches.iter().map(|latch| scale.latch(latch)).collect(),
    });
    Some(Timeline {
        lanes: lanes.collect(),
        first: told(scale.first),
        last: told(last),
        step: if step % 24 == 0 { days(step / 24) } else { format!("{step} h") },
        most: number(most),
        rows: rows(&scale, &counted),
    })
}

fn days(days: i64) -> String {
    if days == 1 { "a day".to_owned() } else { format!("{days} days") }
}

/// Where times stand.
#[derive(Debug, Clone, Copy)]
struct Scale {
    first: i64,
    step: i64,
    bars: i64,
}

impl Scale {
    fn place(&self, hour: i64) -> i64 {
        (hour - self.first).div_euclid(self.step)
    }

    fn counts(&self, totals: &Totals) -> Counted {
        let mut counted = Counted::new();
        for (at, outcomes) in &totals.by_hour {
            let Some(hour) = parsed(at) else { continue };
            let of = |outcome: Outcome| outcomes.get(outcome.as_str()).copied().unwrap_or(0);
            let (done, waits) = (of(Outcome::Done), of(Outcome::Held) + of(Outcome::NeedsHuman));
            if done + waits > 0 {
                let counts = counted.entry(self.place(hour)).or_default();
                *counts = Counts { done: counts.done + done, waits: counts.waits + waits };
            }
        }
        counted
    }

    fn x(&self, place: f64) -> f64 {
        place * WIDTH / float(self.bars)
    }

    fn bar(&self, place: i64, counts: Counts, most: u64) -> Bar {
        let height = |many: u64| HEIGHT * many_of(many) / many_of(most.max(1));
        let (done, waits) = (height(counts.done), height(counts.waits));
        Bar {
            x: drawn(self.x(float(place))),
            width: drawn(self.x(0.82)),
            done_y: drawn(HEIGHT - done),
            done_height: drawn(done),
            waits_y: drawn(HEIGHT - done - waits),
            waits_height: drawn(waits),
            told: format!("{}: {} done, {} wait", told(self.first + place * self.step), counts.done, counts.waits),
        }
    }

    fn latch(&self, latch: &Latched) -> String {
        let hours = float(latch.at.as_second() - self.first * 3_600) / 3_600.0;
        drawn(self.x(hours / float(self.step)))
    }
}

fn rows(scale: &Scale, counted: &[Counted]) -> Vec<TableRow> {
    let mut places: Vec<i64> = counted.iter().flat_map(BTreeMap::keys).copied().collect();
    places.sort_unstable();
    places.dedup();
    let cells = |place: i64| {
        let of = |counted: &Counted| counted.get(&place).copied().unwrap_or_default();
        counted.iter().map(of).flat_map(|counts| [number(counts.done), number(counts.waits)]).collect()
    };
    let row = |place: i64| TableRow { from: told(scale.first + place * scale.step), cells: cells(place) };
    places.into_iter().map(row).collect()
}

fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3_600)
}

/// Reads the hour as the document writes it: `2026-09-01T08`.
fn parsed(hour_of_document: &str) -> Option<i64> {
    format!("{hour_of_document}:00:00Z").parse().ok().map(hour)
}

fn told(hour: i64) -> String {
    Timestamp::from_second(hour.saturating_mul(3_600)).map(time).unwrap_or_default()
}

fn drawn(number: f64) -> String {
    format!("{number:.1}")
}

/// Drawings are far coarser than this.
const fn float(number: i64) -> f64 {
    number as f64
}

const fn many_of(number: u64) -> f64 {
    number as f64
}
