//! What nobody can ask for any more leaves the ledger: closed actions, once no decision and no alert about them can come
//! again, and commands whose time is over. Pure.
//!
//! A tombstone has no value that could say who wrote it, and compaction would let that of a stale holder erase what its
//! successor has written since. So, first, one is written only within the lease of a claim of ours that was written again for
//! it and read back with no higher one before it, as a call is made. Second, it names its epoch in a header, so that whoever
//! restores the log knows those of a stale holder. Third, a key under which something is known is written again wherever
//! such a tombstone is read, live or at a restart; Cordon's topics are compacted no sooner than after a day.

use std::time::{Duration, Instant};

use cordon_records::{Cleanup, ClosedEntry, LedgerRecord, Topic};
use jiff::SignedDuration;

use super::event::{Effect, Moment};
use super::responder::Responder;
use super::schedule::Due;
use super::settlement::OnDurable;

/// For so long Defender serves an alert, and may change it.
const ALERTS_SERVED: Duration = Duration::from_secs(180 * 86_400);

/// How long a command is kept after its end: clocks of well-kept machines differ by less.
const COMMAND_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// How many are removed at once.
const AT_ONCE: usize = 100;

/// How long until more are removed, and until anybody looks again where there are none.
const STEP: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(3_600);

/// How long a closed action is kept: a decision may come again as long as its topic is kept, and its alert as long as it is
/// served.
fn kept() -> Duration {
    let decisions = match Topic::Decisions.spec().cleanup {
        Cleanup::Delete(kept) => kept,
        Cleanup::Compact => Duration::MAX,
    };
    decisions.saturating_add(ALERTS_SERVED)
}

/// What is about to be removed, once our claim is read back.
#[derive(Debug, Default)]
pub(super) struct Removal {
    asked: Option<(Instant, Vec<String>)>,
}

impl Responder {
    /// Looks for what nobody can ask for any more, and writes our claim again, to know that we still hold the ledger.
    pub(super) fn remove_some(&mut self, at: Moment) {
        self.schedule.set(Due::Remove, at.mono + AGAIN);
        if !self.shortening.is_believed(at) {
            return;
        }
        let old = SignedDuration::try_from(kept()).unwrap_or(SignedDuration::MAX);
        let day = at.wall.checked_sub(old).map_or(0, ClosedEntry::day_of);
        let ended = at.wall.checked_sub(COMMAND_KEPT).unwrap_or(jiff::Timestamp::MIN);
        let keys = self.ledger.removable((day, ended), AT_ONCE);
        let Some(claim) = self.ledger.claim.clone().filter(|_| !keys.is_empty()) else { return };
        self.removal.asked = Some((at.mono, keys));
        self.record(Vec::new(), vec![LedgerRecord::Claim(claim)], OnDurable::default());
    }

    /// Our claim was read back, and none stood before it that is higher.
    pub(super) fn claim_read_back(&mut self, at: Moment) {
        let Some((since, keys)) = self.removal.asked.take() else { return };
        let until = since + self.config.lease;
        if at.mono >= until {
            return;
        }
        let keys: Vec<String> = keys.into_iter().filter(|key| self.ledger.remove(key)).collect();
        self.schedule.set(Due::Remove, at.mono + STEP);
        self.effects.push(Effect::Remove { keys, epoch: self.epoch, until });
    }
}
