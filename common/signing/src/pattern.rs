//! Pattern lists, as in `ssh_config(5)`, PATTERNS: commas between, `*` and `?` as wildcards, `!` forbids. Case counts.

use cordon_records::text::fits;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
