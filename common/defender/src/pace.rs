//! How far apart calls of the alert list may be that go on for ever, pure.
//!
//! An alert becomes visible at any time between two questions, so it waits for half the distance in the median, and no
//! distribution of as many questions does better than an even one. The published 1,500 calls an hour are one each 2.4 s. Of
//! them 300 are not spent: 160 on what 16 restarts in an hour may call at once (10 each), 140 on bursts (`quota`); what
//! remains is one each 3 s. A thirtieth of that flow (40 calls an hour) is kept for pages beyond the first and for
//! questions that cannot be put off, and what a sweep takes (6 calls). So alone it is 3 s / (1 − 1/30 − 6 × 3 s / 1 h)
//! = 3.12 s, up to the next tenth: 3.2 s, and an alert waits 1.6 s in the median. That a page with news was the whole of it,
//! is shown by the next regular question where there is no room for one at once, so news do not make the distance longer
//! unless they come with every second question.

use std::time::Duration;

use crate::settings::QuotaSettings;

/// However large the quota is, the list is not asked more often: an alert is raised a minute or more after its event, so
/// less would be gained than it costs both sides.
const LEAST: Duration = Duration::from_secs(2);
/// Of so many calls that flow back, one is kept for pages beyond the first and for what is asked twice.
const RESERVE: u128 = 30;

/// Calls that come in between, each time so many one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bursts {
    /// How many calls.
    pub calls: u32,
    /// From one burst to the next.
    pub every: Duration,
}

impl QuotaSettings {
    /// How far apart regular calls of the alert list are that leave room for such bursts and a reserve, in tenths of a second:
    /// what both take together flows back between two bursts. Never below 2 s. Bursts that would take more than half of
    /// what flows back get half of it, and wait.
    #[must_use]
    pub fn poll_interval(&self, bursts: Bursts) -> Duration {
        let per_call = self.time_per_alert_list().as_nanos();
        let period = bursts.every.as_nanos().max(1);
        let kept = (period / RESERVE + u128::from(bursts.calls) * per_call).min(period / 2);
        let tenths = (per_call * period).div_ceil((period - kept) * 100_000_000);
        Duration::from_millis(u64::try_from(tenths).unwrap_or(u64::MAX).saturating_mul(100)).max(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::endpoint::Endpoint;
    use crate::quota::{Account, Priority};

    const HOURLY: Bursts = Bursts { calls: 6, every: Duration::from_secs(3_600) };

    fn tenths(quota: QuotaSettings, bursts: Bursts) -> u128 {
        quota.poll_interval(bursts).as_millis() / 100
    }

    fn part(share: f64) -> QuotaSettings {
        QuotaSettings { share, ..QuotaSettings::default() }
    }

    #[test]
    fn alone_it_is_a_little_over_three_seconds_and_at_a_fifth_sixteen() {
        assert_eq!([1.0, 0.5, 0.2].map(|share| tenths(part(share), HOURLY)), [32, 63, 160]);
    }

    #[test]
    fn more_calls_in_between_leave_less_for_the_rest_but_never_less_than_half() {
        let with = |calls, every| tenths(part(1.0), Bursts { calls, every: Duration::from_secs(every) });
        assert_eq!([with(6, 60), with(501, 3_600), with(501, 60)], [45, 55, 60]);
    }

    #[test]
    fn the_smaller_of_the_two_windows_decides_and_the_floor_is_two_seconds() {
        let of = |per_minute, per_hour| tenths(QuotaSettings { share: 1.0, per_minute, per_hour }, HOURLY);
        assert_eq!(of(Some(4), None), 271);
        assert_eq!(of(Some(1_000_000), Some(10_000_000)), 20);
    }

    /// Any share of any quota.
    fn quotas() -> impl Strategy<Value = QuotaSettings> {
        let given = || proptest::option::weighted(0.3, 1u32..20_000);
        (0.001f64..=1.0, given(), given()).prop_map(|(share, per_minute, per_hour)| QuotaSettings {
            share,
            per_minute,
            per_hour,
        })
    }

    fn bursts() -> impl Strategy<Value = Bursts> {
        (0u32..200, 1u64..86_400).prop_map(|(calls, every)| Bursts { calls, every: Duration::from_secs(every) })
    }

    /// Makes one call, waiting as told, and says whether it had to.
    fn call(account: &mut Account, now: &mut Duration) -> bool {
        let mut waited = false;
        while let Err(wait) = account.take(*now, Priority::Ordinary) {
            (waited, *now) = (true, *now + wait);
        }
        waited
    }

    proptest! {
        // Many bursts do not fit their quota, or come too seldom to be run through.
        #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::default() })]

        #[test]
        fn it_is_never_below_two_seconds_nor_faster_than_the_quota(quota in quotas(), bursts in bursts()) {
            let interval = quota.poll_interval(bursts);
            prop_assert!(interval >= LEAST && interval >= quota.time_per_alert_list());
        }

        #[test]
        fn a_larger_share_never_makes_it_longer(quota in quotas(), other in 0.001f64..=1.0, bursts in bursts()) {
            let (small, large) = (quota.share.min(other), quota.share.max(other));
            let at = |share| QuotaSettings { share, ..quota }.poll_interval(bursts);
            prop_assert!(at(large) <= at(small), "{:?} at {large}, {:?} at {small}", at(large), at(small));
        }

        #[test]
        fn regular_calls_never_wait_and_no_burst_takes_longer_than_from_a_full_bucket(
            quota in quotas(), bursts in bursts(),
        ) {
            let per_call = quota.time_per_alert_list();
            let fits = bursts.every / 30 + per_call * bursts.calls <= bursts.every / 2;
            let interval = quota.poll_interval(bursts);
            prop_assume!(fits && bursts.every > interval * 4 && bursts.every / 2_000 < interval);
            let mut account = Account::new(Endpoint::AlertList, quota.limits(Endpoint::AlertList), Duration::ZERO);
            // Long enough for every bucket to be full.
            let mut now = Duration::from_secs(48 * 3_600);
            let mut from_full = None;
            for _ in 0..20 {
                let began = now;
                (0..bursts.calls).for_each(|_| { call(&mut account, &mut now); });
                let first = *from_full.get_or_insert(now - began);
                prop_assert!(now - began <= first + per_call * 2, "the bucket drains: {first:?}, then {:?}", now - began);
                now += interval;
                while now < began + bursts.every {
                    prop_assert!(!call(&mut account, &mut now), "a regular call waits at {now:?}");
                    now += interval;
                }
                now = began + bursts.every;
            }
        }
    }
}
