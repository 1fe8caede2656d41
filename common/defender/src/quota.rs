//! Token buckets for the published limits, pure: time is passed in.
//!
//! A bucket that holds at most a fifth of the limit and refills four fifths of it per window can never let more
//! calls into any window of that length than the limit, wherever the window starts. A restart begins with up to
//! ten calls, and a window that spans one restart may hold what both lives spent; so that it stays within the
//! limit too, the bucket holds its fifth less that initial level. All arithmetic is in whole numbers.

use std::time::Duration;

use crate::endpoint::Limits;

/// Who asks. Ordinary reads leave a fifth of each bucket to the calls of the responder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Polling and enriching.
    Ordinary,
    /// Looking and acting right before or after an effect.
    Respond,
}

/// The most calls that a fresh process may make at once.
const MOST_INITIAL: u128 = 10;
/// Units per call and nanosecond of window, so that every share used below is a whole number.
const UNITS: u128 = 50;

/// One window's bucket. The level is counted in units of 1/(50 × window in ns) call, so that a nanosecond
/// refills exactly `40 × limit` units, which is four fifths of the limit per window.
#[derive(Debug, Clone)]
struct Bucket {
    call: u128,
    capacity: u128,
    /// The most that is kept for the responder.
    reserve: u128,
    per_nano: u128,
    level: u128,
    /// How much of the level is kept for the responder: it gets a fifth of each refill until it is full.
    kept: u128,
    at: Duration,
}

impl Bucket {
    fn new(limit: u32, window: Duration, now: Duration) -> Self {
        let limit = u128::from(limit.max(1));
        let nanos = window.as_nanos();
        let call = UNITS * nanos;
        let tenth_of_limit = 5 * limit * nanos;
        let initial = (MOST_INITIAL * call).min(tenth_of_limit);
        // Without room for one whole call a tiny limit would let nothing through for ever; with it, a window
        // still holds at most 1 + 0.8 × limit + 0.1 × limit calls, which for limits below ten is below limit + 1.
        let capacity = (2 * tenth_of_limit - initial).max(call);
        let reserve = (capacity / 5).min(capacity - call);
        let per_nano = 40 * limit;
        Self { call, capacity, reserve, per_nano, level: initial, kept: (initial / 5).min(reserve), at: now }
    }

    fn refill(&mut self, now: Duration) {
        let refill = now.saturating_sub(self.at).as_nanos().saturating_mul(self.per_nano);
        self.at = self.at.max(now);
        self.level = self.level.saturating_add(refill).min(self.capacity);
        self.kept = self.kept.saturating_add(refill / 5).min(self.reserve);
    }

    /// How long until a call of this priority may go; zero means now. For ordinary calls it is the longer way,
    /// on which the responder's part is still filling.
    fn wait(&self, priority: Priority) -> Duration {
        let (missing, per_nano) = match priority {
            Priority::Ordinary => ((self.call + self.kept).saturating_sub(self.level), self.per_nano / 5 * 4),
            Priority::Respond => (self.call.saturating_sub(self.level), self.per_nano),
        };
        Duration::from_nanos(u64::try_from(missing.div_ceil(per_nano)).unwrap_or(u64::MAX))
    }

    /// Spends one call; the responder's own part goes last.
    fn spend(&mut self) {
        self.level = self.level.saturating_sub(self.call);
        self.kept = self.kept.min(self.level);
    }
}

/// The account of one path template: its minute, its hour, and until when the server wants no call at all.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    minute: Bucket,
    hour: Bucket,
    blocked_until: Duration,
}

impl Account {
    /// A fresh account. `now` is any monotonic time; later calls use the same clock.
    pub(crate) fn new(limits: Limits, now: Duration) -> Self {
        Self {
            minute: Bucket::new(limits.per_minute, Duration::from_secs(60), now),
            hour: Bucket::new(limits.per_hour, Duration::from_secs(3_600), now),
            blocked_until: now,
        }
    }

    /// Takes one call, or says how long to wait before asking again.
    pub(crate) fn take(&mut self, now: Duration, priority: Priority) -> Result<(), Duration> {
        self.minute.refill(now);
        self.hour.refill(now);
        let blocked = self.blocked_until.saturating_sub(now);
        let wait = self.minute.wait(priority).max(self.hour.wait(priority)).max(blocked);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.minute.spend();
        self.hour.spend();
        Ok(())
    }

    /// Lets no call through before that time; an earlier block that ends later stands.
    pub(crate) fn block_until(&mut self, until: Duration) {
        self.blocked_until = self.blocked_until.max(until);
    }
}

/// The part of the published limits that this process may use, at least one call per window.
pub(crate) fn share(limits: Limits, share: f64) -> Limits {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the share is within 0 and 1, so the product fits"
    )]
    let part = |limit: u32| ((f64::from(limit) * share.clamp(0.0, 1.0)).floor() as u32).max(1);
    Limits { per_minute: part(limits.per_minute), per_hour: part(limits.per_hour) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3_600);

    /// The most events in any window of that length, both ends included.
    fn busiest(events: &[Duration], window: Duration) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (last, at) in events.iter().enumerate() {
            while *at - events[first] > window {
                first += 1;
            }
            most = most.max(last - first + 1);
        }
        most
    }

    /// Asks at every arrival, waits as told up to `patience` times, and gives back when calls went out.
    fn drive(account: &mut Account, arrivals: &[(u64, bool)], start: Duration, patience: usize) -> Vec<Duration> {
        let mut now = start;
        let mut sent = Vec::new();
        for (gap, urgent) in arrivals {
            now += Duration::from_millis(*gap);
            let priority = if *urgent { Priority::Respond } else { Priority::Ordinary };
            for _ in 0..=patience {
                match account.take(now, priority) {
                    Ok(()) => {
                        sent.push(now);
                        break;
                    }
                    Err(wait) => now += wait,
                }
            }
        }
        sent
    }

    fn arrivals() -> impl Strategy<Value = Vec<(u64, bool)>> {
        let gap = prop_oneof![8 => Just(0u64), 4 => 0u64..2_000, 1 => 0u64..200_000];
        proptest::collection::vec((gap, any::<bool>()), 1..600)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn no_window_ever_exceeds_its_limit_also_across_a_restart(
            per_minute in 1u32..200, factor in 1u32..30, before in arrivals(), after in arrivals(), pause in 0u64..90_000,
        ) {
            let limits = Limits { per_minute, per_hour: per_minute * factor };
            let mut sent = drive(&mut Account::new(limits, Duration::ZERO), &before, Duration::ZERO, 3);
            let restart = sent.last().copied().unwrap_or_default() + Duration::from_millis(pause);
            sent.extend(drive(&mut Account::new(limits, restart), &after, restart, 3));
            prop_assert!(busiest(&sent, MINUTE) <= limits.per_minute as usize);
            prop_assert!(busiest(&sent, HOUR) <= limits.per_hour as usize);
        }

        #[test]
        fn a_caller_who_waits_as_told_gets_through(per_minute in 1u32..200, arrivals in arrivals()) {
            let limits = Limits { per_minute, per_hour: per_minute * 15 };
            let mut account = Account::new(limits, Duration::ZERO);
            prop_assert_eq!(drive(&mut account, &arrivals, Duration::ZERO, 1).len(), arrivals.len());
        }
    }

    const PUBLISHED: Limits = Limits { per_minute: 100, per_hour: 1_500 };

    #[test]
    fn a_fresh_process_may_make_ten_calls_at_once_and_not_eleven() {
        let mut account = Account::new(PUBLISHED, Duration::ZERO);
        for _ in 0..10 {
            assert_eq!(account.take(Duration::ZERO, Priority::Respond), Ok(()));
        }
        assert!(account.take(Duration::ZERO, Priority::Respond).is_err());
    }

    #[test]
    fn ordinary_reads_leave_a_fifth_to_the_responder() {
        let mut account = Account::new(PUBLISHED, Duration::ZERO);
        let mut count = |priority| {
            std::iter::repeat_with(|| account.take(Duration::ZERO, priority)).take_while(Result::is_ok).count()
        };
        assert_eq!(count(Priority::Ordinary), 8);
        assert_eq!(count(Priority::Respond), 2);
    }

    #[test]
    fn ordinary_reads_that_never_stop_do_not_keep_the_responder_waiting() {
        let mut account = Account::new(PUBLISHED, Duration::ZERO);
        drive(&mut account, &vec![(0, false); 1_000], Duration::ZERO, 9);
        let now = account.hour.at;
        let urgent = std::iter::repeat_with(|| account.take(now, Priority::Respond)).take_while(Result::is_ok).count();
        assert!(urgent >= 2, "{urgent}");
    }

    #[test]
    fn the_steady_rate_is_four_fifths_of_the_hour() {
        let mut account = Account::new(PUBLISHED, Duration::ZERO);
        let sent = drive(&mut account, &vec![(0, false); 2_400], Duration::ZERO, 9);
        let second_hour = sent.iter().filter(|at| **at > HOUR && **at <= HOUR * 2).count();
        assert!((1_190..=1_201).contains(&second_hour), "{second_hour}");
    }

    #[test]
    fn a_block_holds_until_its_end_and_a_shorter_one_does_not_cut_it() {
        let mut account = Account::new(PUBLISHED, Duration::ZERO);
        account.block_until(Duration::from_secs(8));
        account.block_until(Duration::from_secs(3));
        assert_eq!(account.take(Duration::from_secs(7), Priority::Respond), Err(Duration::from_secs(1)));
        assert_eq!(account.take(Duration::from_secs(8), Priority::Respond), Ok(()));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_refills_nothing() {
        let mut account = Account::new(PUBLISHED, Duration::from_secs(100));
        while account.take(Duration::from_secs(100), Priority::Respond).is_ok() {}
        assert!(account.take(Duration::from_secs(1), Priority::Respond).is_err());
        assert!(account.take(Duration::from_secs(100), Priority::Respond).is_err());
    }

    #[test]
    fn a_share_scales_both_windows_and_leaves_at_least_one_call() {
        assert_eq!(share(PUBLISHED, 0.3), Limits { per_minute: 30, per_hour: 450 });
        assert_eq!(share(PUBLISHED, 0.0), Limits { per_minute: 1, per_hour: 1 });
        assert_eq!(share(PUBLISHED, 7.0), PUBLISHED);
    }
}
