//! I6 and the accounts of I1: what was read has led to something. The committed offset is a promise that everything
//! below it has its output on the next topic, or its dead letter, or needs none.

use std::collections::{BTreeMap, BTreeSet};

use cordon_records::{
    AlertRecord, DecisionRecord, EnrichedRecord, LedgerRecord, Report, Topic, Verdict, dead_letter_header as header,
};

use super::Breach;
use super::evidence::{Committed, Evidence, Reader, Seen};
use super::mail;

/// What was made of the inputs of all readers.
struct Outputs {
    dead: BTreeSet<String>,
    enriched: BTreeSet<String>,
    decided: BTreeSet<String>,
    reported: BTreeSet<String>,
    notified: BTreeSet<String>,
}

impl Outputs {
    fn of(evidence: &Evidence) -> Self {
        let reports = evidence.typed::<Report>(Topic::Actions);
        let key_or_id = |report: &Report| match report {
            Report::Action(action) => action.key.as_ref().map_or(action.id.clone(), ToString::to_string),
            Report::Notice(notice) => notice.id.clone(),
        };
        let ledger = evidence.typed::<LedgerRecord>(Topic::Ledger).into_iter().filter_map(|(_, record)| match record {
            LedgerRecord::Action(entry) => Some(entry.key.to_string()),
            _ => None,
        });
        let enriched = evidence.typed::<EnrichedRecord>(Topic::Enriched).into_iter().map(|(_, record)| record.id);
        let decided = evidence.typed::<DecisionRecord>(Topic::Decisions).into_iter().map(|(_, record)| record.id);
        Self {
            dead: evidence.topic(Topic::DeadLetters).iter().filter_map(|letter| origin(evidence, letter)).collect(),
            enriched: enriched.collect(),
            decided: decided.collect(),
            reported: reports.iter().map(|(_, report)| key_or_id(report)).chain(ledger).collect(),
            notified: mail::notified(evidence).into_iter().map(|(key, _)| key).collect(),
        }
    }

    /// Whether the reader is done with this record of its input.
    fn settle(&self, evidence: &Evidence, reader: Reader, seen: &Seen) -> bool {
        self.dead.contains(&seen.place())
            || match reader {
                Reader::Enrich => seen.json::<AlertRecord>().is_some_and(|alert| self.enriched.contains(&alert.id)),
                Reader::Decide => {
                    seen.json::<EnrichedRecord>().is_some()
                        && self.decided.contains(&format!("{}{}", evidence.prefix, seen.place()))
                }
                Reader::Respond => seen
                    .json::<DecisionRecord>()
                    .is_some_and(|decision| wanted(&decision).iter().all(|report| self.reported.contains(report))),
                Reader::Notify => seen
                    .json::<Report>()
                    .is_some_and(|report| mail::key_of(&report).is_none_or(|key| self.notified.contains(&key))),
            }
    }
}

/// The action keys, or the ids of reports, that a decision leads to.
pub(super) fn wanted(decision: &DecisionRecord) -> Vec<String> {
    match (decision.verdict, &decision.machine) {
        (Verdict::Nothing, _) => Vec::new(),
        (Verdict::Act, Some(_)) => decision.planned.iter().map(|planned| planned.key.to_string()).collect(),
        (Verdict::NeedsHuman, _) | (Verdict::Act, None) => vec![format!("{}#0#needs_human", decision.alert.id)],
    }
}

/// The place that a dead letter comes from, as [`Seen::place`] writes it; `None` when it comes from no topic.
pub(super) fn origin(evidence: &Evidence, letter: &Seen) -> Option<String> {
    let topic = letter.header(header::TOPIC)?;
    let topic = topic.strip_prefix(&evidence.prefix).unwrap_or(topic);
    Some(format!("{topic}/{}/{}", letter.header(header::PARTITION)?, letter.header(header::OFFSET)?))
}

/// I6.
pub fn nothing_unsettled_lies_below_a_committed_offset(evidence: &Evidence) -> Vec<Breach> {
    let outputs = Outputs::of(evidence);
    let mut breaches = Vec::new();
    for reader in Reader::ALL {
        for seen in evidence.topic(reader.topic()) {
            let Some(next) = evidence.committed.get(&(reader, seen.partition)) else { continue };
            if seen.offset < *next && !outputs.settle(evidence, reader, seen) {
                let what = format!("{} has committed {next} and nothing came of a record below it", reader.group());
                breaches.push(Breach::new(6, what, [seen.place()]));
            }
        }
    }
    breaches
}

/// I6: a committed offset never goes back.
#[must_use]
pub fn committed_went_back(earlier: &Committed, later: &Committed) -> Vec<Breach> {
    let back = earlier.iter().filter(|(place, before)| later.get(place).is_none_or(|after| after < before));
    back.map(|((reader, partition), before)| {
        let after = later.get(&(*reader, *partition));
        let what = format!("the committed offset of {} went back from {before} to {after:?}", reader.group());
        Breach::new(6, what, [format!("{}/{partition}", reader.topic().suffix())])
    })
    .collect()
}

/// I1, at rest: in = out + skipped + dead-lettered for each reader, and all of it is committed.
pub fn everything_read_is_settled(evidence: &Evidence) -> Vec<Breach> {
    let outputs = Outputs::of(evidence);
    let mut breaches = Vec::new();
    for reader in Reader::ALL {
        let mut ends: BTreeMap<i32, i64> = BTreeMap::new();
        for seen in evidence.topic(reader.topic()) {
            ends.insert(seen.partition, seen.offset + 1);
            if !outputs.settle(evidence, reader, seen) {
                breaches.push(Breach::new(1, format!("nothing came of it in {}", reader.group()), [seen.place()]));
            }
        }
        for (partition, end) in ends {
            let next = evidence.committed.get(&(reader, partition)).copied().unwrap_or(0);
            if next < end {
                let what = format!("{} has committed {next} of {end}", reader.group());
                breaches.push(Breach::new(1, what, [format!("{}/{partition}", reader.topic().suffix())]));
            }
        }
    }
    breaches
}
