//! The options of a line: who may sign what, and when.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::mistake::Mistake;
use crate::pattern::Patterns;

/// What a line allows its key. Without options: everything, at any time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What it may sign.
    pub namespaces: Option<Patterns>,
    /// From when on, that instant included.
    pub valid_after: Option<Timestamp>,
    /// Until when, that instant included.
    pub valid_before: Option<Timestamp>,
}

const KNOWN: &str = "the options are namespaces=\"…\", valid-after=\"…\" and valid-before=\"…\"";
const STAMP: &str = "write YYYYMMDDZ or YYYYMMDDHHMM[SS]Z, for example \"20271231Z\"";

/// Reads the options; `column` is where they begin. Every mistake is added to `mistakes`.
pub fn read(text: &str, column: usize, mistakes: &mut Vec<Mistake>) -> Options {
    let mut options = Options::default();
    for (offset, option) in parts(text) {
        if let Err(mistake) = one(&mut options, option) {
            mistakes.push(Mistake { column: column + offset, ..mistake });
        }
    }
    if let (Some(after), Some(before)) = (options.valid_after, options.valid_before)
        && before <= after
    {
        mistakes.push(Mistake::at(column, "valid-before is not later than valid-after: the key is never valid"));
    }
    options
}

fn one(options: &mut Options, option: &str) -> Result<(), Mistake> {
    let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
    match name.to_ascii_lowercase().as_str() {
        "namespaces" => {
            let list = unquoted(name, value)?;
            let patterns = Patterns::read(&list);
            let empty = || Mistake::at(0, "namespaces holds an empty name").with("name at least \"cordon\"");
            once(&mut options.namespaces, name, patterns.ok_or_else(empty)?)
        }
        "valid-after" => once(&mut options.valid_after, name, instant(name, &unquoted(name, value)?)?),
        "valid-before" => once(&mut options.valid_before, name, instant(name, &unquoted(name, value)?)?),
        "cert-authority" => Err(Mistake::at(0, "certificates are not supported, so this key could sign nothing")
            .with("list each person's own key on a line of its own")),
        _ => Err(Mistake::at(0, format!("{name:?} is no option that is known, and no kind of key")).with(KNOWN)),
    }
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), Mistake> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Mistake::at(0, format!("{name} is given twice"))),
    }
}

/// The value without its quotes, which OpenSSH demands. In it, `\"` is a quote.
fn unquoted(name: &str, value: Option<&str>) -> Result<String, Mistake> {
    let inner = value.and_then(|value| value.strip_prefix('"')?.strip_suffix('"'));
    let missing =
        || Mistake::at(0, format!("{name} has no value in double quotes")).with(format!("write {name}=\"…\""));
    Ok(inner.ok_or_else(missing)?.replace("\\\"", "\""))
}

fn instant(name: &str, text: &str) -> Result<Timestamp, Mistake> {
    let wrong = |why: &str| Mistake::at(0, format!("{name} is {text:?}, {why}")).with(STAMP);
    let is_stamp = |digits: &str| matches!(digits.len(), 8 | 12 | 14) && digits.bytes().all(|it| it.is_ascii_digit());
    let Some(digits) = text.strip_suffix(['Z', 'z']) else {
        let local = "which has no Z at its end: it would mean another instant in every time zone";
        return Err(wrong(if is_stamp(text) { local } else { "which is no time" }));
    };
    if !is_stamp(digits) {
        return Err(wrong("which is no time"));
    }
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<i16>().ok()).unwrap_or(0);
    let small = |from: usize| i8::try_from(part(from, from + 2)).unwrap_or(i8::MAX);
    DateTime::new(part(0, 4), small(4), small(6), small(8), small(10), small(12), 0)
        .and_then(|civil| TimeZone::UTC.to_timestamp(civil))
        .map_err(|_| wrong("which is in no calendar"))
}

/// The parts between the commas that are not in quotes, and how many characters stand before each.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    let (mut from, mut from_characters) = (0, 0);
    for (characters, (at, c)) in text.char_indices().enumerate() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                parts.push((from_characters, text.get(from..at).unwrap_or_default()));
                (from, from_characters) = (at + 1, characters + 1);
            }
            _ => {}
        }
        escaped = c == '\\' && quoted;
    }
    parts.push((from_characters, text.get(from..).unwrap_or_default()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(text: &str) -> Options {
        let mut mistakes = Vec::new();
        let options = read(text, 1, &mut mistakes);
        assert!(mistakes.is_empty(), "{text}: {mistakes:?}");
        options
    }

    fn wrong(text: &str) -> Vec<(usize, String)> {
        let mut mistakes = Vec::new();
        read(text, 5, &mut mistakes);
        mistakes.into_iter().map(|mistake| (mistake.column, mistake.message)).collect()
    }

    #[test]
    fn names_are_read_in_any_case_and_times_to_the_second() {
        let options = good("NAMESPACES=\"git,cordon\",valid-after=\"20260102Z\",Valid-Before=\"20260102030405Z\"");
        assert!(options.namespaces.unwrap().fits("cordon"));
        assert_eq!(options.valid_after, Some("2026-01-02T00:00:00Z".parse().unwrap()));
        assert_eq!(options.valid_before, Some("2026-01-02T03:04:05Z".parse().unwrap()));
        assert_eq!(good("valid-after=\"202601020304Z\"").valid_after, Some("2026-01-02T03:04:00Z".parse().unwrap()));
    }

    #[test]
    fn every_mistake_is_found_and_stands_at_its_place() {
        let found = wrong("valid-after=20260101Z,expires=\"x\",valid-before=\"20261301Z\",cert-authority");
        let places: Vec<usize> = found.iter().map(|(column, _)| *column).collect();
        assert_eq!(places, [5, 27, 39, 64], "{found:?}");
    }

    #[test]
    fn a_time_without_a_time_zone_is_a_mistake() {
        let found = wrong("valid-before=\"20270101\"");
        assert!(found[0].1.contains("no Z at its end"), "{found:?}");
        assert!(wrong("valid-before=\"tomorrow\"")[0].1.contains("no time"));
    }

    #[test]
    fn a_key_that_is_never_valid_and_an_option_that_is_given_twice_are_mistakes() {
        assert_eq!(wrong("valid-after=\"20270101Z\",valid-before=\"20270101Z\"").len(), 1);
        assert_eq!(wrong("namespaces=\"a\",namespaces=\"b\"").len(), 1);
        assert_eq!(wrong("namespaces=\"\"").len(), 1);
    }
}
