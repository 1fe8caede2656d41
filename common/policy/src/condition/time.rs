//! CEL's `timestamp` and `duration`: ranges, spellings, and the parts of a date in a time zone.

use chrono::{DateTime, Datelike, FixedOffset, Timelike, Utc};
use jiff::Timestamp;

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;
/// 0001-01-01T00:00:00Z, the first instant of CEL's `timestamp`.
const FIRST: i128 = -62_135_596_800 * NANOS as i128;
/// 9999-12-31T23:59:59.999999999Z, the last one.
const LAST: i128 = 253_402_300_800 * NANOS as i128 - 1;

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(i128);

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        Self(at.as_nanosecond())
    }
}

impl Instant {
    /// An instant in CEL's range.
    fn checked(nanos: i128) -> Option<Self> {
        (FIRST..=LAST).contains(&nanos).then_some(Self(nanos))
    }

    /// RFC 3339.
    pub fn parse(text: &str) -> Option<Self> {
        let at = DateTime::parse_from_rfc3339(text).ok()?;
        Self::checked(i128::from(at.timestamp()) * i128::from(NANOS) + i128::from(at.timestamp_subsec_nanos()))
    }

    pub fn from_seconds(seconds: i64) -> Option<Self> {
        Self::checked(i128::from(seconds) * i128::from(NANOS))
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        i64::try_from(self.0.div_euclid(i128::from(NANOS))).unwrap_or_default()
    }

    /// Nanoseconds from another instant to this one, where a `duration` can hold them.
    pub fn since(self, other: Self) -> Option<i64> {
        i64::try_from(self.0 - other.0).ok()
    }

    pub fn plus(self, nanos: i128) -> Option<Self> {
        Self::checked(self.0.checked_add(nanos)?)
    }

    fn utc(self) -> DateTime<Utc> {
        let nanos = u32::try_from(self.0.rem_euclid(i128::from(NANOS))).unwrap_or_default();
        DateTime::from_timestamp(self.seconds(), nanos).unwrap_or_default()
    }

    /// RFC 3339 in UTC, without trailing zeros.
    pub fn text(self) -> String {
        let at = self.utc();
        let whole = at.format("%Y-%m-%dT%H:%M:%S");
        let nanos = format!("{:09}", at.timestamp_subsec_nanos());
        match nanos.trim_end_matches('0') {
            "" => format!("{whole}Z"),
            fraction => format!("{whole}.{fraction}Z"),
        }
    }
}

/// A time zone: an offset, or a name of the IANA database that is compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Offset(FixedOffset),
    Named(chrono_tz::Tz),
}

impl Zone {
    pub const UTC: Self = Self::Named(chrono_tz::UTC);

    /// `Europe/Berlin`, `UTC`, `+02:00`, `-08:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((hours, minutes)) = text.split_once(':') else {
            return text.parse().ok().map(Self::Named);
        };
        let sign = if hours.starts_with('-') { -1 } else { 1 };
        let hours: i32 = hours.parse().ok().filter(|hours| (-23..=23).contains(hours))?;
        let minutes: i32 = minutes.parse().ok().filter(|minutes| (0..=59).contains(minutes))?;
        FixedOffset::east_opt((hours * 60 + sign * minutes) * 60).map(Self::Offset)
    }
}

/// What `getFullYear()` and its kin give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    FullYear,
    /// From 0.
    Month,
    /// From 1.
    Date,
    /// From 0.
    DayOfMonth,
    /// Sunday is 0.
    DayOfWeek,
    /// From 0.
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// A part of the date and time of day in a zone.
pub fn part(at: Instant, part: Part, zone: Zone) -> i64 {
    match zone {
        Zone::Offset(offset) => part_of(&at.utc().with_timezone(&offset), part),
        Zone::Named(zone) => part_of(&at.utc().with_timezone(&zone), part),
    }
}

fn part_of<T: Datelike + Timelike>(at: &T, part: Part) -> i64 {
    match part {
        Part::FullYear => i64::from(at.year()),
        Part::Month => at.month0().into(),
        Part::Date => at.day().into(),
        Part::DayOfMonth => at.day0().into(),
        Part::DayOfWeek => at.weekday().num_days_from_sunday().into(),
        Part::DayOfYear => at.ordinal0().into(),
        Part::Hours => at.hour().into(),
        Part::Minutes => at.minute().into(),
        Part::Seconds => at.second().into(),
        Part::Milliseconds => (at.nanosecond() / 1_000_000 % 1_000).into(),
    }
}

/// A duration as a whole number of a unit, cut towards zero; `None` for the parts that a duration does not have.
pub const fn whole(span: i64, part: Part) -> Option<i64> {
    let unit = match part {
        Part::Hours => 3_600 * NANOS,
        Part::Minutes => 60 * NANOS,
        Part::Seconds => NANOS,
        Part::Milliseconds => NANOS / 1_000,
        _ => return None,
    };
    Some(span / unit)
}

/// Longer units stand before their first letters.
const UNITS: [(&str, i64); 7] = [
    ("ms", NANOS / 1_000),
    ("us", NANOS / 1_000_000),
    ("ns", 1),
    ("s", NANOS),
    ("m", 60 * NANOS),
    ("h", 3_600 * NANOS),
    ("d", 86_400 * NANOS),
];

/// `90m`, `1h30m`, `-1.5s`, `30d` (a day is 24 hours), in nanoseconds.
pub fn parse_span(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let &(name, unit) = UNITS.iter().find(|(name, _)| after.starts_with(name))?;
        total = total.checked_add(scaled(number, unit)?)?;
        rest = after.get(name.len()..)?;
        if rest.is_empty() {
            break;
        }
    }
    i64::try_from(sign * total).ok()
}

/// A decimal number of units, cut to nanoseconds.
fn scaled(number: &str, unit: i64) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(i128::from(unit))?;
    let mut weight = i128::from(unit) * 1_000_000_000;
    for digit in fraction.bytes().take(18) {
        weight /= 10;
        nanos = nanos.checked_add(i128::from(digit - b'0') * weight / 1_000_000_000)?;
    }
    Some(nanos)
}

/// Seconds with their fraction: `90s`, `-1.5s`.
pub fn span_text(span: i64) -> String {
    let sign = if span < 0 { "-" } else { "" };
    let (seconds, nanos) = (span.unsigned_abs() / NANOS.unsigned_abs(), span.unsigned_abs() % NANOS.unsigned_abs());
    match format!("{nanos:09}").trim_end_matches('0') {
        "" => format!("{sign}{seconds}s"),
        fraction => format!("{sign}{seconds}.{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_by_its_units_and_nothing_may_follow() {
        for (text, nanos) in [
            ("1h30m", 5_400 * NANOS),
            ("-1.5s", -1_500_000_000),
            ("30d", 30 * 86_400 * NANOS),
            ("0", 0),
            ("0s", 0),
            ("0h0m1s", NANOS),
            ("1.5ms", 1_500_000),
            (".5s", 500_000_000),
        ] {
            assert_eq!(parse_span(text), Some(nanos), "{text}");
        }
        for bad in ["", "-", "1", "h", "1x", "1h ", "1h x", "1..5s", ".s", "300000d", "1e3s"] {
            assert_eq!(parse_span(bad), None, "{bad:?} was taken");
        }
        assert_eq!((span_text(-1_500_000_000), span_text(0)), ("-1.5s".to_owned(), "0s".to_owned()));
    }

    #[test]
    fn a_zone_moves_the_parts_of_a_date() {
        let at = Instant::parse("2026-07-31T22:30:00.5Z").unwrap();
        let hours = |zone: &str| part(at, Part::Hours, Zone::parse(zone).unwrap());
        assert_eq!((hours("UTC"), hours("Europe/Berlin"), hours("-00:30"), hours("+05:30")), (22, 0, 22, 4));
        assert_eq!(part(at, Part::Date, Zone::parse("Europe/Berlin").unwrap()), 1);
        for bad in ["", "Mars/Base", "24:00", "+01:60", "ab:00"] {
            assert_eq!(Zone::parse(bad), None, "{bad:?} was taken");
        }
        assert_eq!(at.text(), "2026-07-31T22:30:00.5Z");
    }
}
