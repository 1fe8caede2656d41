//! Text to syntax tree, by the `cel` crate's parser, and places in that text.
//!
//! The parser expands no macros here: `has()`, `exists()` and their kin stay calls as they are written, so that the
//! checker sees what the author wrote.

use std::sync::LazyLock;

use cel::common::ast::SourceInfo;
use cel::{Env, ParseErrors, Program};

use super::Mistake;
use crate::text::reminder;

static PARSER: LazyLock<Env> = LazyLock::new(|| Env::default().with_optional_support(false));

/// Parses an expression.
pub fn parse(source: &str) -> Result<Program, Vec<Mistake>> {
    PARSER.compile(source).map_err(|errors| syntax_mistakes(source, &errors))
}

/// The parser's errors, in reading order; the first of each line only, since what follows it is mostly its echo.
fn syntax_mistakes(source: &str, errors: &ParseErrors) -> Vec<Mistake> {
    if errors.errors.iter().any(|error| error.msg.contains("Recursion limit")) {
        return Mistake::whole("brackets are nested too deep".to_owned());
    }
    let mut mistakes: Vec<Mistake> = errors
        .errors
        .iter()
        .map(|error| {
            let line = usize::try_from(error.pos.0).unwrap_or(1).max(1);
            let column = usize::try_from(error.pos.1).unwrap_or(1).max(1);
            Mistake { line, column, message: plain(&error.msg), help: hint(source, line, column) }
        })
        .collect();
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    mistakes.dedup_by_key(|mistake| mistake.line);
    if mistakes.is_empty() {
        mistakes.push(Mistake { line: 1, column: 1, message: format!("cannot be parsed: {source}"), help: None });
    }
    mistakes
}

/// The parser's message without the names of its tokens: which of them could follow is no help to anybody.
fn plain(message: &str) -> String {
    let known =
        ["mismatched input", "extraneous input", "token recognition error at", "no viable alternative at input"];
    if !known.iter().any(|start| message.trim_start_matches("Syntax error: ").starts_with(start)) {
        return reminder(message);
    }
    let quoted = message.split_once('\'').map_or("", |(_, rest)| rest);
    let end = quoted.find("' expecting").or_else(|| quoted.rfind('\'')).unwrap_or(quoted.len());
    match quoted.get(..end).unwrap_or_default().trim() {
        "" | "<EOF>" => "the condition ends where more is expected".to_owned(),
        found => reminder(&format!("`{found}` does not fit here")),
    }
}

/// What is likely meant where the parser stumbles: operators as other languages spell them.
fn hint(source: &str, line: usize, column: usize) -> Option<String> {
    let text: String = source.lines().nth(line - 1)?.chars().skip(column - 1).collect();
    let word = text.split(|c: char| c.is_whitespace() || c == '(').next()?;
    let meant = match word.to_ascii_lowercase().as_str() {
        "and" => "&&",
        "or" => "||",
        "not" => "!",
        _ if text.starts_with('=') => "==",
        _ => return None,
    };
    Some(format!("did you mean `{meant}`?"))
}

/// Where the parts of an expression stand in its text, in bytes.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    pub info: &'a SourceInfo,
    pub source: &'a str,
}

impl Places<'_> {
    /// The token that the parser remembers for a node.
    pub fn token(self, id: u64) -> usize {
        self.info.offset_for(id).map_or(0, |(start, _)| start as usize)
    }

    /// The field's name in `alert.severity`, where the parser remembers the dot.
    pub fn field(self, id: u64) -> usize {
        let dot = self.token(id);
        let after = self.source.get(dot..).and_then(|rest| rest.strip_prefix('.'));
        after.map_or(dot, |rest| dot + 1 + (rest.len() - rest.trim_start().len()))
    }

    /// The function's name in `x.matches(y)`, where the parser remembers the parenthesis.
    pub fn function(self, id: u64, name: &str) -> usize {
        let token = self.token(id);
        let before = self.source.get(..token).unwrap_or_default().trim_end();
        if before.ends_with(name) { before.len() - name.len() } else { token }
    }

    /// Line and column of a byte, both from 1; columns in characters.
    pub fn line_and_column(self, at: usize) -> (usize, usize) {
        let before = self.source.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        (line, column)
    }
}
