//! Writes the tree: two spaces a level, items under their key by two, at most one blank line in a row.

use super::lines::{Note, Rest, indent_of, key_and_value};
use super::tree::{Entry, Tree};

const STEP: usize = 2;

pub fn text(tree: &Tree) -> String {
    let mut out = Out(Vec::new());
    out.entries(&tree.entries, 0);
    tree.below.iter().for_each(|note| out.note(note, 0));
    let mut text = out.0.join("\n").trim_end().to_owned();
    text.push('\n');
    text
}

/// The lines so far.
struct Out(Vec<String>);

impl Out {
    fn entries(&mut self, entries: &[Entry], column: usize) {
        for entry in entries {
            entry.above.iter().for_each(|note| self.note(note, column));
            self.entry(entry, column, &" ".repeat(column));
        }
    }

    /// `lead` is what stands before it on its line: spaces and dashes.
    fn entry(&mut self, entry: &Entry, column: usize, lead: &str) {
        if entry.is_item {
            match entry.children.split_first() {
                Some((first, others)) if first.above.is_empty() => {
                    self.entry(first, column + STEP, &format!("{lead}- "));
                    self.entries(others, column + STEP);
                }
                Some(_) | None => {
                    self.0.push(format!("{lead}-"));
                    self.entries(&entry.children, column + STEP);
                }
            }
        } else {
            self.0.push(format!("{lead}{}", head(&entry.head)));
            self.rest(entry, column);
            self.entries(&entry.children, column + STEP);
        }
        // Deeper than its key, a comment behind a block would be part of it.
        let is_block = matches!(entry.rest, Rest::Block(_));
        for note in &entry.after {
            let is_inside = note.indent > entry.column && !is_block;
            self.note(note, if is_inside { column + STEP } else { column });
        }
    }

    fn rest(&mut self, entry: &Entry, column: usize) {
        match &entry.rest {
            Rest::None => {}
            Rest::Block(lines) => {
                let indent = " ".repeat(column + STEP);
                self.0.extend(
                    lines.iter().map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") }),
                );
            }
            Rest::Lines(lines) => {
                let line = |line: &String| " ".repeat(moved(indent_of(line), entry.column, column)) + line.trim();
                self.0.extend(lines.iter().map(|text| line(text).trim_end().to_owned()));
            }
        }
    }

    fn note(&mut self, note: &Note, column: usize) {
        let is_blank = note.text.is_empty();
        if is_blank && self.0.last().is_none_or(String::is_empty) {
            return;
        }
        let column = if matches!(note.text.as_str(), "" | "---" | "...") { 0 } else { column };
        self.0.push(" ".repeat(column) + &note.text);
    }
}

/// A column that moves with the entry that it belongs to.
fn moved(indent: usize, from: usize, to: usize) -> usize {
    (indent + to).saturating_sub(from)
}

/// One space behind the colon; comments may be aligned.
fn head(head: &str) -> String {
    match key_and_value(head) {
        Some((key, "")) => format!("{key}:"),
        Some((key, value)) if !value.starts_with('#') => format!("{key}: {value}"),
        Some(_) | None => head.to_owned(),
    }
}
