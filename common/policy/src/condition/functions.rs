//! The functions of the language: their names, how they are called, what they take, and what they do.

use std::net::IpAddr;

use super::network::Network;
use super::time::{self, Instant, Part, Zone};
use super::types::Type;
use super::value::{Fault, Value};

/// A function of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    Negate,
    Size,
    Lower,
    Bool,
    Int,
    UInt,
    Double,
    Text,
    Instant,
    Span,
    Part(Part, Zone),
}

/// A test of one text against another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
    Matches,
    /// `cidr(ip, network)`.
    Within,
}

/// How a function is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `x.f(y)`.
    Method,
    /// `f(x, y)`.
    Global,
    /// Both.
    Either,
}

/// A function, the subject of a method being its first argument.
#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    pub style: Style,
    pub does: Does,
    /// The types of the first argument.
    pub takes: &'static [Type],
    pub gives: Type,
}

/// What it does, and by that how many arguments it has.
#[derive(Debug, Clone, Copy)]
pub enum Does {
    Unary(Unary),
    /// Of an instant in a zone, the second argument, or of a duration.
    Part(Part),
    /// A second text as argument.
    TextTest(TextTest),
}

const fn function(name: &'static str, style: Style, does: Does, takes: &'static [Type], gives: Type) -> Function {
    Function { name, style, does, takes, gives }
}

/// `list` stands for a list of anything.
const SIZED: &[Type] = &[Type::Text, LIST];
const LIST: Type = Type::Unknown;
const TEXT: &[Type] = &[Type::Text];
const WHEN: &[Type] = &[Type::Instant];
const TIMED: &[Type] = &[Type::Instant, Type::Span];

const fn text_test(name: &'static str, style: Style, test: TextTest) -> Function {
    function(name, style, Does::TextTest(test), TEXT, Type::Bool)
}

const fn convert(name: &'static str, to: Unary, takes: &'static [Type], gives: Type) -> Function {
    function(name, Style::Global, Does::Unary(to), takes, gives)
}

const fn part(name: &'static str, part: Part, takes: &'static [Type]) -> Function {
    function(name, Style::Method, Does::Part(part), takes, Type::Int)
}

/// All functions; the loops and `has()` are not functions but part of the language.
pub const FUNCTIONS: &[Function] = &[
    function("size", Style::Either, Does::Unary(Unary::Size), SIZED, Type::Int),
    function("lower", Style::Either, Does::Unary(Unary::Lower), TEXT, Type::Text),
    text_test("startsWith", Style::Method, TextTest::StartsWith),
    text_test("endsWith", Style::Method, TextTest::EndsWith),
    text_test("contains", Style::Method, TextTest::Contains),
    text_test("matches", Style::Either, TextTest::Matches),
    text_test("cidr", Style::Global, TextTest::Within),
    convert("bool", Unary::Bool, &[Type::Bool, Type::Text], Type::Bool),
    convert("int", Unary::Int, &[Type::Int, Type::UInt, Type::Double, Type::Text, Type::Instant], Type::Int),
    convert("uint", Unary::UInt, &[Type::UInt, Type::Int, Type::Double, Type::Text], Type::UInt),
    convert("double", Unary::Double, &[Type::Double, Type::Int, Type::UInt, Type::Text], Type::Double),
    convert(
        "string",
        Unary::Text,
        &[Type::Text, Type::Bool, Type::Int, Type::UInt, Type::Double, Type::Instant, Type::Span],
        Type::Text,
    ),
    convert("timestamp", Unary::Instant, &[Type::Text, Type::Int, Type::Instant], Type::Instant),
    convert("duration", Unary::Span, &[Type::Text, Type::Span], Type::Span),
    part("getFullYear", Part::FullYear, WHEN),
    part("getMonth", Part::Month, WHEN),
    part("getDate", Part::Date, WHEN),
    part("getDayOfMonth", Part::DayOfMonth, WHEN),
    part("getDayOfWeek", Part::DayOfWeek, WHEN),
    part("getDayOfYear", Part::DayOfYear, WHEN),
    part("getHours", Part::Hours, TIMED),
    part("getMinutes", Part::Minutes, TIMED),
    part("getSeconds", Part::Seconds, TIMED),
    part("getMilliseconds", Part::Milliseconds, TIMED),
];

impl Function {
    /// Whether the first argument may have this type.
    pub fn accepts(&self, given: &Type) -> bool {
        let fits = |wanted: &Type| match wanted {
            Type::Unknown => matches!(given, Type::List(_)),
            Type::Text => given.is_text(),
            wanted => wanted == given,
        };
        *given == Type::Unknown || self.takes.iter().any(fits)
    }

    /// The types of the first argument, for people.
    pub fn wanted(&self) -> String {
        let name = |kind: &Type| if *kind == LIST { "a list".to_owned() } else { kind.a() };
        self.takes.iter().map(name).collect::<Vec<_>>().join(" or ")
    }

    /// How it is called, for people.
    pub fn usage(&self) -> String {
        let second = match self.does {
            Does::Unary(_) => "",
            Does::Part(_) => "\"Europe/Berlin\"",
            Does::TextTest(_) => "\"…\"",
        };
        match self.style {
            Style::Method => format!("x.{}({second})", self.name),
            Style::Global | Style::Either if second.is_empty() => format!("{}(x)", self.name),
            Style::Global | Style::Either => format!("{}(x, {second})", self.name),
        }
    }
}

/// Applies a function of one value.
pub fn apply<'r>(function: Unary, value: Value<'r>) -> Result<Value<'r>, Fault> {
    match (function, value) {
        (Unary::Negate, value) => negated(&value),
        (Unary::Size, Value::Text(text)) => Ok(count(text.as_str().chars().count())),
        (Unary::Size, Value::List(list)) => Ok(count(list.len())),
        (Unary::Lower, Value::Text(text)) => Ok(Value::shared(&text.as_str().to_lowercase())),
        (Unary::Bool, value) => to_bool(value),
        (Unary::Int, value) => to_int(&value),
        (Unary::UInt, value) => to_uint(&value),
        (Unary::Double, value) => to_double(&value),
        (Unary::Text, value) => to_text(value),
        (Unary::Instant, value) => to_instant(value),
        (Unary::Span, Value::Text(text)) => time::parse_span(text.as_str())
            .map(Value::Span)
            .ok_or_else(|| Fault::text(text.as_str(), "duration such as 90m or 1h30m")),
        (Unary::Span, span @ Value::Span(_)) => Ok(span),
        (Unary::Part(part, zone), Value::Instant(at)) => Ok(Value::Int(time::part(at, part, zone))),
        (Unary::Part(part, _), Value::Span(span)) => time::whole(span, part).map(Value::Int).ok_or(Fault::Type),
        _ => Err(Fault::Type),
    }
}

/// Unary minus.
fn negated<'r>(value: &Value<'r>) -> Result<Value<'r>, Fault> {
    match value {
        Value::Int(number) => number.checked_neg().map(Value::Int).ok_or(Fault::Overflow('-')),
        Value::Double(number) => Ok(Value::Double(-number)),
        _ => Err(Fault::Type),
    }
}

fn count<'r>(number: usize) -> Value<'r> {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn to_bool(value: Value<'_>) -> Result<Value<'_>, Fault> {
    match value {
        Value::Bool(_) => Ok(value),
        // The spellings of CEL's specification.
        Value::Text(text) => match text.as_str() {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            other => Err(Fault::text(other, "true or false")),
        },
        _ => Err(Fault::Type),
    }
}

fn to_int<'r>(value: &Value<'r>) -> Result<Value<'r>, Fault> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::UInt(number) => i64::try_from(*number).map_err(|_| Fault::Conversion),
        // Both ends are excluded, as in the specification: 2^63 is the first that does not fit.
        Value::Double(number) if *number > i64::MIN as f64 && *number < i64::MAX as f64 => Ok(*number as i64),
        Value::Double(_) => Err(Fault::Conversion),
        Value::Text(text) => text.as_str().parse().map_err(|_| Fault::text(text.as_str(), "whole number")),
        Value::Instant(at) => Ok(at.seconds()),
        _ => Err(Fault::Type),
    }
    .map(Value::Int)
}

fn to_uint<'r>(value: &Value<'r>) -> Result<Value<'r>, Fault> {
    match value {
        Value::UInt(number) => Ok(*number),
        Value::Int(number) => u64::try_from(*number).map_err(|_| Fault::Conversion),
        Value::Double(number) if *number >= 0.0 && *number < u64::MAX as f64 => Ok(*number as u64),
        Value::Double(_) => Err(Fault::Conversion),
        Value::Text(text) => text.as_str().parse().map_err(|_| Fault::text(text.as_str(), "whole number from 0")),
        _ => Err(Fault::Type),
    }
    .map(Value::UInt)
}

fn to_double<'r>(value: &Value<'r>) -> Result<Value<'r>, Fault> {
    match value {
        Value::Double(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        Value::UInt(number) => Ok(*number as f64),
        Value::Text(text) => text.as_str().parse().map_err(|_| Fault::text(text.as_str(), "number")),
        _ => Err(Fault::Type),
    }
    .map(Value::Double)
}

fn to_text(value: Value<'_>) -> Result<Value<'_>, Fault> {
    let text = match value {
        Value::Text(_) => return Ok(value),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Instant(at) => at.text(),
        Value::Span(span) => time::span_text(span),
        Value::Item(_) | Value::List(_) => return Err(Fault::Type),
    };
    Ok(Value::shared(&text))
}

fn to_instant(value: Value<'_>) -> Result<Value<'_>, Fault> {
    match value {
        Value::Instant(_) => Ok(value),
        Value::Int(seconds) => Instant::from_seconds(seconds).map(Value::Instant).ok_or(Fault::Conversion),
        Value::Text(text) => Instant::parse(text.as_str())
            .map(Value::Instant)
            .ok_or_else(|| Fault::text(text.as_str(), "timestamp such as 2026-03-01T22:00:00Z")),
        _ => Err(Fault::Type),
    }
}

/// A pattern that is not known before may come from a record, and a hostile one must not cost memory.
const PATTERN_BYTES: usize = 1 << 20;

fn unknown_pattern(text: &str) -> Result<regex::Regex, Fault> {
    let built = regex::RegexBuilder::new(text).size_limit(PATTERN_BYTES).build();
    built.map_err(|_| Fault::text(text, "pattern of a bearable size"))
}

/// Tests a text against another that is not known before.
pub fn test(test: TextTest, text: &str, with: &str) -> Result<bool, Fault> {
    match test {
        TextTest::StartsWith => Ok(text.starts_with(with)),
        TextTest::EndsWith => Ok(text.ends_with(with)),
        TextTest::Contains => Ok(text.contains(with)),
        TextTest::Matches => Ok(unknown_pattern(with)?.is_match(text)),
        TextTest::Within => within(text, &Network::parse(with).ok_or_else(|| Fault::text(with, "network"))?),
    }
}

/// Whether an address lies in a network. No address (`""`, an absent field) lies in none.
pub fn within(address: &str, network: &Network) -> Result<bool, Fault> {
    if address.is_empty() {
        return Ok(false);
    }
    let address: IpAddr = address.parse().map_err(|_| Fault::text(address, "IP address"))?;
    Ok(network.contains(address))
}
