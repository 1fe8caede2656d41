//! The texts of rules and guards that were in force.

use std::ops::ControlFlow;

use cordon_policy::{Guards, RuleSet};
use cordon_records::{PolicyKind, PolicyRecord, PolicyTexts, Report};

use crate::error::BacktestError;
use crate::input::Source;

/// The texts, and which guards spoke last.
#[derive(Debug, Default)]
pub struct Policies {
    texts: PolicyTexts,
    guard_set: Option<String>,
}

/// Whose guards they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those that the newest report names.
    Recorded,
    /// No report names any, or their text is not at hand.
    Given,
    /// A candidate decided, and asked none.
    Nobodys,
    /// Others are asked for.
    Asked,
}

impl Policies {
    /// Reads the topics `policies` and `actions`.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn read(policies: &mut dyn Source, actions: &mut dyn Source) -> Result<Self, BacktestError> {
        let mut texts = PolicyTexts::default();
        policies.read(&mut |chunk| {
            // What processes say of their health stands there, too.
            let records = chunk.records().filter_map(|(_, bytes)| serde_json::from_slice(bytes).ok());
            for record in records {
                if let PolicyRecord::Text(text) = record {
                    texts.take(text);
                }
            }
            ControlFlow::Continue(())
        })?;
        let mut guard_set = None;
        actions.read(&mut |chunk| {
            let reports = chunk.records().filter_map(|(_, bytes)| serde_json::from_slice(bytes).ok());
            for report in reports {
                if let Report::Action(record) = report
                    && let Some(facts) = record.facts
                {
                    guard_set = Some(facts.guard_set);
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(Self { texts, guard_set })
    }

    /// The rules of this hash.
    ///
    /// # Errors
    /// Why they cannot be had.
    pub fn rules(&self, hash: &str) -> Result<RuleSet, String> {
        let files = self.texts.files(PolicyKind::Rules, hash).map_err(|why| why.to_string())?;
        let files: Vec<(String, String)> = files.into_iter().map(|file| (file.name, file.text)).collect();
        let unread =
            |why| format!("the text of rules {hash} on the topic policies cannot be read by this version: {why}");
        let rules = RuleSet::load(&files).map_err(unread)?;
        if rules.hash() == hash {
            return Ok(rules);
        }
        Err(format!("this version reads the text of rules {hash} on the topic policies as {}", rules.hash()))
    }

    /// The guards of the newest report, else those given.
    #[must_use]
    pub fn guards(&self, given: Guards) -> (Guards, Whose) {
        let hash = self.guard_set.as_deref();
        let files = hash.and_then(|hash| self.texts.files(PolicyKind::Guards, hash).ok());
        let file = files.as_ref().and_then(|files| files.first());
        match file.and_then(|file| Guards::load(&file.name, &file.text).ok()) {
            Some(guards) => (guards, Whose::Recorded),
            None => (given, Whose::Given),
        }
    }
}
