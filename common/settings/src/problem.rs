//! What is wrong with a document, said the way a compiler says it: what, where, the line, and what to do.

use std::fmt;

use cordon_records::text::marked;
use cordon_records::{Classified, ErrorClass};

/// Longest part of a source line that is printed; the rest is cut on both sides of the caret.
const SNIPPET_WIDTH: usize = 120;

/// A place in a document. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// File name, or `environment variable CORDON_…`.
    pub origin: String,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File name, or `environment variable CORDON_…`.
    pub origin: String,
    /// Line, from 1; 0 when the mistake concerns the file as a whole.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key with its sections, `act.mode`; empty when the mistake concerns no key.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The source line, with secrets masked; absent when there is none to show.
    pub source_line: Option<String>,
}

impl Problem {
    /// A mistake that concerns a file as a whole, such as one that cannot be read.
    #[must_use]
    pub fn whole(origin: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            line: 0,
            column: 0,
            path: String::new(),
            message: message.into(),
            help: None,
            source_line: None,
        }
    }
}

impl Problem {
    /// The same text as a warning: for what is allowed and better changed.
    #[must_use]
    pub fn as_warning(&self) -> impl fmt::Display {
        Warning(self)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, word: &str) -> fmt::Result {
        let separator = if self.path.is_empty() { "" } else { ": " };
        writeln!(f, "{word}: {}{separator}{}", clean(&self.path), clean(&self.message))?;
        if self.line == 0 {
            write!(f, " --> {}", clean(&self.origin))?;
        } else {
            write!(f, " --> {}:{}:{}", clean(&self.origin), self.line, self.column)?;
        }
        let gutter = " ".repeat(self.line.to_string().len());
        if let Some(source) = &self.source_line {
            let (shown, caret) = window(source, self.column);
            write!(f, "\n{gutter} |\n{} | {shown}\n{gutter} | {}^", self.line, " ".repeat(caret))?;
        }
        match &self.help {
            Some(help) => write!(f, "\n{gutter} = help: {}", clean(help)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "error")
    }
}

struct Warning<'a>(&'a Problem);

impl fmt::Display for Warning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, "warning")
    }
}

/// The part of the line that is worth printing, and how far in the caret stands.
fn window(line: &str, column: usize) -> (String, usize) {
    let characters: Vec<char> = clean(line).chars().collect();
    let at = column.saturating_sub(1).min(characters.len());
    let start = if characters.len() > SNIPPET_WIDTH { at.saturating_sub(SNIPPET_WIDTH / 2) } else { 0 };
    let shown: String = characters.iter().skip(start).take(SNIPPET_WIDTH).collect();
    (shown.trim_end().to_owned(), at - start)
}

/// Text from a file must not move the cursor of the terminal it is printed on. One character stays one character, so
/// that carets stay true.
fn clean(text: &str) -> String {
    text.chars().map(marked).collect()
}

/// Every mistake of a load, in the order of the lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the mistakes of another document.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// `Ok` when there is no mistake, itself otherwise.
    ///
    /// # Errors
    /// The mistakes, sorted by origin, line and column.
    pub fn into_result(mut self) -> Result<(), Self> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort_by(|a, b| (&a.origin, a.line, a.column).cmp(&(&b.origin, b.line, b.column)));
        Err(self)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Classified for Problems {
    fn class(&self) -> ErrorClass {
        ErrorClass::Fatal
    }
}

#[cfg(test)]
mod tests {
    use cordon_records::text::UNSEEN;
    use proptest::prelude::*;

    use super::*;

    fn at(line: usize, column: usize) -> Problem {
        Problem { line, column, ..Problem::whole("cordon.yaml", "wrong") }
    }

    #[test]
    fn a_problem_prints_like_a_compiler_error() {
        let problem = Problem {
            path: "act.modee".to_owned(),
            message: "unknown key".to_owned(),
            help: Some("did you mean \"mode\"?".to_owned()),
            source_line: Some("  modee: auto".to_owned()),
            ..at(12, 3)
        };
        let expected = "error: act.modee: unknown key\n --> cordon.yaml:12:3\n   |\n12 |   modee: auto\n   |   ^\n   \
                        = help: did you mean \"mode\"?";
        assert_eq!(problem.to_string(), expected);
        assert_eq!(problem.as_warning().to_string(), expected.replacen("error", "warning", 1));
    }

    #[test]
    fn problems_are_sorted_by_line_and_column() {
        let problems = Problems(vec![at(9, 1), at(2, 5), at(2, 1)]).into_result().unwrap_err();
        let places: Vec<_> = problems.0.iter().map(|p| (p.line, p.column)).collect();
        assert_eq!(places, [(2, 1), (2, 5), (9, 1)]);
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let problem = Problem { source_line: Some(format!("{}X", "a".repeat(5000))), ..at(1, 5001) };
        let text = problem.to_string();
        assert!(text.len() < 400 && text.contains('X'), "{text}");
    }

    #[test]
    fn an_escape_sequence_in_a_file_does_not_reach_the_terminal() {
        let problem = Problem { source_line: Some("a: \u{1b}[2J".to_owned()), ..at(1, 1) };
        assert!(!problem.to_string().contains('\u{1b}'));
    }

    proptest! {
        #[test]
        fn of_a_text_in_which_nothing_can_be_seen_marks_are_left(
            text in UNSEEN,
        ) {
            prop_assert!(clean(&text).chars().all(|c| matches!(c, ' ' | '\u{fffd}')), "{:?}", clean(&text));
            prop_assert_eq!(clean(&text).chars().count(), text.chars().count());
        }
    }
}
