//! A condition's parts that must all hold.

use cel::common::ast::{Expr, operators as op};
use cel::parser::Expression;

use super::super::{Condition, depth, parse};
use super::written::Written;

/// What stands between the outermost `&&` of an expression without mistakes, as written, each with its condition; the whole
/// where there is none.
#[must_use]
pub fn conjuncts(source: &str) -> Vec<(String, Condition)> {
    let texts = depth::on_a_deep_stack(|| {
        let program = parse::parse(source).ok()?;
        let written = Written::new(parse::Places { info: program.source_info(), source });
        let mut texts = Vec::new();
        collect(program.expression(), &written, &mut texts);
        Some(texts)
    });
    let texts = texts.flatten().unwrap_or_default();
    texts.into_iter().filter_map(|text| Condition::parse(&text).ok().map(|condition| (text, condition))).collect()
}

fn collect(node: &Expression, written: &Written<'_>, texts: &mut Vec<String>) {
    match &node.expr {
        Expr::Call(call) if call.target.is_none() && call.func_name == op::LOGICAL_AND => {
            call.args.iter().for_each(|part| collect(part, written, texts));
        }
        _ => texts.push(written.text(node)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        conjuncts(source).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn the_parts_are_what_stands_between_the_outermost_ands_however_they_are_bracketed() {
        assert_eq!(
            texts("alert.severity == \"High\" && // why\n (alert.status != \"Resolved\" && true) && !(\"x\" in users)"),
            ["alert.severity == \"High\"", "alert.status != \"Resolved\"", "true", "!(\"x\" in users)"]
        );
        assert_eq!(texts("true || false && true"), ["true || false && true"]);
        assert_eq!(texts("(\"a\" in users || \"b\" in users) && true"), ["\"a\" in users || \"b\" in users", "true"]);
    }
}
