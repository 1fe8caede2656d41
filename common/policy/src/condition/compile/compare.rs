//! `==`, `!=`, the orders, and `in`.

use std::collections::HashSet;

use super::super::tree::{Comparison, Node, Typed};
use super::super::value::{Fault, List, Value};
use super::read::Read;
use super::{Test, boxed_test, value};

/// From so many constants on, a set is faster than a look at each.
const SET_FROM: usize = 9;

pub fn compare(comparison: Comparison, [one, two]: [Typed; 2]) -> Test {
    match comparison {
        Comparison::Equal => equality([one, two], true),
        Comparison::NotEqual => equality([one, two], false),
        Comparison::Less => ordered([one, two], |order| order.is_lt()),
        Comparison::LessOrEqual => ordered([one, two], |order| order.is_le()),
        Comparison::Greater => ordered([one, two], |order| order.is_gt()),
        Comparison::GreaterOrEqual => ordered([one, two], |order| order.is_ge()),
    }
}

fn ordered([one, two]: [Typed; 2], holds: fn(std::cmp::Ordering) -> bool) -> Test {
    let (one, two) = (value(one), value(two));
    boxed_test(move |frame| one(frame)?.order(&two(frame)?).map(holds))
}

/// `expected` is what equality gives: true for `==`, false for `!=`.
fn equality([one, two]: [Typed; 2], expected: bool) -> Test {
    if !one.kind.is_text() || !two.kind.is_text() {
        let (one, two) = (value(one), value(two));
        return boxed_test(move |frame| Ok(one(frame)?.equals(&two(frame)?) == expected));
    }
    let (one, two) = if one.literal().is_some() { (two, one) } else { (one, two) };
    let constant = two.literal().map(Box::<str>::from);
    let (one, two) = (Read::of(one), Read::of(two));
    match constant {
        Some(constant) => boxed_test(move |frame| one.with(frame, |text| (*text == *constant) == expected)),
        None => boxed_test(move |frame| one.with(frame, |one| two.with(frame, |two| (one == two) == expected))?),
    }
}

pub fn membership([one, two]: [Typed; 2]) -> Test {
    let constants = match &two.node {
        Node::Constant(Value::List(list)) if one.kind.is_text() => texts(list),
        _ => None,
    };
    let Some(constants) = constants else { return in_list([one, two]) };
    let read = Read::of(one);
    if constants.len() < SET_FROM {
        return boxed_test(move |frame| read.with(frame, |text| constants.iter().any(|constant| **constant == *text)));
    }
    let set: HashSet<Box<str>> = constants.into_iter().collect();
    boxed_test(move |frame| read.with(frame, |text| set.contains(text)))
}

/// `in` a list that is not known before.
fn in_list([one, two]: [Typed; 2]) -> Test {
    if one.kind.is_text() {
        let (read, list) = (Read::of(one), value(two));
        return boxed_test(move |frame| {
            let list = list(frame)?.into_list()?;
            read.with(frame, |text| list.holds_text(text))
        });
    }
    let (one, list) = (value(one), value(two));
    boxed_test(move |frame| {
        let wanted = one(frame)?;
        let list = list(frame)?.into_list()?;
        Ok(list.find(|element| element.equals(&wanted).then_some(())).is_some())
    })
}

/// The texts of a constant list of texts.
fn texts(list: &List<'static>) -> Option<Vec<Box<str>>> {
    list.iter().map(|element| element.into_text().map(|text| text.as_str().into())).collect::<Result<_, Fault>>().ok()
}
