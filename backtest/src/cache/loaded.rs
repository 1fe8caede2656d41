//! What has been read of a segment so far.

use std::collections::BTreeMap;
use std::ops::Range;

use cordon_policy::Laid;
use cordon_policy::columns::{Column as Field, item, together};
use cordon_records::{Cut, Evidence as Item};
use jiff::Timestamp;

use super::ask::{Evidence, Group, Named};
use super::column::{Column, index, u32_at};
use super::fault::CacheFault;
use super::segment::{CUT, EVIDENCE, HAS_MACHINE, Segment};
use super::tuples::Tuples;
use crate::error::BacktestError;

/// See the module.
pub struct Loaded<'s> {
    pub segment: &'s Segment,
    columns: BTreeMap<String, (Column, Vec<u32>)>,
    /// Where the items of each row begin, and those of the last end.
    starts: Vec<u32>,
}

/// Which items of the evidence are read.
#[derive(Debug, Clone, Copy)]
pub enum Items {
    None,
    /// This one of the segment.
    One(u32),
    /// Those of the row.
    All,
}

impl<'s> Loaded<'s> {
    /// Nothing yet.
    pub const fn new(segment: &'s Segment) -> Self {
        Self { segment, columns: BTreeMap::new(), starts: Vec::new() }
    }

    /// Reads a column of rows.
    pub fn load(&mut self, name: &str) -> Result<&(Column, Vec<u32>), CacheFault> {
        self.kept(name, Segment::column, |segment| segment.note.rows)
    }

    /// Reads a column of items.
    fn load_items(&mut self, name: &str) -> Result<&(Column, Vec<u32>), CacheFault> {
        self.kept(name, Segment::column_of_items, |segment| segment.note.items)
    }

    fn kept(
        &mut self,
        name: &str,
        read: impl FnOnce(&Segment, &str) -> Result<Column, CacheFault>,
        values: impl FnOnce(&Segment) -> usize,
    ) -> Result<&(Column, Vec<u32>), CacheFault> {
        if !self.columns.contains_key(name) {
            let column = read(self.segment, name)?;
            let codes = column.codes(values(self.segment));
            self.columns.insert(name.to_owned(), (column, codes));
        }
        let gone = || BacktestError::Broken(format!("{name} was loaded and is gone"));
        self.columns.get(name).ok_or_else(|| gone().into())
    }

    /// Reads where the items of each row are.
    fn load_starts(&mut self) -> Result<(), CacheFault> {
        if !self.starts.is_empty() {
            return Ok(());
        }
        let (column, codes) = self.load(EVIDENCE)?;
        let counts: Vec<u32> =
            (0..).take(column.len()).map(|code| u32_at(column.value(code), 0).unwrap_or(0)).collect();
        let mut end = 0_u32;
        let ends = codes.iter().map(|code| {
            end = end.saturating_add(counts.get(index(*code)).copied().unwrap_or(0));
            end
        });
        let starts: Vec<u32> = [0].into_iter().chain(ends).collect();
        if starts.last().copied().map(index) != Some(self.segment.note.items) {
            return Err(CacheFault::Damaged("the items of evidence are not as many as were written".to_owned()));
        }
        self.starts = starts;
        Ok(())
    }

    /// The items of each row.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.starts.windows(2).map(|it| index(it[0])..index(it[1]))
    }

    /// The row that has an item.
    pub fn row_of(&self, item: u32) -> u32 {
        let behind = self.starts.partition_point(|start| *start <= item);
        u32::try_from(behind).unwrap_or(u32::MAX).saturating_sub(1)
    }

    fn range(&self, row: u32) -> Range<u32> {
        let row = index(row);
        self.starts.get(row).zip(self.starts.get(row + 1)).map_or(0..0, |(start, end)| *start..*end)
    }

    /// The combinations of what is cut, of whether there is a machine, and of a group's fields; of the evidence only where it is
    /// used as a whole.
    pub fn tuples(&mut self, group: &Group<'_>) -> Result<Tuples, CacheFault> {
        for (_, name) in &group.items {
            self.load_items(name)?;
        }
        if group.evidence != Evidence::Unused {
            self.load_starts()?;
        }
        let mut names = vec![(0, CUT), (0, HAS_MACHINE)];
        names.extend(group.fields.iter().map(|(_, name)| (0, name.as_str())));
        for (values, name) in &mut names {
            *values = self.load(name)?.0.len();
        }
        if group.by_row {
            return Ok(Tuples::by_row(self.segment.note.rows));
        }
        // Those with few values first, so that tables stay small.
        names.sort_unstable();
        let mut tuples = Tuples::one(self.segment.note.rows);
        for (values, name) in names {
            tuples = tuples.with(&self.load(name)?.1, values);
        }
        if group.evidence == Evidence::AsAWhole {
            let (lists, values) = if group.items.is_empty() {
                let (column, codes) = self.load(EVIDENCE)?;
                (codes.clone(), column.len())
            } else {
                self.tuples_of_items(group)?.lists(self.ranges())
            };
            tuples = tuples.with(&lists, values);
        }
        Ok(tuples)
    }

    /// The combinations of the values of items.
    pub fn tuples_of_items(&mut self, group: &Group<'_>) -> Result<Tuples, CacheFault> {
        let mut tuples = Tuples::one(self.segment.note.items);
        for (_, name) in &group.items {
            let (column, codes) = self.load_items(name)?;
            tuples = tuples.with(codes, column.len());
        }
        Ok(tuples)
    }

    /// The value of this row, or of a column of items of this item.
    pub fn value(&self, name: &str, row: u32) -> &[u8] {
        let Some((column, codes)) = self.columns.get(name) else { return &[] };
        codes.get(index(row)).map_or(&[], |code| column.value(*code))
    }

    /// The values of a row, one after the other, then those of these items: JSON text holds no zero byte and no byte 1.
    pub fn key(&self, group: &Group<'_>, row: u32, items: Items, key: &mut Vec<u8>) {
        key.clear();
        let mut put = |value: &[u8]| {
            key.extend(value);
            key.push(0);
        };
        put(self.value(CUT, row));
        put(self.value(HAS_MACHINE, row));
        group.fields.iter().for_each(|(_, name)| put(self.value(name, row)));
        for item in self.chosen(group, row, items) {
            put(&[1]);
            group.items.iter().for_each(|(_, name)| put(self.value(name, item)));
        }
    }

    fn chosen(&self, group: &Group<'_>, row: u32, items: Items) -> Range<u32> {
        match (items, group.evidence) {
            (Items::None, _) | (_, Evidence::Unused) => 0..0,
            (Items::One(item), _) => item..item + 1,
            (Items::All, _) => self.range(row),
        }
    }

    fn values<'a>(&'a self, fields: &'a [Named], row: u32) -> impl Iterator<Item = (&'a Field, &'a [u8])> {
        fields.iter().map(move |(field, name)| (field, self.value(name, row)))
    }

    /// Puts a row together, as far as the group reads it, to be judged.
    pub fn laid<T>(
        &self,
        group: &Group<'_>,
        (row, made): (u32, Timestamp),
        items: Items,
        judge: impl FnOnce(&Laid<'_>) -> T,
    ) -> Result<T, CacheFault> {
        let damaged = |error: serde_json::Error| CacheFault::Damaged(format!("a value: {error}"));
        let has_machine = !self.value(HAS_MACHINE, row).is_empty();
        let (mut alert, machine) = together(self.values(&group.fields, row), has_machine).map_err(damaged)?;
        let chosen = self.chosen(group, row, items);
        let made_of = |it: u32| item(self.values(&group.items, it));
        alert.evidence = chosen.map(made_of).collect::<Result<Vec<Item>, _>>().map_err(damaged)?;
        let cut = match self.value(CUT, row) {
            [] => Vec::new(),
            text => serde_json::from_slice::<Vec<Cut>>(text).map_err(damaged)?,
        };
        // Why there is none is told with the record that is the example.
        let machine = machine.as_ref().ok_or_else(String::new);
        Ok(judge(&Laid::parts(&alert, machine, (made, &cut))))
    }
}
