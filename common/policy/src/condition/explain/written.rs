//! Where a sub-expression begins and ends in the text. The parser remembers one token of each; the rest follows from
//! the parts, and from brackets, which come in pairs.

use cel::common::ast::{Expr, operators as op};
use cel::parser::Expression;

use super::super::parse::Places;

/// First and last token of an expression.
type Span = (usize, usize);

/// A condition's text and its tokens.
pub struct Written<'a> {
    places: Places<'a>,
    /// Byte ranges, in order.
    tokens: Vec<(usize, usize)>,
    /// For a bracket, the token of the other one.
    partners: Vec<Option<usize>>,
}

impl<'a> Written<'a> {
    pub fn new(places: Places<'a>) -> Self {
        let tokens = tokens(places.source);
        let partners = partners(places.source, &tokens);
        Self { places, tokens, partners }
    }

    /// An expression as it is written, on one line and without comments.
    pub fn text(&self, node: &Expression) -> String {
        let (first, last) = self.span(node);
        let mut text = String::new();
        let mut before = None;
        for &(start, end) in self.tokens.get(first..=last).unwrap_or_default() {
            if before.is_some_and(|before| before < start) {
                text.push(' ');
            }
            text.push_str(self.places.source.get(start..end).unwrap_or_default());
            before = Some(end);
        }
        text
    }

    fn span(&self, node: &Expression) -> Span {
        let token = self.token(self.places.token(node.id));
        let (first, last) = match &node.expr {
            Expr::Select(select) => (self.span(&select.operand).0, self.token(self.places.field(node.id))),
            Expr::List(_) => (token, self.closing(token)),
            Expr::Call(call) => match (&call.target, call.func_name.as_str(), call.args.as_slice()) {
                (Some(target), _, _) => (self.span(target).0, self.closing(token)),
                (None, op::LOGICAL_NOT | op::NEGATE, [inner]) => (token, self.span(inner).1),
                (None, op::INDEX, [list, index]) => (self.span(list).0, self.closing_after(self.span(index).1)),
                (None, name, [one, .., last]) if !is_word(name) => (self.span(one).0, self.span(last).1),
                (None, name, _) => (self.token(self.places.function(node.id, name)), self.closing(token)),
            },
            // A negative number may be two tokens.
            Expr::Literal(_) if self.is(token, "-") => (token, token + 1),
            _ => (token, token),
        };
        self.balanced(first, last.max(first))
    }

    /// The token at a byte.
    fn token(&self, at: usize) -> usize {
        self.tokens.partition_point(|&(_, end)| end <= at).min(self.tokens.len().saturating_sub(1))
    }

    fn is(&self, token: usize, text: &str) -> bool {
        self.tokens.get(token).and_then(|&(start, end)| self.places.source.get(start..end)) == Some(text)
    }

    /// The bracket that closes the one at this token, or at the next one: of a call the parser may remember the name.
    fn closing(&self, token: usize) -> usize {
        let partner = |token: usize| self.partners.get(token).copied().flatten().filter(|partner| *partner > token);
        partner(token).or_else(|| partner(token + 1)).unwrap_or(token)
    }

    /// The first bracket behind a token that closes one from before it.
    fn closing_after(&self, token: usize) -> usize {
        (token + 1..self.tokens.len())
            .find(|&at| self.partners.get(at).copied().flatten().is_some_and(|partner| partner <= token))
            .unwrap_or(token)
    }

    /// Takes in the brackets whose other half is inside.
    fn balanced(&self, mut first: usize, mut last: usize) -> Span {
        loop {
            let inside = self.partners.get(first..=last).unwrap_or_default().iter().flatten();
            let (low, high) = inside.fold((first, last), |(low, high), &partner| (low.min(partner), high.max(partner)));
            if (low, high) == (first, last) {
                return (first, last);
            }
            (first, last) = (low, high);
        }
    }
}

/// Functions have names, operators have signs.
fn is_word(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with('_')
}

fn tokens(source: &str) -> Vec<(usize, usize)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = source.get(at..)
        && let Some(first) = rest.chars().next()
    {
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else {
            let length = token_length(rest, first);
            tokens.push((at, at + length));
            length
        };
        at += length;
    }
    tokens
}

fn token_length(rest: &str, first: char) -> usize {
    if let Some(length) = text_length(rest) {
        return length;
    }
    let is_number = first.is_ascii_digit();
    let belongs = |c: char| c.is_ascii_alphanumeric() || c == '_' || (is_number && c == '.');
    let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    if length == 0 { first.len_utf8() } else { length }
}

/// The length of a quoted text: `"…"`, `'…'`, three quotation marks, `r` before it.
fn text_length(rest: &str) -> Option<usize> {
    let start = rest.find(['"', '\'']).filter(|start| *start <= 2)?;
    let prefix = rest.get(..start)?;
    if !prefix.chars().all(|c| matches!(c, 'r' | 'R' | 'b' | 'B')) {
        return None;
    }
    let is_raw = prefix.contains(['r', 'R']);
    let quote = rest.get(start..=start)?;
    let tripled = quote.repeat(3);
    let mark = if rest.get(start..)?.starts_with(&tripled) { tripled.as_str() } else { quote };
    let mut at = start + mark.len();
    while let Some(inside) = rest.get(at..) {
        if inside.starts_with(mark) {
            return Some(at + mark.len());
        }
        let mut characters = inside.chars();
        let next = characters.next()?;
        at += next.len_utf8();
        if next == '\\' && !is_raw {
            at += characters.next().map_or(0, char::len_utf8);
        }
    }
    None
}

fn partners(source: &str, tokens: &[(usize, usize)]) -> Vec<Option<usize>> {
    let mut partners = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (index, &(start, end)) in tokens.iter().enumerate() {
        match source.get(start..end) {
            Some("(" | "[" | "{") => open.push(index),
            Some(")" | "]" | "}") => {
                if let Some(opening) = open.pop() {
                    partners[opening] = Some(index);
                    partners[index] = Some(opening);
                }
            }
            _ => {}
        }
    }
    partners
}
