//! Texts that are not ours: absent, null, empty and blank are one thing, an unknown fact.

/// The text without the blanks around it; `None` when nothing is left. Blank is what shows nothing: white space, control
/// characters, and characters that Unicode draws as nothing or as a space.
#[must_use]
pub fn known(text: &str) -> Option<&str> {
    Some(text.trim_matches(is_blank)).filter(|text| !text.is_empty())
}

fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}')
        || matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_nothing_is_not_known_and_blanks_around_a_text_are_no_part_of_it() {
        for blank in ["", " ", "\t", "\r\n", "\0", "\u{a0}", "\u{2003}", "\u{3000}", "\u{2028}", "\u{200b}\u{feff}"] {
            assert_eq!(known(blank), None, "{blank:?}");
            assert_eq!(known(&format!("{blank}Tier 0{blank}")), Some("Tier 0"), "{blank:?}");
        }
        assert_eq!(known("-"), Some("-"));
    }
}
