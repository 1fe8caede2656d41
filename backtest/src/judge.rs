//! The first step: every record judged by both rule sets, on every core.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use cordon_policy::{Judged, Rule, RuleSet};
use cordon_records::Verdict;
use jiff::Timestamp;

use crate::acting::Acting;
use crate::error::BacktestError;
use crate::input::{Chunk, Covered, Source, each_chunk};
use crate::progress::{Progress, Size};
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
    /// Records made before this time are passed over.
    pub from: Option<Timestamp>,
    /// Records made at or after this time are.
    pub to: Option<Timestamp>,
    /// What was decided live, to be compared with.
    pub check: Option<&'a Check<'a>>,
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
    let take = |tally: &mut Tally, chunk: &Chunk| one_by_one(task, chunk, tally, &acting);
    task.progress.begin(source.size());
    let judged = each_chunk(&mut Watched { source, task }, task.threads, || Tally::of(task.sides), take);
    task.progress.end();
    let (tallies, covered) = judged?;
    let mut tally = Tally::of(task.sides);
    tallies.into_iter().for_each(|counted| tally.merge(counted));
    let mut acting = acting.into_inner().unwrap_or_else(PoisonError::into_inner);
    acting.sort();
    Ok(Judgement { tally, acting, covered })
}

/// A source of which somebody sees how far it is read.
struct Watched<'a> {
    source: &'a mut dyn Source,
    task: Task<'a>,
}

impl Source for Watched<'_> {
    fn read(&mut self, give: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> Result<Covered, BacktestError> {
        let progress = self.task.progress;
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

fn one_by_one(task: Task<'_>, chunk: &Chunk, tally: &mut Tally, acting: &Mutex<Acting>) -> Result<(), BacktestError> {
    for (number, why) in &chunk.refused {
        tally.not_read(chunk.place(*number), why.clone());
    }
    for (number, bytes) in chunk.records() {
        let Some(at) = one(task, chunk, (number, bytes), tally) else { continue };
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
            tally.not_read(chunk.place(number), why);
            return None;
        }
    };
    let at = record.at();
    // Also of what is not judged: people classify alerts after they have acted.
    tally.found.take(record.alert(), at);
    if task.from.is_some_and(|from| at < from) || task.to.is_some_and(|to| to <= at) {
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
            counted.count(&judged, &laid, || chunk.place(number));
            is_open |= may_ask(rule, &judged);
        }
        acts = acts || (is_open && plans(&record, rules));
    }
    if let (Some(check), Some(partition)) = (task.check, chunk.partition) {
        acts |= check.take(&record, (partition, number));
    }
    acts.then_some(at)
}

/// Whether anything may follow from what this rule says. One that matches and asks for no action is only counted.
const fn may_ask(rule: &Rule, judged: &Judged) -> bool {
    match judged {
        Judged::True => !rule.actions.is_empty(),
        Judged::Unknown(_) | Judged::Cut(_) => true,
        Judged::False => false,
    }
}

/// Whether anything follows from these rules.
fn plans(record: &Record, rules: &RuleSet) -> bool {
    record.decide(rules, String::new()).is_ok_and(|decision| decision.verdict != Verdict::Nothing)
}
