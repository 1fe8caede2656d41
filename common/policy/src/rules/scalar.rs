//! Where the characters of a YAML text stand in its file, however it is written.
//!
//! YAML folds lines, drops indentation and reads escapes; what is not white space stays, in its order. So the n-th
//! such character of the text is the n-th of the value in the file.

use std::str::Chars;

use cordon_settings::Place;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// A block that keeps its line breaks: `|`.
    Literal,
    /// A block that folds them: `>`.
    Folded,
    /// Without quotation marks.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
}

/// A text in a YAML file.
#[derive(Debug, Clone, Copy)]
pub struct Scalar<'t> {
    file: &'t str,
    /// The first byte of the value.
    start: usize,
    style: Style,
}

impl<'t> Scalar<'t> {
    /// The text that stands at this place of the file. An alias stands for what its anchor names.
    pub fn at(file: &'t str, place: &Place) -> Self {
        let start = offset(file, place);
        let value = file.get(start..).unwrap_or_default();
        let start = value.strip_prefix('*').and_then(|name| anchored(file, name)).unwrap_or(start);
        Self { file, start, style: style(file, start) }
    }

    /// Whether line breaks of the file are line breaks of the text.
    pub fn keeps_lines(&self) -> bool {
        self.style == Style::Literal
    }

    /// Line and column in the file of a line and column of the text, all from 1. What lies behind the last character is
    /// told at that character; what cannot be found, at the start.
    pub fn place_of(&self, text: &str, (line, column): (usize, usize)) -> (usize, usize) {
        self.offset_of(text, (line, column))
            .map_or_else(|| position(self.file, self.start), |at| position(self.file, at))
    }

    fn offset_of(&self, text: &str, (line, column): (usize, usize)) -> Option<usize> {
        let before: usize = text.split('\n').take(line.saturating_sub(1)).map(|line| line.chars().count() + 1).sum();
        let wanted = before + column.saturating_sub(1);
        let count = |characters: usize| text.chars().take(characters).filter(|c| !is_blank(*c)).count();
        let (before, all) = (count(wanted), count(usize::MAX));
        let mut letters = self.letters();
        let mut found = None;
        for wanted in text.chars().filter(|c| !is_blank(*c)).take(before.min(all.saturating_sub(1)) + 1) {
            let (letter, at) = letters.next()?;
            if letter != wanted {
                return None;
            }
            found = Some(at);
        }
        found
    }

    fn letters(&self) -> Letters<'t> {
        let skipped = usize::from(matches!(self.style, Style::Single | Style::Double));
        let at = self.start + skipped;
        Letters { rest: self.file.get(at..).unwrap_or_default().chars(), file: self.file, style: self.style }
    }
}

/// The characters of a value that are no white space, with their bytes; they go on behind its end.
struct Letters<'t> {
    rest: Chars<'t>,
    file: &'t str,
    style: Style,
}

impl Iterator for Letters<'_> {
    type Item = (char, usize);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let at = self.file.len() - self.rest.as_str().len();
            let letter = match (self.style, self.rest.next()?) {
                (Style::Single, '\'') => self.rest.next().filter(|c| *c == '\'')?,
                (Style::Double, '\\') => self.escaped()?,
                (Style::Double, '"') => return None,
                (_, letter) => letter,
            };
            if !is_blank(letter) {
                return Some((letter, at));
            }
        }
    }
}

impl Letters<'_> {
    /// What stands behind a backslash in double quotes; a line break and other white space are the same here.
    fn escaped(&mut self) -> Option<char> {
        let digits = match self.rest.next()? {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            't' | 'n' | 'r' => return Some(' '),
            other => return Some(other),
        };
        let code: String = self.rest.by_ref().take(digits).collect();
        char::from_u32(u32::from_str_radix(&code, 16).ok()?)
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn offset(file: &str, place: &Place) -> usize {
    let lines = file.split_inclusive('\n');
    let before: usize = lines.clone().take(place.line.saturating_sub(1)).map(str::len).sum();
    let line = lines.clone().nth(place.line.saturating_sub(1)).unwrap_or_default();
    before + line.char_indices().nth(place.column.saturating_sub(1)).map_or(0, |(at, _)| at)
}

fn position(file: &str, offset: usize) -> (usize, usize) {
    let before = file.get(..offset).unwrap_or_default();
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// Where the value begins that an anchor names; `rest` begins with the alias's name.
fn anchored(file: &str, rest: &str) -> Option<usize> {
    let name = rest.split(|c: char| c.is_whitespace() || ",[]{}".contains(c)).next()?;
    let anchor = format!("&{name}");
    let ends = file.match_indices(&anchor).map(|(at, _)| at + anchor.len());
    let end = ends.into_iter().find(|end| file.get(*end..).is_some_and(|rest| rest.starts_with(is_blank)))?;
    let rest = file.get(end..)?;
    let value = rest.trim_start_matches(is_blank);
    let first = end + rest.len() - value.len();
    // Of a block, the first line that is not blank.
    match value.starts_with(['|', '>']) {
        true => {
            let lines = value.get(value.find('\n')?..)?;
            Some(file.len() - lines.trim_start_matches(is_blank).len())
        }
        false => Some(first),
    }
}

fn style(file: &str, start: usize) -> Style {
    let (before, value) = file.split_at_checked(start).unwrap_or_default();
    let (above, own) = before.rsplit_once('\n').unwrap_or(("", before));
    if own.chars().all(is_blank)
        && let Some(block) = block(above.trim_end())
    {
        return block;
    }
    match value.chars().next() {
        Some('\'') => Style::Single,
        Some('"') => Style::Double,
        Some(_) | None => Style::Plain,
    }
}

/// The style of a block whose first line stands below these lines: the header is the last of them.
fn block(above: &str) -> Option<Style> {
    let line = above.lines().next_back()?.trim_start();
    let header = line.split(" #").next()?.trim_end();
    let (before, mark) = header.rsplit_once(is_blank).unwrap_or(("", header));
    let is_header = before.contains(':') || before.starts_with(['-', '?']);
    let style = if mark.starts_with('|') { Style::Literal } else { Style::Folded };
    let digits = mark.strip_prefix(['|', '>']).filter(|rest| rest.chars().all(|c| "+-123456789".contains(c)));
    (is_header && !line.starts_with('#') && digits.is_some()).then_some(style)
}
