//! One rule set with its guards: what is under test, or what it is compared with.

use std::path::PathBuf;
use std::sync::Arc;

use cordon_policy::{Guards, Policy, PolicyFiles, RuleSet};
use cordon_settings::Problems;
use cordon_signing::AllowedSigners;

use crate::document::SideName;
use crate::place::Place;
use crate::recorded::Recorded;

/// See the module.
#[derive(Debug, Clone)]
pub struct Side {
    /// What people call it.
    pub name: String,
    /// The rules.
    pub rules: RuleSet,
    /// The guards.
    pub guards: Guards,
    /// Whose signatures count.
    pub signers: AllowedSigners,
    /// What was decided live, where this side is that: then each record has its own rules, and `rules` are the newest.
    pub recorded: Option<Arc<Recorded>>,
}

impl Side {
    /// Reads rule files, and guards where they are named. The rules' own tests must hold, as they must where they run live.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn read(rules: &[PathBuf], guards: Option<&PathBuf>) -> Result<Self, Problems> {
        let names: Vec<String> = rules.iter().map(|path| path.display().to_string()).collect();
        let files = PolicyFiles { rules: rules.to_vec(), guards: guards.cloned() };
        let Policy { rules, guards, signers, rule_files: _ } = files.read().check()?;
        Ok(Self { name: names.join(" "), rules, guards, signers, recorded: None })
    }

    /// What was decided live, under these guards and signers.
    #[must_use]
    pub fn recorded(recorded: Arc<Recorded>, guards: Guards, signers: AllowedSigners) -> Option<Self> {
        let rules = recorded.newest()?.clone();
        Some(Self { name: "recorded".to_owned(), rules, guards, signers, recorded: Some(recorded) })
    }

    /// The rules for the record of this place; none where nothing was decided on it.
    #[must_use]
    pub fn rules_at(&self, place: &Place) -> Option<&RuleSet> {
        match &self.recorded {
            None => Some(&self.rules),
            Some(recorded) => recorded.rules_at(place),
        }
    }

    /// How it is told.
    #[must_use]
    pub fn told(&self) -> SideName {
        SideName {
            name: self.name.clone(),
            rules: self.rules.rules().len(),
            rule_set: self.rules.hash().to_owned(),
            guard_set: self.guards.hash(),
        }
    }
}
