//! Timestamps as Defender writes them: UTC, up to seven fractional digits, trailing zeros dropped.

use jiff::Timestamp;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The wire form with 100 ns precision (`2021-01-26T20:33:57.7220239Z`), as .NET prints it.
#[must_use]
pub fn wire_time(at: Timestamp) -> String {
    truncated(at, 100).to_string()
}

/// Rounds to a step of 1/300 s, which is what `lastUpdateTime` looks like in real payloads (`.3133333`, `.84`):
/// the value passes through an SQL `datetime`. Many alerts therefore share one stamp.
#[must_use]
pub fn sql_rounded(at: Timestamp) -> Timestamp {
    let nanos = at.as_nanosecond();
    let second = nanos.div_euclid(NANOS_PER_SECOND);
    let ticks = (nanos.rem_euclid(NANOS_PER_SECOND) * 300 + NANOS_PER_SECOND / 2) / NANOS_PER_SECOND;
    let hundred_nanos = (ticks * 10_000_000 + 150) / 300;
    Timestamp::from_nanosecond(second * NANOS_PER_SECOND + hundred_nanos * 100).unwrap_or(at)
}

/// The `Date` header's form.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `at` plus a span, saturating at the end of time.
pub(crate) fn after(at: Timestamp, span: std::time::Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// `at` minus a span, saturating at the beginning of time.
pub(crate) fn before(at: Timestamp, span: std::time::Duration) -> Timestamp {
    at.checked_sub(span).unwrap_or(Timestamp::MIN)
}

fn truncated(at: Timestamp, step: i128) -> Timestamp {
    let nanos = at.as_nanosecond();
    Timestamp::from_nanosecond(nanos - nanos.rem_euclid(step)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_timestamp_has_at_most_seven_digits_and_no_trailing_zeros() {
        assert_eq!(wire_time(time("2021-01-26T20:33:57.722023999Z")), "2021-01-26T20:33:57.7220239Z");
        assert_eq!(wire_time(time("2021-01-26T20:33:59.200Z")), "2021-01-26T20:33:59.2Z");
        assert_eq!(wire_time(time("2021-01-26T20:33:59Z")), "2021-01-26T20:33:59Z");
    }

    #[test]
    fn the_last_update_lands_on_the_steps_seen_in_real_payloads() {
        for (exact, seen) in [(".3132", ".3133333"), (".0968", ".0966667"), (".8401", ".84"), (".1900001", ".19")] {
            let rounded = sql_rounded(time(&format!("2026-11-22T18:28:28{exact}Z")));
            assert_eq!(wire_time(rounded), format!("2026-11-22T18:28:28{seen}Z"));
        }
    }

    #[test]
    fn the_date_header_has_the_form_of_rfc_9110() {
        assert_eq!(http_date(time("1994-11-06T08:49:37Z")), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    proptest! {
        #[test]
        fn rounding_moves_a_time_by_less_than_two_milliseconds_and_only_once(nanos in 0i64..4_000_000_000_000_000_000) {
            let at = Timestamp::from_nanosecond(nanos.into()).unwrap();
            let rounded = sql_rounded(at);
            prop_assert!((rounded.as_nanosecond() - at.as_nanosecond()).abs() < 2_000_000);
            prop_assert_eq!(sql_rounded(rounded), rounded);
        }
    }
}
