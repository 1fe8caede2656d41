//! How a test of a rule ended, in words.

use cordon_policy::TestOutcome;

use super::step::{self, line};

/// Why it does not hold: what was expected and found, and the condition on the test's record.
pub fn why(outcome: &TestOutcome) -> String {
    let tree = outcome.why.as_ref().map(|step| step::tree(step, 6)).unwrap_or_default();
    format!(
        "      expected  {}\n      found     {}\n      because   {}\n{tree}",
        kinds(&outcome.expected),
        kinds(&outcome.found),
        line(&outcome.reason)
    )
}

/// The kinds of action, or that there are none.
pub fn kinds(kinds: &[String]) -> String {
    if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") }
}
