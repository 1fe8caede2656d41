//! Records out of files, with the key under which the pipeline would have written each: to fill a topic with.

use std::ops::ControlFlow;
use std::path::PathBuf;

use cordon_records::{Alert, EnrichedRecord, Headers};

use crate::document::Unreadable;
use crate::error::BacktestError;
use crate::input::{Files, Source};
use crate::unread::Unread;

/// A record as it goes to the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// The machine's id, else the alert's.
    pub key: String,
    /// What stands beside it.
    pub headers: Headers,
    /// The record, byte for byte.
    pub value: Vec<u8>,
}

/// Gives every record of these files, until told to stop; gives back what is none.
///
/// # Errors
/// When a file cannot be read to its end.
pub fn each_record(
    files: &[PathBuf],
    mut give: impl FnMut(Keyed) -> ControlFlow<()>,
) -> Result<Unreadable, BacktestError> {
    let mut unread = Unread::default();
    Files::new(files.to_vec()).read(&mut |chunk| {
        for (number, why) in &chunk.refused {
            unread.add(chunk.place(*number), why.clone());
        }
        for (number, bytes) in chunk.records() {
            match keyed(bytes) {
                Ok(record) => {
                    if give(record).is_break() {
                        return ControlFlow::Break(());
                    }
                }
                Err(why) => unread.add(chunk.place(number), why),
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(unread.told())
}

fn keyed(bytes: &[u8]) -> Result<Keyed, String> {
    let record: EnrichedRecord = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let alert: Alert = record.alert.view().map_err(|error| format!("its alert cannot be read: {error}"))?;
    let machine = alert.machine_id.as_ref().map(|id| id.as_str().to_owned());
    let key = machine.unwrap_or_else(|| record.alert_id.as_str().to_owned());
    let alert = record.alert_id.as_str();
    let headers = Headers::event("corpus", "alert.enriched", &record.id, record.enriched_at, alert);
    Ok(Keyed { key, headers, value: bytes.to_vec() })
}
