//! Name patterns of the guards: `*` stands for any run of characters, `?` for one; case does not count.

use cordon_records::text;

fn fits(pattern: &str, name: &str) -> bool {
    text::fits(&pattern.to_lowercase(), &name.to_lowercase())
}

/// Whether a machine's DNS name fits: the full name or its first label, so that `dc*` and `*.corp.example` both
/// do what they say.
pub fn fits_host(pattern: &str, dns_name: &str) -> bool {
    let label = dns_name.split('.').next().unwrap_or(dns_name);
    fits(pattern, dns_name) || fits(pattern, label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_is_tried_on_the_full_name_and_on_its_first_label() {
        for (pattern, name) in [
            ("dc*", "DC01.corp.example"),
            ("dc01", "dc01.corp.example"),
            ("*.corp.example", "dc01.corp.example"),
            ("paw-??", "paw-07"),
            ("*", "anything"),
            ("a*b*c", "aXbYbZc"),
        ] {
            assert!(fits_host(pattern, name), "{pattern} should fit {name}");
        }
        for (pattern, name) in
            [("dc", "dc01.corp.example"), ("paw-??", "paw-007"), ("corp*", "dc01.corp.example"), ("", "a")]
        {
            assert!(!fits_host(pattern, name), "{pattern} should not fit {name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_always_fits_itself_and_itself_with_stars(name in "[a-z0-9.-]{1,30}", at in 0usize..30) {
            let at = at.min(name.len());
            let starred = format!("{}*{}", &name[..at], &name[at..]);
            prop_assert!(fits(&name, &name));
            prop_assert!(fits(&starred, &name));
        }
    }
}
