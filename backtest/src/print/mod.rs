//! A document as people and programs read it.

mod foreign;
mod headline;
mod html;
mod junit;
mod layout;
mod markdown;
mod table;
#[cfg(test)]
mod tests;
mod words;

use cordon_records::text::escaped;

use crate::args::Output;
use crate::document::Document;
use crate::error::BacktestError;

/// Where no terminal says how wide it is.
const WIDTH: usize = 110;

/// The document in this form; a table for lines of so many characters, if it is for a terminal.
///
/// # Errors
/// When it cannot be written in this form: a fault of ours.
pub fn text(document: &Document, output: Output, width: Option<usize>) -> Result<String, BacktestError> {
    match output {
        Output::Table => Ok(table::table(document, width.unwrap_or(WIDTH))),
        Output::Json => serde_json::to_string_pretty(document).map(|json| harmless(&json) + "\n").map_err(broken),
        Output::Jsonl => jsonl(document),
        Output::Markdown => Ok(markdown::markdown(document)),
        Output::Junit => junit::junit(document).map_err(broken),
    }
}

/// The document as one HTML page.
///
/// # Errors
/// When it cannot be written: a fault of ours.
pub fn html(document: &Document) -> Result<String, BacktestError> {
    html::html(document).map_err(broken)
}

/// How wide the terminal is, if there is one.
#[must_use]
pub fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// One change a line.
fn jsonl(document: &Document) -> Result<String, BacktestError> {
    let changes = &document.actions;
    let all = changes.added.iter().chain(&changes.removed).chain(&changes.changed);
    let line = |change| serde_json::to_string(change).map(|json| harmless(&json) + "\n").map_err(broken);
    all.map(line).collect()
}

/// The same text, in which no character is left that a terminal obeys; JSON means the same afterwards.
#[must_use]
pub fn harmless(text: &str) -> String {
    escaped(text, |c| c == '\n')
}

fn broken(error: impl std::fmt::Display) -> BacktestError {
    BacktestError::Broken(format!("the result cannot be written: {error}"))
}
