//! Durations and sizes with a unit. A bare number is refused: nobody remembers whether it meant seconds.

use std::time::Duration;

use cordon_records::text::millis_of_unit;

const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `250ms`, `5s`, `5m`, `1h` or `1d`.
///
/// # Errors
/// A message that says what is accepted.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| format!("expected {}", a_duration(text)))
}

/// The duration that a text names, if it names one.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    amount(text, millis_of_unit).map(Duration::from_millis)
}

/// What would be a duration in place of this text.
pub(crate) fn a_duration(text: &str) -> String {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let hint = if bare { format!("{text}s or {text}ms") } else { "250ms, 5s, 5m, 1h or 1d".to_owned() };
    format!("a duration with a unit, such as {hint}")
}

/// Reads `512B`, `10KiB`, `10MiB` or `1GiB`, in bytes. Decimal units are refused rather than guessed.
///
/// # Errors
/// A message that says what is accepted.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let size = |unit: &str| SIZES.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
    amount(text, size).ok_or_else(|| "expected a size with a unit, such as 512B, 10KiB, 10MiB or 1GiB".to_owned())
}

fn amount(text: &str, size: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    number.parse::<u64>().ok()?.checked_mul(size(unit)?)
}

#[cfg(test)]
mod tests {
    use cordon_records::text::format_duration;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_and_sizes_need_a_unit() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("1d"), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse_size("10MiB"), Ok(10 << 20));
        for wrong in ["5", "", "s", "-5s", "5 s", "1.5h", "5S", "5w", "99999999999999999999d", "18446744073709551615d"]
        {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        for wrong in ["10", "10MB", "10mib", "10kB", "GiB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
        assert!(parse_duration("30").unwrap_err().contains("30s"));
    }

    proptest! {
        #[test]
        fn a_printed_duration_reads_back_as_itself(millis in 0_u64..=u64::MAX / 2) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_unit_parsers_panic(text in "\\PC*") {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
