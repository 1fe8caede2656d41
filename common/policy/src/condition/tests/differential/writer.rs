//! Writes random expressions that are well typed.

use super::{Dice, TEXTS, TIMES};
use crate::schema::{ALERT, EVIDENCE, FieldType, MACHINE};

/// The kinds of loop variables.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Item,
    Int,
}

/// Each method writes an expression of one type; `depth` bounds its size.
pub struct Writer {
    dice: Dice,
    /// The variables of the loops around the present place.
    locals: Vec<(String, Kind)>,
}

impl Writer {
    pub const fn new(dice: Dice) -> Self {
        Self { dice, locals: Vec::new() }
    }

    fn field(&mut self, wanted: fn(FieldType) -> bool) -> String {
        let both = [("alert", ALERT), ("machine", MACHINE)];
        let fitting: Vec<String> = both
            .iter()
            .flat_map(|(record, fields)| fields.iter().map(move |field| (record, field)))
            .filter(|(_, field)| wanted(field.kind))
            .map(|(record, field)| format!("{record}.{}", field.name))
            .collect();
        fitting[self.dice.roll(fitting.len())].clone()
    }

    fn local(&mut self, kind: Kind) -> Option<String> {
        let fitting: Vec<String> =
            self.locals.iter().filter(|(_, local)| *local == kind).map(|(name, _)| name.clone()).collect();
        (!fitting.is_empty()).then(|| fitting[self.dice.roll(fitting.len())].clone())
    }

    fn quoted(&mut self) -> String {
        format!("'{}'", self.dice.pick(TEXTS))
    }

    fn text(&mut self, depth: usize) -> String {
        match self.dice.roll(if depth == 0 { 4 } else { 9 }) {
            0 => self.quoted(),
            1 => self.field(|kind| matches!(kind, FieldType::Text(_))),
            2 => match (self.local(Kind::Text), self.local(Kind::Item)) {
                (Some(text), _) => text,
                (None, Some(item)) => format!("{item}.{}", EVIDENCE[self.dice.roll(EVIDENCE.len())].name),
                (None, None) => format!("string({})", self.field(|kind| matches!(kind, FieldType::Choice(_)))),
            },
            3 => self.field(|kind| matches!(kind, FieldType::Text(_))),
            4 => format!("({} + {})", self.text(depth - 1), self.text(depth - 1)),
            5 => format!("string({})", self.any(depth - 1)),
            6 => format!("({} ? {} : {})", self.truth(depth - 1), self.text(depth - 1), self.text(depth - 1)),
            7 => format!("{}[{}]", self.texts(depth - 1), self.int(depth - 1)),
            _ => format!("alert.evidence[{}].{}", self.dice.roll(3), EVIDENCE[self.dice.roll(EVIDENCE.len())].name),
        }
    }

    fn any(&mut self, depth: usize) -> String {
        match self.dice.roll(6) {
            0 => self.int(depth),
            1 => self.double(depth),
            2 => self.instant(depth),
            3 => self.span(depth),
            4 => self.uint(depth),
            _ => self.truth(depth),
        }
    }

    fn int(&mut self, depth: usize) -> String {
        match self.dice.roll(if depth == 0 { 4 } else { 11 }) {
            0 => ["0", "1", "-3", "9223372036854775807", "7"][self.dice.roll(5)].to_owned(),
            1 | 2 => self.field(|kind| kind == FieldType::Integer),
            3 => self.local(Kind::Int).unwrap_or_else(|| "2".to_owned()),
            4 => format!("size({})", self.text(depth - 1)),
            5 => format!("{}.size()", self.texts(depth - 1)),
            6 => format!("int({})", self.text(depth - 1)),
            7 => format!("int({})", self.double(depth - 1)),
            8 => {
                let part = self.dice.pick(&["getHours", "getMinutes", "getSeconds", "getMilliseconds"]);
                format!("{}.{part}()", self.span(depth - 1))
            }
            9 => self.part(depth - 1),
            _ => {
                let sign = self.dice.pick(&["+", "-", "*", "/", "%"]);
                format!("({} {sign} {})", self.int(depth - 1), self.int(depth - 1))
            }
        }
    }

    fn part(&mut self, depth: usize) -> String {
        let part = self.dice.pick(&[
            "getFullYear",
            "getMonth",
            "getDate",
            "getDayOfMonth",
            "getDayOfWeek",
            "getDayOfYear",
            "getHours",
            "getMinutes",
            "getSeconds",
            "getMilliseconds",
        ]);
        let zone = self.dice.pick(&["", "'UTC'", "'Europe/Berlin'", "'-08:00'", "'America/New_York'", "'+05:45'"]);
        format!("{}.{part}({zone})", self.instant(depth))
    }

    fn uint(&mut self, depth: usize) -> String {
        match self.dice.roll(if depth == 0 { 1 } else { 4 }) {
            0 => ["0u", "5u", "18446744073709551615u"][self.dice.roll(3)].to_owned(),
            1 => format!("uint({})", self.int(depth - 1)),
            2 => format!("uint({})", self.double(depth - 1)),
            _ => {
                let sign = self.dice.pick(&["+", "-", "*", "/", "%"]);
                format!("({} {sign} {})", self.uint(depth - 1), self.uint(depth - 1))
            }
        }
    }

    fn double(&mut self, depth: usize) -> String {
        match self.dice.roll(if depth == 0 { 1 } else { 5 }) {
            0 => ["0.0", "1.5", "-2.25", "1e300", "9.3e18"][self.dice.roll(5)].to_owned(),
            1 => format!("double({})", self.int(depth - 1)),
            2 => format!("double({})", self.text(depth - 1)),
            3 => format!("-({})", self.double(depth - 1)),
            _ => {
                let sign = self.dice.pick(&["+", "-", "*", "/"]);
                format!("({} {sign} {})", self.double(depth - 1), self.double(depth - 1))
            }
        }
    }

    fn instant(&mut self, depth: usize) -> String {
        match self.dice.roll(if depth == 0 { 4 } else { 7 }) {
            0 | 1 => self.field(|kind| kind == FieldType::Instant),
            2 => "now".to_owned(),
            3 => format!("timestamp('{}')", self.dice.pick(&TIMES[..4])),
            4 => format!("({} + {})", self.instant(depth - 1), self.span(depth - 1)),
            5 => format!("({} - {})", self.instant(depth - 1), self.span(depth - 1)),
            _ => format!("timestamp({})", self.text(depth - 1)),
        }
    }

    fn span(&mut self, depth: usize) -> String {
        match self.dice.roll(if depth == 0 { 1 } else { 4 }) {
            0 => format!(
                "duration('{}')",
                self.dice.pick(&["1h", "90m", "-30s", "1h30m5s", "1.5s", "876000h", "0s", "7ns"])
            ),
            1 => format!("({} - {})", self.instant(depth - 1), self.instant(depth - 1)),
            2 => format!("({} + {})", self.span(depth - 1), self.span(depth - 1)),
            _ => format!("({} - {})", self.span(depth - 1), self.span(depth - 1)),
        }
    }

    fn texts(&mut self, depth: usize) -> String {
        match self.dice.roll(if depth == 0 || self.locals.len() == 2 { 4 } else { 8 }) {
            0 => "users".to_owned(),
            1 => "alert.mitreTechniques".to_owned(),
            2 => "machine.machineTags".to_owned(),
            3 => {
                let long = if self.dice.roll(3) == 0 { 12 } else { 3 };
                let elements: Vec<String> = (0..1 + self.dice.roll(long)).map(|_| self.quoted()).collect();
                format!("[{}]", elements.join(", "))
            }
            4 => format!("({} + {})", self.texts(depth - 1), self.texts(depth - 1)),
            5 => format!("[{}, {}]", self.text(depth - 1), self.text(depth - 1)),
            6 => {
                let (list, variable) = (self.texts(depth - 1), format!("t{}", self.locals.len()));
                let test = self.inside(&variable, Kind::Text, |writer| writer.truth(depth - 1));
                format!("{list}.filter({variable}, {test})")
            }
            _ => {
                let variable = format!("e{}", self.locals.len());
                let guarded = self.dice.roll(2) == 1;
                let body = self.inside(&variable, Kind::Item, |writer| {
                    let result = writer.text(depth - 1);
                    if guarded { format!("{}, {result}", writer.truth(depth - 1)) } else { result }
                });
                format!("alert.evidence.map({variable}, {body})")
            }
        }
    }

    fn inside(&mut self, variable: &str, kind: Kind, write: impl FnOnce(&mut Self) -> String) -> String {
        self.locals.push((variable.to_owned(), kind));
        let written = write(self);
        self.locals.pop();
        written
    }

    fn a_loop(&mut self, depth: usize) -> String {
        if self.locals.len() == 2 {
            return self.truth(0);
        }
        let (list, kind, letter) = match self.dice.roll(3) {
            0 => ("alert.evidence".to_owned(), Kind::Item, "e"),
            1 => (self.texts(depth - 1), Kind::Text, "t"),
            _ => (format!("[{}, {}, 0]", self.int(depth - 1), self.int(depth - 1)), Kind::Int, "i"),
        };
        let variable = format!("{letter}{}", self.locals.len());
        let name = self.dice.pick(&["exists", "all", "exists_one"]);
        let test = self.inside(&variable, kind, |writer| writer.truth(depth - 1));
        format!("{list}.{name}({variable}, {test})")
    }

    /// A loop over texts or items of the evidence, without its list.
    pub fn exists(&mut self, is_of_texts: bool) -> String {
        let (kind, variable) = if is_of_texts { (Kind::Text, "t0") } else { (Kind::Item, "e0") };
        let test = self.inside(variable, kind, |writer| writer.truth(3));
        format!("exists({variable}, {test})")
    }

    fn given(&mut self) -> String {
        match self.local(Kind::Item) {
            Some(item) => format!("has({item}.{})", EVIDENCE[self.dice.roll(EVIDENCE.len())].name),
            None => format!("has({})", self.field(|_| true)),
        }
    }

    /// A field from a list of values, and one or more of them.
    fn choice(&mut self) -> String {
        let (record, fields) = if self.dice.roll(2) == 0 { ("alert", ALERT) } else { ("machine", MACHINE) };
        let choices: Vec<_> = fields
            .iter()
            .filter_map(|field| match field.kind {
                FieldType::Choice(choice) => Some((field.name, choice)),
                _ => None,
            })
            .collect();
        let (name, choice) = choices[self.dice.roll(choices.len())];
        let (one, two) = (self.dice.pick(choice.values.known()), self.dice.pick(choice.values.known()));
        match self.dice.roll(4) {
            0 => format!("({record}.{name} == '{one}')"),
            1 => format!("('{one}' != {record}.{name})"),
            2 => format!("({record}.{name} in ['{one}', '{two}', ''])"),
            _ => format!("{record}.{name}.contains('{}')", self.dice.pick(&["i", "H", ""])),
        }
    }

    /// An expression of type bool.
    pub fn truth(&mut self, depth: usize) -> String {
        let next = depth.saturating_sub(1);
        match self.dice.roll(if depth == 0 { 5 } else { 17 }) {
            0 => self.choice(),
            1 => self.given(),
            2 => self.field(|kind| kind == FieldType::Flag),
            3 => format!("({} == {})", self.text(0), self.text(0)),
            4 => ["true", "false"][self.dice.roll(2)].to_owned(),
            5 | 6 => format!("({} && {})", self.truth(next), self.truth(next)),
            7 | 8 => format!("({} || {})", self.truth(next), self.truth(next)),
            9 => format!("!{}", self.truth(next)),
            10 => format!("({} ? {} : {})", self.truth(next), self.truth(next), self.truth(next)),
            11 => self.comparison(next),
            12 => self.text_test(next),
            13 => format!("({} in {})", self.text(next), self.texts(next)),
            14 => format!("bool({})", self.text(next)),
            _ => self.a_loop(depth),
        }
    }

    fn comparison(&mut self, depth: usize) -> String {
        let sign = self.dice.pick(&["==", "!=", "<", "<=", ">", ">="]);
        let equality = self.dice.pick(&["==", "!="]);
        match self.dice.roll(8) {
            0 => format!("({} {sign} {})", self.int(depth), self.int(depth)),
            1 => format!("({} {sign} {})", self.double(depth), self.double(depth)),
            2 => format!("({} {sign} {})", self.instant(depth), self.instant(depth)),
            3 => format!("({} {sign} {})", self.span(depth), self.span(depth)),
            4 => format!("({} {sign} {})", self.uint(depth), self.uint(depth)),
            5 => format!("({} {equality} {})", self.text(depth), self.text(depth)),
            6 => format!("({} {equality} {})", self.texts(depth), self.texts(depth)),
            _ => format!("({} {equality} {})", self.truth(depth), self.truth(depth)),
        }
    }

    fn text_test(&mut self, depth: usize) -> String {
        let subject = self.text(depth);
        match self.dice.roll(5) {
            0 => format!("{subject}.startsWith({})", self.text(depth)),
            1 => format!("{subject}.endsWith({})", self.text(depth)),
            2 => format!("{subject}.contains({})", self.text(depth)),
            3 => format!("{subject}.matches({})", self.field(|kind| matches!(kind, FieldType::Text(_)))),
            _ => {
                let pattern = self.dice.pick(&["^a", "[0-9]+", "(?i)HIGH", "^$", "ä", r"\\.corp\\."]);
                format!("{subject}.matches('{pattern}')")
            }
        }
    }
}
