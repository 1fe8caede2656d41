//! Texts that are not ours: absent, null, empty and blank are one thing, an unknown fact.

use crate::text::is_unsafe;

/// The text without the blanks around it; `None` when nothing is left. Blank is what shows nothing: white space, control
/// characters, and characters that Unicode draws as nothing or as a space.
#[must_use]
pub fn known(text: &str) -> Option<&str> {
    Some(text.trim_matches(is_blank)).filter(|text| !text.is_empty())
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || is_unsafe(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_shows_nothing_is_not_known_and_blanks_around_a_text_are_no_part_of_it() {
        for blank in ["", " ", "\t", "\r\n", "\0", "\u{a0}", "\u{2003}", "\u{3000}", "\u{2028}", "\u{200b}\u{feff}"] {
            assert_eq!(known(blank), None, "{blank:?}");
            assert_eq!(known(&format!("{blank}Tier 0{blank}")), Some("Tier 0"), "{blank:?}");
        }
        assert_eq!(known("-"), Some("-"));
    }

    proptest! {
        #[test]
        fn nothing_is_known_of_a_text_in_which_nothing_can_be_seen(
            text in "[\\p{Cc}\\p{Z}\\p{Default_Ignorable_Code_Point}\\x{2800}\\x{fff9}-\\x{fffb}]{1,60}",
        ) {
            prop_assert_eq!(known(&text), None);
        }
    }
}
