//! Variables, fields and `has()`.

use cel::common::ast::Expr;
use cel::parser::Expression;
use cordon_settings::closest;

use super::super::tree::{Node, Typed};
use super::super::types::{Record, Type};
use super::{Checker, did_you_mean};
use crate::schema::{FieldSpec, VARIABLES, fields_of};

impl Checker<'_> {
    pub fn variable(&mut self, id: u64, name: &str) -> Typed {
        let at = self.places.token(id);
        if let Some(depth) = self.locals.iter().rposition(|local| local.name == name) {
            let kind = self.locals.get(depth).map_or(Type::Unknown, |local| local.kind.clone());
            return Typed::new(kind, Node::Local(depth), at);
        }
        let (kind, node) = match name {
            "alert" => (Type::Record(Record::Alert), Node::Whole),
            "machine" => (Type::Record(Record::Machine), Node::Whole),
            "users" => (Type::list(Type::Text), Node::Users),
            "now" => (Type::Instant, Node::Now),
            _ => return self.unknown_variable(at, name),
        };
        Typed::new(kind, node, at)
    }

    fn unknown_variable(&mut self, at: usize, name: &str) -> Typed {
        let locals: Vec<String> = self.locals.iter().map(|local| local.name.clone()).collect();
        let known: Vec<&str> = VARIABLES.iter().copied().chain(locals.iter().map(String::as_str)).collect();
        let meant = closest(name, &known).map(str::to_owned).or_else(|| bare_field(name));
        self.broken(at, format!("unknown variable `{name}`"), Some(did_you_mean(meant, &known)))
    }

    pub fn field(&mut self, id: u64, operand: &Expression, name: &str) -> Typed {
        let operand = self.expression(operand);
        self.field_at(self.places.field(id), operand, name)
    }

    /// The field `name` of a checked operand.
    pub fn field_at(&mut self, at: usize, operand: Typed, name: &str) -> Typed {
        let Some((record, field)) = self.spec(at, &operand, name) else { return Typed::broken(at) };
        let node = match record {
            Record::Alert | Record::Machine => Node::Field(record, field.name),
            Record::Evidence => Node::ItemField(Box::new(operand), field.name),
        };
        Typed::new(Type::of(field.kind), node, at)
    }

    /// `has(alert.classification)`.
    pub fn presence(&mut self, at: usize, arguments: &[Expression]) -> Typed {
        let [Expression { id, expr: Expr::Select(select) }] = arguments else {
            let help = "write `has(alert.classification)`".to_owned();
            return self.broken(at, "`has()` takes one field", Some(help));
        };
        let operand = self.expression(&select.operand);
        let Some((record, field)) = self.spec(self.places.field(*id), &operand, &select.field) else {
            return Typed::broken(at);
        };
        let node = match record {
            Record::Alert | Record::Machine => Node::Given(record, field.name),
            Record::Evidence => Node::ItemGiven(Box::new(operand), field.name),
        };
        Typed::new(Type::Bool, node, at)
    }

    fn spec(&mut self, at: usize, operand: &Typed, name: &str) -> Option<(Record, &'static FieldSpec)> {
        let record = match &operand.kind {
            Type::Record(record) => *record,
            Type::Unknown => return None,
            Type::List(_) => {
                let help = format!("ask its elements: `.exists(x, x.{name} == …)`");
                self.mistake(at, format!("{} has no fields", operand.kind.a()), Some(help));
                return None;
            }
            other => {
                self.mistake(at, format!("{} has no fields", other.a()), None);
                return None;
            }
        };
        let found = record.fields().iter().find(|field| field.name == name);
        if found.is_none() {
            let known: Vec<&str> = record.fields().iter().map(|field| field.name).collect();
            let meant = closest(name, &known).map(str::to_owned);
            let message = format!("unknown field `{}.{name}`", record.name());
            self.mistake(at, message, Some(did_you_mean(meant, &known)));
        }
        found.map(|field| (record, field))
    }
}

/// A field named on its own is a likely slip: `severity` for `alert.severity`.
fn bare_field(name: &str) -> Option<String> {
    VARIABLES.iter().find_map(|record| {
        let known: Vec<&str> = fields_of(record)?.iter().map(|field| field.name).collect();
        closest(name, &known).map(|field| format!("{record}.{field}"))
    })
}
