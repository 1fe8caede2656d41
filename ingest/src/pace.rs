//! When the next round begins. Pure: what the last one took and what room the quota has are passed in.

use std::fmt;
use std::time::Duration;

use cordon_defender::{Bursts, QuotaSettings, Room};
use cordon_records::text::exact_span;

/// How many calls a round needs before it begins. The question that shows that a page with news was all of it may be put off
/// to the next round's time.
pub const CALLS_OF_A_ROUND: u32 = 1;
/// How many alerts a sweep is taken to read. One that reads more makes the rounds after it wait.
const SWEPT_ALERTS: u32 = 5_000;
/// Where the server refuses what the quota should allow, rounds become no rarer than this.
const RAREST: Duration = Duration::from_secs(60);
/// A wait longer than this and than the distance is spent in several rounds, each of which says why it failed: the stage is
/// not ready then.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often the alert list is asked (`ingest.poll_interval`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollInterval {
    /// `auto`: this far apart, and further while the quota has no room.
    Auto(Duration),
    /// This far apart, whatever the quota is.
    Every(Duration),
}

impl PollInterval {
    /// `auto`, for this quota and sweeps so far apart with so many alerts a page.
    #[must_use]
    pub fn auto(quota: &QuotaSettings, sweep_interval: Duration, page_size: u32) -> Self {
        let calls = SWEPT_ALERTS.div_ceil(page_size.max(1)) + 1;
        Self::Auto(quota.poll_interval(Bursts { calls, every: sweep_interval }))
    }

    /// From one round to the next, as long as the quota has room.
    #[must_use]
    pub const fn apart(self) -> Duration {
        match self {
            Self::Auto(apart) | Self::Every(apart) => apart,
        }
    }
}

impl fmt::Display for PollInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto(apart) => write!(f, "auto ({} s)", apart.as_secs_f64()),
            Self::Every(apart) => f.write_str(&exact_span(*apart)),
        }
    }
}

/// The pace of one holder of the poll.
#[derive(Debug, Clone)]
pub struct Pace {
    interval: PollInterval,
    apart: Duration,
    refusals: u64,
}

impl Pace {
    /// A pace that begins as configured; the server has refused so many calls before.
    #[must_use]
    pub const fn new(interval: PollInterval, refusals: u64) -> Self {
        Self { interval, apart: interval.apart(), refusals }
    }

    /// How far apart rounds are at present.
    #[must_use]
    pub const fn apart(&self) -> Duration {
        self.apart
    }

    /// Whether a question that may be put off is: with `auto`, where it would have to wait for its quota. Then it takes the
    /// place of the next regular one, and rounds with news cost as many calls as those without.
    #[must_use]
    pub const fn puts_off(&self, room: Room) -> bool {
        match self.interval {
            PollInterval::Every(_) => false,
            PollInterval::Auto(_) => !room.wait.is_zero(),
        }
    }

    /// How long to wait after a round that ran for so long. With `auto` the room for the next round is waited for, and
    /// calls that the server refused double the distance: others use the quota too, who are not known here. Every round
    /// without a refusal takes a tenth off again.
    pub fn wait(&mut self, ran: Duration, room: Room) -> Duration {
        let configured = match self.interval {
            PollInterval::Every(apart) => return apart.saturating_sub(ran),
            PollInterval::Auto(apart) => apart,
        };
        let is_refused = room.refusals > self.refusals;
        self.refusals = room.refusals;
        self.apart = if is_refused {
            self.apart.saturating_mul(2).min(RAREST.max(configured))
        } else {
            (self.apart * 9 / 10).max(configured)
        };
        self.apart.saturating_sub(ran).max(room.wait.min(LONGEST_WAIT.max(self.apart)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn room(wait: u64, refusals: u64) -> Room {
        Room { wait: seconds(wait), refusals }
    }

    #[test]
    fn it_is_told_as_people_write_it_and_auto_with_what_it_comes_to() {
        let quota = |share| QuotaSettings { share, ..QuotaSettings::default() };
        let auto = |share, page_size| PollInterval::auto(&quota(share), seconds(3_600), page_size).to_string();
        assert_eq!(
            [auto(1.0, 1_000), auto(0.2, 1_000), auto(1.0, 10)],
            ["auto (3.2 s)", "auto (16 s)", "auto (5.5 s)"]
        );
        assert_eq!(PollInterval::Every(Duration::from_millis(1_500)).to_string(), "1500 ms");
    }

    #[test]
    fn a_fixed_distance_counts_from_the_rounds_beginning_whatever_the_quota() {
        let mut pace = Pace::new(PollInterval::Every(seconds(15)), 0);
        assert_eq!(pace.wait(seconds(2), room(100, 7)), seconds(13));
        assert_eq!(pace.wait(seconds(20), room(100, 9)), NOW);
        assert_eq!(pace.apart(), seconds(15));
    }

    #[test]
    fn auto_waits_for_the_room_of_a_round_and_comes_back_once_it_is_there() {
        let mut pace = Pace::new(PollInterval::Auto(seconds(4)), 3);
        assert_eq!(pace.wait(seconds(1), room(0, 3)), seconds(3));
        assert_eq!(pace.wait(seconds(1), room(9, 3)), seconds(9));
        assert_eq!(pace.wait(seconds(1), room(300, 3)), LONGEST_WAIT);
        assert_eq!(pace.wait(seconds(1), room(0, 3)), seconds(3));
    }

    #[test]
    fn refusals_double_the_distance_up_to_a_minute_and_rounds_without_any_bring_it_back() {
        let mut pace = Pace::new(PollInterval::Auto(seconds(4)), 0);
        let told: Vec<_> = (1..=6).map(|refusals| pace.wait(NOW, room(0, refusals)).as_secs()).collect();
        assert_eq!(told, [8, 16, 32, 60, 60, 60]);
        let rounds = (0..100).take_while(|_| pace.wait(NOW, room(0, 6)) > seconds(4)).count();
        assert_eq!(rounds, 25);
        let mut rare = Pace::new(PollInterval::Auto(seconds(90)), 0);
        assert_eq!(rare.wait(NOW, room(0, 1)), seconds(90));
    }

    proptest! {
        #[test]
        fn auto_is_never_faster_than_configured_and_never_waits_longer_than_a_minute_for_room(
            configured in 2u64..120, rounds in proptest::collection::vec((0u64..200, 0u64..400, 0u64..3), 1..50),
        ) {
            let mut pace = Pace::new(PollInterval::Auto(seconds(configured)), 0);
            let mut refusals = 0;
            for (ran, wait, refused) in rounds {
                refusals += refused;
                let waits = pace.wait(seconds(ran), room(wait, refusals));
                prop_assert!(waits + seconds(ran) >= seconds(configured));
                prop_assert!(waits <= pace.apart().max(LONGEST_WAIT) && pace.apart() <= RAREST.max(seconds(configured)));
            }
        }
    }
}
