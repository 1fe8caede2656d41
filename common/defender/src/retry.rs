//! When a read is tried again: how often, after how long, and how `Retry-After` is read.
//!
//! Sources: RFC 9110, section 10.2.3 (`Retry-After` in seconds or as a date); Microsoft's page on API limits;
//! the message "You can send requests again in 8 seconds." seen on the wire without a header.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use jiff::Timestamp;

/// How often a read is tried altogether.
pub const TRIES: u32 = 3;
/// The longest wait that a server can ask for.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// The wait after a 429 that names none.
pub(crate) const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(60);
/// Waits up to this are spent inside the call; longer ones are the caller's, who has other work.
pub(crate) const MAX_WAIT_INSIDE: Duration = Duration::from_secs(60);

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

/// Exponential back-off with full jitter: a wait between nothing and 250 ms, 500 ms, 1 s … after the first,
/// second, third failure, at most 10 s. `random` is any uniformly distributed number.
pub(crate) fn backoff(failures: u32, random: u64) -> Duration {
    let ceiling = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    fraction(ceiling, random)
}

/// A wait that a server asked for, with up to a tenth on top, so that callers do not come back together. Never
/// shorter: coming early keeps the counted rate high and prolongs the block.
pub(crate) fn not_before(asked: Duration, random: u64) -> Duration {
    asked + fraction(asked / 10, random)
}

fn fraction(of: Duration, random: u64) -> Duration {
    // 32 random bits are enough; the product stays within u128.
    let nanos = of.as_nanos() * u128::from(random >> 32) / u128::from(u32::MAX);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// A number to jitter with: the process's random hash keys, which differ on each call.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0u8)
}

/// How long the server wants us to stay away: the header in seconds or as a date, else the message, capped.
pub(crate) fn retry_after(header: Option<&str>, message: &str, now: Timestamp) -> Option<Duration> {
    let asked = header.and_then(|text| from_header(text.trim(), now)).or_else(|| from_message(message))?;
    Some(asked.min(MAX_RETRY_AFTER))
}

fn from_header(text: &str, now: Timestamp) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are longer than the cap anyway.
        return Some(text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs));
    }
    let at = http_date(text)?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// Reads an HTTP date (`Sun, 06 Nov 1994 08:49:37 GMT`).
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()
}

fn from_message(message: &str) -> Option<Duration> {
    let (_, rest) = message.split_once("again in ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    rest[digits.len()..].trim_start().starts_with("second").then_some(())?;
    Some(digits.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T18:00:00Z".parse().unwrap()
    }

    fn read(header: Option<&str>, message: &str) -> Option<u64> {
        retry_after(header, message, now()).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_read_from_seconds_a_date_and_the_message_and_is_capped() {
        assert_eq!(read(Some("8"), ""), Some(8));
        assert_eq!(read(Some(" 8 "), "again in 3 seconds"), Some(8));
        assert_eq!(read(Some("Sun, 22 Nov 2026 18:00:30 GMT"), ""), Some(30));
        assert_eq!(read(Some("Sun, 22 Nov 2026 17:00:00 GMT"), ""), Some(0));
        assert_eq!(read(None, "quota exceeded! You can send requests again in 8 seconds."), Some(8));
        assert_eq!(read(Some("99999999999999999999999"), ""), Some(300));
        assert_eq!(read(Some("3600"), ""), Some(300));
        assert_eq!(read(Some("soon"), "again in 9 years"), None);
        assert_eq!(read(Some("-1"), ""), None);
    }

    #[test]
    fn the_jitter_differs_from_call_to_call() {
        let numbers: std::collections::HashSet<u64> = (0..32).map(|_| random()).collect();
        assert!(numbers.len() > 16, "{numbers:?}");
    }

    proptest! {
        #[test]
        fn a_back_off_stays_below_its_ceiling(failures in 0u32..100, number in any::<u64>()) {
            prop_assert!(backoff(failures, number) <= LONGEST);
            prop_assert!(backoff(1, number) <= FIRST);
        }

        #[test]
        fn a_wait_that_was_asked_for_is_never_shortened(seconds in 0u64..400, number in any::<u64>()) {
            let asked = Duration::from_secs(seconds);
            let wait = not_before(asked, number);
            prop_assert!(wait >= asked && wait <= asked + asked / 10);
        }

        #[test]
        fn no_header_and_no_message_breaks_the_reader(header in any::<String>(), message in any::<String>()) {
            let _ = retry_after(Some(&header), &message, now());
            let _ = retry_after(None, &format!("again in {message}"), now());
        }
    }
}
