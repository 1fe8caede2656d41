//! Finds the newest enriched record of an alert. Records are keyed by machine, so every partition is read to its
//! present end; nothing is kept but the newest match.

use std::path::Path;

use cordon_records::{EnrichedRecord, Topic};
use cordon_runtime::kafka::{self, Inbound};

use crate::rules::Misconfigured;
use crate::stages;

/// A sign of life on the way through a large topic, every so many records.
const SIGN_EVERY: u64 = 200_000;

/// What was seen so far.
#[derive(Default)]
struct Search {
    read: u64,
    newest: Option<EnrichedRecord>,
}

impl Search {
    fn look(&mut self, id: &str, record: &Inbound) {
        self.read += 1;
        if self.read.is_multiple_of(SIGN_EVERY) {
            eprintln!("{} records read …", self.read);
        }
        // Parsing is dear and the id stands in the record as it is: ids hold no character that JSON escapes.
        let holds_id = record
            .value
            .as_deref()
            .and_then(|value| std::str::from_utf8(value).ok())
            .is_some_and(|text| text.contains(id));
        if !holds_id {
            return;
        }
        let Ok(enriched) = record.json::<EnrichedRecord>() else { return };
        let is_newer = self.newest.as_ref().is_none_or(|newest| newest.enriched_at <= enriched.enriched_at);
        if enriched.alert_id.as_str() == id && is_newer {
            self.newest = Some(enriched);
        }
    }
}

/// The record of this alert that was made last; `None` after saying that there is none.
pub async fn newest(config: &Path, id: &str) -> anyhow::Result<Option<EnrichedRecord>> {
    let kafka = stages::kafka(config).map_err(Misconfigured)?;
    let topic = kafka.topic(Topic::Enriched);
    eprintln!("looking for {id} on {topic} at {} …", kafka.bootstrap_servers);
    let wanted = id.to_owned();
    let look = move |search: &mut Search, record| search.look(&wanted, &record);
    let search = kafka::fold_all(&kafka, Topic::Enriched, Search::default(), look).await?;
    if search.newest.is_none() {
        eprintln!("error: none of the {} records on {topic} is about alert {id}", search.read);
        eprintln!("help: the topic keeps 90 days; an alert that enrich has not seen yet is explained from its JSON");
    }
    Ok(search.newest)
}
