//! Windows of rules and guards in whole seconds: `30s`, `10m`, `1h`, `1d`.

use std::time::Duration;

use cordon_settings::{format_duration, parse_duration};

/// Reads a window such as `10m`, in seconds.
pub fn parse(text: &str) -> Result<u64, String> {
    parse_duration(text).map_err(|message| format!("`{text}`: {message}")).and_then(whole_seconds)
}

/// A window must be a whole number of seconds and at least one.
pub fn whole_seconds(duration: Duration) -> Result<u64, String> {
    match duration.as_secs() {
        seconds if seconds > 0 && duration.subsec_nanos() == 0 => Ok(seconds),
        _ => Err("expected a whole number of seconds, at least one".to_owned()),
    }
}

/// Writes seconds in the largest unit that leaves a whole number.
pub fn format(seconds: u64) -> String {
    format_duration(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_whole_seconds_and_is_written_as_it_was_read() {
        for text in ["30s", "10m", "1h", "1d", "90m", "36h"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
        for bad in ["", "h", "10", "0m", "250ms", "1.5h", "1w"] {
            assert!(parse(bad).is_err(), "{bad:?} was taken");
        }
    }
}
