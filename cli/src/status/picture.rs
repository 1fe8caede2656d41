//! What there is to tell.

use std::collections::BTreeMap;

use cordon_ingest::PollInterval;
use cordon_records::{
    ActionKey, ActionKind, ActionState, AttemptState, Claim, CommandPlace, DeadLetterReason, Latch, LedgerEntry,
    PolicyStanding, PollCursor, StageHealth, Wait, dead_letter_header as header,
};
use cordon_response::LedgerState;
use cordon_runtime::kafka::Membership;
use jiff::Timestamp;

use crate::dlq::Letter;
use crate::dlq::seen::{SeenUpTo, Void};

/// What was found out, or why it could not be.
pub type Looked<T> = Result<T, String>;

/// The installation as its topics show it.
#[derive(Debug)]
pub struct Picture {
    /// The stages and roles, in the order of an alert's way.
    pub stages: Vec<Stage>,
    /// What respond remembers.
    pub ledger: Looked<Ledger>,
    /// Rule set and time of the newest decision.
    pub decided: Looked<Option<(String, Timestamp)>>,
    /// How far the poll has come.
    pub cursor: Looked<Option<PollCursor>>,
    /// How often ingest polls, by this configuration file.
    pub poll_interval: PollInterval,
    /// What people asked for and respond has not read.
    pub commands: Looked<Commands>,
    /// Records that no stage could handle.
    pub dead_letters: Looked<DeadLetters>,
}

/// An installation of which nothing is there yet.
#[cfg(test)]
impl Default for Picture {
    fn default() -> Self {
        Self {
            stages: Vec::new(),
            ledger: Ok(Ledger::default()),
            decided: Ok(None),
            cursor: Ok(None),
            poll_interval: PollInterval::Auto(std::time::Duration::from_millis(3_200)),
            commands: Ok(Commands::default()),
            dead_letters: Ok(DeadLetters::default()),
        }
    }
}

/// A stage, or a role of one.
#[derive(Debug)]
pub struct Stage {
    /// Its name for people.
    pub name: &'static str,
    /// Who stands in its group.
    pub members: Looked<Membership>,
    /// The newest word of each of its processes.
    pub words: Looked<Vec<StageHealth>>,
    /// What it has yet to settle; `None` of one that settles no records.
    pub unsettled: Option<Looked<Unsettled>>,
}

/// What a stage has yet to settle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// All of it.
    pub all: Unread,
    /// Where some of it waits on purpose.
    pub on_purpose: Option<OnPurpose>,
}

/// What waits on purpose, and what does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnPurpose {
    /// What for.
    pub waits: Vec<Wait>,
    /// What the stage has not even read.
    pub unread: Unread,
}

impl Unsettled {
    /// What must not wait for long.
    pub fn urgent(&self) -> Unread {
        self.on_purpose.as_ref().map_or(self.all, |on_purpose| on_purpose.unread)
    }
}

impl From<Unread> for Unsettled {
    fn from(all: Unread) -> Self {
        Self { all, on_purpose: None }
    }
}

/// Records that wait to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unread {
    /// How many.
    pub records: i64,
    /// When the oldest was written.
    pub oldest: Option<Timestamp>,
}

/// What is on `commands` for respond to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commands {
    /// What respond has not read, of what it will.
    pub unread: Unread,
    /// What tells that the topic is another one than the one that respond has read.
    pub made_anew: Option<MadeAnew>,
}

/// A topic that is shorter than what was read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct MadeAnew {
    /// The next offset that respond would have read.
    pub next: i64,
    /// Where the topic ends now.
    pub end: i64,
    /// Whether respond knows by the time of writing what is new here.
    pub is_told_by_time: bool,
}

impl Commands {
    /// As respond goes by it ([`CommandPlace::is_new`]). `written` is when each of them was, by offset; `end` is where the
    /// topic ends.
    pub fn of(
        (next, newest): (i64, Option<Timestamp>),
        written: impl IntoIterator<Item = (i64, Option<Timestamp>)>,
        end: i64,
    ) -> Self {
        let is_new = |(offset, at): &(i64, Option<Timestamp>)| {
            CommandPlace { offset: *offset, written_at: *at }.is_new(next, newest)
        };
        let new: Vec<Option<Timestamp>> = written.into_iter().filter(is_new).map(|(_, at)| at).collect();
        let oldest = new.iter().flatten().min().copied();
        let unread = Unread { records: i64::try_from(new.len()).unwrap_or(i64::MAX), oldest };
        let made_anew = (end < next).then_some(MadeAnew { next, end, is_told_by_time: newest.is_some() });
        Self { unread, made_anew }
    }
}

/// An action that waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// Since when.
    pub since: Timestamp,
    /// When it stops waiting.
    pub until: Option<Timestamp>,
}

/// An action that is held because the tenant refuses our application: no approval lifts that.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refused {
    /// Since when.
    pub since: Timestamp,
    /// When it stops waiting.
    pub until: Option<Timestamp>,
    /// Why it is refused.
    pub why: String,
}

/// What the ledger says.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Who writes the ledger.
    pub claim: Option<Claim>,
    /// The writer's rules and guards.
    pub policy: Option<PolicyStanding>,
    /// The breaker.
    pub breaker: Option<Latch>,
    /// The pause switch.
    pub pause: Option<Latch>,
    /// Number of machines, and when they were counted.
    pub fleet: Option<(u64, Timestamp)>,
    /// Actions on their way.
    pub open: usize,
    /// Actions on their way whose end is overdue.
    pub overdue: usize,
    /// Actions of which nobody knows whether they were done, the oldest first.
    pub doubts: Vec<InDoubt>,
    /// Actions that wait for a person, the oldest first.
    pub held: Vec<Held>,
    /// Actions that are held because the tenant refuses our application, the oldest first.
    pub refused: Vec<Refused>,
    /// Isolations that end by themselves: how many, and when the next one does.
    pub timers: Option<(usize, Timestamp)>,
    /// The next command to be read.
    pub commands_next: i64,
    /// When the newest of those that were read was written.
    pub commands_newest: Option<Timestamp>,
}

/// The dead letters that are kept.
#[derive(Debug, Default)]
pub struct DeadLetters {
    /// How many.
    pub kept: usize,
    /// How many of them nobody has seen, by stage and reason.
    pub unseen: BTreeMap<String, usize>,
    /// When the oldest of those died.
    pub oldest: Option<Timestamp>,
    /// What people said they had seen of a topic that is gone.
    pub void: Vec<Void>,
    /// Words that records were deleted before they were read, which nobody has seen, by stage.
    pub lost: BTreeMap<String, usize>,
    /// When the oldest of those was said.
    pub oldest_lost: Option<Timestamp>,
}

impl DeadLetters {
    /// Takes one up.
    pub fn take(&mut self, letter: Letter<'_>, seen: &mut SeenUpTo) {
        self.kept += 1;
        if !seen.look(letter) {
            return;
        }
        let word = |name| letter.said(name).unwrap_or("unknown").to_owned();
        let died = letter.said(header::FAILED_AT).and_then(|at| at.parse().ok()).or(letter.0.timestamp);
        if letter.said(header::REASON) == Some(DeadLetterReason::Lost.as_str()) {
            *self.lost.entry(word(header::STAGE)).or_default() += 1;
            self.oldest_lost = [self.oldest_lost, died].into_iter().flatten().min();
            return;
        }
        *self.unseen.entry(format!("{} {}", word(header::STAGE), word(header::REASON))).or_default() += 1;
        self.oldest = [self.oldest, died].into_iter().flatten().min();
    }

    /// How many nobody has seen.
    pub fn unseen_count(&self) -> usize {
        self.unseen.values().sum()
    }
}

/// An action of which nobody knows whether it was done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InDoubt {
    /// Its key, for `cordon approvals show`.
    pub key: ActionKey,
    /// What was to be done.
    pub kind: ActionKind,
    /// The machine's name, else its id.
    pub machine: String,
    /// When it was asked for.
    pub since: Timestamp,
    /// Until when nothing is done about it.
    pub until: Option<Timestamp>,
    /// Why nobody knows.
    pub why: String,
}

impl From<&LedgerEntry> for InDoubt {
    fn from(entry: &LedgerEntry) -> Self {
        Self {
            key: entry.key.clone(),
            kind: entry.action.kind(),
            machine: entry.machine.label().to_owned(),
            since: entry.asked_at(),
            until: entry.rests_until,
            why: entry.reason.clone(),
        }
    }
}

impl From<&LedgerEntry> for Refused {
    fn from(entry: &LedgerEntry) -> Self {
        Self { since: entry.at, until: entry.expires_at, why: entry.reason.clone() }
    }
}

impl Ledger {
    /// From records in log order.
    #[cfg(test)]
    pub fn read(records: impl IntoIterator<Item = cordon_records::StampedRecord>, now: Timestamp) -> Self {
        let mut ledger = LedgerState::default();
        records.into_iter().for_each(|record| ledger.apply(record));
        Self::of(&ledger, now)
    }

    /// What of it people look at.
    pub fn of(ledger: &LedgerState, now: Timestamp) -> Self {
        let waits = |expires_at: Option<Timestamp>| expires_at.is_none_or(|until| now < until);
        let held = ledger
            .entries()
            .filter(|entry| entry.state == AttemptState::Reported(ActionState::Held) && waits(entry.expires_at));
        let (refused, held): (Vec<&LedgerEntry>, Vec<&LedgerEntry>) = held.partition(|entry| entry.tenant_refuses);
        let held = held.into_iter().map(|entry| Held { since: entry.at, until: entry.expires_at });
        let mut held: Vec<Held> = held.collect();
        held.sort_by_key(|held| held.since);
        let mut refused: Vec<Refused> = refused.into_iter().map(Refused::from).collect();
        refused.sort_by_key(|refused| refused.since);
        let mut doubts: Vec<InDoubt> = ledger.in_doubt().map(InDoubt::from).collect();
        doubts.sort_by_key(|doubt| doubt.since);
        Self {
            held,
            refused,
            doubts,
            timers: ledger.timers().first().map(|(next, _)| (ledger.timers().len(), *next)),
            open: ledger.open_count(),
            overdue: ledger.open().filter(|entry| entry.alarmed).count(),
            fleet: ledger.fleet().map(|fleet| (fleet.machines, fleet.at)),
            commands_next: ledger.commands_next(),
            commands_newest: ledger.commands_newest(),
            claim: ledger.claim().cloned(),
            policy: ledger.policy().cloned(),
            breaker: ledger.breaker().cloned(),
            pause: ledger.pause().cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use cordon_records::{Headers, Topic};
    use cordon_runtime::kafka::Inbound;

    use super::*;

    fn letter(offset: i64, reason: &str, at: &str) -> Inbound {
        let mut headers = Headers::default();
        for (name, value) in [(header::STAGE, "enrich"), (header::REASON, reason), (header::FAILED_AT, at)] {
            headers.set(name, value);
        }
        Inbound {
            topic: Topic::DeadLetters,
            topic_name: "cordon.dead-letters".into(),
            partition: 0,
            offset,
            key: None,
            headers,
            value: None,
            timestamp: None,
        }
    }

    #[test]
    fn commands_are_unread_from_the_next_offset_on_and_where_they_are_newer_than_the_newest_that_was_read() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let written = |minutes: &[i64]| (0..).zip(minutes.iter().map(|it| Some(at(*it)))).collect::<Vec<_>>();
        let of = |next, newest: Option<i64>, minutes: &[i64]| {
            let all = written(minutes);
            let end = i64::try_from(all.len()).unwrap();
            let Commands { unread, made_anew } = Commands::of((next, newest.map(at)), all, end);
            (unread.records, unread.oldest, made_anew.map(|it| it.is_told_by_time))
        };
        assert_eq!(of(3, Some(3), &[1, 2, 3]), (0, None, None));
        assert_eq!(of(2, Some(2), &[1, 2, 3]), (1, Some(at(3)), None));
        assert_eq!(of(2, Some(9), &[1, 2, 3]), (1, Some(at(3)), None), "the clock of whoever wrote it may be behind");
        assert_eq!(of(3, Some(3), &[4, 5]), (2, Some(at(4)), Some(true)), "made anew, with two that are new");
        assert_eq!(of(3, Some(3), &[]), (0, None, Some(true)), "made anew, and empty");
        assert_eq!(of(2, Some(3), &[4, 5, 6]), (3, Some(at(4)), None), "made anew, and as long as before");
        assert_eq!(of(3, None, &[4, 5]), (0, None, Some(false)), "an older build's ledger does not say when");
    }

    #[test]
    fn words_that_records_are_lost_are_counted_apart_from_what_no_stage_could_handle() {
        let (old, new) = ("2026-11-24T01:00:00Z", "2026-11-24T02:00:00Z");
        let mut dead = DeadLetters::default();
        for (offset, reason, at) in [(0, "decode", new), (1, "lost", new), (2, "lost", old)] {
            dead.take(Letter(&letter(offset, reason, at)), &mut SeenUpTo::default());
        }
        assert_eq!((dead.kept, dead.unseen_count()), (3, 1));
        assert_eq!(dead.unseen, [("enrich decode".to_owned(), 1)].into());
        assert_eq!(dead.lost, [("enrich".to_owned(), 2)].into());
        assert_eq!((dead.oldest, dead.oldest_lost), (new.parse().ok(), old.parse().ok()));
    }
}
