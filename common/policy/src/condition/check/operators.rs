//! Operators: comparison, arithmetic, logic, `in`, index and the conditional.

use cel::common::ast::operators as op;
use cel::parser::Expression;

use super::super::arithmetic;
use super::super::functions::{self, Unary};
use super::super::tree::{Comparison, Node, Operator, Typed};
use super::super::types::{Record, Type};
use super::super::value::{Fault, Value};
use super::Checker;

pub fn is_operator(name: &str) -> bool {
    comparison(name).is_some()
        || arithmetic_of(name).is_some()
        || matches!(name, op::LOGICAL_AND | op::LOGICAL_OR | op::IN)
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        op::EQUALS => Comparison::Equal,
        op::NOT_EQUALS => Comparison::NotEqual,
        op::LESS => Comparison::Less,
        op::LESS_EQUALS => Comparison::LessOrEqual,
        op::GREATER => Comparison::Greater,
        op::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn arithmetic_of(name: &str) -> Option<Operator> {
    Some(match name {
        op::ADD => Operator::Add,
        op::SUBSTRACT => Operator::Subtract,
        op::MULTIPLY => Operator::Multiply,
        op::DIVIDE => Operator::Divide,
        op::MODULO => Operator::Remainder,
        _ => return None,
    })
}

impl Checker<'_> {
    pub fn infix(&mut self, id: u64, name: &str, [left, right]: [&Expression; 2]) -> Typed {
        let at = self.places.token(id);
        let (one, two) = (self.expression(left), self.expression(right));
        if let Some(operator) = arithmetic_of(name) {
            return self.arithmetic(at, operator, one, two);
        }
        if let Some(comparison) = comparison(name) {
            return self.comparison(at, comparison, one, two);
        }
        if name == op::IN {
            let [one, two] = self.listed_choice(one, two);
            return self.membership(at, one, two);
        }
        let sign = if name == op::LOGICAL_AND { "&&" } else { "||" };
        for side in [&one, &two] {
            self.require(side, &Type::Bool, &format!("a side of `{sign}`"));
        }
        let pair = Box::new([one, two]);
        Typed::new(Type::Bool, if name == op::LOGICAL_AND { Node::And(pair) } else { Node::Or(pair) }, at)
    }

    pub fn prefix(&mut self, id: u64, name: &str, argument: &Expression) -> Typed {
        let at = self.places.token(id);
        let argument = self.expression(argument);
        if name == op::LOGICAL_NOT {
            self.require(&argument, &Type::Bool, "what `!` turns round");
            return Typed::new(Type::Bool, Node::Not(Box::new(argument)), at);
        }
        match argument.kind {
            Type::Int | Type::Double => self.unary(at, Unary::Negate, argument.kind.clone(), argument),
            Type::Unknown => Typed::broken(at),
            other => self.broken(at, format!("{} cannot be negated", other.a()), None),
        }
    }

    /// A function of one value; of a constant it is computed now.
    pub fn unary(&mut self, at: usize, function: Unary, gives: Type, argument: Typed) -> Typed {
        match argument.constant().map(|value| functions::apply(function, value.clone())) {
            Some(result) => self.computed(at, gives, result),
            None => Typed::new(gives, Node::Unary(function, Box::new(argument)), at),
        }
    }

    /// What constants give. What always fails is a mistake.
    fn computed(&mut self, at: usize, kind: Type, result: Result<Value<'static>, Fault>) -> Typed {
        match result {
            Ok(value) => Typed::new(kind, Node::Constant(value), at),
            Err(fault) => self.broken(at, format!("this always fails: {fault}"), None),
        }
    }

    fn arithmetic(&mut self, at: usize, operator: Operator, one: Typed, two: Typed) -> Typed {
        if one.kind == Type::Unknown || two.kind == Type::Unknown {
            return Typed::broken(at);
        }
        let Some(kind) = result_of(operator, &one.kind, &two.kind) else {
            let message = format!("`{}` does not take {} and {}", operator.sign(), one.kind.a(), two.kind.a());
            return self.broken(at, message, mixed_numbers(&one.kind, &two.kind));
        };
        if let (Some(first), Some(second)) = (one.constant(), two.constant()) {
            let result = arithmetic::apply(operator, first, second);
            return self.computed(at, kind, result);
        }
        Typed::new(kind, Node::Arithmetic(operator, Box::new([one, two])), at)
    }

    fn comparison(&mut self, at: usize, comparison: Comparison, one: Typed, two: Typed) -> Typed {
        let ordering = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if one.kind == Type::Unknown || two.kind == Type::Unknown {
            return Typed::new(Type::Bool, Node::Broken, at);
        }
        let Some(kind) = one.kind.join(&two.kind) else {
            let message = format!("{} is never compared with {}", one.kind.a(), two.kind.a());
            return self.broken(at, message, mixed_numbers(&one.kind, &two.kind));
        };
        if ordering && kind.is_text() {
            return self.ordered_texts(at, comparison, &one, &two);
        }
        let ordered = kind.is_number() || matches!(kind, Type::Instant | Type::Span);
        if ordering && !ordered {
            return self.broken(at, format!("{} has no order", kind.a()), None);
        }
        if !kind.is_comparable() {
            return self.broken(at, format!("{} cannot be compared", kind.a()), Some("compare its fields".to_owned()));
        }
        let pair = self.compared_choice(one, two);
        Typed::new(Type::Bool, Node::Compare(comparison, Box::new(pair)), at)
    }

    fn membership(&mut self, at: usize, one: Typed, two: Typed) -> Typed {
        let element = match &two.kind {
            Type::List(element) => element.as_ref().clone(),
            Type::Unknown => return Typed::broken(at),
            Type::Text | Type::Choice(_) => {
                let help = "a text in a text is `.contains(…)`".to_owned();
                return self.broken(at, "`in` looks into a list, not into a text", Some(help));
            }
            other => return self.broken(at, format!("`in` looks into a list, not into {}", other.a()), None),
        };
        match one.kind.join(&element) {
            Some(kind) if kind.is_comparable() => Typed::new(Type::Bool, Node::In(Box::new([one, two])), at),
            Some(kind) => {
                self.broken(at, format!("{} cannot be compared", kind.a()), Some("use `.exists(…)`".to_owned()))
            }
            None => {
                let message = format!("{} is never in a list of {element}", one.kind.a());
                self.broken(at, message, mixed_numbers(&one.kind, &element))
            }
        }
    }

    /// `list[0]`, and `alert["severity"]`, which is `alert.severity`.
    pub fn index(&mut self, id: u64, operand: &Expression, index: &Expression) -> Typed {
        let at = self.places.token(id);
        let (operand, index) = (self.expression(operand), self.expression(index));
        let element = match &operand.kind {
            Type::List(element) => self.element(at, element),
            Type::Record(_) => {
                let Some(name) = index.literal().map(str::to_owned) else {
                    return self.broken(at, "a field's name must be written out", None);
                };
                return self.field_at(index.at, operand, &name);
            }
            Type::Unknown => return Typed::broken(at),
            other => return self.broken(at, format!("{} has no elements", other.a()), None),
        };
        self.require(&index, &Type::Int, "an index");
        Typed::new(element, Node::Index(Box::new([operand, index])), at)
    }

    pub fn choose(&mut self, id: u64, test: &Expression, [one, two]: [&Expression; 2]) -> Typed {
        let at = self.places.token(id);
        let (test, one, two) = (self.expression(test), self.expression(one), self.expression(two));
        self.require(&test, &Type::Bool, "what stands before `?`");
        let Some(kind) = one.kind.join(&two.kind) else {
            return self.broken(at, format!("one side is {}, the other {}", one.kind.a(), two.kind.a()), None);
        };
        if matches!(kind, Type::Record(Record::Alert | Record::Machine)) {
            return self.broken(at, "a whole record cannot be chosen", Some("choose between fields".to_owned()));
        }
        Typed::new(kind, Node::Choose(Box::new([test, one, two])), at)
    }
}

/// What arithmetic gives, where it is defined.
fn result_of(operator: Operator, one: &Type, two: &Type) -> Option<Type> {
    match (operator, one, two) {
        (Operator::Remainder, Type::Double, _) => None,
        (_, one, two) if one.is_number() && one == two => Some(one.clone()),
        (Operator::Add, one, two) if one.is_text() && two.is_text() => Some(Type::Text),
        (Operator::Add, Type::List(_), Type::List(_)) => one.join(two),
        (Operator::Add | Operator::Subtract, Type::Span, Type::Span) => Some(Type::Span),
        (Operator::Add | Operator::Subtract, Type::Instant, Type::Span)
        | (Operator::Add, Type::Span, Type::Instant) => Some(Type::Instant),
        (Operator::Subtract, Type::Instant, Type::Instant) => Some(Type::Span),
        _ => None,
    }
}

fn mixed_numbers(one: &Type, two: &Type) -> Option<String> {
    let help = match (one, two) {
        (one, two) if one.is_number() && two.is_number() => "make them one type: `int(…)`, `uint(…)` or `double(…)`",
        (Type::Instant, two) | (two, Type::Instant) if two.is_text() => "write `timestamp(\"2026-03-01T22:00:00Z\")`",
        (Type::Span, two) | (two, Type::Span) if two.is_text() => "write `duration(\"90m\")`",
        (one, two) if one.is_text() && two.is_number() => "put the number in quotation marks, or use `int(…)`",
        (one, two) if one.is_number() && two.is_text() => "take the quotation marks off the number, or use `int(…)`",
        _ => return None,
    };
    Some(help.to_owned())
}
