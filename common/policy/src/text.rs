//! Small helpers for texts that people read: one line, a bounded length.

/// The longest reason, in characters.
pub const REASON_CHARS: usize = 160;

/// All white space folded to single spaces, control characters made harmless, cut to [`REASON_CHARS`] characters with an ellipsis.
pub fn one_line(text: &str) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let folded = folded.replace(char::is_control, "\u{fffd}");
    if folded.chars().count() <= REASON_CHARS {
        return folded;
    }
    let mut cut: String = folded.chars().take(REASON_CHARS - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_harmless_line_and_a_long_one_is_cut() {
        assert_eq!(one_line("a\u{1b}[2J\tb"), "a\u{fffd}[2J b");
        let cut = one_line(&"ä \n b".repeat(200));
        assert_eq!(cut.chars().count(), REASON_CHARS);
        assert!(cut.ends_with('…') && !cut.contains('\n'));
    }
}
