//! Lengths of time, as files and as sentences write them.

use std::time::Duration;

/// How a unit is written, and how long it is.
struct Unit {
    /// In files, without a blank before it.
    file: &'static str,
    /// In sentences, after a blank.
    sentence: &'static str,
    millis: u64,
}

const UNITS: [Unit; 5] = [
    Unit { file: "d", sentence: "d", millis: 86_400_000 },
    Unit { file: "h", sentence: "h", millis: 3_600_000 },
    Unit { file: "m", sentence: "min", millis: 60_000 },
    Unit { file: "s", sentence: "s", millis: 1_000 },
    Unit { file: "ms", sentence: "ms", millis: 1 },
];

/// The length in milliseconds of a unit as files name it: `ms`, `s`, `m`, `h` or `d`.
#[must_use]
pub fn millis_of_unit(name: &str) -> Option<u64> {
    UNITS.iter().find(|unit| unit.file == name).map(|unit| unit.millis)
}

/// For files and command lines: in the largest unit that gives a whole number, `90m`. Parts below a millisecond are dropped.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    whole(duration).map_or_else(|| "0s".to_owned(), |(number, unit)| format!("{number}{}", unit.file))
}

/// For sentences: in the largest unit that gives a whole number, `90 min`. Parts below a millisecond are dropped.
#[must_use]
pub fn exact_span(duration: Duration) -> String {
    whole(duration).map_or_else(|| "0 s".to_owned(), |(number, unit)| format!("{number} {}", unit.sentence))
}

/// For sentences that tell about how long it is: in the largest unit of which there are two, `2 h` for two hours and a half.
/// Parts below a second are dropped.
#[must_use]
pub fn rough_span(duration: Duration) -> String {
    let millis = duration.as_millis();
    let fits = |unit: &&Unit| unit.millis >= 1_000 && millis >= u128::from(unit.millis) * 2;
    match UNITS.iter().find(fits) {
        Some(unit) => format!("{} {}", millis / u128::from(unit.millis), unit.sentence),
        None => format!("{} s", duration.as_secs()),
    }
}

/// `None` for no time at all.
fn whole(duration: Duration) -> Option<(u128, &'static Unit)> {
    let millis = duration.as_millis();
    let fits = |unit: &&Unit| millis > 0 && millis.is_multiple_of(u128::from(unit.millis));
    UNITS.iter().find(fits).map(|unit| (millis / u128::from(unit.millis), unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_told_in_the_largest_unit_that_gives_a_whole_number() {
        for (millis, file, sentence) in [
            (0, "0s", "0 s"),
            (250, "250ms", "250 ms"),
            (90_000, "90s", "90 s"),
            (600_000, "10m", "10 min"),
            (129_600_000, "36h", "36 h"),
            (172_800_000, "2d", "2 d"),
        ] {
            let length = Duration::from_millis(millis);
            assert_eq!((format_duration(length).as_str(), exact_span(length).as_str()), (file, sentence));
        }
        assert_eq!(format_duration(Duration::from_nanos(1_999_999)), "1ms");
    }

    #[test]
    fn about_how_long_it_is_is_told_in_the_largest_unit_of_which_there_are_two() {
        for (seconds, told) in [
            (0, "0 s"),
            (1, "1 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
        ] {
            assert_eq!(rough_span(Duration::from_secs(seconds)), told);
            assert_eq!(rough_span(Duration::from_millis(seconds * 1_000 + 999)), told);
        }
    }

    #[test]
    fn the_longest_length_of_all_is_told() {
        for told in [format_duration(Duration::MAX), exact_span(Duration::MAX), rough_span(Duration::MAX)] {
            assert!(told.starts_with(|digit: char| digit.is_ascii_digit() && digit != '0'), "{told}");
        }
    }
}
