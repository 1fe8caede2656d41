//! Printing for people and for scripts. What others wrote goes through [`crate::escape`] where it is put into words, so that
//! it stays within its line; and whatever is printed does once more, so that no terminal obeys what somebody forgot.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use cordon_records::text;
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
    cut(&escape::text(text))
}

/// The same for text that is harmless already.
pub fn cut(text: &str) -> String {
    text::cut(text, WIDEST)
}

/// Prints; a reader that has seen enough, such as `head`, is no error.
pub fn put(text: &str) -> std::io::Result<()> {
    unless_closed(std::io::stdout().lock().write_all(escape::page(text).as_bytes()))
}

/// In place of std's macros of the same names, which panic where nobody reads any more. What a command does is not stopped by
/// that: it goes on to its end, says nothing more, and its exit code tells. A line that cannot be written for another reason,
/// such as a full disk, is lost, and the command ends with that mistake.
macro_rules! println {
    ($($text:tt)*) => { $crate::output::line(std::io::stdout().lock(), format_args!($($text)*)) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { $crate::output::line(std::io::stderr().lock(), format_args!($($text)*)) };
}

macro_rules! eprint {
    ($($text:tt)*) => { $crate::output::words(std::io::stderr().lock(), format_args!($($text)*)) };
}

/// What kept the first line from being written.
static LOST: OnceLock<std::io::Error> = OnceLock::new();
static CLOSED: AtomicBool = AtomicBool::new(false);

/// What kept a line from being written, if any was lost.
pub fn lost() -> Option<&'static std::io::Error> {
    LOST.get()
}

/// Whether the reader of what is printed has gone: what only prints may end.
pub fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// Writes a line.
pub fn line(mut to: impl Write, text: Arguments<'_>) {
    kept(unless_closed(writeln!(to, "{}", escape::page(&text.to_string()))));
}

/// Writes a text.
pub fn words(mut to: impl Write, text: Arguments<'_>) {
    kept(unless_closed(write!(to, "{}", escape::page(&text.to_string())).and_then(|()| to.flush())));
}

fn kept(written: std::io::Result<()>) {
    if let Err(error) = written {
        // Only the first one is told.
        let _ = LOST.set(error);
    }
}

fn unless_closed(written: std::io::Result<()>) -> std::io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            CLOSED.store(true, Ordering::Relaxed);
            Ok(())
        }
        other => other,
    }
}

/// A document as it is printed.
pub fn json(document: &Value) -> anyhow::Result<String> {
    Ok(escape::json(&serde_json::to_string_pretty(document)?) + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_printed_holds_nothing_that_a_terminal_obeys() {
        let (mut one, mut two) = (Vec::new(), Vec::new());
        line(&mut one, format_args!("error: {}", "a\u{1b}[2Jb\u{202e}"));
        words(&mut two, format_args!("one\n\ttwo \u{9b}31m \\d"));
        assert_eq!(String::from_utf8(one).unwrap(), "error: a\\u{1b}[2Jb\\u{202e}\n");
        assert_eq!(String::from_utf8(two).unwrap(), "one\n\ttwo \\u{9b}31m \\d", "lines and backslashes stay");
    }
}
