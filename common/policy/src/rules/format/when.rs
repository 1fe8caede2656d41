//! Long conditions as `|` blocks.

use cordon_settings::{Document, Reader};

use super::lines::Rest;
use super::tree::{Entry, Tree};

/// Longer lines than this one read badly beside each other.
const WIDTH: usize = 100;

/// Turns every `when` that is longer than a line, or written over several, into a `|` block of the same text.
pub fn as_blocks(tree: &mut Tree) {
    let rules = tree.entries.iter_mut().find(|entry| entry.key() == Some("rules"));
    if let Some(rules) = rules {
        rules.children.iter_mut().flat_map(|rule| &mut rule.children).for_each(as_block);
    } else {
        tree.entries.iter_mut().for_each(as_block);
    }
}

fn as_block(entry: &mut Entry) {
    let comment = entry.comment().map(str::to_owned);
    let without_comment = entry.head.chars().count() - comment.as_deref().map_or(0, |comment| comment.chars().count());
    let is_long = entry.rest != Rest::None || without_comment + entry.column > WIDTH;
    let is_block = entry.head.starts_with("when: |");
    if entry.key() != Some("when") || is_block || !is_long || !entry.children.is_empty() {
        return;
    }
    // In a text of several lines a comment is not told from the text itself.
    if entry.rest != Rest::None && source(entry).contains('#') {
        return;
    }
    let Some(text) = text(entry).filter(|text| is_plain(text)) else { return };
    entry.head = comment.map_or_else(|| "when: |".to_owned(), |comment| format!("when: |  {comment}"));
    entry.rest = Rest::Block(text.trim().lines().map(str::to_owned).collect());
}

/// The entry as a document of its own.
fn source(entry: &Entry) -> String {
    let mut source = format!("{}\n", entry.head);
    match &entry.rest {
        Rest::None => {}
        Rest::Block(lines) => lines.iter().for_each(|line| source.push_str(&format!("  {line}\n"))),
        Rest::Lines(lines) => {
            let unindented = lines.iter().map(|line| line.get(entry.column..).unwrap_or_default());
            unindented.for_each(|line| source.push_str(&format!("{line}\n")));
        }
    }
    source
}

/// What the entry is parsed to.
fn text(entry: &Entry) -> Option<String> {
    let document = Document::parse("", &source(entry)).ok()?;
    let reader = Reader::new(&document);
    let text = reader.root().text("when").optional();
    reader.finish().is_ok().then_some(text).flatten()
}

/// Whether a block can hold the text as it is.
fn is_plain(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && text.chars().all(|c| c == '\n' || !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}')))
}
