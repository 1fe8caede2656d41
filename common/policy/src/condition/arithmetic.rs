//! `+ - * / %`. Whole numbers, instants and durations are checked: what goes beyond the range is a
//! fault, never a wrapped number.

use super::time::Instant;
use super::tree::Operator;
use super::value::{Fault, List, Value};

/// Applies an operator to two values.
pub fn apply<'r>(operator: Operator, one: &Value<'r>, two: &Value<'r>) -> Result<Value<'r>, Fault> {
    let overflow = Fault::Overflow(operator.sign());
    match (one, two) {
        (Value::Int(one), Value::Int(two)) => whole(operator, *one, *two).map(Value::Int),
        (Value::UInt(one), Value::UInt(two)) => natural(operator, *one, *two).map(Value::UInt),
        (Value::Double(one), Value::Double(two)) => double(operator, *one, *two).map(Value::Double),
        (Value::Text(one), Value::Text(two)) if operator == Operator::Add => {
            Ok(Value::shared(&[one.as_str(), two.as_str()].concat()))
        }
        (Value::List(one), Value::List(two)) if operator == Operator::Add => Ok(joined(one, two)),
        (Value::Span(one), Value::Span(two)) => match operator {
            Operator::Add => one.checked_add(*two),
            Operator::Subtract => one.checked_sub(*two),
            Operator::Multiply | Operator::Divide | Operator::Remainder => return Err(Fault::Type),
        }
        .map(Value::Span)
        .ok_or(overflow),
        (Value::Instant(at), Value::Span(span)) => moved(operator, *at, *span),
        (Value::Span(span), Value::Instant(at)) if operator == Operator::Add => moved(operator, *at, *span),
        (Value::Instant(one), Value::Instant(two)) if operator == Operator::Subtract => {
            one.since(*two).map(Value::Span).ok_or(overflow)
        }
        _ => Err(Fault::Type),
    }
}

fn whole(operator: Operator, one: i64, two: i64) -> Result<i64, Fault> {
    match operator {
        Operator::Add => one.checked_add(two),
        Operator::Subtract => one.checked_sub(two),
        Operator::Multiply => one.checked_mul(two),
        Operator::Divide | Operator::Remainder if two == 0 => return Err(Fault::DivisionByZero),
        Operator::Divide => one.checked_div(two),
        Operator::Remainder => one.checked_rem(two),
    }
    .ok_or(Fault::Overflow(operator.sign()))
}

fn natural(operator: Operator, one: u64, two: u64) -> Result<u64, Fault> {
    match operator {
        Operator::Add => one.checked_add(two),
        Operator::Subtract => one.checked_sub(two),
        Operator::Multiply => one.checked_mul(two),
        Operator::Divide | Operator::Remainder if two == 0 => return Err(Fault::DivisionByZero),
        Operator::Divide => one.checked_div(two),
        Operator::Remainder => one.checked_rem(two),
    }
    .ok_or(Fault::Overflow(operator.sign()))
}

fn double(operator: Operator, one: f64, two: f64) -> Result<f64, Fault> {
    match operator {
        Operator::Add => Ok(one + two),
        Operator::Subtract => Ok(one - two),
        Operator::Multiply => Ok(one * two),
        Operator::Divide => Ok(one / two),
        Operator::Remainder => Err(Fault::Type),
    }
}

fn moved<'r>(operator: Operator, at: Instant, span: i64) -> Result<Value<'r>, Fault> {
    let span = match operator {
        Operator::Add => i128::from(span),
        Operator::Subtract => -i128::from(span),
        Operator::Multiply | Operator::Divide | Operator::Remainder => return Err(Fault::Type),
    };
    at.plus(span).map(Value::Instant).ok_or(Fault::Overflow(operator.sign()))
}

fn joined<'r>(one: &List<'r>, two: &List<'r>) -> Value<'r> {
    Value::list(one.iter().chain(two.iter()).collect())
}
