//! What is written, as Kafka records, and in which order. Writes run side by side, but two that touch one key of the ledger
//! follow each other: the topic is compacted, so the last record of a key is the one that stays.

use std::collections::HashMap;

use cordon_records::{Headers, LedgerRecord, Report, StampedRecord, Topic};
use cordon_response::RawRecord;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::Outbound;
use tokio::sync::watch;

use crate::error::ActError;

/// The last write of every ledger key that is under way.
#[derive(Debug, Default)]
pub struct Writes {
    last: HashMap<String, watch::Receiver<bool>>,
}

/// One write's place in the order.
#[derive(Debug)]
pub struct Turn {
    before: Vec<watch::Receiver<bool>>,
    done: watch::Sender<bool>,
}

impl Writes {
    /// Gives the next write that touches these keys its turn. To be called in the order in which writes were asked for.
    pub fn turn(&mut self, keys: impl IntoIterator<Item = String>) -> Turn {
        self.last.retain(|_, done| !*done.borrow());
        let (done, mine) = watch::channel(false);
        // Of one write's own keys, none comes before another.
        let before = keys.into_iter().filter_map(|key| self.last.insert(key, mine.clone()));
        let before = before.filter(|other| !other.same_channel(&mine)).collect();
        Turn { before, done }
    }
}

impl Turn {
    /// Waits for every earlier write of the same keys.
    ///
    /// # Errors
    /// [`ActError::OutOfTurn`] when one of them was not done: this one must not overtake it.
    pub async fn come(&mut self) -> Result<(), ActError> {
        for earlier in &mut self.before {
            if earlier.wait_for(|done| *done).await.is_err() {
                return Err(ActError::OutOfTurn);
            }
        }
        Ok(())
    }

    /// The write is confirmed.
    pub fn done(self) {
        self.done.send_replace(true);
    }
}

/// The Kafka record of a ledger record. There may be a million closed actions, so theirs has no headers.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn outbound(record: &StampedRecord, context: &Context) -> Result<Outbound, ActError> {
    let key = record.record().key();
    let headers = match record.record() {
        LedgerRecord::Closed(_) => Headers::default(),
        _ => Headers::event("act", "ledger.entry", &key, context.clock.now(), &key),
    };
    Ok(Outbound::json(Topic::Ledger, &key, headers, record)?)
}

/// The tombstone that removes a key, under the claim of this epoch.
pub fn tombstone(key: String, epoch: u64) -> Outbound {
    let headers = RawRecord::headers_of(epoch);
    Outbound { topic: Topic::Ledger, key: Some(key), headers, value: None }
}

/// The Kafka record of a report, under the key of its machine.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn report(report: &Report, context: &Context) -> Result<Outbound, ActError> {
    let (key, kind, trace, at) = match report {
        Report::Action(record) => {
            let key = record.machine.as_ref().map_or(record.alert.id.as_str(), |machine| machine.id.as_str());
            (key, format!("action.{}", record.state.as_str()), record.alert.id.as_str(), record.at)
        }
        Report::Notice(notice) => ("cordon", format!("notice.{}", notice.kind.as_str()), notice.id.as_str(), notice.at),
    };
    let headers = Headers::event(context.stage, &kind, report.id(), at, trace);
    Ok(Outbound::json(Topic::Actions, key, headers, report)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    async fn comes(turn: &mut Turn) -> Option<bool> {
        tokio::select! {
            biased;
            came = turn.come() => Some(came.is_ok()),
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn a_write_waits_for_every_earlier_one_of_its_keys_and_for_no_other() {
        let mut writes = Writes::default();
        let mut pause = writes.turn(keys(&["pause", "commands"]));
        let mut other = writes.turn(keys(&["action/k"]));
        let mut position = writes.turn(keys(&["commands"]));
        assert_eq!(comes(&mut pause).await, Some(true));
        assert_eq!(comes(&mut other).await, Some(true));
        assert_eq!(comes(&mut position).await, None);
        pause.done();
        assert_eq!(comes(&mut position).await, Some(true));
    }

    #[tokio::test]
    async fn what_follows_a_write_that_failed_is_not_written() {
        let mut writes = Writes::default();
        let failed = writes.turn(keys(&["commands"]));
        let mut position = writes.turn(keys(&["commands"]));
        drop(failed);
        assert_eq!(comes(&mut position).await, Some(false));
        let mut later = writes.turn(keys(&["commands"]));
        drop(position);
        assert_eq!(comes(&mut later).await, Some(false));
    }

    #[tokio::test]
    async fn writes_that_are_done_are_forgotten() {
        let mut writes = Writes::default();
        for n in 0..1_000 {
            writes.turn([format!("action/{n}")]).done();
        }
        assert!(writes.last.len() <= 1, "{}", writes.last.len());
    }

    #[tokio::test]
    async fn one_write_of_a_key_twice_does_not_wait_for_itself() {
        let mut writes = Writes::default();
        let mut twice = writes.turn(keys(&["commands", "commands"]));
        assert_eq!(comes(&mut twice).await, Some(true));
    }
}
