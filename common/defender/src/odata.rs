//! OData query options: typed building, quoting and percent-encoding.
//!
//! A filter can only be made of field names that this crate spells and of values that are quoted here, so no
//! value can become syntax. Rules: OData 4.01 URL conventions, section 5.1.1.14 (a quote inside a literal is
//! doubled), and Microsoft's page "OData queries with Defender for Endpoint" (instants are bare, with `Z`).

use jiff::Timestamp;

/// A `$filter` expression: clauses that must all hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter(Vec<Clause>);

#[derive(Debug, Clone)]
struct Clause {
    text: String,
    /// Whether it must stand in parentheses beside other clauses.
    alternatives: bool,
}

impl Filter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// `field ge instant`.
    pub(crate) fn since(mut self, field: &'static str, at: Timestamp) -> Self {
        self.0.push(Clause { text: format!("{field} ge {}", instant(at)), alternatives: false });
        self
    }

    /// `field eq 'value'`.
    pub(crate) fn equals(mut self, field: &'static str, value: &str) -> Self {
        self.0.push(Clause { text: format!("{field} eq {}", literal(value)), alternatives: false });
        self
    }

    /// `field eq 'a' or field eq 'b'`. An empty list matches nothing and must not be asked for.
    pub(crate) fn any_of<'a>(mut self, field: &'static str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let clauses: Vec<_> = values.into_iter().map(|value| format!("{field} eq {}", literal(value))).collect();
        self.0.push(Clause { text: clauses.join(" or "), alternatives: clauses.len() > 1 });
        self
    }

    fn text(&self) -> Option<String> {
        match self.0.as_slice() {
            [] => None,
            [only] => Some(only.text.clone()),
            several => Some(several.iter().map(Clause::beside_others).collect::<Vec<_>>().join(" and ")),
        }
    }
}

impl Clause {
    fn beside_others(&self) -> String {
        if self.alternatives { format!("({})", self.text) } else { self.text.clone() }
    }
}

/// The options of one call, in the order given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds `$filter`, unless it is empty.
    pub(crate) fn filter(self, filter: &Filter) -> Self {
        match filter.text() {
            Some(text) => self.option("$filter", &text),
            None => self,
        }
    }

    /// Adds an option. The name is ours; the value is encoded.
    pub(crate) fn option(mut self, name: &'static str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(&percent_encode(value));
        self
    }

    /// The query string, or nothing when there are no options.
    pub(crate) fn as_encoded(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }
}

/// A string literal: in single quotes, inner quotes doubled.
fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// An instant with at most seven fractional digits, which is what the service itself writes. Cutting off the
/// rest makes the instant earlier, so `ge` never excludes more than was asked.
fn instant(at: Timestamp) -> String {
    let text = format!("{at:.7}");
    let bare = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{bare}Z")
}

/// Encodes everything but RFC 3986's unreserved characters; a space becomes `%20`, never `+`.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 0xf] {
                encoded.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads one literal from the start of a filter as a server does, and gives back what follows it.
    fn read_literal(text: &str) -> Option<(String, &str)> {
        let mut rest = text.strip_prefix('\'')?;
        let mut value = String::new();
        loop {
            let at = rest.find('\'')?;
            value.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            match rest.strip_prefix('\'') {
                Some(more) => {
                    value.push('\'');
                    rest = more;
                }
                None => return Some((value, rest)),
            }
        }
    }

    proptest! {
        #[test]
        fn no_value_can_break_out_of_its_literal(value in "\\PC*|['\\\\ %&#+()]*|.* or 1 eq 1.*") {
            let text = Filter::new().equals("id", &value).text().unwrap();
            let (read, rest) = read_literal(text.strip_prefix("id eq ").unwrap()).unwrap();
            prop_assert_eq!(read, value);
            prop_assert_eq!(rest, "");
        }

        #[test]
        fn no_value_can_add_an_option_or_end_the_query(value in any::<String>()) {
            let query = Query::new().option("$filter", &value).option("$top", "1");
            let mut url = url::Url::parse("https://h.test/api").unwrap();
            url.set_query(query.as_encoded());
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(pairs, vec![("$filter".to_owned(), value), ("$top".to_owned(), "1".to_owned())]);
            prop_assert_eq!(url.fragment(), None);
        }
    }

    #[test]
    fn an_instant_has_at_most_seven_digits_and_never_becomes_later() {
        for (given, written) in [
            ("2026-11-22T18:00:00Z", "2026-11-22T18:00:00Z"),
            ("2026-11-22T18:00:00.84Z", "2026-11-22T18:00:00.84Z"),
            ("2026-11-22T18:00:00.123456789Z", "2026-11-22T18:00:00.1234567Z"),
            ("2026-11-22T18:00:10Z", "2026-11-22T18:00:10Z"),
        ] {
            assert_eq!(instant(given.parse().unwrap()), written);
        }
    }

    #[test]
    fn clauses_are_joined_so_that_or_does_not_escape_from_and() {
        let alone = Filter::new().any_of("status", ["Pending", "InProgress"]);
        assert_eq!(alone.text().unwrap(), "status eq 'Pending' or status eq 'InProgress'");
        let both = alone.equals("machineId", "m");
        assert_eq!(both.text().unwrap(), "(status eq 'Pending' or status eq 'InProgress') and machineId eq 'm'");
        assert_eq!(Filter::new().text(), None);
    }
}
