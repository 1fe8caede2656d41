//! The first step: every record judged by both rule sets, on every core.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use cordon_policy::{Judged, Rule, RuleSet};
use cordon_records::Verdict;
use cordon_runtime::time::Period;
use jiff::Timestamp;

use crate::acting::Acting;
use crate::error::BacktestError;
use crate::input::{Chunk, Covered, Source, each_chunk};
use crate::progress::{Progress, Size};
use crate::quick::Quick;
use crate::record::Record;
use crate::recorded::Check;
use crate::tally::Tally;

/// All that the first step gives.
#[derive(Debug)]
pub struct Judgement {
    /// What was counted.
    pub tally: Tally,
    /// The records on which anything is planned, in the order of their time.
    pub acting: Acting,
    /// What was read.
    pub covered: Covered,
}

/// What is judged, and by what.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The rule sets: under test, then that which it is compared with.
    pub sides: &'a [&'a RuleSet],
    /// Records that were made at another time are passed over.
    pub period: Period,
    /// What was decided live, to be compared with.
    pub check: Option<&'a Check>,
    /// How many threads judge.
    pub threads: usize,
    /// Who waits for it.
    pub progress: &'a dyn Progress,
}

/// Judges all that the source has.
///
/// # Errors
/// When the source cannot be read, or what is kept cannot be written.
pub fn judge(task: Task<'_>, source: &mut dyn Source) -> Result<Judgement, BacktestError> {
    let acting = Mutex::new(Acting::default());
    let take = |judging: &mut Judging, chunk: &Chunk| one_by_one(task, chunk, judging, &acting);
    task.progress.begin(source.size());
    let judged = each_chunk(&mut Watched { source, progress: task.progress }, task.threads, || Judging::of(task), take);
    task.progress.end();
    let (judgings, covered) = judged?;
    let mut tally = Tally::of(task.sides);
    judgings.into_iter().for_each(|judging| tally.merge(judging.tally));
    let mut acting = acting.into_inner().unwrap_or_else(PoisonError::into_inner);
    acting.sort();
    Ok(Judgement { tally, acting, covered })
}

/// A source of which somebody sees how far it is read.
pub struct Watched<'a> {
    /// The source.
    pub source: &'a mut dyn Source,
    /// Who waits for it.
    pub progress: &'a dyn Progress,
}

impl Source for Watched<'_> {
    fn read(&mut self, give: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> Result<Covered, BacktestError> {
        let progress = self.progress;
        self.source.read(&mut |chunk| {
            let (records, bytes) = chunk.size();
            let flow = give(chunk);
            if flow.is_continue() {
                progress.advance(records, bytes);
            }
            flow
        })
    }

    fn size(&self) -> Size {
        self.source.size()
    }
}

/// What one thread has.
struct Judging {
    tally: Tally,
    /// What was decided live is compared with whole records only.
    quick: Option<Quick>,
}

impl Judging {
    fn of(task: Task<'_>) -> Self {
        Self { tally: Tally::of(task.sides), quick: task.check.is_none().then(|| Quick::of(task.sides)) }
    }
}

fn one_by_one(
    task: Task<'_>,
    chunk: &Chunk,
    judging: &mut Judging,
    acting: &Mutex<Acting>,
) -> Result<(), BacktestError> {
    let Judging { tally, quick } = judging;
    for (number, why) in &chunk.refused {
        tally.unread.add(chunk.place(*number), why.clone());
    }
    for (number, bytes) in chunk.records() {
        let at = match quick.as_mut().and_then(|quick| quickly(task, chunk, (number, bytes), (tally, quick))) {
            Some(at) => at,
            None => one(task, chunk, (number, bytes), tally),
        };
        let Some(at) = at else { continue };
        let mut acting = acting.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = acting.keep(at, chunk.place(number), bytes);
        kept.map_err(|source| BacktestError::Output { what: "a temporary file".to_owned(), source })?;
    }
    Ok(())
}

/// Judges one record, and says when it was made if anything is planned on it.
fn one(task: Task<'_>, chunk: &Chunk, (number, bytes): (i64, &[u8]), tally: &mut Tally) -> Option<Timestamp> {
    let record = match Record::read(bytes) {
        Ok(record) => record,
        Err(why) => {
            tally.unread.add(chunk.place(number), why);
            return None;
        }
    };
    let at = record.at();
    // Also of what is not judged: people classify alerts after they have acted.
    tally.found.take(record.alert(), at);
    if !task.period.holds(at) {
        tally.outside += 1;
        return None;
    }
    tally.judged(at);
    let laid = record.laid();
    let mut acts = false;
    for (rules, counts) in task.sides.iter().zip(&mut tally.sides) {
        let mut is_open = false;
        for (rule, counted) in rules.rules().iter().zip(counts) {
            let judged = laid.judge(rule);
            counted.count(&judged, |_, part| Some(laid.condition(part)), || chunk.place(number));
            is_open |= may_ask(rule, &judged);
        }
        acts = acts || (is_open && plans(&record, rules));
    }
    if let (Some(check), Some(partition)) = (task.check, chunk.partition) {
        acts |= check.take(&record, (partition, number));
    }
    acts.then_some(at)
}

/// The same for a record of which only what is asked for is read; `None` where it has to be read whole, and nothing was
/// counted.
fn quickly(
    task: Task<'_>,
    chunk: &Chunk,
    (number, bytes): (i64, &[u8]),
    (tally, quick): (&mut Tally, &mut Quick),
) -> Option<Option<Timestamp>> {
    let picked = quick.pick(bytes)?;
    let found = quick.found(picked.classification)?;
    quick.rules(&picked)?;
    let at = picked.at;
    tally.found.take_found(picked.id, picked.updated.unwrap_or(at), found);
    if !task.period.holds(at) {
        tally.outside += 1;
        return Some(None);
    }
    tally.judged(at);
    let mut acts = false;
    for (side, (rules, counts)) in task.sides.iter().zip(&mut tally.sides).enumerate() {
        let mut is_open = false;
        for (place, (rule, counted)) in rules.rules().iter().zip(counts).enumerate() {
            let Some(judged) = quick.said(side, place).cloned() else { continue };
            is_open |= may_ask(rule, &judged);
            counted.count(&judged, |part, _| quick.part(place, part, &picked), || chunk.place(number));
        }
        acts = acts || (is_open && Record::read(bytes).is_ok_and(|record| plans(&record, rules)));
    }
    Some(acts.then_some(at))
}

/// Whether anything may follow from what this rule says. One that matches and asks for no action is only counted.
pub const fn may_ask(rule: &Rule, judged: &Judged) -> bool {
    match judged {
        Judged::True => !rule.actions.is_empty(),
        Judged::Unknown(_) | Judged::Cut(_) => true,
        Judged::False => false,
    }
}

/// Whether anything follows from these rules.
pub fn plans(record: &Record, rules: &RuleSet) -> bool {
    record.decide(rules, String::new()).is_ok_and(|decision| decision.verdict != Verdict::Nothing)
}
