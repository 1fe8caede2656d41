//! Times on the command line.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A time that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// This instant.
    At(Timestamp),
    /// So long before now.
    Ago(Duration),
}

impl Asked {
    /// The instant that it means.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => {
                let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
                now.checked_sub(ago).unwrap_or(Timestamp::MIN)
            }
        }
    }
}

/// A time with an end or without, and with a beginning or without: its beginning is part of it, its end is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period {
    /// When it begins.
    pub from: Option<Timestamp>,
    /// When it is over.
    pub to: Option<Timestamp>,
}

impl Period {
    /// What is asked for now.
    #[must_use]
    pub fn asked(from: Option<Asked>, to: Option<Asked>, now: Timestamp) -> Self {
        let at = |asked: Option<Asked>| asked.map(|asked| asked.at(now));
        Self { from: at(from), to: at(to) }
    }

    /// Whether this instant is part of it.
    #[must_use]
    pub fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

/// Reads `2026-09-01T08:00:00Z`, `2026-09-01` (its beginning, UTC) or `-90d`.
///
/// # Errors
/// What is accepted.
pub fn parse(text: &str) -> Result<Asked, String> {
    if let Some(ago) = text.strip_prefix('-') {
        return span(ago).map(Asked::Ago);
    }
    let instant = text.parse::<Timestamp>().ok();
    // Without its offset an instant is none.
    let day = || {
        text.parse::<Date>()
            .ok()
            .filter(|day| day.to_string() == text)
            .and_then(|day| day.to_zoned(TimeZone::UTC).ok())
            .map(|day| day.timestamp())
    };
    instant.or_else(day).map(Asked::At).ok_or_else(|| {
        "write an instant with its offset (2026-09-01T08:00:00Z), a day (2026-09-01), or how long ago (-90d)".to_owned()
    })
}

/// Reads `2m`, `90d`.
///
/// # Errors
/// What is accepted.
pub fn span(text: &str) -> Result<Duration, String> {
    cordon_settings::parse_duration(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_holds_its_beginning_and_not_its_end_and_where_it_has_neither_every_instant() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let held = |from: Option<i64>, to: Option<i64>| {
            let period = Period { from: from.map(at), to: to.map(at) };
            (0..6).filter(|second| period.holds(at(*second))).collect::<Vec<_>>()
        };
        assert_eq!(held(None, None), [0, 1, 2, 3, 4, 5]);
        assert_eq!(held(Some(2), Some(4)), [2, 3]);
        assert_eq!((held(Some(4), None), held(None, Some(1))), (vec![4, 5], vec![0]));
    }

    #[test]
    fn a_time_is_an_instant_a_day_or_so_long_ago_and_nothing_else() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let at = |text: &str| parse(text).map(|asked| asked.at(now).to_string());
        assert_eq!(at("2026-09-01T08:00:00+02:00").unwrap(), "2026-09-01T06:00:00Z");
        assert_eq!(at("2026-09-01").unwrap(), "2026-09-01T00:00:00Z");
        assert_eq!(at("-1d").unwrap(), "2026-11-29T12:00:00Z");
        for wrong in ["", "yesterday", "90d", "-90", "2026-09-01T08:00:00", "-"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
