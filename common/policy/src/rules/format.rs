//! The canonical form of a rule file: keys in one order, two spaces a level, long conditions as blocks.
//!
//! Lines are moved and indented, never rewritten, so that comments stay (the one exception is a long `when`, which
//! becomes a block with the text that it was parsed to). What comes out is read again and compared with what went in:
//! where rules, tests or comments would differ, the file is left alone.

mod lines;
mod order;
mod tree;
mod when;
mod write;

use cordon_settings::Problems;

use super::located::LocatedRule;
use super::rule::Rule;

/// Why a file cannot be brought into the canonical form.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It is no sound rule file.
    #[error("{0}")]
    Mistakes(#[from] Problems),
    /// Something in it is written in a way that the formatter does not move safely.
    #[error("{origin} is left as it is: {why}")]
    Left {
        /// The file.
        origin: String,
        /// What stands in the way, and what to do.
        why: String,
    },
}

/// The canonical form of a rule file. `origin` is its name in messages. Formatting what was formatted changes nothing.
///
/// # Errors
/// [`FormatError`]: a file with mistakes is not touched, nor is one whose rules, tests or comments would change.
pub fn format(origin: &str, text: &str) -> Result<String, FormatError> {
    let rules = load(origin, text)?;
    let left = |why: &str| FormatError::Left { origin: origin.to_owned(), why: why.to_owned() };
    let before = tree::nest(lines::scan(text).map_err(|why| left(&why))?);
    let mut after = before.clone();
    when::as_blocks(&mut after);
    order::keys(&mut after);
    let formatted = write::text(&after);
    let unsafe_form = "its rules or comments would change; write it in plain lines of `key: value`";
    let again = lines::scan(&formatted).map(tree::nest).map_err(|why| left(&why))?;
    let is_same = load(origin, &formatted).is_ok_and(|after| same(&rules, &after));
    if is_same && before.pieces() == again.pieces() { Ok(formatted) } else { Err(left(unsafe_form)) }
}

fn load(origin: &str, text: &str) -> Result<Vec<Rule>, Problems> {
    let rules = LocatedRule::load(&[(origin.to_owned(), text.to_owned())])?;
    Ok(rules.into_iter().map(|located| located.rule).collect())
}

/// Whether two loads of a file mean the same.
fn same(one: &[Rule], two: &[Rule]) -> bool {
    let equal = |(one, two): (&Rule, &Rule)| {
        let (head, other) = ((&one.id, &one.description, one.mode), (&two.id, &two.description, two.mode));
        head == other
            && (&one.when, &one.actions, &one.limits, &one.tests) == (&two.when, &two.actions, &two.limits, &two.tests)
    };
    one.len() == two.len() && one.iter().zip(two).all(equal)
}
