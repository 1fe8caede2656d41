//! `$filter` expressions, parsed strictly and evaluated on the wire form of a row.
//!
//! Strict on purpose: a client that quotes a date or leaves an enum bare must see the 400 that Microsoft would give.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Refused;

/// What a property holds, which decides how its literals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string or an enum: in single quotes.
    Text,
    /// A date and time: bare.
    Time,
    /// A number: bare.
    Number,
}

/// The properties that a list can be filtered and sorted by.
pub(crate) type Properties = &'static [(&'static str, Kind)];

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Ge,
    Gt,
    Le,
    Lt,
}

/// What a property is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Time(Timestamp),
    Number(f64),
    Null,
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(&'static str, Operator, Literal),
}

impl Filter {
    pub(crate) fn parse(text: &str, properties: Properties) -> Result<Self, Refused> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, place: 0, depth: 0, properties };
        let filter = parser.or()?;
        match parser.next() {
            None => Ok(filter),
            Some(token) => Err(refused(format!("Syntax error near '{}' in '{text}'.", token.show()))),
        }
    }

    /// The texts of which this property has one in every row that holds, where the expression says so plainly.
    pub(crate) fn one_of(&self, property: &str) -> Option<Vec<&str>> {
        match self {
            Self::And(a, b) => a.one_of(property).or_else(|| b.one_of(property)),
            Self::Or(a, b) => Some([a.one_of(property)?, b.one_of(property)?].concat()),
            Self::Compare(name, Operator::Eq, Literal::Text(text)) if *name == property => Some(vec![text]),
            Self::Compare(..) | Self::Not(_) => None,
        }
    }

    /// The instant before which this property lies in no row that holds, where the expression says so plainly.
    pub(crate) fn not_before(&self, property: &str) -> Option<Timestamp> {
        match self {
            Self::And(a, b) => a.not_before(property).max(b.not_before(property)),
            Self::Or(a, b) => Some(a.not_before(property)?.min(b.not_before(property)?)),
            Self::Compare(name, Operator::Eq | Operator::Ge | Operator::Gt, Literal::Time(time))
                if *name == property =>
            {
                Some(*time)
            }
            Self::Compare(..) | Self::Not(_) => None,
        }
    }

    pub(crate) fn holds(&self, row: &Map<String, Value>) -> bool {
        match self {
            Self::And(a, b) => a.holds(row) && b.holds(row),
            Self::Or(a, b) => a.holds(row) || b.holds(row),
            Self::Not(a) => !a.holds(row),
            Self::Compare(name, operator, literal) => {
                compare(row.get(*name).unwrap_or(&Value::Null), *operator, literal)
            }
        }
    }
}

fn compare(value: &Value, operator: Operator, literal: &Literal) -> bool {
    use std::cmp::Ordering;
    let ordering = match (literal, value) {
        (Literal::Null, value) => return matches!(operator, Operator::Eq) == value.is_null(),
        (Literal::Text(text), Value::String(value)) => Some(value.as_str().cmp(text)),
        (Literal::Time(time), Value::String(value)) => value.parse::<Timestamp>().ok().map(|value| value.cmp(time)),
        (Literal::Number(number), value) => value.as_f64().and_then(|value| value.partial_cmp(number)),
        (Literal::Text(_) | Literal::Time(_), _) => None,
    };
    match (operator, ordering) {
        (Operator::Ne, ordering) => ordering != Some(Ordering::Equal),
        (_, None) => false,
        (Operator::Eq, Some(ordering)) => ordering.is_eq(),
        (Operator::Ge, Some(ordering)) => ordering.is_ge(),
        (Operator::Gt, Some(ordering)) => ordering.is_gt(),
        (Operator::Le, Some(ordering)) => ordering.is_le(),
        (Operator::Lt, Some(ordering)) => ordering.is_lt(),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Word(String),
    Quoted(String),
}

impl Token {
    fn show(&self) -> String {
        match self {
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::Word(word) => word.clone(),
            Self::Quoted(text) => format!("'{text}'"),
        }
    }
}

fn refused(message: impl Into<String>) -> Refused {
    Refused(message.into())
}

fn tokens(text: &str) -> Result<Vec<Token>, Refused> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            ' ' => rest = &rest[1..],
            '(' | ')' => {
                tokens.push(if first == '(' { Token::Open } else { Token::Close });
                rest = &rest[1..];
            }
            '\'' => {
                let (quoted, after) =
                    quoted(&rest[1..]).ok_or_else(|| refused("There is an unterminated string literal."))?;
                tokens.push(Token::Quoted(quoted));
                rest = after;
            }
            _ => {
                let end = rest.find([' ', '(', ')', '\'']).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
    }
    Ok(tokens)
}

/// The text up to the closing quote, where a doubled quote stands for one, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('\'')?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        if !rest.starts_with('\'') {
            return Some((value, rest));
        }
        value.push('\'');
        rest = &rest[1..];
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    place: usize,
    depth: usize,
    properties: Properties,
}

/// Deeper nesting than this is refused; the service has such a limit, too.
const MAX_DEPTH: usize = 50;

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.place).cloned();
        self.place += 1;
        token
    }

    fn word(&mut self, expected: &str) -> bool {
        let found = matches!(self.tokens.get(self.place), Some(Token::Word(word)) if word == expected);
        if found {
            self.place += 1;
        }
        found
    }

    fn or(&mut self) -> Result<Filter, Refused> {
        let mut left = self.and()?;
        while self.word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, Refused> {
        let mut left = self.unary()?;
        while self.word("and") {
            left = Filter::And(Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Filter, Refused> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(refused("The recursion limit has been exceeded."));
        }
        let filter = if self.word("not") {
            Filter::Not(Box::new(self.unary()?))
        } else if self.tokens.get(self.place) == Some(&Token::Open) {
            self.place += 1;
            let inner = self.or()?;
            match self.next() {
                Some(Token::Close) => inner,
                _ => return Err(refused("')' or operator expected.")),
            }
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn comparison(&mut self) -> Result<Filter, Refused> {
        let Some(Token::Word(name)) = self.next() else { return Err(refused("Expression expected.")) };
        let Some((property, kind)) = self.properties.iter().find(|(property, _)| *property == name) else {
            return Err(refused(format!("Could not find a property named '{name}'.")));
        };
        let operator = match self.next() {
            Some(Token::Word(word)) => operator(&word)?,
            _ => return Err(refused(format!("Operator expected after '{name}'."))),
        };
        let token = self.next().ok_or_else(|| refused(format!("A value is expected after '{name}'.")))?;
        Ok(Filter::Compare(property, operator, literal(&token, *kind, property)?))
    }
}

fn operator(word: &str) -> Result<Operator, Refused> {
    match word {
        "eq" => Ok(Operator::Eq),
        "ne" => Ok(Operator::Ne),
        "ge" => Ok(Operator::Ge),
        "gt" => Ok(Operator::Gt),
        "le" => Ok(Operator::Le),
        "lt" => Ok(Operator::Lt),
        _ => Err(refused(format!("'{word}' is not an operator."))),
    }
}

fn literal(token: &Token, kind: Kind, property: &str) -> Result<Literal, Refused> {
    let mismatch = || refused(format!("The value {} does not fit the type of '{property}'.", token.show()));
    match (token, kind) {
        (Token::Word(word), _) if word == "null" => Ok(Literal::Null),
        (Token::Quoted(text), Kind::Text) => Ok(Literal::Text(text.clone())),
        (Token::Word(word), Kind::Time) => word.parse().map(Literal::Time).map_err(|_| mismatch()),
        (Token::Word(word), Kind::Number) => word.parse().map(Literal::Number).map_err(|_| mismatch()),
        _ => Err(mismatch()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::tenant::machine::object;

    const PROPERTIES: Properties =
        &[("id", Kind::Text), ("lastUpdateTime", Kind::Time), ("severity", Kind::Text), ("incidentId", Kind::Number)];

    fn holds(filter: &str) -> bool {
        let row = object(json!({
            "id": "it's", "lastUpdateTime": "2026-11-22T18:00:00.3133333Z", "severity": "High", "incidentId": 7
        }));
        Filter::parse(filter, PROPERTIES).unwrap().holds(&row)
    }

    #[test]
    fn times_compare_as_instants_and_not_as_texts() {
        assert!(holds("lastUpdateTime ge 2026-11-22T18:00:00.3133333Z"));
        assert!(!holds("lastUpdateTime gt 2026-11-22T18:00:00.3133333Z"));
        assert!(holds("lastUpdateTime gt 2026-11-22T18:00:00.31333Z"));
        assert!(holds("lastUpdateTime lt 2026-11-22T18:00:01Z"));
        assert!(holds("lastUpdateTime ge 2026-11-22T19:00:00+01:00"));
    }

    #[test]
    fn and_binds_tighter_than_or_and_parentheses_win() {
        assert!(holds("severity eq 'High' or severity eq 'Low' and incidentId eq 8"));
        assert!(!holds("(severity eq 'High' or severity eq 'Low') and incidentId eq 8"));
        assert!(holds("not (incidentId ge 8)"));
    }

    #[test]
    fn an_instant_before_which_no_row_holds_is_named_only_where_the_expression_says_so() {
        let not_before = |filter: &str| {
            let filter = Filter::parse(filter, PROPERTIES).unwrap();
            filter.not_before("lastUpdateTime").map(|at| at.as_second())
        };
        let [early, late] = ["lastUpdateTime ge 1970-01-01T00:00:01Z", "lastUpdateTime gt 1970-01-01T00:00:02Z"];
        assert_eq!(not_before(early), Some(1));
        assert_eq!(not_before(&format!("{early} and {late} and incidentId eq 7")), Some(2));
        assert_eq!(not_before(&format!("{early} or {late}")), Some(1));
        for open in [format!("{early} or incidentId eq 7"), format!("not ({early})"), early.replace("ge", "le")] {
            assert_eq!(not_before(&open), None, "{open}");
        }
    }

    #[test]
    fn a_doubled_quote_stands_for_one() {
        assert!(holds("id eq 'it''s'"));
        assert!(Filter::parse("id eq 'it's'", PROPERTIES).is_err());
    }

    #[test]
    fn what_microsoft_would_refuse_is_refused() {
        for bad in [
            "",
            "id eq",
            "id = 'x'",
            "machine eq 'x'",
            "severity eq High",
            "lastUpdateTime ge '2026-11-22T18:00:00Z'",
            "lastUpdateTime ge 2026-11-22T18:00:00 00:00",
            "id eq 'x",
            "(id eq 'x'",
            "id eq 'x' id eq 'y'",
            "Severity eq 'High'",
        ] {
            assert!(Filter::parse(bad, PROPERTIES).is_err(), "{bad:?} was taken");
        }
        assert!(Filter::parse(&"(".repeat(100_000), PROPERTIES).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_fall_over(text in ".{0,80}") {
            let _ = Filter::parse(&text, PROPERTIES);
        }

        #[test]
        fn any_text_survives_being_quoted(text in ".{0,40}") {
            let filter = Filter::parse(&format!("id eq '{}'", text.replace('\'', "''")), PROPERTIES).unwrap();
            let row = object(json!({"id": text}));
            prop_assert!(filter.holds(&row));
        }
    }
}
