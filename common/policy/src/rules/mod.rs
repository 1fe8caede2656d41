//! The operator's rules: what a rule is, how its file is read, the set of all, and the tests inside the files.

mod file;
mod given;
mod json_schema;
mod rule;
mod set;
mod tests_in_files;

pub use json_schema::rule_schema;
pub use rule::{Rule, RuleTest};
pub use set::RuleSet;
pub use tests_in_files::{TestFailure, run_tests};

#[cfg(test)]
mod tests;
