//! The order of a rule's keys.

use super::tree::{Entry, Tree};

const KEYS: [&str; 7] = ["id", "description", "mode", "when", "actions", "limits", "tests"];

/// Puts the keys of every rule in order. Comments go with the key below them; those at the beginning of a file or of
/// a rule stay at its beginning.
pub fn keys(tree: &mut Tree) {
    let Some(rules) = tree.entries.iter_mut().find(|entry| entry.key() == Some("rules")) else {
        let header = sorted(&mut tree.entries);
        if let Some(first) = tree.entries.first_mut() {
            first.above.splice(0..0, header);
        }
        return;
    };
    for rule in rules.children.iter_mut().filter(|entry| entry.is_item) {
        let header = sorted(&mut rule.children);
        rule.above.extend(header);
        if let Some(first) = rule.children.first_mut() {
            rule.above.append(&mut first.above);
        }
    }
}

/// Sorts the entries and gives the notes that stood above all of them.
fn sorted(entries: &mut [Entry]) -> Vec<super::lines::Note> {
    let header = entries.first_mut().map(|first| std::mem::take(&mut first.above)).unwrap_or_default();
    let place = |entry: &Entry| KEYS.iter().position(|key| entry.key() == Some(key)).unwrap_or(KEYS.len());
    entries.sort_by_key(place);
    header
}
