//! A rule file as logical lines: a line of structure with the comments above it and the lines that continue it.

/// A comment or a blank line (an empty text), and how far it was indented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub indent: usize,
    pub text: String,
}

/// A logical line.
#[derive(Debug, Clone, Default)]
pub struct Line {
    pub above: Vec<Note>,
    pub indent: usize,
    /// Without indentation and white space at the end.
    pub head: String,
    pub rest: Rest,
    /// Comments behind it that are indented deeper than the next line.
    pub after: Vec<Note>,
}

/// The lines that continue a logical line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Rest {
    #[default]
    None,
    /// Of a `|` or `>` block, without its indentation.
    Block(Vec<String>),
    /// Of a quoted text, a text without quotation marks, or brackets; as they are.
    Lines(Vec<String>),
}

/// A file's logical lines, and what stands below the last one.
#[derive(Debug, Clone, Default)]
pub struct Scanned {
    pub lines: Vec<Line>,
    pub below: Vec<Note>,
}

/// Splits a text that is known to be valid YAML.
pub fn scan(text: &str) -> Result<Scanned, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let physical: Vec<&str> = text.lines().collect();
    let mut scanned = Scanned::default();
    let mut above: Vec<Note> = Vec::new();
    let mut at = 0;
    while let Some(line) = physical.get(at) {
        at += 1;
        if let Some(note) = note(line) {
            above.push(note);
            continue;
        }
        let head = line.trim().to_owned();
        let indent = indent_of(line);
        let (rest, taken) = continuation(indent, &head, physical.get(at..).unwrap_or_default())
            .map_err(|why| format!("line {at}: {why}"))?;
        at += taken;
        let above = deeper_to_the_line_before(std::mem::take(&mut above), indent, scanned.lines.last_mut());
        scanned.lines.push(Line { above, indent, head, rest, after: Vec::new() });
    }
    scanned.below = deeper_to_the_line_before(above, 0, scanned.lines.last_mut());
    Ok(scanned)
}

fn note(line: &str) -> Option<Note> {
    let text = line.trim();
    let is_note = text.is_empty() || text.starts_with('#') || matches!(line.trim_end(), "---" | "...");
    is_note.then(|| Note { indent: indent_of(line), text: text.to_owned() })
}

pub fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Comments that are indented deeper than the line below them belong to the line above them.
fn deeper_to_the_line_before(mut notes: Vec<Note>, indent: usize, before: Option<&mut Line>) -> Vec<Note> {
    let last = notes.iter().rposition(|note| !note.text.is_empty() && note.indent > indent);
    if let (Some(last), Some(before)) = (last, before) {
        before.after = notes.drain(..=last).collect();
    }
    notes
}

/// A line of structure, taken apart: columns of its dashes, then the column of its key or value.
pub struct Parts<'a> {
    pub dashes: Vec<usize>,
    pub column: usize,
    /// `key:` with its value, or a value.
    pub entry: &'a str,
}

pub fn parts(indent: usize, head: &str) -> Parts<'_> {
    let (mut dashes, mut column, mut entry) = (Vec::new(), indent, head);
    while entry == "-" || entry.starts_with("- ") {
        dashes.push(column);
        let after = entry.get(1..).unwrap_or_default();
        let rest = after.trim_start();
        column += 1 + after.len() - rest.len();
        entry = rest;
    }
    Parts { dashes, column, entry }
}

/// The key of an entry, and what stands behind its colon.
pub fn key_and_value(entry: &str) -> Option<(&str, &str)> {
    if entry.starts_with(['{', '[', '|', '>', '#']) {
        return None;
    }
    let mut scanner = Scanner::default();
    let mut before = ' ';
    for (at, c) in entry.char_indices() {
        let next = entry.get(at + 1..).unwrap_or_default();
        if c == ':' && scanner.quote.is_none() && (next.is_empty() || next.starts_with(' ')) {
            return Some((entry.get(..at)?.trim(), next.trim()));
        }
        // A quotation mark opens a key only at its beginning.
        if at == 0 || scanner.quote.is_some() {
            scanner.step(c, before, at == 0);
        }
        before = c;
    }
    None
}

/// What continues a line, and how many physical lines that are.
fn continuation(indent: usize, head: &str, following: &[&str]) -> Result<(Rest, usize), String> {
    let parts = parts(indent, head);
    let has_key = key_and_value(parts.entry).is_some();
    let value = key_and_value(parts.entry).map_or(parts.entry, |(_, value)| value);
    let parent = if has_key { parts.column } else { parts.dashes.last().copied().unwrap_or(parts.column) };
    if value.starts_with(['|', '>']) {
        return block(parent, value, following);
    }
    let mut scanner = Scanner::default();
    scanner.line(value, true);
    let mut taken = 0;
    while scanner.is_open() {
        let Some(line) = following.get(taken) else { break };
        scanner.line(line, false);
        taken += 1;
    }
    let is_plain = taken == 0 && !value.is_empty() && !value.starts_with(['"', '\'', '{', '[', '#', '&', '!', '*']);
    if is_plain && scanner.comment.is_none() {
        taken = plain_lines(parent, following);
    }
    let lines: Vec<String> = following.iter().take(taken).map(|line| line.trim_end().to_owned()).collect();
    Ok((if lines.is_empty() { Rest::None } else { Rest::Lines(lines) }, taken))
}

/// Lines of a text without quotation marks: deeper than its key; blank lines only before another such line.
fn plain_lines(parent: usize, following: &[&str]) -> usize {
    let mut taken = 0;
    for (index, line) in following.iter().enumerate() {
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        if indent_of(line) <= parent || text.starts_with('#') {
            break;
        }
        taken = index + 1;
    }
    taken
}

fn block(parent: usize, header: &str, following: &[&str]) -> Result<(Rest, usize), String> {
    let marks = header.split([' ', '\t']).next().unwrap_or_default();
    if marks.contains(|c: char| c.is_ascii_digit()) {
        return Err("a block with a number behind its `|` or `>` is not moved; leave the number out".to_owned());
    }
    let first = following.iter().find(|line| !line.trim().is_empty());
    let indent = first.map(|line| indent_of(line)).filter(|indent| *indent > parent);
    let Some(indent) = indent else { return Ok((Rest::Block(Vec::new()), 0)) };
    let belongs = |line: &&&str| line.trim().is_empty() || indent_of(line) >= indent;
    let mut taken = following.iter().take_while(belongs).count();
    if !marks.contains('+') {
        let blank = |line: &&&str| line.trim().is_empty();
        taken -= following.iter().take(taken).rev().take_while(blank).count();
    }
    let content = following.iter().take(taken).map(|line| line.get(indent..).unwrap_or_default().to_owned());
    Ok((Rest::Block(content.collect()), taken))
}

/// Follows quotation marks, brackets and comments through a value.
#[derive(Default)]
pub struct Scanner {
    quote: Option<char>,
    depth: usize,
    is_escaped: bool,
    /// Where a comment begins in the last line.
    pub comment: Option<usize>,
}

impl Scanner {
    fn is_open(&self) -> bool {
        self.quote.is_some() || self.depth > 0
    }

    /// Reads a line; `is_start` says that a value begins with it.
    pub fn line(&mut self, line: &str, is_start: bool) {
        self.comment = None;
        let (mut before, mut is_first) = (' ', is_start);
        for (at, c) in line.char_indices() {
            if c == '#' && before.is_whitespace() && self.quote.is_none() {
                self.comment = Some(at);
                return;
            }
            self.step(c, before, is_first);
            is_first &= c.is_whitespace();
            before = c;
        }
    }

    fn step(&mut self, c: char, before: char, is_first: bool) {
        if let Some(quote) = self.quote {
            // `''` inside of single quotation marks closes and opens again, which comes to the same.
            let closes = c == quote && !self.is_escaped;
            self.is_escaped = quote == '"' && c == '\\' && !self.is_escaped;
            if closes {
                self.quote = None;
            }
            return;
        }
        let is_token_start =
            is_first || (self.depth > 0 && (before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':')));
        match c {
            '"' | '\'' if is_token_start || (c == '\'' && before == '\'' && self.depth == 0) => self.quote = Some(c),
            '[' | '{' if is_first || self.depth > 0 => self.depth += 1,
            ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}
