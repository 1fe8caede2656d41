//! Rules that ask about the evidence one item at a time: asked once for each combination of an item's values. What is said of a
//! record is what is said of it with none of its items, or with any one of them.

use std::collections::HashMap;
use std::iter::repeat_n;
use std::sync::Arc;

use foldhash::quality::RandomState;

use super::ask::{Answer, Group, Word, word};
use super::column::index;
use super::fault::CacheFault;
use super::loaded::{Items, Loaded};
use super::tuples::Tuples;

/// So many combinations of a group are remembered from segment to segment.
const REMEMBERED: usize = 1 << 16;

/// What is known of combinations of a group, by their values.
pub type Words = HashMap<Vec<u8>, Word, RandomState>;

/// The cases that the rows of a segment come to, and what the rules say of each.
pub fn by_item(
    loaded: &mut Loaded<'_>,
    group: &Group<'_>,
    known: &mut Words,
) -> Result<(Tuples, Vec<Arc<Answer>>), CacheFault> {
    let rows = loaded.tuples(group)?;
    let items = loaded.tuples_of_items(group)?;
    let mut of_rows = Vec::with_capacity(items.of_row.len());
    for (tuple, range) in rows.of_row.iter().zip(loaded.ranges()) {
        of_rows.extend(repeat_n(*tuple, range.len()));
    }
    let items = items.with(&of_rows, rows.len());
    let mut asking = Asking { loaded, group, known, key: Vec::new(), remembers: true };
    let of_rows: Vec<Word> = rows.first.iter().map(|row| asking.word(*row, Items::None)).collect::<Result<_, _>>()?;
    asking.remembers = items.len() * 8 <= items.of_row.len();
    let of_item = |item: &u32| asking.word(asking.loaded.row_of(*item), Items::One(*item));
    let of_items: Vec<Word> = items.first.iter().map(of_item).collect::<Result<_, _>>()?;
    Ok(merged(group, (&rows, &of_rows), (&items, &of_items), loaded))
}

struct Asking<'a, 's> {
    loaded: &'a Loaded<'s>,
    group: &'a Group<'a>,
    known: &'a mut Words,
    key: Vec<u8>,
    /// Where nearly every item has values of its own, none come again.
    remembers: bool,
}

impl Asking<'_, '_> {
    fn word(&mut self, row: u32, items: Items) -> Result<Word, CacheFault> {
        if !self.remembers {
            return word(self.loaded, self.group, row, items);
        }
        self.loaded.key(self.group, row, items, &mut self.key);
        if let Some(word) = self.known.get(&self.key) {
            return Ok(*word);
        }
        let word = word(self.loaded, self.group, row, items)?;
        if self.known.len() < REMEMBERED {
            self.known.insert(self.key.clone(), word);
        }
        Ok(word)
    }
}

/// What is said of each row by all of its items.
fn merged(
    group: &Group<'_>,
    (rows, of_rows): (&Tuples, &[Word]),
    (items, of_items): (&Tuples, &[Word]),
    loaded: &Loaded<'_>,
) -> (Tuples, Vec<Arc<Answer>>) {
    let mut numbers: HashMap<Word, u32, RandomState> = HashMap::default();
    let (mut answers, mut first) = (Vec::new(), Vec::new());
    let mut of_row = Vec::with_capacity(rows.of_row.len());
    let said = |words: &[Word], tuple: &u32| words.get(index(*tuple)).copied().unwrap_or_default();
    let mut last = None;
    for ((row, tuple), range) in (0..).zip(&rows.of_row).zip(loaded.ranges()) {
        let of_items = items.of_row.get(range).unwrap_or_default().iter().map(|tuple| said(of_items, tuple));
        let word = of_items.fold(said(of_rows, tuple), Word::or);
        let number = match last {
            Some((known, number)) if known == word => number,
            _ => *numbers.entry(word).or_insert_with(|| {
                answers.push(Arc::new(word.answer(group)));
                first.push(row);
                u32::try_from(first.len() - 1).unwrap_or(u32::MAX)
            }),
        };
        last = Some((word, number));
        of_row.push(number);
    }
    (Tuples { of_row, first }, answers)
}
