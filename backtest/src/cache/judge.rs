//! Judging from columns. A rule says the same of two records that agree in what it reads, so it is asked once for each
//! combination of values, and the records of a combination are counted. Rules that read the same fields share the combinations.
//! Whole records are read only where something may follow, and for one example of what could not be judged.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cordon_policy::columns::{Column as Field, columns, together};
use cordon_policy::{Judged, RuleSet};
use cordon_runtime::kafka::Span;
use foldhash::quality::RandomState;
use jiff::Timestamp;

use super::ask::{Answer, Evidence, Group, Plan, Said, ask};
use super::column::index;
use super::fault::CacheFault;
use super::items::{Words, by_item};
use super::layout::Places;
use super::loaded::{Items, Loaded};
use super::segment::Segment;
use super::tuples::Tuples;
use crate::acting::Acting;
use crate::error::BacktestError;
use crate::judge::{Task, plans};
use crate::place::Place;
use crate::record::Record;
use crate::tally::Tally;

/// What the findings of an alert rest on.
const FINDINGS: [&str; 3] = ["alert.id", "alert.classification", "alert.lastUpdateTime"];

/// So many combinations of a group are remembered from segment to segment.
const REMEMBERED: usize = 1 << 16;

/// Segments of one file or topic, and which of their records are asked for.
pub struct Cached<'a> {
    /// The file's name or the topic's.
    pub origin: Arc<str>,
    /// The segments.
    pub segments: &'a [Segment],
    /// Of a topic: only these offsets.
    pub spans: Option<&'a [Span]>,
}

/// What was judged from columns.
pub struct Counted {
    /// What was counted.
    pub tally: Tally,
    /// How many offsets of each partition have been seen, and the first record.
    pub seen: BTreeMap<i32, (i64, i64)>,
}

/// Judges all segments.
///
/// # Errors
/// When a segment is not what was written, or what acts cannot be kept.
pub fn judge(task: Task<'_>, cached: &[Cached<'_>], acting: &Mutex<Acting>) -> Result<Counted, CacheFault> {
    let plan = Plan::of(task.sides);
    let all: Vec<(&Cached<'_>, &Segment)> =
        cached.iter().flat_map(|of| of.segments.iter().map(move |segment| (of, segment))).collect();
    let judged = on_each(
        task.threads,
        &all,
        || Judging::new(task, &plan),
        |judging, number, (of, segment)| judging.segment((of, number, segment), acting),
    )?;
    let mut counted = Counted { tally: Tally::of(task.sides), seen: BTreeMap::new() };
    let (mut errors, mut acted) = (BTreeMap::new(), HashSet::new());
    for judging in judged {
        counted.tally.merge(judging.tally);
        acted.extend(judging.acted);
        for (partition, (seen, first)) in judging.seen {
            let known = counted.seen.entry(partition).or_insert((0, first));
            *known = (known.0 + seen, known.1.min(first));
        }
        for (rule, example) in judging.errors {
            let known = errors.entry(rule).or_insert_with(|| example.clone());
            if example.0 < known.0 {
                *known = example;
            }
        }
    }
    examples(task.sides, &all, errors, &mut counted.tally)?;
    if !acted.is_empty() {
        let found = on_each(
            task.threads,
            &all,
            || Tally::of(task.sides),
            |tally, _, (of, segment)| findings(of, segment, &acted, tally),
        )?;
        found.into_iter().for_each(|tally| counted.tally.merge(tally));
    }
    Ok(counted)
}

/// Lets each of so many threads take segments into a state of its own.
fn on_each<'c, T: Send>(
    threads: usize,
    all: &[(&'c Cached<'c>, &'c Segment)],
    new: impl Fn() -> T + Sync,
    take: impl Fn(&mut T, usize, (&'c Cached<'c>, &'c Segment)) -> Result<(), CacheFault> + Sync,
) -> Result<Vec<T>, CacheFault> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut state = new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(taken) = all.get(number) else { break };
            take(&mut state, number, *taken)?;
        }
        Ok(state)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let panicked = |_| Err(BacktestError::Broken("a thread that judges has panicked".to_owned()).into());
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(panicked)).collect()
    })
}

/// A rule, by its side and its place there.
type RuleAt = (usize, usize);

/// The first record on which a rule could not be judged: where it is from, and its row in the segment of this number.
type Example = (Place, usize, u32);

/// What is known of the combinations of a group: of whole records, or by item.
#[derive(Debug, Default)]
struct Known {
    answers: HashMap<Vec<u8>, Arc<Answer>, RandomState>,
    words: Words,
}

/// What one thread has.
struct Judging<'a> {
    task: Task<'a>,
    plan: &'a Plan<'a>,
    known: Vec<Known>,
    tally: Tally,
    seen: BTreeMap<i32, (i64, i64)>,
    errors: BTreeMap<RuleAt, Example>,
    acted: HashSet<Vec<u8>>,
}

impl<'a> Judging<'a> {
    fn new(task: Task<'a>, plan: &'a Plan<'a>) -> Self {
        Self {
            task,
            plan,
            known: plan.groups.iter().map(|_| Known::default()).collect(),
            tally: Tally::of(task.sides),
            seen: BTreeMap::new(),
            errors: BTreeMap::new(),
            acted: HashSet::new(),
        }
    }

    fn segment(
        &mut self,
        (of, number, segment): (&Cached<'_>, usize, &Segment),
        acting: &Mutex<Acting>,
    ) -> Result<(), CacheFault> {
        let places = segment.places()?;
        self.unread(of, segment)?;
        self.see(of, &places);
        let Some(asked) = self.asked(of, segment, &places)? else { return Ok(()) };
        let plan = self.plan;
        let mut loaded = Loaded::new(segment);
        let mut sides = vec![0_u8; segment.note.rows];
        for (at, group) in plan.groups.iter().enumerate() {
            let (tuples, answers) = self.answers((at, group), &mut loaded)?;
            self.count(group, &tuples, &answers, &asked);
            self.example((of, number, &places), group, (&tuples, &answers), &asked);
            if answers.iter().any(|answer| answer.sides != 0) {
                let of_tuple: Vec<u8> = answers.iter().map(|answer| answer.sides).collect();
                for (sides, tuple) in sides.iter_mut().zip(&tuples.of_row) {
                    *sides |= of_tuple.get(index(*tuple)).copied().unwrap_or(0);
                }
            }
        }
        drop(loaded);
        let open = (0_u32..).zip(&sides).filter(|(row, sides)| **sides != 0 && asked.holds(*row));
        let rows: Vec<u32> = open.map(|(row, _)| row).collect();
        self.keep((of, segment, &places), (&rows, &sides), acting)
    }

    /// Counts what cannot be read.
    fn unread(&mut self, of: &Cached<'_>, segment: &Segment) -> Result<(), CacheFault> {
        for (partition, number, why) in segment.unread()? {
            if of.holds(partition, number) {
                self.tally.unread.add(of.place(partition, number), why);
                self.see_one(partition, number, 1);
            }
        }
        Ok(())
    }

    fn see(&mut self, of: &Cached<'_>, places: &Places) {
        for (run, end) in places.runs() {
            let (from, to) = of.part(run.partition, (run.number, run.number + i64::from(end - run.row)));
            if from < to {
                self.see_one(run.partition, from, to - from);
            }
        }
    }

    fn see_one(&mut self, partition: Option<i32>, first: i64, count: i64) {
        if let Some(partition) = partition {
            let known = self.seen.entry(partition).or_insert((0, first));
            *known = (known.0 + count, known.1.min(first));
        }
    }

    /// The records that are judged, counted; none where there is none.
    fn asked(&mut self, of: &Cached<'_>, segment: &Segment, places: &Places) -> Result<Option<Rows>, CacheFault> {
        let Some((first, last)) = segment.note.times else { return Ok(None) };
        let period = self.task.period;
        let is_whole = places.runs().all(|(run, end)| {
            let all = (run.number, run.number + i64::from(end - run.row));
            of.part(run.partition, all) == all
        });
        if is_whole && period.holds(first) && period.holds(last) {
            self.tally.judged_from_to(places.rows().into(), (first, last));
            return Ok(Some(Rows::All));
        }
        let times = segment.times()?;
        let mut asked = vec![false; segment.note.rows];
        for (run, end) in places.runs() {
            for (row, number) in (run.row..end).zip(run.number..) {
                let Some(at) = times.of(row).filter(|_| of.holds(run.partition, number)) else { continue };
                if period.holds(at) {
                    self.tally.judged(at);
                    if let Some(asked) = asked.get_mut(index(row)) {
                        *asked = true;
                    }
                } else {
                    self.tally.outside += 1;
                }
            }
        }
        Ok(Some(Rows::Some(asked)))
    }

    /// The combinations of a group's values, and what its rules say of each.
    fn answers(
        &mut self,
        (at, group): (usize, &Group<'_>),
        loaded: &mut Loaded<'_>,
    ) -> Result<(Tuples, Vec<Arc<Answer>>), CacheFault> {
        let mut known = self.known.get_mut(at);
        if let (Evidence::ByItem, Some(known)) = (group.evidence, &mut known) {
            return by_item(loaded, group, &mut known.words);
        }
        let tuples = loaded.tuples(group)?;
        let times = if group.by_row { Some(loaded.segment.times()?) } else { None };
        // Where nearly every row has its own, none comes again.
        let remembers = times.is_none() && tuples.len() * 8 <= loaded.segment.note.rows;
        let mut key = Vec::new();
        let mut answers = Vec::with_capacity(tuples.len());
        let mut known = known.filter(|_| remembers).map(|known| &mut known.answers);
        for row in &tuples.first {
            if known.is_some() {
                loaded.key(group, *row, Items::All, &mut key);
            }
            if let Some(answer) = known.as_ref().and_then(|known| known.get(&key)) {
                answers.push(Arc::clone(answer));
                continue;
            }
            let made = times.as_ref().and_then(|times| times.of(*row)).unwrap_or(Timestamp::UNIX_EPOCH);
            let answer = Arc::new(ask(loaded, group, (*row, made))?);
            if let Some(known) = known.as_mut().filter(|known| known.len() < REMEMBERED) {
                known.insert(key.clone(), Arc::clone(&answer));
            }
            answers.push(answer);
        }
        Ok((tuples, answers))
    }

    fn count(&mut self, group: &Group<'_>, tuples: &Tuples, answers: &[Arc<Answer>], asked: &Rows) {
        let mut records = vec![0_u64; tuples.len()];
        for (row, tuple) in (0_u32..).zip(&tuples.of_row) {
            if let Some(records) = records.get_mut(index(*tuple)).filter(|_| asked.holds(row)) {
                *records += 1;
            }
        }
        for (place, rule) in group.rules.iter().enumerate() {
            let (side, number) = rule.at;
            let Some(counts) = self.tally.sides.get_mut(side).and_then(|side| side.get_mut(number)) else { continue };
            for (answer, records) in answers.iter().zip(&records).filter(|(_, records)| **records > 0) {
                match answer.said.get(place) {
                    Some(Said::True) => counts.holds_on(*records),
                    Some(Said::False(Some(part))) => counts.nearly_holds_on(*records, *part),
                    Some(Said::Open) => counts.fails_on(*records),
                    Some(Said::False(None)) | None => {}
                }
            }
        }
    }

    /// Notes the first record on which a rule of the group cannot be judged.
    fn example(
        &mut self,
        (of, number, places): (&Cached<'_>, usize, &Places),
        group: &Group<'_>,
        (tuples, answers): (&Tuples, &[Arc<Answer>]),
        asked: &Rows,
    ) {
        let open: Vec<bool> = answers.iter().map(|answer| answer.is_open).collect();
        if !open.contains(&true) {
            return;
        }
        let mut first: BTreeMap<u32, ((Option<i32>, i64), u32)> = BTreeMap::new();
        for (row, tuple) in (0_u32..).zip(&tuples.of_row) {
            if open.get(index(*tuple)) != Some(&true) || !asked.holds(row) {
                continue;
            }
            let Some(place) = places.of(row) else { continue };
            let known = first.entry(*tuple).or_insert((place, row));
            if place < known.0 {
                *known = (place, row);
            }
        }
        for (tuple, ((partition, at), row)) in first {
            let Some(answer) = answers.get(index(tuple)) else { continue };
            let rules = group.rules.iter().zip(&answer.said).filter(|(_, said)| **said == Said::Open);
            for (rule, _) in rules {
                let example = (of.place(partition, at), number, row);
                let known = self.errors.entry(rule.at).or_insert_with(|| example.clone());
                if example.0 < known.0 {
                    *known = example;
                }
            }
        }
    }

    /// Keeps the records on which anything is planned.
    fn keep(
        &mut self,
        (of, segment, places): (&Cached<'_>, &Segment, &Places),
        (rows, sides): (&[u32], &[u8]),
        acting: &Mutex<Acting>,
    ) -> Result<(), CacheFault> {
        segment.records(rows, |row, bytes| {
            let record = Record::read(bytes).map_err(|why| CacheFault::Damaged(format!("a record: {why}")))?;
            let asking = sides.get(index(row)).copied().unwrap_or(0);
            let mut rule_sets = (0_u32..).zip(self.task.sides).filter(|(side, _)| asking >> side & 1 == 1);
            if !rule_sets.any(|(_, rules)| plans(&record, rules)) {
                return Ok(());
            }
            let Some((partition, number)) = places.of(row) else { return Ok(()) };
            self.acted.insert(serde_json::to_vec(&record.alert().id).unwrap_or_default());
            let mut acting = acting.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = acting.keep(record.at(), of.place(partition, number), bytes);
            kept.map_err(|source| BacktestError::Output { what: "a temporary file".to_owned(), source }.into())
        })
    }
}

/// Which rows of a segment are judged.
enum Rows {
    All,
    Some(Vec<bool>),
}

impl Rows {
    fn holds(&self, row: u32) -> bool {
        match self {
            Self::All => true,
            Self::Some(rows) => rows.get(index(row)) == Some(&true),
        }
    }
}

impl Cached<'_> {
    fn place(&self, partition: Option<i32>, number: i64) -> Place {
        Place { origin: Arc::clone(&self.origin), partition, number }
    }

    /// What of these numbers is asked for.
    fn part(&self, partition: Option<i32>, (from, to): (i64, i64)) -> (i64, i64) {
        let (Some(spans), Some(partition)) = (self.spans, partition) else { return (from, to) };
        let span = spans.iter().find(|span| span.partition == partition);
        span.map_or((from, from), |span| (from.max(span.from), to.min(span.to)))
    }

    fn holds(&self, partition: Option<i32>, number: i64) -> bool {
        let (from, to) = self.part(partition, (number, number + 1));
        from < to
    }
}

/// Reads the records on which rules could not be judged, for why.
fn examples(
    sides: &[&RuleSet],
    all: &[(&Cached<'_>, &Segment)],
    errors: BTreeMap<RuleAt, Example>,
    tally: &mut Tally,
) -> Result<(), CacheFault> {
    let mut by_row: BTreeMap<(usize, u32), (Place, Vec<RuleAt>)> = BTreeMap::new();
    for (rule, (place, segment, row)) in errors {
        by_row.entry((segment, row)).or_insert_with(|| (place, Vec::new())).1.push(rule);
    }
    for ((segment, row), (place, rules)) in by_row {
        let Some((_, segment)) = all.get(segment) else { continue };
        segment.records(&[row], |_, bytes| {
            let record = Record::read(bytes).map_err(|why| CacheFault::Damaged(format!("a record: {why}")))?;
            let laid = record.laid();
            for (side, number) in &rules {
                let rule = sides.get(*side).and_then(|rules| rules.rules().get(*number));
                let counts = tally.sides.get_mut(*side).and_then(|side| side.get_mut(*number));
                if let (Some(Judged::Unknown(why) | Judged::Cut(why)), Some(counts)) =
                    (rule.map(|rule| laid.judge(rule)), counts)
                {
                    counts.fails_first(place.clone(), why);
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// What people found of these alerts.
fn findings(of: &Cached<'_>, segment: &Segment, acted: &HashSet<Vec<u8>>, tally: &mut Tally) -> Result<(), CacheFault> {
    let [id, _, _] = FINDINGS;
    let ids = segment.column(id)?;
    let codes = 0..u32::try_from(ids.len()).unwrap_or(u32::MAX);
    let wanted: BTreeSet<u32> = codes.filter(|code| acted.contains(ids.value(*code))).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let (places, times) = (segment.places()?, segment.times()?);
    let rows = (0_u32..).zip(ids.codes(segment.note.rows)).filter(|(_, code)| wanted.contains(code));
    let all = columns();
    let mut loaded = Loaded::new(segment);
    for name in FINDINGS {
        loaded.load(name)?;
    }
    let fields: Vec<(&Field, &str)> =
        FINDINGS.iter().filter_map(|name| Some((all.iter().find(|field| field.name() == *name)?, *name))).collect();
    for (row, _) in rows {
        let is_asked = places.of(row).is_some_and(|(partition, number)| of.holds(partition, number));
        let Some(at) = times.of(row).filter(|_| is_asked) else { continue };
        let values = fields.iter().map(|(field, name)| (*field, loaded.value(name, row)));
        let (alert, _) = together(values, false).map_err(|error| CacheFault::Damaged(format!("a value: {error}")))?;
        tally.found.take(&alert, at);
    }
    Ok(())
}
