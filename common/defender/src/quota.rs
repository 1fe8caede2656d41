//! Token buckets for the published limits, pure: time is passed in.
//!
//! A bucket that holds at most `capacity` calls and refills `refill` calls per window lets at most the two together
//! into any window of that length, wherever the window starts. A restart forgets the bucket and begins with
//! `initial` calls, so a window with `j` restarts in it holds at most `capacity + refill + j × initial`. The three are
//! chosen so that this is exactly the limit for `j` = [`Window::restarts`]; each further restart within one window can
//! add `initial` calls, at most ten, and nothing else can. 3 restarts a minute and 16 an hour are what Kubernetes
//! makes of a container that ends at once whenever it is started (immediately, then after 10 s, 20 s, 40 s … 5 min).
//!
//! | of a limit `L` | refill | capacity | initial | with 100 and 1,500 |
//! |---|---|---|---|---|
//! | minute | 0.6 L | 0.4 L − 3 × initial | L / 15, at most 10, one if L is 10 | 60, 20, 6⅔ |
//! | hour | 0.8 L | 0.2 L − 16 × initial | L / 160, at most 10, one if L is 107 | 1,200, 150, 9⅜ |
//!
//! The hour binds in the long run (20 a minute of the published numbers), so the minute can afford to refill less and
//! to keep more for restarts. What it refills of the published numbers is one call a second: an isolation a second goes
//! on for as long as the hour has some. A process that knows what was called before, as respond does from its ledger, says so
//! ([`Account::charge`]); then the limit holds whatever the number of restarts. All arithmetic is in whole numbers.

use std::time::Duration;

use crate::endpoint::{Endpoint, Limits};
use crate::settings::QuotaSettings;

/// Who asks. Ordinary reads leave a fifth of each bucket to the calls of the responder, but for the alert list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Priority {
    /// Polling and enriching.
    Ordinary,
    /// Looking and acting right before or after an effect.
    Respond,
    /// Looking what became of an effect. Nothing waits for it but a report, so it leaves four fifths of a minute's bucket to
    /// what comes before an effect.
    Follow,
}

/// The most calls that a fresh process may make at once.
const MOST_INITIAL: i128 = 10;
/// Units per call and nanosecond of window, so that every share used below is a whole number.
const UNITS: i128 = 50;

/// A length of time that calls are counted in.
#[derive(Debug, Clone, Copy)]
struct Window {
    length: Duration,
    /// How many fiftieths of the limit flow back in this time.
    refill: i128,
    /// How many restarts in this time stay within the limit.
    restarts: i128,
}

const MINUTE: Window = Window { length: Duration::from_secs(60), refill: 30, restarts: 3 };
const HOUR: Window = Window { length: Duration::from_secs(3_600), refill: 40, restarts: 16 };

impl Window {
    /// In which time one call of a limit flows back, rounded up.
    fn per_call(self, limit: u32) -> Duration {
        let (call, per_nano) = (UNITS * nanos(self.length), self.refill * i128::from(limit.max(1)));
        up(call, per_nano)
    }
}

/// One window's bucket. The level is counted in units of 1/(50 × window in ns) call, so that a nanosecond
/// refills a whole number of them. It is below zero when more was spent than the bucket would have given.
#[derive(Debug, Clone)]
struct Bucket {
    window: Duration,
    call: i128,
    capacity: i128,
    /// The most that is kept for the responder.
    reserve: i128,
    per_nano: i128,
    level: i128,
    /// What is left alone by follow-ups.
    left_alone: i128,
    /// How much of the level is kept for the responder: it gets a fifth of each refill until it is full.
    kept: i128,
    at: Duration,
}

impl Bucket {
    /// `shared`: whether ordinary reads leave a part to the responder.
    fn new((limit, window): (u32, Window), shared: bool, now: Duration) -> Self {
        let limit = i128::from(limit.max(1));
        let length = nanos(window.length);
        let call = UNITS * length;
        let room = (UNITS - window.refill) * limit * length;
        // Half of the room stays for the bucket itself, however many restarts there are to provide for. Of a small limit it may
        // be a quarter, so that a fresh process has a whole call.
        let part = |of_room: i128| of_room / window.restarts;
        let initial = (MOST_INITIAL * call).min(part(room / 2).max(call.min(part(room * 3 / 4))));
        // Without room for one whole call a tiny limit would let nothing through for ever. With it, a window still
        // holds less than limit + 1 calls: one, the refill, and three quarters of the room.
        let capacity = (room - window.restarts * initial).max(call);
        // At least a whole call, or the responder could not use it.
        let reserve = if shared { (capacity / 5).max(call).min(capacity - call) } else { 0 };
        let per_nano = window.refill * limit;
        let kept = (initial / 5).min(reserve);
        // The hour's bucket stays low for long after a storm, and people want to know what became of it.
        let left_alone = if window.length == MINUTE.length { capacity * 4 / 5 } else { 0 };
        Self { window: window.length, call, capacity, reserve, per_nano, level: initial, left_alone, kept, at: now }
    }

    fn refill(&mut self, now: Duration) {
        let refill = nanos(now.saturating_sub(self.at)).saturating_mul(self.per_nano);
        self.at = self.at.max(now);
        self.level = self.level.saturating_add(refill).min(self.capacity);
        self.kept = self.kept.saturating_add(refill / 5).min(self.reserve);
    }

    /// How long until so many calls of this priority may go one after the other, or as many as the bucket ever gives at
    /// once; zero means now. For ordinary calls it is the longer way, on which the responder's part is still filling.
    fn wait(&self, priority: Priority, calls: u32) -> Duration {
        let wanted = (self.call * i128::from(calls)).min(self.capacity - self.reserve);
        let (needed, per_nano) = match priority {
            // Only while the responder's part is filling, a fifth goes there.
            Priority::Ordinary if self.kept < self.reserve => (wanted + self.kept, self.per_nano / 5 * 4),
            Priority::Ordinary => (wanted + self.kept, self.per_nano),
            Priority::Respond => (wanted, self.per_nano),
            Priority::Follow => (wanted + self.left_alone.min(self.capacity - wanted), self.per_nano),
        };
        // Rounded up, so that the wait is enough.
        up((needed - self.level).max(0), per_nano)
    }

    /// Spends one call; the responder's own part goes last.
    fn spend(&mut self) {
        self.level -= self.call;
        self.kept = self.kept.min(self.level.max(0));
    }

    /// Lowers the level to what would be left of a full bucket after calls of these ages, youngest first. Of all
    /// instants since which the bucket may have been full, the one that leaves least counts.
    fn charge(&mut self, ages: &[Duration]) {
        let within = ages.iter().filter(|age| **age <= self.window);
        let left = |(age, calls): (&Duration, i128)| {
            (self.capacity + nanos(*age).saturating_mul(self.per_nano)).min(i128::MAX / 2) - calls * self.call
        };
        if let Some(least) = within.zip(1..).map(left).min() {
            self.level = self.level.min(least);
            self.kept = self.kept.min(self.level.max(0));
        }
    }
}

/// So many units at so many a nanosecond, rounded up.
fn up(units: i128, per_nano: i128) -> Duration {
    Duration::from_nanos(u64::try_from((units + per_nano - 1) / per_nano).unwrap_or(u64::MAX))
}

fn nanos(time: Duration) -> i128 {
    i128::from(time.as_secs()) * 1_000_000_000 + i128::from(time.subsec_nanos())
}

/// The account of one path template: its minute, its hour, and until when the server wants no call at all.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    minute: Bucket,
    hour: Bucket,
    blocked_until: Duration,
    refusals: u64,
}

/// What an account has to spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How long until the calls that were asked about can go one after the other, or as many as may ever go at once; zero
    /// means now. Calls of others meanwhile make it longer.
    pub wait: Duration,
    /// How often the server has answered 429, and so said that more was called than it grants, since this process asks it.
    pub refusals: u64,
}

impl Account {
    /// A fresh account of a path template with these limits, of a process that started at `now`: any monotonic time; later
    /// calls use the same clock.
    pub(crate) fn new(endpoint: Endpoint, limits: Limits, now: Duration) -> Self {
        // The alert list is asked at a steady pace by the poll. respond asks it only where the server has no `alerts/{id}`,
        // and waits then as the poll does.
        let shared = !matches!(endpoint, Endpoint::AlertList);
        Self {
            minute: Bucket::new((limits.per_minute, MINUTE), shared, now),
            hour: Bucket::new((limits.per_hour, HOUR), shared, now),
            blocked_until: now,
            refusals: 0,
        }
    }

    /// Takes one call, or says how long to wait before asking again.
    pub(crate) fn take(&mut self, now: Duration, priority: Priority) -> Result<(), Duration> {
        self.minute.refill(now);
        self.hour.refill(now);
        let wait = self.wait(now, priority, 1);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.minute.spend();
        self.hour.spend();
        Ok(())
    }

    /// What room there is for so many calls; takes none.
    pub(crate) fn room(&mut self, now: Duration, priority: Priority, calls: u32) -> Room {
        self.minute.refill(now);
        self.hour.refill(now);
        Room { wait: self.wait(now, priority, calls), refusals: self.refusals }
    }

    fn wait(&self, now: Duration, priority: Priority, calls: u32) -> Duration {
        let blocked = self.blocked_until.saturating_sub(now);
        self.minute.wait(priority, calls).max(self.hour.wait(priority, calls)).max(blocked)
    }

    /// Takes into account that calls of these ages went out before `now`, by whomever: no window that ends after
    /// `now` holds more than the limit then, whatever the number of restarts, if every call of the last hour is named
    /// and none is made out to be older than it is. It never raises a level; calls that are counted already may be
    /// named again.
    pub(crate) fn charge(&mut self, now: Duration, ages: &[Duration]) {
        let mut ages = ages.to_vec();
        ages.sort_unstable();
        for bucket in [&mut self.minute, &mut self.hour] {
            bucket.refill(now);
            bucket.charge(&ages);
        }
    }

    /// Lets no call through before that time, because the server refused one; an earlier block that ends later stands.
    pub(crate) fn block_until(&mut self, until: Duration) {
        self.refusals += 1;
        self.blocked_until = self.blocked_until.max(until);
    }
}

impl QuotaSettings {
    /// What this process may call of a path template. Other numbers than the published ones are given for the API's
    /// ordinary templates; those with numbers of their own change in the same proportion.
    pub(crate) fn limits(&self, endpoint: Endpoint) -> Limits {
        let (published, ordinary) = (endpoint.limits(), endpoint.ordinary_limits());
        let scaled = |published: u32, ordinary: u32, given: Option<u32>| {
            let given = u64::from(given.unwrap_or(ordinary));
            let calls = u64::from(published) * given / u64::from(ordinary.max(1));
            u32::try_from(calls.max(1)).unwrap_or(u32::MAX)
        };
        let per_minute = scaled(published.per_minute, ordinary.per_minute, self.per_minute);
        let per_hour = scaled(published.per_hour, ordinary.per_hour, self.per_hour);
        share(Limits { per_minute, per_hour }, self.share)
    }

    /// In which time one call of the alert list flows back into the account of this process, in the longer of the two
    /// windows: calls that are further apart can go on for ever.
    pub(crate) fn time_per_alert_list(&self) -> Duration {
        let limits = self.limits(Endpoint::AlertList);
        MINUTE.per_call(limits.per_minute).max(HOUR.per_call(limits.per_hour))
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
mod tests;
