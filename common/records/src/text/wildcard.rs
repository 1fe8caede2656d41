//! Patterns for names: `*` stands for any run of characters, `?` for one.

/// Whether the whole of `name` fits `pattern`. Case counts. Goes back to the last `*` only, so that the time is at most the
/// product of the lengths.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    let mut star = None;
    loop {
        let (mut behind, mut rest) = (pattern.clone(), name.clone());
        let Some(here) = rest.next() else { return pattern.all(|c| c == '*') };
        match behind.next() {
            Some('*') => {
                star = Some((behind.clone(), name.clone()));
                pattern = behind;
            }
            Some(wanted) if wanted == '?' || wanted == here => (pattern, name) = (behind, rest),
            Some(_) | None => {
                let Some((after, from)) = &mut star else { return false };
                from.next();
                (pattern, name) = (after.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The plain definition, exponential and obvious.
    fn plainly(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], rest) => rest.is_empty(),
            (['*', after @ ..], rest) => (0..=rest.len()).any(|from| plainly(after, &rest[from..])),
            (['?', after @ ..], [_, rest @ ..]) => plainly(after, rest),
            ([wanted, after @ ..], [here, rest @ ..]) => wanted == here && plainly(after, rest),
            (_, []) => false,
        }
    }

    #[test]
    fn many_stars_do_not_take_long() {
        assert!(!fits(&"*a".repeat(200), &format!("{}b", "a".repeat(5_000))));
    }

    proptest! {
        #[test]
        fn a_wildcard_means_what_its_plain_definition_says(pattern in "[aä*?]{0,7}", name in "[aä*]{0,7}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&pattern, &name), plainly(&letters(&pattern), &letters(&name)));
        }
    }
}
