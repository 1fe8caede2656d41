//! What people later found of alerts: by the last record of each in the range, which may come long after the one that acted.
//! And what they did about machines that were isolated, where that is known.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use cordon_records::{Alert, AlertId, Classification};
use jiff::Timestamp;

use crate::document::Found;
use crate::reported::Reported;

/// What is known of the time after an action.
#[derive(Debug, Clone, Copy)]
pub struct Later<'a> {
    /// What people found of alerts.
    pub found: &'a Findings,
    /// What they did; absent where the topic `actions` was not read.
    pub people: Option<&'a Reported>,
}

/// Findings by alert. An alert is kept as 128 bits of a hash: there are millions.
#[derive(Debug, Default)]
pub struct Findings(HashMap<[u64; 2], (Timestamp, Found)>);

impl Findings {
    /// Takes in what this record of an alert says. The newest update counts, however records come.
    pub fn take(&mut self, alert: &Alert, at: Timestamp) {
        self.take_found(alert.id.as_str(), alert.last_update_time.unwrap_or(at), found_of(alert));
    }

    /// The same, where no more is read of the alert than its id, when it was updated, and what was found.
    pub fn take_found(&mut self, id: &str, updated: Timestamp, found: Found) {
        self.keep(key(id), (updated, found));
    }

    /// Takes in what another has found.
    pub fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(key, said)| self.keep(key, said));
    }

    fn keep(&mut self, key: [u64; 2], said: (Timestamp, Found)) {
        let known = self.0.entry(key).or_insert(said);
        // Of two at one instant, the one that says more: people classify, and nothing unsays it at the same instant.
        if (said.0, std::cmp::Reverse(said.1)) > (known.0, std::cmp::Reverse(known.1)) {
            *known = said;
        }
    }

    /// What was found of this alert.
    #[must_use]
    pub fn of(&self, alert: &AlertId) -> Found {
        self.0.get(&key(alert.as_str())).map_or(Found::Open, |(_, found)| *found)
    }
}

fn key(id: &str) -> [u64; 2] {
    [0_u8, 1].map(|salt| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        id.hash(&mut hasher);
        hasher.finish()
    })
}

/// What people found, by this record of an alert.
pub fn found_of(alert: &Alert) -> Found {
    match &alert.classification {
        Some(Classification::TruePositive) => Found::TruePositive,
        Some(Classification::InformationalExpectedActivity) => Found::Expected,
        Some(Classification::FalsePositive) => Found::FalsePositive,
        Some(_) | None => Found::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: &str, classification: &str, updated: &str) -> Alert {
        let value = serde_json::json!({"id": id, "classification": classification, "lastUpdateTime": updated});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_newest_update_of_an_alert_says_what_was_found_whatever_comes_first() {
        let early = alert("a", "FalsePositive", "2026-09-01T08:00:00Z");
        let late = alert("a", "TruePositive", "2026-09-01T09:00:00Z");
        for order in [[&early, &late], [&late, &early]] {
            let [mut one, mut other] = [Findings::default(), Findings::default()];
            one.take(order[0], Timestamp::MIN);
            other.take(order[1], Timestamp::MIN);
            one.merge(other);
            assert_eq!(one.of(&late.id), Found::TruePositive);
        }
        assert_eq!(Findings::default().of(&late.id), Found::Open);
    }
}
