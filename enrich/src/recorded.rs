//! What enrich found, as the topic `enriched` tells it. A replay is answered from there and asks nobody: of each alert it gives
//! the machine that was found for it then, or why none was, and the time of that.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use cordon_records::{AlertRecord, EnrichedRecord, MachineId, Topic, Verbatim};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Inbound, fold_since};
use jiff::{SignedDuration, Timestamp};

use crate::error::EnrichError;
use crate::handler::Facts;

/// The clocks of those who wrote `alerts` and `enriched` may differ by so much.
const CLOCKS: SignedDuration = SignedDuration::from_hours(1);
/// So many bytes of machines are held at most.
const MOST: usize = 512 * 1024 * 1024;
/// What one record takes besides its machine.
const ENTRY: usize = 200;

/// What was found for one alert.
#[derive(Debug, Clone)]
struct Found {
    at: Timestamp,
    machine: Result<Arc<str>, String>,
}

/// See the module.
#[derive(Debug)]
pub struct Recorded {
    found: HashMap<String, Found>,
    /// Each text once: a machine has many alerts.
    machines: HashSet<Arc<str>>,
    /// Bytes held, about.
    held: usize,
    most: usize,
}

impl Recorded {
    fn new(most: usize) -> Self {
        Self { found: HashMap::new(), machines: HashSet::new(), held: 0, most }
    }

    /// Reads what was found for alerts of this time and later.
    ///
    /// # Errors
    /// When the topic cannot be read, or holds more machines than there is room for.
    pub async fn read(context: &Context, from: Timestamp) -> Result<Self, EnrichError> {
        let kafka = &context.reading_input().kafka;
        let since = from.checked_sub(CLOCKS).unwrap_or(Timestamp::MIN);
        let read = fold_since(kafka, Topic::Enriched, since, Self::new(MOST), Self::take).await?;
        if read.is_full() {
            return Err(EnrichError::TooMuchRecorded { most: MOST });
        }
        tracing::info!(records = read.found.len(), machines = read.machines.len(), "what was found then is read");
        Ok(read)
    }

    fn is_full(&self) -> bool {
        self.held > self.most
    }

    fn take(&mut self, record: Inbound) {
        // What cannot be read answers nothing.
        let Ok(EnrichedRecord { id, enriched_at: at, machine, missing, .. }) = record.json::<EnrichedRecord>() else {
            return;
        };
        if self.is_full() {
            return;
        }
        let machine = match machine {
            Some(machine) => Ok(self.interned(machine.get())),
            None => {
                let why = missing.into_iter().find(|missing| missing.what == "machine").map(|missing| missing.why);
                Err(why.unwrap_or_else(|| "the record then does not say why".to_owned()))
            }
        };
        self.held += ENTRY;
        self.found.insert(id, Found { at, machine });
    }

    fn interned(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.machines.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.held += text.len();
        self.machines.insert(Arc::clone(&text));
        text
    }
}

impl Facts for Recorded {
    async fn machine(&self, alert: &AlertRecord, _: &MachineId) -> Result<Result<Verbatim, String>, Duration> {
        let Some(found) = self.found.get(&alert.id) else {
            return Ok(Err("nothing is recorded of what was found for this alert".to_owned()));
        };
        let machine = found.machine.as_deref().map_err(Clone::clone);
        Ok(machine.and_then(|text| Verbatim::parse(text).map_err(|error| error.to_string())))
    }

    fn made_at(&self, alert: &AlertRecord) -> Timestamp {
        self.found.get(&alert.id).map_or(alert.seen_at, |found| found.at)
    }
}

#[cfg(test)]
mod tests {
    use cordon_records::Headers;
    use serde_json::{Value, json};

    use super::*;

    fn enriched(id: &str, more: &Value) -> Inbound {
        let mut record = json!({
            "id": id, "alert_id": "a", "tenant": "t", "source": "mde", "change": "new",
            "seen_at": "2026-11-22T18:00:00Z", "enriched_at": "2026-11-22T18:00:05Z", "alert": {"id": "a"},
        });
        for (key, value) in more.as_object().unwrap() {
            record[key] = value.clone();
        }
        Inbound {
            topic: Topic::Enriched,
            topic_name: "cordon.enriched".into(),
            partition: 0,
            offset: 0,
            key: None,
            headers: Headers::default(),
            value: Some(record.to_string().into_bytes()),
            timestamp: None,
        }
    }

    fn alert(id: &str) -> AlertRecord {
        let text = json!({
            "id": id, "alert_id": "a", "tenant": "t", "source": "mde", "change": "new",
            "seen_at": "2026-11-22T18:00:00Z", "raw": {"id": "a", "machineId": "m"},
        });
        serde_json::from_str(&text.to_string()).unwrap()
    }

    async fn machine(recorded: &Recorded, id: &str) -> Result<String, String> {
        let found = recorded.machine(&alert(id), &MachineId::new("m").unwrap()).await.unwrap();
        found.map(|machine| machine.get().to_owned())
    }

    #[tokio::test]
    async fn each_alert_is_answered_with_what_was_found_for_it_then_and_one_of_which_nothing_is_recorded_with_nothing()
    {
        let mut recorded = Recorded::new(MOST);
        recorded.take(enriched("a@1", &json!({"machine": {"id": "m", "healthStatus": "Active"}})));
        recorded.take(enriched("a@2", &json!({"machine": {"id": "m", "healthStatus": "Inactive"}})));
        recorded.take(enriched("a@3", &json!({"missing": [{"what": "machine", "why": "HTTP 503"}]})));
        assert_eq!(machine(&recorded, "a@1").await, Ok(r#"{"healthStatus":"Active","id":"m"}"#.to_owned()));
        assert_eq!(machine(&recorded, "a@2").await, Ok(r#"{"healthStatus":"Inactive","id":"m"}"#.to_owned()));
        assert_eq!(machine(&recorded, "a@3").await, Err("HTTP 503".to_owned()));
        let unknown = machine(&recorded, "a@4").await.unwrap_err();
        assert!(unknown.starts_with("nothing is recorded"), "{unknown}");
        let times = ["a@1", "a@4"].map(|id| recorded.made_at(&alert(id)).to_string());
        assert_eq!(times, ["2026-11-22T18:00:05Z", "2026-11-22T18:00:00Z"]);
    }

    #[test]
    fn the_same_machine_is_held_once_and_what_is_too_much_is_told_and_not_held() {
        let same = json!({"machine": {"id": "m", "computerDnsName": "x".repeat(5_000)}});
        let mut recorded = Recorded::new(20_000);
        (0..40).for_each(|number| recorded.take(enriched(&format!("a@{number}"), &same)));
        assert!(!recorded.is_full() && recorded.found.len() == 40 && recorded.machines.len() == 1);
        (0..40).for_each(|number| {
            let other = json!({"machine": {"id": "m", "computerDnsName": format!("{number}{}", "x".repeat(5_000))}});
            recorded.take(enriched(&format!("b@{number}"), &other));
        });
        assert!(recorded.is_full() && recorded.held < 30_000);
    }
}
