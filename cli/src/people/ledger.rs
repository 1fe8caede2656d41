//! respond's memory, read from outside: what is held, and which machines it knows.

use std::collections::BTreeMap;
use std::path::Path;

use cordon_records::text::is_hex;
use cordon_records::{
    ActionState, AttemptState, Clock as _, LedgerEntry, MachineId, SystemClock, TenantId, Topic, WholeSummary,
};
use cordon_response::{LedgerFold, LedgerState, RawRecord, SummaryFold};
use cordon_runtime::kafka::{self, Fault, Inbound, KafkaFailure, KafkaSettings};
use jiff::Timestamp;

use crate::stages;

/// Where to speak with respond, and what it remembers.
pub struct Ledger {
    /// The broker.
    pub kafka: KafkaSettings,
    /// Whose machines these are.
    pub tenant: TenantId,
    /// The memory: all of it, or what is open, held or standing.
    pub ledger: LedgerState,
    /// The topic that it was read from.
    pub source: Topic,
    /// What could not be read, of a newer version perhaps, and why.
    pub left_out: Vec<String>,
}

/// Reads configuration and ledger, with all that has ended. What cannot be read, of a newer version perhaps, is said and left out.
pub async fn read(config: &Path) -> anyhow::Result<Ledger> {
    let (kafka, tenant) = stages::kafka_and_tenant(config)?;
    let (ledger, left_out) = folded(&kafka).await?;
    Ok(Ledger { kafka, tenant, ledger, source: Topic::Ledger, left_out })
}

/// Reads configuration and what is open, held or standing: see [`look_at`].
pub async fn look(config: &Path) -> anyhow::Result<Ledger> {
    let (kafka, tenant) = stages::kafka_and_tenant(config)?;
    let (ledger, source, left_out) = look_at(&kafka).await?;
    Ok(Ledger { kafka, tenant, ledger, source, left_out })
}

/// What is open, held or standing, and the switches: from `summary`, where that is whole and kept up to date, else from the
/// ledger; from which of them, and what of it cannot be read. Who may not read the ledger is shown what the summary said last,
/// as something that may lack what came since.
pub async fn look_at(kafka: &KafkaSettings) -> anyhow::Result<(LedgerState, Topic, Vec<String>)> {
    let take = |fold: &mut SummaryFold, record: Inbound| fold.take(&raw(&record), || record.position());
    let (why, last) = match kafka::fold_all(kafka, Topic::Summary, SummaryFold::default(), take).await {
        Ok(fold) => match fold.finish() {
            Ok((ledger, at)) => match outdated(at, SystemClock.now()) {
                None => return Ok((ledger, Topic::Summary, Vec::new())),
                Some(why) => (why, Some(ledger)),
            },
            Err(why) => (why.to_string(), None),
        },
        // The ledger is on the same broker.
        Err(failure) if failure.fault() == Fault::Unreachable => return Err(failure.into()),
        Err(failure) => (failure.to_string(), None),
    };
    let (summary, whole) = (kafka.topic(Topic::Summary), kafka.topic(Topic::Ledger));
    match (folded(kafka).await, last) {
        (Ok((ledger, left_out)), _) => {
            eprintln!("warning: {summary} does not say all that there is: {why}; all of {whole} was read in its place");
            Ok((ledger, Topic::Ledger, left_out))
        }
        (Err(failure), Some(last)) => {
            let lacks = format!("{summary}: {why}, and {whole} cannot be read in its place: {failure}");
            Ok((last, Topic::Summary, vec![lacks]))
        }
        (Err(failure), None) => Err(anyhow::Error::new(failure).context(format!(
            "{summary} does not say all that there is ({why}), and {whole} cannot be read in its place"
        ))),
    }
}

/// Why a summary that was last known to be whole at this instant may lack what came since.
fn outdated(at: Timestamp, now: Timestamp) -> Option<String> {
    let since = now.duration_since(at);
    let why =
        format!("respond last kept it up to date at {at}; is it running, and is the clock of this machine right?");
    (since > WholeSummary::COUNTS_FOR).then_some(why)
}

/// The ledger as respond would restore it, and what of it cannot be read, which is said.
async fn folded(kafka: &KafkaSettings) -> Result<(LedgerState, Vec<String>), KafkaFailure> {
    // One record after the other: of actions that have ended there may be a million.
    let take = |fold: &mut LedgerFold, record: Inbound| fold.take(&raw(&record), || record.position());
    let (ledger, left_out) = kafka::fold_all(kafka, Topic::Ledger, LedgerFold::default(), take).await?.finish();
    for unreadable in &left_out {
        eprintln!("warning: {} is left out: {}", unreadable.place, unreadable.why);
    }
    Ok((ledger, left_out.iter().map(ToString::to_string).collect()))
}

fn raw(record: &Inbound) -> RawRecord<'_> {
    RawRecord { key: record.key.as_deref(), headers: &record.headers, value: record.value.as_deref() }
}

/// Whether it waits for a person.
pub fn is_held(entry: &LedgerEntry, now: Timestamp) -> bool {
    entry.state == AttemptState::Reported(ActionState::Held) && entry.expires_at.is_none_or(|until| now < until)
}

/// What waits for a person; what expires first comes first.
pub fn held(ledger: &LedgerState, now: Timestamp) -> Vec<&LedgerEntry> {
    let mut held: Vec<&LedgerEntry> = ledger.entries().filter(|entry| is_held(entry, now)).collect();
    held.sort_by_key(|entry| (entry.expires_at, entry.at));
    held
}

/// Which machine is meant.
#[derive(Debug, PartialEq, Eq)]
pub enum Meant {
    /// This one, and what it is called.
    One(MachineId, String),
    /// Several of that name: id and name of each.
    Several(Vec<(MachineId, String)>),
    /// None.
    Unknown,
}

/// Finds a machine by its id, or by its name with or without domain, in any case. An id that Cordon has never seen is
/// taken when it looks like Defender's.
pub fn machine(ledger: &LedgerState, text: &str) -> Meant {
    let mut known: BTreeMap<MachineId, String> = BTreeMap::new();
    for entry in ledger.entries() {
        known.insert(entry.machine.id.clone(), entry.machine.label().to_owned());
    }
    let same_id = |id: &MachineId| id.as_str().eq_ignore_ascii_case(text);
    let mut found: Vec<(MachineId, String)> = known
        .iter()
        .filter(|(id, name)| same_id(id) || is_called(name, text))
        .map(|(id, name)| (id.clone(), name.clone()))
        .collect();
    if let Some(exact) = found.iter().position(|(id, _)| same_id(id)) {
        found = vec![found.swap_remove(exact)];
    }
    match (found.pop(), MachineId::new(text)) {
        (Some((id, name)), _) if found.is_empty() => Meant::One(id, name),
        (Some(last), _) => Meant::Several(found.into_iter().chain([last]).collect()),
        (None, Ok(id)) if is_hex(text, 40) => Meant::One(id, text.to_owned()),
        (None, _) => Meant::Unknown,
    }
}

/// Whether people may call a machine of this name so: with or without its domain, in any case.
pub fn is_called(name: &str, text: &str) -> bool {
    let host = name.split('.').next().unwrap_or_default();
    name.eq_ignore_ascii_case(text) || host.eq_ignore_ascii_case(text)
}

#[cfg(test)]
pub mod tests {
    use cordon_records::LedgerRecord;

    use super::*;

    /// A held isolation, with this key, on this machine.
    pub fn entry(key: &str, machine: &str, name: &str) -> LedgerEntry {
        let text = include_str!("../../../common/records/examples/v1/ledger-action.json");
        let LedgerRecord::Action(mut entry) = serde_json::from_str(text).unwrap() else { panic!("no entry") };
        entry.key = serde_json::from_value(key.into()).unwrap();
        entry.machine.id = MachineId::new(machine).unwrap();
        entry.machine.name = Some(name.to_owned());
        entry.state = AttemptState::Reported(ActionState::Held);
        entry.attempt = 0;
        entry.intents = Vec::new();
        entry.expires_at = Some("2026-11-23T22:41:08Z".parse().unwrap());
        *entry
    }

    pub fn ledger(entries: &[LedgerEntry]) -> LedgerState {
        let mut ledger = LedgerState::default();
        entries.iter().for_each(|entry| ledger.apply(LedgerRecord::Action(Box::new(entry.clone())).into()));
        ledger
    }

    fn ids(meant: &Meant) -> Vec<&str> {
        match meant {
            Meant::One(id, _) => vec![id.as_str()],
            Meant::Several(all) => all.iter().map(|(id, _)| id.as_str()).collect(),
            Meant::Unknown => Vec::new(),
        }
    }

    #[test]
    fn a_summary_counts_for_two_minutes_after_its_holder_last_kept_it_up_to_date() {
        let at: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        let after = |seconds| outdated(at, at + jiff::SignedDuration::from_secs(seconds));
        assert_eq!([-60, 0, 120].map(after), [None, None, None]);
        assert!(after(121).unwrap().contains("2026-11-24T00:00:00Z"));
    }

    #[test]
    fn what_has_expired_is_not_held_and_what_expires_first_is_first() {
        let (mut late, soon) = (entry("aa", "m1", "ONE"), entry("bb", "m2", "TWO"));
        late.expires_at = Some("2026-11-24T00:00:00Z".parse().unwrap());
        let ledger = ledger(&[late, soon]);
        let keys = |now: &str| {
            let held = held(&ledger, now.parse().unwrap());
            held.iter().map(|entry| entry.key.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(keys("2026-11-23T00:00:00Z"), ["bb", "aa"]);
        assert_eq!(keys("2026-11-23T22:41:08Z"), ["aa"], "the end itself is too late, as for respond");
    }

    #[test]
    fn a_machine_is_found_by_id_and_by_name_in_any_case_with_or_without_domain() {
        let ledger = ledger(&[entry("aa", "m1", "laptop-anna.contoso.com"), entry("bb", "m2", "DC-01")]);
        for text in ["m1", "LAPTOP-ANNA", "Laptop-Anna.contoso.com"] {
            assert_eq!(ids(&machine(&ledger, text)), ["m1"], "{text}");
        }
        assert_eq!(machine(&ledger, "laptop"), Meant::Unknown);
    }

    #[test]
    fn a_name_that_two_machines_have_is_not_guessed_and_an_id_always_wins() {
        let known = self::ledger(&[entry("aa", "00c0", "PC.a.com")]);
        assert_eq!(ids(&machine(&known, "00C0")), ["00c0"], "however the portal spells it");
        let ledger = ledger(&[entry("aa", "m1", "PC.a.com"), entry("bb", "m2", "pc.b.com"), entry("cc", "m3", "m1")]);
        assert_eq!(ids(&machine(&ledger, "pc")), ["m1", "m2"]);
        assert_eq!(ids(&machine(&ledger, "pc.b.com")), ["m2"]);
        assert_eq!(ids(&machine(&ledger, "m1")), ["m1"]);
    }

    #[test]
    fn an_id_that_is_not_known_is_taken_when_it_looks_like_one() {
        let id = "00000000000000000000000000000000000c04d0";
        assert_eq!(ids(&machine(&LedgerState::default(), id)), [id]);
        assert_eq!(machine(&LedgerState::default(), "m9"), Meant::Unknown);
    }
}
