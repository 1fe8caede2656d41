//! What others wrote, made harmless before a person or a program sees it. Alert fields are of an attacker's choice: file
//! names, command lines, titles.

use std::fmt::Write as _;

use super::unseen::{is_hidden, is_unsafe};

/// The characters that are drawn: what hides or reorders text goes, line breaks, other controls and white space become
/// spaces.
pub fn visible(text: &str) -> impl Iterator<Item = char> + '_ {
    let spaced = |c: char| if c.is_whitespace() || is_unsafe(c) { ' ' } else { c };
    text.chars().filter(|c| !is_hidden(*c)).map(spaced)
}

/// The [visible] text as one line, with single spaces between its words.
#[must_use]
pub fn one_line(text: &str) -> String {
    visible(text).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One character for one, so that columns stay true and it can be seen that there was something: what is unsafe becomes a
/// space where it is white space, and U+FFFD where it is not.
#[must_use]
pub fn marked(character: char) -> char {
    match character {
        c if !is_unsafe(c) => c,
        c if c.is_whitespace() => ' ',
        _ => '\u{fffd}',
    }
}

/// The text with what is unsafe as JSON writes it (`\u001b`), except for what is to be kept.
#[must_use]
pub fn escaped(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_kept(character) || !is_unsafe(character) {
            out.push(character);
        } else {
            push_escaped(&mut out, character);
        }
    }
    out
}

/// Adds the character as JSON writes one that must not be seen: `\u001b`, or two of them beyond U+FFFF.
fn push_escaped(text: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\u{unit:04x}");
    }
}

/// At most `most` characters; a text that was cut ends in an ellipsis.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::text::UNSEEN;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_stay_and_what_hides_between_them_goes() {
        assert_eq!(one_line(" a\r\nBcc: x\0y\u{202e}z\u{fe0f}\u{200b} "), "a Bcc: x yz");
        assert_eq!("a\tb\u{1b}c\u{2028}\u{34f}".chars().map(marked).collect::<String>(), "a b\u{fffd}c \u{fffd}");
    }

    #[test]
    fn a_cut_text_is_as_long_as_it_may_be_and_says_so() {
        assert_eq!((cut("äbc", 3), cut("äbcd", 3)), ("äbc".to_owned(), "äb…".to_owned()));
    }

    #[test]
    fn what_is_escaped_reads_back_from_json() {
        for character in ['\u{1b}', '\u{202e}', '\u{e0041}'] {
            let mut text = String::new();
            push_escaped(&mut text, character);
            assert_eq!(serde_json::from_str::<char>(&format!("\"{text}\"")).unwrap(), character, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_obeyed_or_hidden_is_left_of_any_text(
            unseen in UNSEEN,
            any: String,
        ) {
            prop_assert_eq!(one_line(&unseen), "");
            prop_assert!(unseen.chars().map(marked).all(|c| matches!(c, ' ' | '\u{fffd}')), "{:?}", unseen);
            prop_assert!(!one_line(&any).chars().any(is_unsafe), "{:?}", any);
            prop_assert!(!any.chars().map(marked).any(is_unsafe), "{:?}", any);
            prop_assert_eq!(any.chars().map(marked).count(), any.chars().count());
        }
    }
}
