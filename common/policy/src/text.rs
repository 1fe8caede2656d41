//! Small helpers for texts that people read: one line, a bounded length.

use cordon_records::text::{cut, marked};

/// The longest reason, in characters. Causes stand at its end, so this is only what a record must bear when others wrote the
/// text.
pub const REASON_CHARS: usize = 4_000;

/// The longest text that is only to remind of something said elsewhere, in characters.
const REMINDER_CHARS: usize = 160;

/// All white space folded to single spaces, what is obeyed or hidden marked, cut to [`REASON_CHARS`] characters with an
/// ellipsis.
pub fn one_line(text: &str) -> String {
    bounded(text, REASON_CHARS)
}

/// The same, cut where it has reminded: for a condition, which is recorded whole beside it.
pub fn reminder(text: &str) -> String {
    bounded(text, REMINDER_CHARS)
}

fn bounded(text: &str, most: usize) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&folded.chars().map(marked).collect::<String>(), most)
}

#[cfg(test)]
mod tests {
    use cordon_records::text::UNSEEN;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_becomes_one_harmless_line_and_a_long_one_is_cut() {
        assert_eq!(one_line("a\u{1b}[2J\tb"), "a\u{fffd}[2J b");
        for (cut, most) in [(one_line(&"ä \n b".repeat(2_000)), REASON_CHARS), (reminder(&"ä \n b".repeat(200)), 160)]
        {
            assert_eq!(cut.chars().count(), most);
            assert!(cut.ends_with('…') && !cut.contains('\n'));
        }
    }

    proptest! {
        #[test]
        fn of_a_text_in_which_nothing_can_be_seen_marks_are_left(
            text in UNSEEN,
        ) {
            prop_assert!(one_line(&text).chars().all(|c| matches!(c, ' ' | '\u{fffd}')), "{:?}", one_line(&text));
        }
    }
}
