//! Who owns the log: the pure half of claiming. The log's order decides; nobody's clock or broker answer does.

use crate::kafka::records::Inbound;

/// The epoch that a record names, be it a claim or not, and be it one that this build cannot read: a claim that was lost
/// must not make its epoch free for another owner.
pub(super) fn epoch_of(record: &Inbound) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Stamp {
        #[serde(default)]
        epoch: Option<u64>,
    }
    record.json::<Stamp>().ok()?.epoch
}

/// What one owner knows of the claims on a log.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// The highest epoch read so far.
    highest: u64,
    mine: Option<Mine>,
}

#[derive(Debug)]
struct Mine {
    offset: i64,
    epoch: u64,
    /// A record of somebody else with at least this epoch came before ours.
    beaten: bool,
}

/// What to do after a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    ReadOn,
    /// Our claim is read back, and none as high came before it.
    Won(u64),
    ClaimAgain,
}

impl Claims {
    /// The highest epoch read so far.
    pub(super) const fn highest(&self) -> u64 {
        self.highest
    }

    /// The epoch to claim next: above all that was read.
    pub(super) fn next_epoch(&self) -> u64 {
        self.highest.saturating_add(1)
    }

    /// Our claim is written there.
    pub(super) fn claimed(&mut self, offset: i64, epoch: u64) {
        // What was read before the claim was made has a lower epoch, by `next_epoch`.
        self.mine = Some(Mine { offset, epoch, beaten: false });
    }

    /// A record was read; `epoch` if it names one.
    pub(super) fn observe(&mut self, offset: i64, epoch: Option<u64>) -> Step {
        self.highest = self.highest.max(epoch.unwrap_or(0));
        let Some(mine) = &mut self.mine else { return Step::ReadOn };
        if offset < mine.offset {
            mine.beaten = mine.beaten || epoch.is_some_and(|epoch| epoch >= mine.epoch);
            return Step::ReadOn;
        }
        // A later record in place of ours means that compaction took ours, which only a later claim can cause.
        if mine.beaten { Step::ClaimAgain } else { Step::Won(mine.epoch) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_first_claim_on_an_empty_log_is_won() {
        let mut claims = Claims::default();
        assert_eq!(claims.next_epoch(), 1);
        claims.claimed(0, 1);
        assert_eq!(claims.observe(0, Some(1)), Step::Won(1));
    }

    #[test]
    fn a_claim_of_the_same_epoch_that_came_first_wins() {
        let mut claims = Claims::default();
        claims.observe(0, Some(4));
        claims.claimed(2, 5);
        assert_eq!(claims.observe(1, Some(5)), Step::ReadOn);
        assert_eq!(claims.observe(2, Some(5)), Step::ClaimAgain);
        assert_eq!(claims.next_epoch(), 6);
    }

    #[test]
    fn other_records_before_our_claim_change_nothing() {
        let mut claims = Claims::default();
        claims.claimed(9, 1);
        assert_eq!(claims.observe(3, None), Step::ReadOn);
        assert_eq!(claims.observe(9, Some(1)), Step::Won(1));
    }

    /// One owner of the race below, which reads and writes a shared log one step at a time.
    #[derive(Default)]
    struct Owner {
        claims: Claims,
        read: usize,
        waiting: bool,
        won: Option<(u64, usize)>,
    }

    impl Owner {
        fn step(&mut self, log: &mut Vec<Option<u64>>, write: bool) {
            if self.won.is_some() {
                return;
            }
            if !self.waiting && (write || self.read == log.len()) {
                let epoch = self.claims.next_epoch();
                self.claims.claimed(i64::try_from(log.len()).unwrap(), epoch);
                log.push(Some(epoch));
                self.waiting = true;
                return;
            }
            let Some(record) = log.get(self.read) else { return };
            match self.claims.observe(i64::try_from(self.read).unwrap(), *record) {
                Step::ReadOn => {}
                Step::Won(epoch) => self.won = Some((epoch, self.read)),
                Step::ClaimAgain => self.waiting = false,
            }
            self.read += 1;
        }
    }

    proptest! {
        #[test]
        fn racing_owners_win_distinct_epochs_and_later_in_the_log_is_higher(
            schedule in prop::collection::vec((0..3_usize, any::<bool>()), 0..60),
            before in prop::collection::vec(prop::option::of(1..5_u64), 0..6),
        ) {
            let mut log = before;
            let mut owners = [Owner::default(), Owner::default(), Owner::default()];
            let finish = (0..3_usize).cycle().take(300).map(|owner| (owner, false));
            for (owner, write) in schedule.into_iter().chain(finish) {
                owners[owner].step(&mut log, write);
            }
            let mut won: Vec<(u64, usize)> = owners.iter().filter_map(|owner| owner.won).collect();
            prop_assert_eq!(won.len(), 3, "an owner did not come to an end");
            won.sort_by_key(|(_, offset)| *offset);
            prop_assert!(won.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?} in {:?}", won, log);
        }
    }
}
