//! What rules say of the combinations of values that a segment has. Rules that read the same fields share them.

use std::collections::BTreeMap;

use cordon_policy::columns::{Column as Field, columns, together};
use cordon_policy::{Condition, Judged, Laid, Rule, RuleSet};
use cordon_records::{Alert, Cut, Machine};
use jiff::Timestamp;

use super::column::{Column, index};
use super::fault::CacheFault;
use super::segment::{CUT, HAS_MACHINE, Segment};
use super::tuples::Tuples;
use crate::error::BacktestError;
use crate::judge::may_ask;
use crate::tally::only_missing;

/// Which rules read which columns.
pub struct Plan<'a> {
    fields: Vec<(Field, String)>,
    pub groups: Vec<Group<'a>>,
}

/// The rules that read the same fields.
pub struct Group<'a> {
    pub fields: Vec<usize>,
    /// Each record is a case of its own: the time at which it was made is read.
    pub by_row: bool,
    pub rules: Vec<Asked<'a>>,
}

/// A rule, its side and its place there.
pub struct Asked<'a> {
    pub rule: &'a Rule,
    pub at: (usize, usize),
    /// What must all hold, of a rule under test.
    parts: Vec<Condition>,
}

impl<'a> Plan<'a> {
    pub fn of(sides: &[&'a RuleSet]) -> Self {
        let fields: Vec<(Field, String)> = columns().into_iter().map(|field| (field, field.name())).collect();
        let mut groups: BTreeMap<(Vec<usize>, bool), Vec<Asked<'a>>> = BTreeMap::new();
        for (side, rules) in sides.iter().enumerate() {
            for (number, rule) in rules.rules().iter().enumerate() {
                let reads = rule.condition().reads();
                let read = fields.iter().enumerate().filter(|(_, (field, _))| field.is_read(reads));
                let parts = if side == 0 { rule.parts() } else { Vec::new() };
                let parts = parts.into_iter().map(|(_, part)| part).collect();
                let key = (read.map(|(number, _)| number).collect(), reads.now);
                groups.entry(key).or_default().push(Asked { rule, at: (side, number), parts });
            }
        }
        let group = |((fields, by_row), rules)| Group { fields, by_row, rules };
        Self { fields, groups: groups.into_iter().map(group).collect() }
    }
}

/// What a rule says of a combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    True,
    /// With the part that alone did not hold.
    False(Option<usize>),
    /// It cannot be told.
    Open,
}

/// What the rules of a group say of a combination, and the sides on which anything may follow, a bit each.
#[derive(Debug)]
pub struct Answer {
    pub said: Vec<Said>,
    pub sides: u8,
    pub is_open: bool,
}

/// What has been read of a segment so far.
pub struct Loaded<'s> {
    pub segment: &'s Segment,
    columns: BTreeMap<String, (Column, Vec<u32>)>,
}

impl<'s> Loaded<'s> {
    /// Nothing yet.
    pub const fn new(segment: &'s Segment) -> Self {
        Self { segment, columns: BTreeMap::new() }
    }

    pub fn load(&mut self, name: &str) -> Result<&(Column, Vec<u32>), CacheFault> {
        if !self.columns.contains_key(name) {
            let column = self.segment.column(name)?;
            let codes = column.codes(self.segment.note.rows);
            self.columns.insert(name.to_owned(), (column, codes));
        }
        let gone = || BacktestError::Broken(format!("{name} was loaded and is gone"));
        self.columns.get(name).ok_or_else(|| gone().into())
    }

    /// The combinations of a group's fields, of what is cut, and of whether there is a machine.
    pub fn tuples(&mut self, plan: &Plan<'_>, group: &Group<'_>) -> Result<Tuples, CacheFault> {
        let mut names = vec![(0, CUT), (0, HAS_MACHINE)];
        names.extend(
            group.fields.iter().filter_map(|field| plan.fields.get(*field)).map(|(_, name)| (0, name.as_str())),
        );
        for (values, name) in &mut names {
            *values = self.load(name)?.0.len();
        }
        let rows = self.segment.note.rows;
        if group.by_row {
            return Ok(Tuples::by_row(rows));
        }
        // Those with few values first, so that tables stay small.
        names.sort_unstable();
        let mut tuples = Tuples::one(rows);
        for (values, name) in names {
            tuples = tuples.with(&self.load(name)?.1, values);
        }
        Ok(tuples)
    }

    pub fn value(&self, name: &str, row: u32) -> &[u8] {
        let Some((column, codes)) = self.columns.get(name) else { return &[] };
        codes.get(index(row)).map_or(&[], |code| column.value(*code))
    }

    /// The values of a row, one after the other: JSON text holds no zero byte.
    pub fn key(&self, plan: &Plan<'_>, group: &Group<'_>, row: u32, key: &mut Vec<u8>) {
        key.clear();
        let names = group.fields.iter().filter_map(|field| plan.fields.get(*field)).map(|(_, name)| name.as_str());
        for name in [CUT, HAS_MACHINE].into_iter().chain(names) {
            key.extend(self.value(name, row));
            key.push(0);
        }
    }

    /// Asks the rules of a group about a row.
    pub fn ask(&self, plan: &Plan<'_>, group: &Group<'_>, (row, made): (u32, Timestamp)) -> Result<Answer, CacheFault> {
        let damaged = |error: serde_json::Error| CacheFault::Damaged(format!("a value: {error}"));
        let fields = group.fields.iter().filter_map(|field| plan.fields.get(*field));
        let values = fields.map(|(field, name)| (field, self.value(name, row)));
        let has_machine = !self.value(HAS_MACHINE, row).is_empty();
        let (alert, machine): (Alert, Option<Machine>) = together(values, has_machine).map_err(damaged)?;
        let cut = match self.value(CUT, row) {
            [] => Vec::new(),
            text => serde_json::from_slice::<Vec<Cut>>(text).map_err(damaged)?,
        };
        // Why there is none is told with the record that is the example.
        let machine = machine.as_ref().ok_or_else(String::new);
        let laid = Laid::parts(&alert, machine, (made, &cut));
        let mut answer = Answer { said: Vec::with_capacity(group.rules.len()), sides: 0, is_open: false };
        for Asked { rule, at: (side, _), parts } in &group.rules {
            let judged = laid.judge(rule);
            if may_ask(rule, &judged) {
                answer.sides |= u32::try_from(*side).ok().and_then(|side| 1_u8.checked_shl(side)).unwrap_or(0);
            }
            let said = match judged {
                Judged::True => Said::True,
                Judged::False => Said::False(only_missing(parts.iter().map(|part| Some(laid.condition(part))))),
                Judged::Unknown(_) | Judged::Cut(_) => Said::Open,
            };
            answer.is_open |= said == Said::Open;
            answer.said.push(said);
        }
        Ok(answer)
    }
}
