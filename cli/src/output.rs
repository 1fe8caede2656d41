//! Printing for people and for scripts. What others wrote goes through [`crate::escape`] first.

use std::io::{ErrorKind, Write as _};

use clap::ValueEnum;
use serde_json::Value;

use crate::escape;

/// Widest cell of a table, in characters; a command that shows one thing has the rest.
pub const WIDEST: usize = 80;

/// How to print several things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For scripts
    Json,
}

/// Lines of a table whose columns are as wide as they must be.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(head.get(column).map_or(0, |title| title.len()))
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    line(&head.map(str::to_owned)) + &rows.iter().map(line).collect::<String>()
}

/// A cell of a table: harmless for a terminal, and no wider than [`WIDEST`].
pub fn cell(text: &str) -> String {
    cut(escape::text(text))
}

/// The same for text that is harmless already.
pub fn cut(text: String) -> String {
    match text.char_indices().nth(WIDEST) {
        Some(_) => text.chars().take(WIDEST - 1).chain(['…']).collect(),
        None => text,
    }
}

/// Prints; a reader that has seen enough, such as `head`, is no error.
pub fn put(text: &str) -> std::io::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A document as it is printed.
pub fn json(document: &Value) -> anyhow::Result<String> {
    Ok(escape::json(&serde_json::to_string_pretty(document)?) + "\n")
}
