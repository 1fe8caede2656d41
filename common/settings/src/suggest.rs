//! "Did you mean": the nearest of a closed set of names.

/// The candidate that is most likely meant by a misspelt name, if one is near enough: same letters in another case, or
/// at most a third of the letters wrong. A swap of two neighbours counts as one mistake.
#[must_use]
pub fn closest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        assert_eq!(closest("modee", &["mode", "guards", "settle"]), Some("mode"));
        assert_eq!(closest("Auto", &["auto", "approve"]), Some("auto"));
        assert_eq!(closest("apporve", &["auto", "approve"]), Some("approve"));
    }

    #[test]
    fn nothing_is_suggested_when_nothing_is_near() {
        assert_eq!(closest("banana", &["mode", "guards"]), None);
        assert_eq!(closest("", &["mode"]), None);
    }
}
