//! Misspelt values of text fields whose lists Microsoft leaves open. The checker cannot refuse them, since a value that
//! is not known may be new; one that is nearly a known one is mostly a typo, and the rule would never match.

use cordon_records::spelling::DETECTION_SOURCE;

use super::tokens::{Kind, Token, tokens};
use super::vocabulary::{CATEGORIES, DETECTION_STATUSES, ENTITY_TYPES, PLATFORMS};

const DETECTION_SOURCE_FIELD: &str = "alert.detectionSource";

/// A text that is nearly a known value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typo<'t> {
    /// The byte of the condition at which the text begins.
    pub at: usize,
    pub text: &'t str,
    pub field: &'static str,
    pub meant: &'static str,
}

/// Every misspelt value that a condition compares one of these fields with, by `==`, `!=` or `in`.
pub fn typos(condition: &str) -> Vec<Typo<'_>> {
    let tokens: Vec<Token> = tokens(condition).filter(|token| token.kind != Kind::Comment).collect();
    let mut typos = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let Kind::Word(path) = token.kind else { continue };
        let Some((field, known)) = vocabulary(path) else { continue };
        let (before, behind) = (tokens.get(..index).unwrap_or_default(), tokens.get(index + 1..).unwrap_or_default());
        let texts = compared(before, behind).filter(|(_, text)| !is_another_spelling(field, text));
        typos.extend(texts.filter_map(|(at, text)| Some(Typo { at, text, field, meant: meant(text, known)? })));
    }
    typos
}

fn vocabulary(path: &str) -> Option<(&'static str, &'static [&'static str])> {
    let (record, field) = path.rsplit_once('.').unwrap_or(("", path));
    match (record, field) {
        ("alert", "category") => Some(("alert.category", CATEGORIES)),
        ("alert", "detectionSource") => Some((DETECTION_SOURCE_FIELD, DETECTION_SOURCE.known())),
        ("machine", "osPlatform") => Some(("machine.osPlatform", PLATFORMS)),
        // The variable of a loop over the evidence has any name.
        (_, "entityType") => Some(("evidence.entityType", ENTITY_TYPES)),
        (_, "detectionStatus") => Some(("evidence.detectionStatus", DETECTION_STATUSES)),
        _ => None,
    }
}

/// Whether a text is no typo but another API's name for a value.
fn is_another_spelling(field: &str, text: &str) -> bool {
    field == DETECTION_SOURCE_FIELD && DETECTION_SOURCE.value(text).is_some()
}

/// The texts that the field between these parts is compared with. A part that is added to is no whole value.
fn compared<'t>(before: &[Token<'t>], behind: &[Token<'t>]) -> impl Iterator<Item = (usize, &'t str)> {
    let is_added = |token: Option<&Token>| token.is_some_and(|token| token.kind == Kind::Sign("+"));
    let is_equality = |kind: Kind| matches!(kind, Kind::Sign("==" | "!="));
    let mut found = Vec::new();
    match behind {
        [sign, text, rest @ ..] if is_equality(sign.kind) && !is_added(rest.first()) && !is_added(before.last()) => {
            found.push(*text);
        }
        [word, open, rest @ ..] if word.kind == Kind::Word("in") && open.kind == Kind::Sign("[") => {
            found.extend(rest.iter().take_while(|token| token.kind != Kind::Sign("]")));
        }
        _ => {}
    }
    if let [start @ .., text, sign] = before
        && is_equality(sign.kind)
        && !is_added(start.last())
        && !is_added(behind.first())
    {
        found.push(*text);
    }
    found.into_iter().filter_map(|token| match token.kind {
        Kind::Text(text) => Some((token.at, text)),
        Kind::Word(_) | Kind::Sign(_) | Kind::Comment => None,
    })
}

/// The known value that a text is a typo of: at most two letters wrong, and less than half of them. Where the numbers
/// differ it is another version, not a typo.
fn meant(text: &str, known: &[&'static str]) -> Option<&'static str> {
    if text.is_empty() || known.contains(&text) {
        return None;
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let near = known.iter().filter(|value| digits(value) == digits(text)).map(|value| (distance(text, value), *value));
    let (distance, value) = near.min()?;
    (distance <= 2 && distance * 2 < text.chars().count()).then_some(value)
}

/// How many letters are wrong, missing, too many or swapped with their neighbour; case does not count.
fn distance(one: &str, two: &str) -> usize {
    let (one, two): (Vec<char>, Vec<char>) =
        (one.to_lowercase().chars().collect(), two.to_lowercase().chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=two.len()).collect()];
    for (i, letter) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in two.iter().enumerate() {
            let at = |row: Option<&Vec<usize>>, column: usize| row.and_then(|row| row.get(column)).copied();
            let above = rows.last();
            let changed = at(above, j).map(|before| before + usize::from(letter != other));
            let swapped = (i > 0 && j > 0 && one.get(i - 1) == Some(other) && two.get(j - 1) == Some(letter))
                .then(|| at(rows.get(i - 1), j - 1).map(|before| before + 1))
                .flatten();
            let longer = [at(above, j + 1), row.last().copied()].map(|before| before.map(|before| before + 1));
            row.push([changed, swapped].into_iter().chain(longer).flatten().min().unwrap_or(usize::MAX));
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `text -> meant` of each typo.
    fn found(condition: &str) -> Vec<String> {
        typos(condition).iter().map(|typo| format!("{} {} -> {}", typo.field, typo.text, typo.meant)).collect()
    }

    #[test]
    fn a_text_that_is_nearly_a_known_value_is_a_slip() {
        for (condition, expected) in [
            ("alert.category == 'Malwre'", "alert.category Malwre -> Malware"),
            ("'Ransomwear' != alert.category", "alert.category Ransomwear -> Ransomware"),
            ("alert.category == 'malware'", "alert.category malware -> Malware"),
            (
                "alert.category in ['Malware', \"Lateral Movement\"]",
                "alert.category Lateral Movement -> LateralMovement",
            ),
            (
                "alert.detectionSource == 'WindowsDefenderAtb'",
                "alert.detectionSource WindowsDefenderAtb -> WindowsDefenderAtp",
            ),
            ("machine.osPlatform in ['Windows 11']", "machine.osPlatform Windows 11 -> Windows11"),
            ("machine.osPlatform == 'MacOS'", "machine.osPlatform MacOS -> macOS"),
            ("alert.evidence.exists(e, e.entityType == 'Flie')", "evidence.entityType Flie -> File"),
            ("alert.evidence[0].entityType == 'IP'", "evidence.entityType IP -> Ip"),
            (
                "alert.evidence.all(x, x.detectionStatus == 'Prevened')",
                "evidence.detectionStatus Prevened -> Prevented",
            ),
        ] {
            assert_eq!(found(condition), [expected], "{condition}");
        }
        let at = typos("true // alert.category == 'Malwre'\n && alert.category == 'Malwre'");
        assert_eq!((at.len(), at[0].at), (1, 57), "a comment compares nothing");
    }

    #[test]
    fn what_is_known_far_from_it_another_version_or_no_whole_value_is_no_slip() {
        for condition in [
            "alert.category == 'Malware' || alert.category == '' || 'Exploit' == alert.category",
            "alert.category == 'QuantumTheft'",
            "alert.detectionSource in ['customTi', 'windowsDefenderATP', 'microsoftDefenderForEndpoint']",
            "machine.osPlatform in ['Windows8', 'Windows12', 'WindowsServer2012', 'WindowsServer2028', 'Solaris']",
            "alert.evidence.exists(e, e.entityType == 'Os' || e.entityType == 'Mail')",
            "alert.category + 'x' == 'Malwre'",
            "'x' + alert.category == 'Malwre'",
            "alert.category == 'Malwa' + 're'",
            "alert.category.lower() == 'malware' || lower(alert.category) == 'malware'",
            "alert.category.startsWith('Malwre') || alert.title == 'Malwre'",
            "alert.title in ['Malwre'] && alert.category == alert.title",
        ] {
            assert_eq!(found(condition), [""; 0], "{condition}");
        }
    }

    #[test]
    fn a_swap_of_neighbours_is_one_mistake() {
        for (one, two, expected) in [("", "abc", 3), ("abc", "ACB", 1), ("kitten", "sitting", 3), ("File", "Flie", 1)] {
            assert_eq!((distance(one, two), distance(two, one)), (expected, expected), "{one} {two}");
        }
    }

    #[test]
    fn a_known_value_is_never_a_slip() {
        for list in [CATEGORIES, DETECTION_SOURCE.known(), PLATFORMS, ENTITY_TYPES, DETECTION_STATUSES] {
            assert!(list.iter().all(|value| meant(value, list).is_none()), "{list:?}");
        }
    }

    proptest! {
        #[test]
        fn no_condition_makes_the_search_panic(condition in "[ -~ä\n]{0,20}(alert.category|machine.osPlatform)[ -~ä]{0,20}") {
            for typo in typos(&condition) {
                prop_assert!(condition[typo.at..].contains(typo.text));
            }
        }
    }
}
