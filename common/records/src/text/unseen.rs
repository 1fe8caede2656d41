//! Characters that are obeyed or hidden instead of being seen: the one table for everything that prints what others wrote.

/// Whether a terminal, a mail program or a log obeys this character, or draws nothing for it: what steers the cursor or
/// breaks a line, and what is [hidden](is_hidden).
#[must_use]
pub fn is_unsafe(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') || is_hidden(character)
}

/// Whether this character hides or reorders text: what turns the direction of reading, joins or fills without being drawn,
/// varies its neighbour, or tags it.
///
/// Sources: Unicode's property `Default_Ignorable_Code_Point` (`DerivedCoreProperties.txt`, 16.0), with the interlinear
/// annotations and the blank of Braille, which is drawn as a space; Unicode Technical Report 36, section 3.
#[must_use]
pub const fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Texts in which nothing can be seen, as a pattern for proptest. The classes are looked up in the tables of another library
/// than the one above.
#[cfg(any(test, feature = "testing"))]
pub const UNSEEN: &str = "[\\p{Cc}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\x{2800}\\x{fff9}-\\x{fffb}]{1,60}";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_drawn_is_safe_in_every_script() {
        for text in ["Zürich ✓ 東京 שלום عربي ไทย हिन्दी 한국 😀 – „x“ \u{fffd}", "a b\u{a0}c\u{3000}d"]
        {
            assert!(!text.chars().any(is_unsafe), "{text}");
        }
    }

    #[test]
    fn every_control_is_unsafe_and_what_is_hidden_is_neither_a_control_nor_white_space() {
        for character in '\0'..=char::MAX {
            assert!(!character.is_control() || is_unsafe(character), "{character:?}");
            assert!(!is_hidden(character) || (!character.is_control() && !character.is_whitespace()), "{character:?}");
        }
    }

    proptest! {
        #[test]
        fn what_unicode_calls_ignorable_a_control_or_a_separator_of_lines_is_unsafe(
            text in UNSEEN,
        ) {
            prop_assert!(text.chars().all(is_unsafe), "{text:?}");
        }
    }
}
