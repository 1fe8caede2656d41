//! One enriched alert as conditions see it.

use std::collections::HashSet;

use cordon_records::{Alert, Cut, Machine};
use jiff::Timestamp;

/// What conditions are judged on: a view of the typed records, nothing copied.
#[derive(Debug)]
pub struct RecordFacts<'r> {
    pub(crate) alert: &'r Alert,
    pub(crate) machine: Option<&'r Machine>,
    /// The user principal names on the alert, each once, in order of appearance.
    pub(crate) users: Vec<&'r str>,
    pub(crate) now: Timestamp,
    /// What the record leaves out of the alert.
    pub(crate) cuts: &'r [Cut],
}

impl<'r> RecordFacts<'r> {
    /// Lays out an alert and, where there is one, its machine. `now` is the time of the event: when the record was
    /// made (`enriched_at`), never the wall clock.
    #[must_use]
    pub fn new(alert: &'r Alert, machine: Option<&'r Machine>, now: Timestamp) -> Self {
        let mut users = Vec::new();
        let mut seen = HashSet::new();
        for name in alert.evidence.iter().filter_map(|item| item.user_principal_name.as_deref()) {
            if seen.insert(name) {
                users.push(name);
            }
        }
        Self { alert, machine, users, now, cuts: &[] }
    }

    /// Of an alert that was too large for its record: what is missing. A condition that asks for such a field cannot be
    /// told, unless the rest of it decides.
    #[must_use]
    pub const fn without(mut self, cuts: &'r [Cut]) -> Self {
        self.cuts = cuts;
        self
    }
}
