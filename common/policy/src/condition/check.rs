//! Checks a parsed condition against the schema: unknown variables, unknown fields, constant patterns that do not
//! compile, loops in loops in loops. Along the way `has()` is pointed at what was given.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators};
use cel::parser::Expression;
use cordon_settings::closest;

use super::Mistake;
use crate::facts::given;
use crate::schema::{FieldSpec, VARIABLES, fields_of};

/// Names of CEL's types, which an expression may use as values: `type(x) == string`.
const TYPE_NAMES: &[&str] =
    &["bool", "bytes", "double", "duration", "int", "list", "map", "null_type", "string", "timestamp", "type", "uint"];

/// Loops inside loops cost the product of the lists' lengths, and the interpreter has no budget.
const MAX_LOOP_DEPTH: usize = 2;

/// What the check found.
pub struct Outcome {
    pub mistakes: Vec<Mistake>,
    pub asks_for_machine: bool,
}

/// Checks the expression and rewrites each `has()` in it.
pub fn check(expression: &mut Expression, info: &SourceInfo, source: &str) -> Outcome {
    let outcome = Outcome { mistakes: Vec::new(), asks_for_machine: false };
    let mut walk = Walk { info, source, locals: Vec::new(), loops: 0, outcome };
    walk.expression(expression);
    walk.outcome
}

struct Walk<'a> {
    info: &'a SourceInfo,
    source: &'a str,
    /// Variables of the loops around the present place.
    locals: Vec<String>,
    loops: usize,
    outcome: Outcome,
}

impl Walk<'_> {
    fn expression(&mut self, node: &mut Expression) {
        let id = node.id;
        if let Expr::Select(select) = &mut node.expr
            && select.test
        {
            return self.presence(node);
        }
        match &mut node.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => self.variable(id, name),
            Expr::Select(select) => {
                self.expression(&mut select.operand);
                self.field(id, &select.operand.expr, &select.field);
            }
            Expr::Call(call) => self.call(id, call),
            Expr::Comprehension(comprehension) => self.comprehension(id, comprehension),
            Expr::List(list) => list.elements.iter_mut().for_each(|element| self.expression(element)),
            Expr::Map(map) => map.entries.iter_mut().for_each(|entry| self.entry(&mut entry.expr)),
            Expr::Struct(_) => self.mistake(id, "message types are not known here".to_owned(), None),
        }
    }

    fn entry(&mut self, entry: &mut EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.expression(&mut field.value),
            EntryExpr::MapEntry(entry) => {
                self.expression(&mut entry.key);
                self.expression(&mut entry.value);
            }
        }
    }

    fn variable(&mut self, id: u64, name: &str) {
        if name.starts_with('@') || self.locals.iter().any(|local| local == name) {
            return;
        }
        self.outcome.asks_for_machine |= name == "machine";
        if VARIABLES.contains(&name) || TYPE_NAMES.contains(&name) {
            return;
        }
        let meant = closest(name, VARIABLES).map(str::to_owned).or_else(|| bare_field(name));
        self.mistake(id, format!("unknown variable `{name}`"), Some(did_you_mean(meant, VARIABLES)));
    }

    /// The record that a node names, unless a loop variable hides it.
    fn record(&self, node: &Expr) -> Option<(String, &'static [FieldSpec])> {
        match node {
            Expr::Ident(name) if !self.locals.contains(name) => Some((name.clone(), fields_of(name)?)),
            _ => None,
        }
    }

    fn field(&mut self, id: u64, operand: &Expr, name: &str) {
        let Some((record, fields)) = self.record(operand) else { return };
        if fields.iter().any(|field| field.name == name) {
            return;
        }
        let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let meant = closest(name, &known).map(str::to_owned);
        self.mistake(id, format!("unknown field `{record}.{name}`"), Some(did_you_mean(meant, &known)));
    }

    /// `has(alert.x)` asks the record of given fields. An evidence item holds texts only, so `has(e.x)` on a loop
    /// variable asks whether the text is not empty.
    fn presence(&mut self, node: &mut Expression) {
        let id = node.id;
        let Expr::Select(select) = &mut node.expr else { return };
        self.expression(&mut select.operand);
        self.field(id, &select.operand.expr, &select.field);
        if let Some((record, _)) = self.record(&select.operand.expr) {
            select.operand.expr = Expr::Ident(given(&record));
        } else if matches!(&select.operand.expr, Expr::Ident(_)) {
            let plain = SelectExpr { operand: select.operand.clone(), field: select.field.clone(), test: false };
            let empty = Expr::Literal(LiteralValue::String(cel::common::types::CelString::from("")));
            let args = vec![Expression { id, expr: Expr::Select(plain) }, Expression { id, expr: empty }];
            node.expr = Expr::Call(CallExpr { func_name: operators::NOT_EQUALS.to_owned(), target: None, args });
        }
    }

    fn call(&mut self, id: u64, call: &mut CallExpr) {
        if let Some(target) = &mut call.target {
            self.expression(target);
        }
        call.args.iter_mut().for_each(|argument| self.expression(argument));
        if call.func_name == operators::INDEX
            && let [operand, index] = call.args.as_slice()
            && let Some(name) = literal(&index.expr)
        {
            self.field(id, &operand.expr, &name);
        }
        if call.func_name == "matches"
            && let Some(pattern) = call.args.last().and_then(|argument| literal(&argument.expr))
            && let Err(error) = regex::Regex::new(&pattern)
        {
            let why = error.to_string().lines().last().unwrap_or_default().to_owned();
            self.mistake(id, format!("the pattern {pattern:?} does not compile: {why}"), None);
        }
    }

    fn comprehension(&mut self, id: u64, loop_: &mut ComprehensionExpr) {
        self.expression(&mut loop_.iter_range);
        self.expression(&mut loop_.accu_init);
        let outer = self.locals.len();
        self.locals.extend([loop_.iter_var.clone(), loop_.accu_var.clone()]);
        self.locals.extend(loop_.iter_var2.clone());
        self.loops += 1;
        if self.loops == MAX_LOOP_DEPTH + 1 {
            let message = format!("loops are nested more than {MAX_LOOP_DEPTH} deep");
            self.mistake(id, message, Some("split the rule in two".to_owned()));
        }
        for part in [&mut loop_.loop_cond, &mut loop_.loop_step, &mut loop_.result] {
            self.expression(part);
        }
        self.loops -= 1;
        self.locals.truncate(outer);
    }

    fn mistake(&mut self, id: u64, message: String, help: Option<String>) {
        let offset = self.info.offset_for(id).map_or(0, |(start, _)| start as usize);
        // The parser counts offsets in bytes.
        let before = self.source.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        self.outcome.mistakes.push(Mistake { line, column, message, help });
    }
}

/// A field named on its own is a likely slip: `severity` for `alert.severity`.
fn bare_field(name: &str) -> Option<String> {
    VARIABLES.iter().find_map(|record| {
        let known: Vec<&str> = fields_of(record)?.iter().map(|field| field.name).collect();
        closest(name, &known).map(|field| format!("{record}.{field}"))
    })
}

fn literal(node: &Expr) -> Option<String> {
    match node {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
        _ => None,
    }
}

fn did_you_mean(meant: Option<String>, known: &[&str]) -> String {
    meant.map_or_else(|| format!("known are {}", known.join(", ")), |meant| format!("did you mean `{meant}`?"))
}
