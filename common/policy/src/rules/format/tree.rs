//! Logical lines nested by their columns.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::lines::{Note, Rest, Scanned, Scanner, key_and_value, parts};

/// A file: its entries, and the comments below the last one.
#[derive(Debug, Clone)]
pub struct Tree {
    pub entries: Vec<Entry>,
    pub below: Vec<Note>,
}

/// A `key: value`, an item of a list (`-`), or a value on a line of its own.
#[derive(Debug, Clone)]
pub struct Entry {
    pub above: Vec<Note>,
    /// The column that it was written at, from 0.
    pub column: usize,
    pub is_item: bool,
    /// Empty for an item.
    pub head: String,
    pub rest: Rest,
    pub children: Vec<Entry>,
    pub after: Vec<Note>,
}

impl Entry {
    /// Its key, without quotation marks.
    pub fn key(&self) -> Option<&str> {
        key_and_value(&self.head).map(|(key, _)| key.trim_matches(['"', '\'']))
    }

    /// The comment at the end of its first line.
    pub fn comment(&self) -> Option<&str> {
        let (_, value) = key_and_value(&self.head)?;
        let mut scanner = Scanner::default();
        scanner.line(value, true);
        value.get(scanner.comment?..)
    }
}

pub fn nest(scanned: Scanned) -> Tree {
    let mut flat = Vec::new();
    for line in scanned.lines {
        let parts = parts(line.indent, &line.head);
        let first = flat.len();
        for column in parts.dashes {
            flat.push(entry(column, true, String::new()));
        }
        if !parts.entry.is_empty() {
            flat.push(Entry { rest: line.rest, ..entry(parts.column, false, parts.entry.to_owned()) });
        }
        if let Some(first) = flat.get_mut(first) {
            first.above = line.above;
        }
        if let Some(last) = flat.last_mut() {
            last.after = line.after;
        }
    }
    let mut entries = below(&mut flat.into_iter().peekable(), 0);
    entries.iter_mut().for_each(hoist);
    Tree { entries, below: scanned.below }
}

/// Comments behind the last line of a block belong to the entry that they are indented like.
fn hoist(entry: &mut Entry) {
    entry.children.iter_mut().for_each(hoist);
    let Some(last) = entry.children.last_mut() else { return };
    let is_shallower = |note: &Note| !note.text.is_empty() && note.indent < last.column;
    if let Some(cut) = last.after.iter().position(is_shallower) {
        entry.after.splice(0..0, last.after.drain(cut..));
    }
}

fn entry(column: usize, is_item: bool, head: String) -> Entry {
    Entry { above: Vec::new(), column, is_item, head, rest: Rest::None, children: Vec::new(), after: Vec::new() }
}

/// The entries at a column or deeper.
fn below(flat: &mut Peekable<IntoIter<Entry>>, column: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some(mut entry) = flat.next_if(|next| next.column >= column) {
        entry.children = below(flat, entry.column + 1);
        // A list may stand at the column of its key.
        if !entry.is_item && entry.children.is_empty() {
            while let Some(mut item) = flat.next_if(|next| next.is_item && next.column == entry.column) {
                item.children = below(flat, item.column + 1);
                entry.children.push(item);
            }
        }
        entries.push(entry);
    }
    entries
}

impl Tree {
    /// Everything that people wrote, sorted, but for the texts of conditions: what formatting must not lose.
    pub fn pieces(&self) -> Vec<String> {
        let mut pieces = notes(&self.below);
        self.entries.iter().for_each(|entry| entry.pieces(&mut pieces));
        pieces.sort();
        pieces
    }
}

impl Entry {
    fn pieces(&self, pieces: &mut Vec<String>) {
        pieces.extend(notes(&self.above));
        pieces.extend(notes(&self.after));
        if self.key() == Some("when") {
            pieces.extend(self.comment().map(str::to_owned));
        } else {
            pieces.push(self.head.split_whitespace().collect());
            match &self.rest {
                Rest::None => {}
                Rest::Block(lines) => pieces.extend(lines.iter().cloned()),
                Rest::Lines(lines) => pieces.extend(lines.iter().map(|line| line.trim().to_owned())),
            }
        }
        self.children.iter().for_each(|child| child.pieces(pieces));
    }
}

fn notes(notes: &[Note]) -> Vec<String> {
    notes.iter().filter(|note| !note.text.is_empty()).map(|note| note.text.clone()).collect()
}
