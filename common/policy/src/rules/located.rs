//! Rules with the places of their ids.

use cordon_settings::{Place, Problems};

use super::file::{self, Found};
use super::rule::Rule;
use super::set::RuleSet;

/// A rule and where it stands.
#[derive(Debug, Clone)]
pub struct LocatedRule {
    /// The rule.
    pub rule: Rule,
    /// File, line and column of its id.
    pub place: Place,
    /// File, line and column of its condition.
    pub when: Place,
}

impl LocatedRule {
    /// Reads rule files as [`RuleSet::load`] does and tells where each rule stands; sorted by id.
    ///
    /// # Errors
    /// As [`RuleSet::load`].
    pub fn load(files: &[(String, String)]) -> Result<Vec<Self>, Problems> {
        RuleSet::load(files)?;
        Ok(Self::found(files))
    }

    /// Every rule that has no mistake; sorted by id.
    pub(super) fn found(files: &[(String, String)]) -> Vec<Self> {
        let found = files.iter().flat_map(|(origin, text)| file::read(origin, text).0);
        let mut rules: Vec<Self> = found.map(|Found { rule, place, when }| Self { rule, place, when }).collect();
        rules.sort_by(|one, two| one.rule.id.as_str().cmp(two.rule.id.as_str()));
        rules
    }
}
