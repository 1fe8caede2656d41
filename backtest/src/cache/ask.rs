//! What rules say of the combinations of values that a segment has. Rules that read the same fields share them.

use std::collections::BTreeMap;

use cordon_policy::columns::{Column as Field, columns};
use cordon_policy::{Condition, Judged, Laid, Reads, Rule, RuleSet};
use cordon_records::cut::EVIDENCE;
use jiff::Timestamp;

use super::fault::CacheFault;
use super::loaded::{Items, Loaded};
use crate::judge::may_ask;
use crate::tally::only_missing;

/// Of a group that is asked by item, rules and parts of rules together are so many at most.
const SLOTS: usize = 64;

/// Which rules read which columns.
pub struct Plan<'a> {
    pub groups: Vec<Group<'a>>,
}

/// A column, with its name.
pub type Named = (Field, String);

/// How rules use the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    Unused,
    /// One item at a time.
    ByItem,
    AsAWhole,
}

/// The rules that read the same fields.
pub struct Group<'a> {
    /// Those of alerts and machines.
    pub fields: Vec<Named>,
    /// Those of items of evidence.
    pub items: Vec<Named>,
    pub evidence: Evidence,
    /// Each record is a case of its own: the time at which it was made is read.
    pub by_row: bool,
    pub rules: Vec<Asked<'a>>,
}

/// A rule, its side and its place there.
pub struct Asked<'a> {
    pub rule: &'a Rule,
    pub at: (usize, usize),
    /// What must all hold, of a rule under test.
    pub parts: Vec<Condition>,
}

impl Asked<'_> {
    fn slots(&self) -> usize {
        1 + self.parts.len()
    }
}

impl<'a> Plan<'a> {
    pub fn of(sides: &[&'a RuleSet]) -> Self {
        let all: Vec<Named> = columns().into_iter().map(|field| (field, field.name())).collect();
        let mut groups: BTreeMap<_, Vec<Asked<'a>>> = BTreeMap::new();
        for (side, rules) in sides.iter().enumerate() {
            for (number, rule) in rules.rules().iter().enumerate() {
                let reads = rule.condition().reads();
                let parts = if side == 0 { rule.parts() } else { Vec::new() };
                let parts = parts.into_iter().map(|(_, part)| part).collect();
                let asked = Asked { rule, at: (side, number), parts };
                let evidence = evidence(reads, &asked);
                let read: Vec<usize> = all
                    .iter()
                    .enumerate()
                    .filter(|(_, (field, _))| field.is_read(reads))
                    .map(|(place, _)| place)
                    .collect();
                groups.entry((read, reads.now, evidence)).or_default().push(asked);
            }
        }
        let mut plan = Self { groups: Vec::new() };
        for ((fields, by_row, evidence), rules) in groups {
            let named = fields.iter().filter_map(|field| all.get(*field).cloned());
            let (items, fields): (Vec<_>, Vec<_>) = named.partition(|(field, _)| field.is_of_items());
            for rules in fitting(rules, evidence) {
                plan.groups.push(Group { fields: fields.clone(), items: items.clone(), evidence, by_row, rules });
            }
        }
        plan
    }
}

fn evidence(reads: &Reads, asked: &Asked<'_>) -> Evidence {
    if !reads.alert.contains(EVIDENCE) {
        return Evidence::Unused;
    }
    if reads.by_item && !reads.now && asked.slots() <= SLOTS { Evidence::ByItem } else { Evidence::AsAWhole }
}

/// These rules in as many groups as are needed.
fn fitting(rules: Vec<Asked<'_>>, evidence: Evidence) -> Vec<Vec<Asked<'_>>> {
    if evidence != Evidence::ByItem {
        return vec![rules];
    }
    let (mut groups, mut slots) = (vec![Vec::new()], 0);
    for rule in rules {
        if slots + rule.slots() > SLOTS {
            groups.push(Vec::new());
            slots = 0;
        }
        slots += rule.slots();
        if let Some(last) = groups.last_mut() {
            last.push(rule);
        }
    }
    groups
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

impl Answer {
    /// Of what each rule of the group is judged to be, and of its parts where it does not hold.
    pub fn of(
        group: &Group<'_>,
        mut judge: impl FnMut(usize, &Asked<'_>) -> Judged,
        mut part: impl FnMut(usize, usize, &Condition) -> Judged,
    ) -> Self {
        let mut answer = Self { said: Vec::with_capacity(group.rules.len()), sides: 0, is_open: false };
        for (number, asked) in group.rules.iter().enumerate() {
            let judged = judge(number, asked);
            if may_ask(asked.rule, &judged) {
                let (side, _) = asked.at;
                answer.sides |= u32::try_from(side).ok().and_then(|side| 1_u8.checked_shl(side)).unwrap_or(0);
            }
            let said = match judged {
                Judged::True => Said::True,
                Judged::False => {
                    let parts = asked.parts.iter().enumerate();
                    Said::False(only_missing(parts.map(|(at, condition)| Some(part(number, at, condition)))))
                }
                Judged::Unknown(_) | Judged::Cut(_) => Said::Open,
            };
            answer.is_open |= said == Said::Open;
            answer.said.push(said);
        }
        answer
    }
}

/// Asks the rules of a group about a row.
pub fn ask(loaded: &Loaded<'_>, group: &Group<'_>, (row, made): (u32, Timestamp)) -> Result<Answer, CacheFault> {
    loaded.laid(group, (row, made), Items::All, |laid| {
        Answer::of(group, |_, asked| laid.judge(asked.rule), |_, _, part| laid.condition(part))
    })
}

/// What rules and parts of rules say of several items, each in two bits: that it holds of one, that it cannot be told of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Word(u128);

impl Word {
    /// With what is said of another item.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn note(&mut self, slot: usize, judged: &Judged) {
        self.0 |= match judged {
            Judged::True => 1 << (2 * slot),
            Judged::Unknown(_) | Judged::Cut(_) => 2 << (2 * slot),
            Judged::False => 0,
        };
    }

    fn judged(self, slot: usize) -> Judged {
        match self.0 >> (2 * slot) & 3 {
            0 => Judged::False,
            // Why is told with the record that is the example.
            2 => Judged::Unknown(String::new()),
            _ => Judged::True,
        }
    }

    /// What the rules of the group say.
    pub fn answer(self, group: &Group<'_>) -> Answer {
        let slots = slots(group);
        let slot = |rule: usize| slots.get(rule).copied().unwrap_or_default();
        Answer::of(group, |rule, _| self.judged(slot(rule)), |rule, part, _| self.judged(slot(rule) + 1 + part))
    }
}

/// The slot of each rule, before those of its parts.
fn slots(group: &Group<'_>) -> Vec<usize> {
    let mut next = 0;
    let slot = |asked: &Asked<'_>| {
        let slot = next;
        next += asked.slots();
        slot
    };
    group.rules.iter().map(slot).collect()
}

/// Asks the rules of a group about a row and none or one of its items.
pub fn word(loaded: &Loaded<'_>, group: &Group<'_>, row: u32, items: Items) -> Result<Word, CacheFault> {
    loaded.laid(group, (row, Timestamp::UNIX_EPOCH), items, |laid: &Laid<'_>| {
        let mut word = Word::default();
        for (asked, slot) in group.rules.iter().zip(slots(group)) {
            word.note(slot, &laid.judge(asked.rule));
            for (part, slot) in asked.parts.iter().zip(slot + 1..) {
                word.note(slot, &laid.condition(part));
            }
        }
        word
    })
}
