//! Text that others wrote, made harmless for a terminal. A dead letter holds whatever somebody could write to a topic,
//! and an alert names files as an attacker called them: escape sequences that hide lines or retitle the window, and
//! marks that turn the direction of reading.

use std::borrow::Cow;
use std::fmt::Write as _;

use cordon_records::text::{escaped, is_unsafe};

/// Bytes on one line: readable text stays, everything else becomes `\n`, `\xNN` or `\u{NNNN}`; so does a backslash,
/// which makes the way back unambiguous.
pub fn bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(&mut out, c));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// The same for text.
pub fn text(text: &str) -> String {
    bytes(text.as_bytes())
}

/// JSON text with every character that a terminal might obey as `\uNNNN`. In JSON that a serialiser wrote, such
/// characters are inside strings only, where both ways of writing mean the same.
pub fn json(json: &str) -> String {
    escaped(json, |c| c == '\n')
}

/// A page of text, for whatever is printed: its lines stay lines, and nothing in it is obeyed. Text of others within a line
/// goes through [`text`] before, or it could add lines of its own.
pub fn page(text: &str) -> Cow<'_, str> {
    let is_kept = |c: char| matches!(c, '\n' | '\t') || !is_unsafe(c);
    if text.chars().all(is_kept) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| if is_kept(c) { out.push(c) } else { push(&mut out, c) });
    Cow::Owned(out)
}

fn push(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_unsafe(c) => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use cordon_records::text::UNSEEN;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_escape_sequence_a_line_break_and_a_turned_direction_are_shown_and_not_obeyed() {
        assert_eq!(text("a\x1b[2Jb"), r"a\u{1b}[2Jb");
        assert_eq!(text("a\nb\\n\u{9b}31m"), r"a\nb\\n\u{9b}31m");
        assert_eq!(text("\u{202e}txt.exe"), r"\u{202e}txt.exe");
        assert_eq!(bytes(b"ok \xff\xfe"), r"ok \xff\xfe");
        assert_eq!(text("Zürich ✓ 東京"), "Zürich ✓ 東京");
    }

    proptest! {
        #[test]
        fn of_a_text_in_which_nothing_can_be_seen_every_character_is_written_out(
            input in UNSEEN,
        ) {
            let harmless = |shown: &str| shown.chars().all(|c| matches!(c, ' '..='~' | '\n' | '\t'));
            prop_assert!(text(&input).chars().all(|c| matches!(c, ' '..='~')), "{:?}", text(&input));
            prop_assert!(harmless(&page(&input)), "{:?}", page(&input));
            let document = json(&serde_json::to_string(&input).unwrap());
            prop_assert!(harmless(&document), "{:?}", document);
        }

        #[test]
        fn nothing_that_a_terminal_obeys_is_left_of_any_bytes(input: Vec<u8>) {
            prop_assert!(!bytes(&input).chars().any(is_unsafe));
        }

        #[test]
        fn a_page_keeps_its_lines_and_backslashes_and_holds_nothing_that_a_terminal_obeys(input: String) {
            let shown = page(&input);
            prop_assert!(!shown.chars().any(|c| is_unsafe(c) && !matches!(c, '\n' | '\t')));
            prop_assert_eq!(shown.lines().count(), input.lines().count());
            let harmless = text(&input);
            prop_assert_eq!(page(&harmless), harmless.as_str(), "what is harmless already stays as it is");
        }

        #[test]
        fn json_means_the_same_afterwards(input: String) {
            let escaped = json(&serde_json::to_string(&input).unwrap());
            prop_assert!(!escaped.chars().any(is_unsafe));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), input);
        }

        #[test]
        fn two_different_inputs_never_look_alike(left: Vec<u8>, right: Vec<u8>) {
            prop_assert_eq!(bytes(&left) == bytes(&right), left == right);
        }
    }
}
