//! What people look at is what the ledger has in full, whoever crashed, woke late or compacted in between; or it is said
//! that it is not whole.

use std::collections::BTreeMap;

use cordon_records::{
    ActionKey, ActionState, AttemptState, Claim, Counter, Headers, LedgerEntry, LedgerRecord, WholeSummary,
};
use jiff::SignedDuration;
use proptest::prelude::*;

use super::samples::start;
use super::stale::{claim, closed_as};
use crate::{
    LastWords, LedgerState, NotWhole, RawRecord, SummaryChanges, SummaryFold, SummaryRecords, mirrored, summarised,
};

const EXAMPLE: &str = include_str!("../../../../common/records/examples/v1/ledger-action.json");

fn key(number: u8) -> ActionKey {
    ActionKey::new(format!("{number:016x}")).unwrap()
}

/// The naive model: the ledger's newest record of each key, and all that was written to `summary`.
struct Model {
    by: Counter,
    count: u32,
    ledger: BTreeMap<String, LedgerRecord>,
    topic: Vec<(String, Headers, Option<Vec<u8>>)>,
    compacted_after_stale: bool,
    stale: bool,
}

impl Model {
    fn new() -> Self {
        let by = Counter { ledger: start(), epoch: 0 };
        let (ledger, topic) = (BTreeMap::new(), Vec::new());
        let mut model = Self { by, count: 0, ledger, topic, compacted_after_stale: false, stale: false };
        model.takes_over();
        model
    }

    fn write(&mut self, by: Counter, key: String, record: Option<&LedgerRecord>) {
        let headers = RawRecord::headers_of_holder(by);
        self.topic.push((key, headers, record.map(|record| serde_json::to_vec(record).unwrap())));
    }

    fn mark(&mut self, by: Counter) {
        let headers = RawRecord::headers_of_holder(by);
        let value = serde_json::to_vec(&WholeSummary { epoch: by.epoch, at: start() }).unwrap();
        self.topic.push((WholeSummary::KEY.to_owned(), headers, Some(value)));
    }

    fn fold(&self) -> SummaryFold {
        let mut fold = SummaryFold::default();
        for (key, headers, value) in &self.topic {
            let raw = RawRecord { key: Some(key.as_bytes()), headers, value: value.as_deref() };
            fold.take(&raw, || key.clone());
        }
        fold
    }

    /// An entry that nobody has written before.
    fn entry(&mut self, number: u8) -> LedgerRecord {
        let LedgerRecord::Action(mut entry) = serde_json::from_str(EXAMPLE).unwrap() else { panic!("an action") };
        self.count += 1;
        (entry.key, entry.attempt) = (key(number), self.count);
        entry.state = AttemptState::Reported(ActionState::Held);
        LedgerRecord::Action(entry).stamped(self.by.epoch).into_record()
    }

    /// The holder writes to the ledger, and then to `summary` unless it dies between the two.
    fn records(&mut self, record: &LedgerRecord, dies: bool) {
        self.ledger.insert(record.key(), record.clone());
        if dies {
            return self.takes_over();
        }
        if let Some((key, change)) = mirrored(record) {
            self.write(self.by, key, change.as_ref());
        }
    }

    fn restored(&self) -> LedgerState {
        let mut ledger = LedgerState::default();
        self.ledger.values().for_each(|record| ledger.apply(record.clone().into()));
        ledger
    }

    fn takes_over(&mut self) {
        self.by.epoch += 1;
        let claim = LedgerRecord::Claim(Claim { epoch: self.by.epoch, owner: "h".into(), at: self.by.ledger });
        self.ledger.insert(claim.key(), claim.clone());
        let wanted = SummaryRecords::of(&self.restored());
        let mut changes: SummaryChanges = wanted.differences(&self.fold());
        let first = changes.remove("claim").unwrap();
        assert_eq!(first, Some(claim));
        self.write(self.by, "claim".into(), first.as_ref());
        for (key, record) in changes {
            self.write(self.by, key, record.as_ref());
        }
        self.mark(self.by);
        (self.stale, self.compacted_after_stale) = (false, false);
        assert!(wanted.differences(&self.fold()).is_empty(), "only differences are written");
        assert!(self.fold().finish().is_ok());
    }

    /// A former holder wakes.
    fn says_late(&mut self, number: u8, what: u8) {
        let by = Counter { epoch: self.by.epoch - 1, ..self.by };
        match what {
            0 => self.mark(by),
            1 => self.write(by, format!("action/{}", key(number)), None),
            _ => {
                let record = self.entry(number);
                self.write(by, record.key(), Some(&record));
            }
        }
        self.stale = true;
    }

    fn compacts(&mut self) {
        let later = |at: usize| self.topic[at + 1..].iter().any(|other| other.0 == self.topic[at].0);
        let kept = (0..self.topic.len()).filter(|at| !later(*at)).map(|at| self.topic[at].clone()).collect();
        self.topic = kept;
        self.compacted_after_stale |= self.stale;
    }

    /// The holder looks whether a former one has written over something, and says that again.
    fn looks_again(&mut self) {
        let mut words = LastWords::default();
        for (key, headers, value) in &self.topic {
            words.take(&RawRecord { key: Some(key.as_bytes()), headers, value: value.as_deref() });
        }
        let ledger = self.restored();
        for key in words.astray_under(self.by) {
            let record = summarised(&ledger, &key);
            self.write(self.by, key, record.as_ref());
        }
        self.mark(self.by);
        (self.stale, self.compacted_after_stale) = (false, false);
        assert!(SummaryRecords::of(&ledger).differences(&self.fold()).is_empty());
    }

    fn is_made_anew(&mut self) {
        self.by = Counter { ledger: self.by.ledger + SignedDuration::from_secs(1), epoch: 0 };
        self.ledger.clear();
        self.takes_over();
    }

    /// What is told is what the ledger has in full; where it is not, that is said, and only where it may come to that.
    fn is_right(&self) -> Result<(), TestCaseError> {
        let full: BTreeMap<ActionKey, LedgerEntry> = self
            .ledger
            .values()
            .filter_map(|record| match record {
                LedgerRecord::Action(entry) => Some((entry.key.clone(), (**entry).clone())),
                _ => None,
            })
            .collect();
        match self.fold().finish() {
            Ok((ledger, _)) => {
                let told: BTreeMap<_, _> = ledger.entries().map(|it| (it.key.clone(), it.clone())).collect();
                prop_assert_eq!(told, full);
                prop_assert_eq!(ledger.claim().map(|claim| claim.epoch), Some(self.by.epoch));
            }
            Err(NotWhole::Astray(_)) => prop_assert!(self.stale),
            Err(NotWhole::Behind(epoch)) => prop_assert!(self.compacted_after_stale && epoch == self.by.epoch),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
        Ok(())
    }
}

/// Which of seven things happens, to which key, and how.
fn happenings() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    proptest::collection::vec((0u8..13, 0u8..4, 0u8..3), 0..24)
}

proptest! {
    #[test]
    fn what_is_told_is_what_the_ledger_has_in_full_or_it_is_said_that_it_is_not_whole(all in happenings()) {
        let mut model = Model::new();
        for (what, number, how) in all {
            match what {
                0..=4 => {
                    let entry = model.entry(number);
                    model.records(&entry, how == 0);
                }
                5..=6 => {
                    let (state, epoch) = (ActionState::Denied, model.by.epoch);
                    model.count += 1;
                    let closed = closed_as(&key(number), state, (model.count, epoch));
                    model.records(&LedgerRecord::Closed(closed), how == 0);
                }
                7 => model.takes_over(),
                8 | 9 if model.by.epoch > 1 => model.says_late(number, how),
                10 => model.compacts(),
                11 if how == 0 => model.is_made_anew(),
                12 => model.looks_again(),
                _ => {}
            }
            model.is_right()?;
        }
    }
}

#[test]
fn nobody_says_none_of_a_summary_that_was_never_written_or_is_not_marked_or_cannot_be_read() {
    assert!(matches!(SummaryFold::default().finish(), Err(NotWhole::Never)));
    let mut model = Model::new();
    model.by.epoch += 1;
    let record = claim(model.by.epoch).into_record();
    model.write(model.by, record.key(), Some(&record));
    assert!(matches!(model.fold().finish(), Err(NotWhole::Behind(2))), "a holder that has not compared yet");
    model.mark(model.by);
    assert!(model.fold().finish().is_ok());
    let headers = RawRecord::headers_of_holder(model.by);
    model.topic.push(("action/k".to_owned(), headers, Some(b"{".to_vec())));
    assert!(matches!(model.fold().finish(), Err(NotWhole::Unreadable(_))));
    model.takes_over();
}

#[test]
fn what_a_former_holder_wrote_over_is_said_again_by_the_holder_and_by_nobody_else() {
    let mut model = Model::new();
    let entry = model.entry(1);
    model.records(&entry, false);
    model.takes_over();
    let closed = closed_as(&key(1), ActionState::Denied, (2, model.by.epoch));
    model.records(&LedgerRecord::Closed(closed), false);
    // What is closed stands there once more.
    model.says_late(1, 2);
    assert!(matches!(model.fold().finish(), Err(NotWhole::Astray(_))));
    let former = Counter { epoch: model.by.epoch - 1, ..model.by };
    let mut words = LastWords::default();
    for (key, headers, value) in &model.topic {
        words.take(&RawRecord { key: Some(key.as_bytes()), headers, value: value.as_deref() });
    }
    assert!(words.clone().astray_under(former).is_empty(), "who was taken over from says nothing more");
    assert_eq!(words.astray_under(model.by).into_iter().collect::<Vec<_>>(), [format!("action/{}", key(1))]);
    model.looks_again();
    assert_eq!(model.fold().finish().unwrap().0.entries().count(), 0);
}

#[test]
fn the_switches_and_the_position_are_mirrored_and_applied_commands_are_not() {
    let mut ledger = LedgerState::default();
    for name in
        ["genesis", "claim", "breaker", "pause", "commands-position", "policy", "fleet-size", "obeyed", "closed"]
    {
        let path = format!("{}/../records/examples/v1/ledger-{name}.json", env!("CARGO_MANIFEST_DIR"));
        let record: LedgerRecord = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        ledger.apply(record.into());
    }
    let changes = SummaryRecords::of(&ledger).differences(&SummaryFold::default());
    let keys: Vec<&str> = changes.keys().map(String::as_str).collect();
    assert_eq!(keys, ["breaker", "claim", "commands", "fleet", "genesis", "pause", "policy"]);
}
