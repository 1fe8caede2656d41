//! Microsoft's published call quotas: 100 a minute and 1500 an hour for each path template and app registration, and
//! other numbers for a few templates.
//!
//! Source: the "API limitations" notes of the Defender for Endpoint API pages; the key is Destination + TenantID + AppID.
//! Refused calls count too, so that a client that retries early prolongs its block.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::wire_time::{after, before};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The limits of the ordinary calls; those of the others change in proportion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Calls a minute.
    pub per_minute: u32,
    /// Calls an hour.
    pub per_hour: u32,
}

impl Default for Quota {
    fn default() -> Self {
        Self { per_minute: 100, per_hour: 1500 }
    }
}

impl Quota {
    /// The quota of calls for which these numbers are published instead of the ordinary ones, in proportion to this one.
    pub(crate) fn scaled(self, per_minute: u32, per_hour: u32) -> Self {
        let ordinary = Self::default();
        let part = |published: u32, given: u32, of: u32| {
            let calls = u64::from(published) * u64::from(given) / u64::from(of);
            u32::try_from(calls.max(1)).unwrap_or(u32::MAX)
        };
        Self {
            per_minute: part(per_minute, self.per_minute, ordinary.per_minute),
            per_hour: part(per_hour, self.per_hour, ordinary.per_hour),
        }
    }
}

/// A call beyond a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// Seconds after which a call passes again if none is made meanwhile.
    pub(crate) retry_after: u64,
    /// What Microsoft writes: `Maximum allowed 100 per 00:01:00`.
    pub(crate) limit: String,
}

/// Sliding windows of calls per (path template, client id).
#[derive(Debug, Default)]
pub(crate) struct Windows {
    calls: HashMap<(&'static str, String), VecDeque<Timestamp>>,
    violations: u64,
}

impl Windows {
    /// Counts a call.
    pub(crate) fn call(
        &mut self,
        template: &'static str,
        app: &str,
        quota: Quota,
        now: Timestamp,
    ) -> Result<(), Exceeded> {
        let calls = self.calls.entry((template, app.to_owned())).or_default();
        while calls.front().is_some_and(|at| *at <= before(now, HOUR)) {
            calls.pop_front();
        }
        calls.push_back(now);
        let over =
            exceeded(calls, now, HOUR, quota.per_hour).or_else(|| exceeded(calls, now, MINUTE, quota.per_minute));
        match over {
            None => Ok(()),
            Some(over) => {
                self.violations += 1;
                Err(over)
            }
        }
    }

    /// How many calls went beyond a limit.
    pub(crate) fn violations(&self) -> u64 {
        self.violations
    }
}

fn exceeded(calls: &VecDeque<Timestamp>, now: Timestamp, window: Duration, limit: u32) -> Option<Exceeded> {
    let start = before(now, window);
    let recent = calls.iter().rev().take_while(|at| **at > start).count();
    let limit_calls = usize::try_from(limit).unwrap_or(usize::MAX);
    if recent <= limit_calls {
        return None;
    }
    // A further call passes when at most limit - 1 of the present ones are still in the window.
    let leaves = calls.len().saturating_sub(limit_calls.max(1));
    let free_at = calls.get(leaves).or(calls.back()).map_or(now, |at| after(*at, window));
    let wait = free_at.as_nanosecond() - now.as_nanosecond();
    let seconds =
        u64::try_from(wait.div_euclid(1_000_000_000) + i128::from(wait.rem_euclid(1_000_000_000) > 0)).unwrap_or(1);
    let span = if window == HOUR { "01:00:00" } else { "00:01:00" };
    Some(Exceeded { retry_after: seconds.max(1), limit: format!("Maximum allowed {limit} per {span}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn the_call_after_the_limit_is_refused_and_passes_once_it_waited_as_told() {
        let mut windows = Windows::default();
        let quota = Quota { per_minute: 3, per_hour: 100 };
        for second in 0..3 {
            windows.call("/api/alerts", "app", quota, at(second)).unwrap();
        }
        let over = windows.call("/api/alerts", "app", quota, at(3)).unwrap_err();
        assert!(over.limit.contains("3 per 00:01:00"), "{over:?}");
        let wait = i64::try_from(over.retry_after).unwrap();
        assert!(windows.call("/api/alerts", "app", quota, at(3 + wait)).is_ok(), "{over:?}");
        assert_eq!(windows.violations(), 1);
    }

    #[test]
    fn other_templates_and_other_apps_have_windows_of_their_own() {
        let mut windows = Windows::default();
        let quota = Quota { per_minute: 1, per_hour: 100 };
        assert!(windows.call("/api/alerts", "a", quota, at(0)).is_ok());
        assert!(windows.call("/api/machines", "a", quota, at(0)).is_ok());
        assert!(windows.call("/api/alerts", "b", quota, at(0)).is_ok());
        assert!(windows.call("/api/alerts", "a", quota, at(0)).is_err());
    }

    #[test]
    fn the_hour_binds_a_client_that_keeps_to_the_minute() {
        let mut windows = Windows::default();
        let quota = Quota::default();
        let refused =
            (0..3600i64).step_by(2).find(|second| windows.call("/api/alerts", "a", quota, at(*second)).is_err());
        assert_eq!(refused, Some(3000), "30 calls a minute use 1500 up in 50 minutes");
    }
}
