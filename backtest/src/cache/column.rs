//! One column of a segment: each distinct value once, and a code for each row.
//!
//! In bytes: the number of values (4), where each ends (4 each), the values, then a code a row, in 0, 1, 2 or 4 bytes,
//! whatever the number of values needs. All numbers are little-endian.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

/// After so many rows it is asked whether values repeat.
const TRIED: usize = 4_096;

/// A column that fills row by row.
#[derive(Debug, Default)]
pub struct Filling {
    ends: Vec<u32>,
    values: Vec<u8>,
    codes: Vec<u32>,
    /// Codes by hash. Of two values with one hash the later has a code for each row: values may stand twice.
    known: HashMap<u64, u32>,
    hasher: RandomState,
    /// Nearly every row has a value of its own.
    is_various: bool,
}

impl Filling {
    /// Adds the value of the next row.
    pub fn push(&mut self, value: &[u8]) {
        let hash = (!self.is_various).then(|| self.hasher.hash_one(value));
        let known = hash.and_then(|hash| self.known.get(&hash)).copied();
        let code = match known.filter(|code| self.value(*code) == value) {
            Some(code) => code,
            None => self.add(value, hash),
        };
        self.codes.push(code);
        if self.codes.len() == TRIED && self.ends.len() * 4 > TRIED * 3 {
            self.is_various = true;
            self.known = HashMap::new();
        }
    }

    fn add(&mut self, value: &[u8], hash: Option<u64>) -> u32 {
        let code = number(self.ends.len());
        self.values.extend_from_slice(value);
        self.ends.push(number(self.values.len()));
        if let Some(hash) = hash {
            self.known.insert(hash, code);
        }
        code
    }

    fn value(&self, code: u32) -> &[u8] {
        let code = index(code);
        let start = code.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(code).copied().unwrap_or(0);
        self.values.get(index(start)..index(end)).unwrap_or_default()
    }

    /// How many bytes of values it has.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.values.len()
    }

    /// As it is kept.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let width = width(self.ends.len());
        let mut bytes = Vec::with_capacity(4 + 4 * self.ends.len() + self.values.len() + width * self.codes.len());
        bytes.extend(number(self.ends.len()).to_le_bytes());
        self.ends.iter().for_each(|end| bytes.extend(end.to_le_bytes()));
        bytes.extend(&self.values);
        for code in &self.codes {
            bytes.extend(code.to_le_bytes().get(..width).unwrap_or_default());
        }
        bytes
    }
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

const fn width(values: usize) -> usize {
    match values {
        0 | 1 => 0,
        2..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// A column as it was kept.
#[derive(Debug)]
pub struct Column {
    bytes: Vec<u8>,
    values: usize,
}

impl Column {
    /// Takes the bytes of a column of so many rows; `None` where they are none.
    #[must_use]
    pub fn of(bytes: Vec<u8>, rows: usize) -> Option<Self> {
        let column = Self { values: index(u32_at(&bytes, 0)?), bytes };
        let all = column.codes_at()?.checked_add(width(column.values).checked_mul(rows)?)?;
        (all == column.bytes.len()).then_some(column)
    }

    fn codes_at(&self) -> Option<usize> {
        let values = self.values.checked_mul(4)?.checked_add(4)?;
        let last = if self.values == 0 { 0 } else { u32_at(&self.bytes, 4 * self.values)? };
        values.checked_add(index(last))
    }

    /// How many values there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values
    }

    /// The value of this code.
    #[must_use]
    pub fn value(&self, code: u32) -> &[u8] {
        let (code, start) = (index(code), 4 + 4 * self.values);
        let from = if code == 0 { Some(0) } else { u32_at(&self.bytes, 4 * code) };
        let range =
            from.zip(u32_at(&self.bytes, 4 * code + 4)).map(|(from, to)| start + index(from)..start + index(to));
        range.and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }

    /// The code of each row.
    #[must_use]
    pub fn codes(&self, rows: usize) -> Vec<u32> {
        let codes = self.codes_at().and_then(|at| self.bytes.get(at..)).unwrap_or_default();
        match width(self.values) {
            0 => vec![0; rows],
            1 => codes.iter().map(|byte| u32::from(*byte)).collect(),
            2 => codes.chunks_exact(2).map(|it| u32::from(u16::from_le_bytes([it[0], it[1]]))).collect(),
            _ => codes.chunks_exact(4).map(|it| u32::from_le_bytes([it[0], it[1], it[2], it[3]])).collect(),
        }
    }
}

/// The number that stands here.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?).and_then(|it| it.try_into().ok()).map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_has_the_value_that_it_was_given(
            values in proptest::collection::vec("[a-c]{0,2}", 0..50), repeat in 1..400_usize, own in any::<bool>(),
        ) {
            let all: Vec<String> = (0..repeat)
                .flat_map(|number| values.iter().map(move |value| if own { format!("{value}{number}") } else { value.clone() }))
                .collect();
            let mut filling = Filling::default();
            all.iter().for_each(|value| filling.push(value.as_bytes()));
            let bytes = filling.bytes();
            let column = Column::of(bytes.clone(), all.len()).unwrap();
            let read: Vec<&[u8]> = column.codes(all.len()).into_iter().map(|code| column.value(code)).collect();
            prop_assert_eq!(read, all.iter().map(|value| value.as_bytes()).collect::<Vec<_>>());
            prop_assert!(Column::of(bytes.get(..bytes.len() - 1).unwrap().to_vec(), all.len()).is_none());
        }
    }
}
