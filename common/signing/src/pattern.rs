//! Pattern lists, as in `ssh_config(5)`, PATTERNS: commas between, `*` and `?` as wildcards, `!` forbids. Case counts.

/// Names that are meant, and names that are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    forbids: bool,
    text: String,
}

impl Patterns {
    /// Reads the list; `None` when one of its patterns is empty.
    pub fn read(list: &str) -> Option<Self> {
        let one = |part: &str| {
            let (forbids, text) = part.strip_prefix('!').map_or((false, part), |rest| (true, rest));
            (!text.is_empty()).then(|| Pattern { forbids, text: text.to_owned() })
        };
        list.split(',').map(one).collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether the name is meant: some pattern fits, and none that forbids does.
    pub fn fits(&self, name: &str) -> bool {
        let fitting: Vec<&Pattern> = self.0.iter().filter(|pattern| fits(&pattern.text, name)).collect();
        !fitting.is_empty() && fitting.iter().all(|pattern| !pattern.forbids)
    }

    /// The first that is a name and no pattern, and that no other forbids.
    pub fn first_plain(&self) -> Option<&str> {
        let plain = |pattern: &&Pattern| !pattern.forbids && !pattern.text.contains(['*', '?']);
        self.0.iter().filter(plain).map(|pattern| pattern.text.as_str()).find(|name| self.fits(name))
    }
}

/// Goes back to the last `*` only, so that the time is at most the product of the lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut in_name) = (0, 0);
    let mut star = None;
    while let Some(here) = name.get(in_name) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, in_name));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == here => {
                at += 1;
                in_name += 1;
            }
            Some(_) | None => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (at, in_name) = (after, from + 1);
            }
        }
    }
    pattern.get(at..).is_none_or(|rest| rest.iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(text: &str) -> Patterns {
        Patterns::read(text).unwrap()
    }

    #[test]
    fn a_pattern_that_forbids_wins_wherever_it_stands() {
        for text in ["*@example.com,!eve@example.com", "!eve@example.com,*@example.com"] {
            assert!(list(text).fits("ann@example.com") && !list(text).fits("eve@example.com"));
        }
        assert!(!list("!eve").fits("ann"), "a list that only forbids means nobody");
        assert!(!list("ann").fits("Ann"), "case counts");
    }

    #[test]
    fn the_first_plain_name_is_one_that_the_list_means() {
        assert_eq!(list("*@x,!ann@x,ann@x,bob@x").first_plain(), Some("bob@x"));
        assert_eq!(list("*@x,an?@x").first_plain(), None);
    }

    #[test]
    fn an_empty_pattern_is_a_mistake() {
        for text in ["", ",", "a,", "a,,b", "!"] {
            assert_eq!(Patterns::read(text), None, "{text}");
        }
    }

    /// The plain definition, exponential and obvious.
    fn plainly(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], rest) => rest.is_empty(),
            ([b'*', after @ ..], rest) => (0..=rest.len()).any(|from| plainly(after, &rest[from..])),
            ([b'?', after @ ..], [_, rest @ ..]) => plainly(after, rest),
            ([wanted, after @ ..], [here, rest @ ..]) => wanted == here && plainly(after, rest),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn a_wildcard_means_what_its_plain_definition_says(pattern in "[ab*?]{0,7}", name in "[ab]{0,7}") {
            prop_assert_eq!(fits(&pattern, &name), plainly(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
