//! Text of others, made harmless before any output shows it: names of machines, titles of alerts and values of fields are of
//! an attacker's choice.

use std::fmt::Write as _;

use cordon_records::text::{cut, is_unsafe};

/// Longest name of a thing: a machine, a rule, a place.
pub const NAME: usize = 80;
/// Longest sentence, condition or value.
pub const SENTENCE: usize = 400;

/// The text on one line, at most `most` characters long. What a terminal obeys or nobody sees is written out (`\u{202e}`), so
/// that it can be seen that there was something; a text that was cut ends in an ellipsis.
#[must_use]
pub fn shown(text: &str, most: usize) -> String {
    let mut out = String::new();
    let (mut length, mut is_spaced) = (0, true);
    for character in text.chars() {
        let is_blank = character.is_whitespace();
        if is_blank && is_spaced {
            continue;
        }
        is_spaced = is_blank;
        let start = out.len();
        match character {
            _ if is_blank => out.push(' '),
            // Writing to a string cannot fail.
            c if is_unsafe(c) => _ = write!(out, "\\u{{{:x}}}", u32::from(c)),
            c => out.push(c),
        }
        length += out.get(start..).map_or(0, |added| added.chars().count());
        if length > most {
            break;
        }
    }
    cut(out.trim_end(), most)
}

#[cfg(test)]
mod tests {
    use cordon_records::text::UNSEEN;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_hides_is_written_out_and_lines_become_one() {
        assert_eq!(shown(" a\r\n\tb\u{1b}[2J \u{202e}c\u{2028}d ", 80), r"a b\u{1b}[2J \u{202e}c d");
        assert_eq!((shown("abc", 3), shown("abcd", 3)), ("abc".to_owned(), "ab…".to_owned()));
    }

    proptest! {
        #[test]
        fn nothing_that_is_obeyed_or_hidden_is_left_and_the_length_is_kept(any: String, unseen in UNSEEN, most in 1_usize..60) {
            for text in [&any, &unseen, &format!("{any}{unseen}{any}")] {
                let shown = shown(text, most);
                prop_assert!(!shown.chars().any(is_unsafe), "{:?}", shown);
                prop_assert!(shown.chars().count() <= most, "{:?}", shown);
            }
        }
    }
}
