//! Escapes that mean something else than they look: in `"C:\temp"` a tab stands before `emp`, and such a text matches
//! nothing. The checker cannot refuse them, since the text is right.

use cordon_records::text::is_hidden;

use super::tokens::{Kind, Token, tokens};

/// An escape that nobody means, and the byte of the condition at which its text begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escape<'t> {
    pub at: usize,
    /// The escape with what stands behind it, as it is written; empty for a character that is in the text as itself.
    pub written: &'t str,
    /// What it stands for.
    pub means: &'static str,
}

/// The first such escape of each text of a condition.
pub fn escapes(condition: &str) -> impl Iterator<Item = Escape<'_>> {
    tokens(condition).filter_map(|token| {
        let Token { at, kind: Kind::Text(text) } = token else { return None };
        let escape = if is_raw(condition, at) { None } else { surprise(text) };
        escape.or_else(|| unseen(text)).map(|(written, means)| Escape { at, written, means })
    })
}

fn is_raw(condition: &str, at: usize) -> bool {
    let prefix = condition.get(at..).unwrap_or_default().chars().take_while(char::is_ascii_alphabetic);
    prefix.into_iter().any(|letter| matches!(letter, 'r' | 'R'))
}

/// The first escape whose meaning is another than a path or a pattern would have there.
fn surprise(text: &str) -> Option<(&str, &'static str)> {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let from = rest.get(at..).unwrap_or_default();
        let behind: Vec<char> = from.chars().skip(1).take(2).collect();
        if let Some(means) = behind.first().and_then(|letter| meaning(*letter, behind.get(1).copied())) {
            let length = from.char_indices().skip(1).find(|(_, c)| !c.is_ascii_alphanumeric()).map(|(at, _)| at);
            return Some((from.get(..length.unwrap_or(from.len())).unwrap_or_default(), means));
        }
        rest = behind.first().and_then(|letter| from.get(1 + letter.len_utf8()..)).unwrap_or_default();
    }
    None
}

/// What an escape stands for, where nobody means that. Tabs and line breaks are meant where no word follows.
fn meaning(letter: char, next: Option<char>) -> Option<&'static str> {
    let is_in_a_word = next.is_some_and(char::is_alphanumeric);
    match letter {
        'a' => Some("a bell"),
        'b' => Some("a backspace"),
        'f' => Some("a form feed"),
        'v' => Some("a vertical tab"),
        't' if is_in_a_word => Some("a tab"),
        'n' if is_in_a_word => Some("a line break"),
        'r' if is_in_a_word => Some("a carriage return"),
        'x' | 'X' | '0'..='7' => Some("a character by its number"),
        _ => None,
    }
}

/// A character that nobody sees and YAML has made of an escape already, also in a raw text: `\b`, or `\P` of `\Program`.
fn unseen(text: &str) -> Option<(&str, &'static str)> {
    text.chars().find_map(hidden).map(|means| ("", means))
}

/// What a character is that nobody sees, or takes for a space. A line break is meant: only a text in three quotation
/// marks may hold one.
const fn hidden(c: char) -> Option<&'static str> {
    match c {
        '\n' => None,
        '\0' => Some("a null character"),
        '\u{7}' => Some("a bell"),
        '\u{8}' => Some("a backspace"),
        '\t' => Some("a tab"),
        '\u{b}' => Some("a vertical tab"),
        '\u{c}' => Some("a form feed"),
        '\r' => Some("a carriage return"),
        '\u{1b}' => Some("an escape character"),
        '\u{85}' => Some("a next-line character"),
        '\u{a0}' | '\u{2007}' | '\u{202f}' => Some("a no-break space"),
        '\u{2028}' => Some("a line separator"),
        '\u{2029}' => Some("a paragraph separator"),
        '\u{1}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Some("a control character"),
        c if is_hidden(c) => Some("an invisible character"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(condition: &str) -> Vec<String> {
        escapes(condition).map(|escape| format!("{} {} {}", escape.at, escape.written, escape.means)).collect()
    }

    #[test]
    fn an_escape_that_looks_like_a_path_or_a_pattern_is_found() {
        for (condition, expected) in [
            (r#"alert.title == "C:\temp""#, r"15 \temp a tab"),
            (r#"alert.title.matches("\bword\b")"#, r"20 \bword a backspace"),
            (r#"alert.title.matches("word\b")"#, r"20 \b a backspace"),
            (r#"alert.title == "C:\new\x""#, r"15 \new a line break"),
            (r#"alert.title == "a\\\recycle""#, r"15 \recycle a carriage return"),
            (r#"alert.title == 'C:\x64'"#, r"15 \x64 a character by its number"),
            (r#"alert.title == "C:\104""#, r"15 \104 a character by its number"),
            ("alert.title == 'C:\temp'", "15  a tab"),
            ("alert.title.matches(r'\u{8}word')", "20  a backspace"),
            ("alert.title.matches(R\"word\u{8}\")", "20  a backspace"),
        ] {
            assert_eq!(found(condition), [expected], "{condition}");
        }
        assert_eq!(found(r#"alert.title in ["\temp", 'x', "\fonts"]"#).len(), 2);
    }

    #[test]
    fn every_character_that_nobody_sees_is_found_in_texts_of_both_kinds() {
        let controls = ('\0'..='\u{9f}').filter(|c| c.is_control() && *c != '\n');
        let others = ['\u{a0}', '\u{2007}', '\u{202f}', '\u{2028}', '\u{2029}', '\u{200b}', '\u{202e}', '\u{ad}'];
        for c in controls.chain(others) {
            for prefix in ["", "r"] {
                let condition = format!("alert.title.contains({prefix}'C:{c}rogram Files')");
                assert_eq!(found(&condition).len(), 1, "{condition:?}");
            }
        }
    }

    #[test]
    fn what_is_meant_as_it_is_written_is_left_alone() {
        for condition in [
            r#"alert.title == "C:\\temp""#,
            r#"alert.title.matches(r"\bword\b")"#,
            r#"alert.title.matches(R'\bword\b')"#,
            r#"alert.title.matches("\\bword\\b")"#,
            r#"alert.title.contains("\n") || alert.title.contains("\t\t") || alert.title == "a\r\n""#,
            r#"alert.title == "say \"hi\" \u00e4""#,
            r"true // C:\temp",
            "alert.title == '''two\nlines''' || alert.title == r'''two\nlines'''",
            "alert.title == 'ä – “Ö”, 二'",
        ] {
            assert_eq!(found(condition), [""; 0], "{condition}");
        }
    }

    proptest! {
        #[test]
        fn no_condition_makes_the_search_panic(condition in r#"[ -~äö\\\\"'rR]{0,40}"#) {
            for escape in escapes(&condition) {
                prop_assert!(condition[escape.at..].contains(escape.written));
            }
        }
    }
}
