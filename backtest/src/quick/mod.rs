//! Judging many records quickly: a record is walked over once (`walk.rs`), what the conditions ask for is picked out as the JSON
//! text that stands there (`pick.rs`), each text gets a number (`dictionary.rs`), and each condition is judged once for each
//! combination of numbers (`question.rs`). A few dozen combinations of severity, status and category stand for a million records.
//! Of a condition that asks about the evidence one item at a time, each item is such a combination.
//!
//! What is picked from is rare or odd (no machine, a machine that is not the alert's, a field given twice, an alert that was
//! cut) is not judged here: [`Quick::pick`] says so, and the record is read whole. A condition over fields with nearly as many
//! values as there are records, such as command lines, is judged record by record, on those fields alone.

mod dictionary;
mod pick;
mod question;
mod walk;

use std::collections::{BTreeSet, HashMap};

use cordon_policy::{Condition, Judged, Rule, RuleSet};
use cordon_records::{Alert, Machine};

use crate::document::Found;
use crate::found::found_of;
use dictionary::Dictionary;
use pick::{Fields, Picker};
use question::{Numbers, Question, WholeReading, asked};

pub use pick::Picked;

/// So many spellings of what people found are remembered.
const FOUND: usize = 64;

/// See the module. Each thread has its own.
#[derive(Debug)]
pub struct Quick {
    picker: Picker,
    dictionaries: Dictionaries,
    numbers: Numbers,
    questions: Vec<Question>,
    /// So many of these, the first, are conditions of rules.
    whole: usize,
    /// What these say of the record.
    judged: Vec<Judged>,
    /// The questions of the rules of each side, in the order of its rule set.
    sides: Vec<Vec<usize>>,
    /// The questions of the parts of each rule of the first side.
    parts: Vec<Vec<usize>>,
    /// What is read of a record for the questions that are asked of each by itself, and what the present one has of it.
    by_record: WholeReading,
    read: Option<(Alert, Machine)>,
    /// A question is asked of each record from now on: the numbers of what it reads are not needed any more.
    is_stale: bool,
    found: Vec<(Box<str>, Found)>,
}

/// One for each field that a question reads by its numbers, by place.
#[derive(Debug, Default)]
struct Dictionaries {
    alert: Vec<Option<Dictionary>>,
    item: Vec<Option<Dictionary>>,
    machine: Vec<Option<Dictionary>>,
}

impl Dictionaries {
    fn of(picker: &Picker, questions: &[Question]) -> Self {
        let mut read = WholeReading::default();
        questions.iter().filter(|question| !question.by_record).for_each(|question| question.add_to(&mut read));
        let of = |fields: &Fields, read: &BTreeSet<usize>| {
            (0..fields.names.len()).map(|place| read.contains(&place).then(Dictionary::default)).collect()
        };
        Self {
            alert: of(&picker.alert, &read.alert),
            item: of(&picker.item, &read.item),
            machine: of(&picker.machine, &read.machine),
        }
    }

    fn is_full(&self) -> bool {
        self.alert.iter().chain(&self.item).chain(&self.machine).flatten().any(Dictionary::is_full)
    }

    fn number(dictionary: &mut Option<Dictionary>, text: Option<&str>) -> Option<u32> {
        dictionary.as_mut()?.number(text)
    }
}

impl Quick {
    /// For the conditions of these rule sets, and for the parts of those of the first.
    #[must_use]
    pub fn of(sides: &[&RuleSet]) -> Self {
        let first = || sides.first().into_iter().flat_map(|rules| rules.rules());
        let parts: Vec<_> = first().map(Rule::parts).collect();
        let whole = sides.iter().flat_map(|rules| rules.rules()).map(Rule::condition);
        let all = || whole.clone().chain(parts.iter().flatten().map(|(_, part)| part)).map(Condition::reads);
        let picker = Picker::of(
            all().flat_map(|reads| reads.alert.iter().copied()),
            all().flat_map(|reads| reads.evidence.iter().copied()),
            all().flat_map(|reads| reads.machine.iter().copied()),
        );
        let (mut questions, mut by_text) = (Vec::new(), HashMap::new());
        let mut number = |text: &str, condition: &Condition| {
            *by_text.entry(text.to_owned()).or_insert_with(|| {
                questions.push(Question::of(condition.clone(), &picker));
                questions.len() - 1
            })
        };
        let mut of_side = |rules: &&RuleSet| -> Vec<usize> {
            rules.rules().iter().map(|rule| number(&rule.when, rule.condition())).collect()
        };
        let sides: Vec<Vec<usize>> = sides.iter().map(&mut of_side).collect();
        let whole = sides.iter().flatten().max().map_or(0, |last| last + 1);
        let parts = parts.iter().map(|parts| parts.iter().map(|(text, part)| number(text, part)).collect()).collect();
        let mut quick = Self {
            dictionaries: Dictionaries::default(),
            numbers: Numbers::default(),
            judged: Vec::new(),
            by_record: WholeReading::default(),
            read: None,
            is_stale: false,
            found: Vec::new(),
            picker,
            questions,
            whole,
            sides,
            parts,
        };
        quick.begin_anew();
        quick
    }

    /// Forgets what was judged so far.
    fn begin_anew(&mut self) {
        self.dictionaries = Dictionaries::of(&self.picker, &self.questions);
        self.by_record = WholeReading::default();
        for question in &mut self.questions {
            question.forget();
            if question.by_record {
                question.add_to(&mut self.by_record);
            }
        }
    }

    /// Picks out what is asked for; `None` where the record has to be read whole.
    #[must_use]
    pub fn pick<'r>(&mut self, bytes: &'r [u8]) -> Option<Picked<'r>> {
        let picked = self.picker.pick(bytes)?;
        self.read = None;
        if self.is_stale || self.dictionaries.is_full() {
            self.is_stale = false;
            self.begin_anew();
        }
        let (Self { picker, dictionaries, numbers, .. }, text) = (self, picked.text);
        let number = Dictionaries::number;
        numbers.alert.clear();
        let fields = dictionaries.alert.iter_mut().enumerate();
        numbers.alert.extend(fields.map(|(place, it)| number(it, picker.of_alert(text, place))));
        numbers.machine.clear();
        let fields = dictionaries.machine.iter_mut().enumerate();
        numbers.machine.extend(fields.map(|(place, it)| number(it, picker.of_machine(text, place))));
        numbers.item.clear();
        for item in 0..picker.items() {
            let fields = dictionaries.item.iter_mut().enumerate();
            numbers.item.extend(fields.map(|(place, it)| number(it, picker.of_item(text, item, place))));
        }
        Some(picked)
    }

    /// Judges a record by the rules of each side. Each condition is judged once, however many rules have it. `None` where the
    /// record has to be read whole.
    pub fn rules(&mut self, picked: &Picked<'_>) -> Option<()> {
        self.judged.clear();
        for number in 0..self.whole {
            let judged = self.judge(number, picked)?;
            self.judged.push(judged);
        }
        Some(())
    }

    /// What a rule of a side says of the record that was judged last.
    #[must_use]
    pub fn said(&self, side: usize, rule: usize) -> Option<&Judged> {
        self.judged.get(*self.sides.get(side)?.get(rule)?)
    }

    /// What a part of a rule of the first side says.
    pub fn part(&mut self, rule: usize, part: usize, picked: &Picked<'_>) -> Option<Judged> {
        self.judge(*self.parts.get(rule)?.get(part)?, picked)
    }

    /// What a condition says of a record.
    fn judge(&mut self, number: usize, picked: &Picked<'_>) -> Option<Judged> {
        let Self { picker, numbers, questions, by_record, read, is_stale, .. } = self;
        let question = questions.get_mut(number)?;
        if !question.by_record {
            if let Some(judged) = question.known(picked, picker, numbers) {
                return Some(judged);
            }
            // From here on, or for why it cannot be told.
            question.add_to(by_record);
            *is_stale |= question.by_record;
            *read = None;
        }
        if read.is_none() {
            *read = Some(by_record.read((picked, picker))?);
        }
        let (alert, machine) = read.as_ref()?;
        Some(asked(&question.condition, (alert, machine), picked.at))
    }

    /// What people found, by what stands in the alert.
    pub fn found(&mut self, classification: Option<&str>) -> Option<Found> {
        let Some(text) = classification else { return Some(Found::Open) };
        if let Some((_, found)) = self.found.iter().find(|(known, _)| **known == *text) {
            return Some(*found);
        }
        let found = found_of(&question::view::<Alert>(&format!("{{\"id\":\"-\",\"classification\":{text}}}"))?);
        if self.found.len() == FOUND {
            self.found.clear();
        }
        self.found.push((text.into(), found));
        Some(found)
    }
}
