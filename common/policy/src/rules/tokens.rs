//! A condition's words, texts and signs, where the parser's tree does not tell enough: comments are not in it.

use std::iter::from_fn;

/// One part of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'t> {
    /// A name or a number, with the fields behind it: `alert.severity`.
    Word(&'t str),
    /// What stands between quotation marks, as it is written.
    Text(&'t str),
    /// An operator or a bracket.
    Sign(&'t str),
    /// `//` to the end of the line.
    Comment,
}

/// A part and the byte at which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'t> {
    pub at: usize,
    pub kind: Kind<'t>,
}

/// The byte at which the first comment begins. Most ways of writing a text in YAML take the line breaks away: there a
/// comment would take the rest of the condition with it, without a word.
pub fn comment(condition: &str) -> Option<usize> {
    tokens(condition).find(|token| token.kind == Kind::Comment).map(|token| token.at)
}

/// The parts of a condition, in their order.
pub fn tokens(condition: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = condition.trim_start();
    from_fn(move || {
        let at = condition.len() - rest.len();
        let (kind, length) = first(rest)?;
        rest = rest.get(length..).unwrap_or_default().trim_start();
        Some(Token { at, kind })
    })
}

/// The part with which a text begins, and its length in bytes.
fn first(text: &str) -> Option<(Kind<'_>, usize)> {
    let character = text.chars().next()?;
    if text.starts_with("//") {
        return Some((Kind::Comment, text.find('\n').unwrap_or(text.len())));
    }
    if matches!(character, '"' | '\'') {
        return Some(literal(text, false));
    }
    if is_of_word(character) {
        let length = text.find(|c: char| !(is_of_word(c) || c == '.')).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(length)?;
        if rest.starts_with(['"', '\'']) && ["r", "b", "br", "rb"].contains(&word.to_lowercase().as_str()) {
            let (kind, behind) = literal(rest, word.contains(['r', 'R']));
            return Some((kind, length + behind));
        }
        return Some((Kind::Word(word), length));
    }
    let signs = ["==", "!=", "<=", ">=", "&&", "||"];
    let length = if signs.iter().any(|sign| text.starts_with(sign)) { 2 } else { character.len_utf8() };
    Some((Kind::Sign(text.get(..length)?), length))
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The text in quotation marks that begins here; one that is not closed takes all.
fn literal(text: &str, is_raw: bool) -> (Kind<'_>, usize) {
    let quote = text.get(..3).filter(|start| ["\"\"\"", "'''"].contains(start)).or(text.get(..1)).unwrap_or_default();
    let mut at = quote.len();
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(quote) {
            return (Kind::Text(text.get(quote.len()..at).unwrap_or_default()), at + quote.len());
        }
        let mut characters = rest.chars();
        let is_escape = rest.starts_with('\\') && !is_raw;
        at += characters.by_ref().take(if is_escape { 2 } else { 1 }).map(char::len_utf8).sum::<usize>();
    }
    (Kind::Text(text.get(quote.len()..).unwrap_or_default()), text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_slashes_outside_of_a_text_begin_a_comment() {
        for (condition, expected) in [
            ("true // all", Some(5)),
            ("// all\ntrue", Some(0)),
            ("1 / 2 == 0", None),
            ("alert.title == 'http://x'", None),
            ("alert.title == \"http://x\" // y", Some(26)),
            (r#"alert.title == "a\"//" //"#, Some(23)),
            (r#"alert.title.matches(r"\") // y"#, Some(26)),
            (r#"alert.title.matches("\\") // y"#, Some(26)),
            ("alert.title == '''it's // in''' // out", Some(32)),
            ("alert.title == \"\" // y", Some(18)),
            ("alert.title == 'not closed // ", None),
            ("'ä' == 'ö' //", Some(13)),
        ] {
            assert_eq!(comment(condition), expected, "{condition}");
        }
    }

    #[test]
    fn words_texts_and_signs_come_in_their_order_with_their_places() {
        let found: Vec<(usize, Kind)> =
            tokens("e.sha1 in['a', R\"b\\\"]&&!x").map(|token| (token.at, token.kind)).collect();
        let expected = [
            (0, Kind::Word("e.sha1")),
            (7, Kind::Word("in")),
            (9, Kind::Sign("[")),
            (10, Kind::Text("a")),
            (13, Kind::Sign(",")),
            (15, Kind::Text("b\\")),
            (20, Kind::Sign("]")),
            (21, Kind::Sign("&&")),
            (23, Kind::Sign("!")),
            (24, Kind::Word("x")),
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(condition in "[ -~ä\n]{0,40}") {
            for token in tokens(&condition) {
                let is_there = match token.kind {
                    Kind::Word(text) | Kind::Sign(text) => condition[token.at..].starts_with(text),
                    Kind::Text(text) => condition[token.at..].contains(text),
                    Kind::Comment => condition[token.at..].starts_with("//"),
                };
                prop_assert!(is_there, "{token:?}");
            }
        }

        #[test]
        fn what_is_quoted_is_no_comment(text in "[ a-zä/]{0,20}", quote in prop_oneof![Just("'"), Just("\""), Just("'''")]) {
            prop_assert_eq!(comment(&format!("{quote}{text}{quote} == ''")), None);
        }
    }
}
