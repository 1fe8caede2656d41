//! Mistakes in files as a phone can show them: the marks below a line stay below what they mark. Pure.
//!
//! A screen of 390 px has about 40 characters of a fixed width. A longer line is cut on both sides of its marks, and what is
//! said beside them goes below.

/// Characters that a phone shows in one line.
const WIDTH: usize = 38;
/// Characters before the mark that are kept.
const BEFORE: usize = 12;

/// The text with every marked line cut to what a phone shows.
#[must_use]
pub fn for_a_phone(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match (Mark::of(line), lines.pop()) {
            (Some(mark), Some(source)) => lines.extend(mark.below(&source)),
            (_, before) => lines.extend(before.into_iter().chain([line.to_owned()])),
        }
    }
    lines.join("\n")
}

/// A line of carets, and what stands behind them: `^^^ did you mean …?`, or behind the bar that line numbers have,
/// `  |   ^`. Counts characters.
struct Mark<'a> {
    gutter: &'a str,
    begin: usize,
    length: usize,
    said: &'a str,
}

impl<'a> Mark<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let bar = line.find("| ").filter(|at| line.get(..*at).is_some_and(|before| before.trim().is_empty()));
        let (gutter, marks) = line.split_at(bar.map_or(0, |at| at + 2));
        let carets = marks.trim_start();
        let said = carets.trim_start_matches('^');
        let (begin, length) = (marks.len() - carets.len(), carets.len() - said.len());
        let marks = length > 0 && (said.is_empty() || said.starts_with(' '));
        marks.then_some(Self { gutter, begin, length, said: said.trim() })
    }

    /// The line and its marks, cut alike, and what is said.
    fn below(&self, line: &str) -> Vec<String> {
        let width = self.gutter.chars().count();
        let number: String = line.chars().take(width).collect();
        let source: String = line.chars().skip(width).collect();
        let room = WIDTH.saturating_sub(width);
        let indent = source.chars().take_while(|c| *c == ' ').count().min(self.begin);
        let length = source.chars().count();
        if length.max(self.begin + self.length + self.said.chars().count() + 1) <= room {
            return vec![line.to_owned(), self.line(self.begin, self.length, self.said)];
        }
        // One that fits stays whole: only what is said beside the marks goes below.
        let (from, kept) = match length <= room {
            true => (0, length),
            false => (self.begin.saturating_sub(BEFORE).max(indent), room.saturating_sub(2)),
        };
        let front = if from > indent { "…" } else { "" };
        let part: String = source.chars().skip(from).take(kept).collect();
        let back = if from + part.chars().count() < length { "…" } else { "" };
        let begin = self.begin - from + front.chars().count();
        let mut lines = vec![
            format!("{number}{front}{part}{back}"),
            self.line(begin, self.length.min(room.saturating_sub(begin)), ""),
        ];
        lines.extend((!self.said.is_empty()).then(|| self.said.to_owned()));
        lines
    }

    fn line(&self, begin: usize, length: usize, said: &str) -> String {
        format!("{}{}{} {said}", self.gutter, " ".repeat(begin), "^".repeat(length)).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the marks stand below.
    fn marked(text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| line.trim_start_matches([' ', '|']).starts_with('^')).unwrap();
        let (begin, carets) = (lines[at].find('^').unwrap(), lines[at].matches('^').count());
        lines[at - 1].chars().skip(begin).take(carets).collect()
    }

    #[test]
    fn a_short_line_stays_as_it_is_and_what_does_not_fit_beside_the_marks_goes_below() {
        let short = "a.yaml:4:5: unknown\n  machin.os\n  ^^^^^^ unknown";
        assert_eq!(for_a_phone(short), short);
        let long = "    alert.severty == \"High\"\n          ^^^^^^^ did you mean `severity`?";
        assert_eq!(for_a_phone(long), "    alert.severty == \"High\"\n          ^^^^^^^\ndid you mean `severity`?");
        assert_eq!(for_a_phone("^^^^\nno marks ^^ here"), "^^^^\nno marks ^^ here");
        let just = format!("{}WORDS", "a".repeat(WIDTH - 5));
        let marks = format!("{}^^^^^", " ".repeat(WIDTH - 5));
        assert_eq!(for_a_phone(&format!("{just}\n{marks} what")), format!("{just}\n{marks}\nwhat"));
    }

    #[test]
    fn a_long_line_is_cut_on_both_sides_of_its_marks() {
        let source = format!("    {} && machin.os == \"Windows11\" && {}", "a == 1 && ".repeat(9), "b == 2".repeat(9));
        let begin = source.find("machin").unwrap();
        let text = for_a_phone(&format!("{source}\n{}^^^^^^ did you mean `machine`?", " ".repeat(begin)));
        assert_eq!(marked(&text), "machin");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.starts_with('…') && text.ends_with("did you mean `machine`?"), "{text}");
    }

    #[test]
    fn the_bar_behind_line_numbers_stays_in_its_place() {
        let source = format!("{}machin.os == \"Windows11\"", "a == 1 && ".repeat(9));
        let text = format!("rules/a.yaml:12:91\n   |\n12 | {source}\n   | {}^\n   = help: no", " ".repeat(90));
        assert_eq!(
            for_a_phone(&text),
            "rules/a.yaml:12:91\n   |\n12 | …& a == 1 && machin.os == \"Windo…\n   |              ^\n   = help: no"
        );
        assert_eq!(for_a_phone("   |\n 4 | when: x\n   |       ^"), "   |\n 4 | when: x\n   |       ^");
    }

    proptest! {
        #[test]
        fn marks_stand_below_what_they_mark_and_the_line_fits(
            number in prop::option::of(0_u32..99_999), before in "[a-zäö ]{0,120}", word in "[A-ZÄ]{1,10}", after in "[a-z ]{0,120}", said in "( [a-z ]{1,60})?",
        ) {
            let number = number.map(|number| format!("{number} | ")).unwrap_or_default();
            let bar = if number.is_empty() { String::new() } else { format!("{}| ", " ".repeat(number.len() - 2)) };
            let source = format!("{number}{before}{word}{after}");
            let marks = format!("{bar}{}{}{said}", " ".repeat(before.chars().count()), "^".repeat(word.chars().count()));
            let text = for_a_phone(&format!("{source}\n{marks}"));
            prop_assert_eq!(marked(&text), word);
            prop_assert!(text.lines().take(2).all(|line| line.chars().count() <= WIDTH), "{}", text);
        }
    }
}
