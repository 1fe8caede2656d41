//! The operator's rules: what a rule is, how its file is read, the set of all, and the tests inside the files.

mod actions;
mod escapes;
mod file;
mod format;
mod given;
mod json;
mod json_schema;
mod lint;
mod located;
mod recorded;
mod rule;
mod sample;
mod scalar;
mod set;
mod spelt;
mod template;
mod tests_in_files;
mod tokens;
mod typos;
mod vocabulary;

pub(crate) use actions::determination_fits;
pub use file::MODES;
pub use format::{FormatError, format};
pub use json_schema::rule_schema;
pub use lint::{Lint, lint};
pub use located::LocatedRule;
pub use recorded::{RecordedTest, is_recorded_test_of};
pub use rule::{Rule, RuleTest};
pub use set::RuleSet;
#[cfg(test)]
pub(crate) use template::IndicatorTerms;
pub use template::Template;
pub(crate) use template::{FromEvidence, Source};
pub use tests_in_files::{TestFailure, TestOutcome, run_all_tests, run_tests};
pub(crate) use vocabulary::PLATFORMS;

#[cfg(test)]
mod tests;
