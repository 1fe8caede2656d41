//! The query string of a list call, and what it selects from the rows.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::Refused;
use super::filter::{Filter, Kind, Properties};
use crate::options::Quirks;

/// The largest page, and the page without `$top` ("max page size is 10,000", get-alerts page).
const MAX_TOP: usize = 10_000;

/// The options of a list call.
#[derive(Debug, Default)]
pub(crate) struct Query {
    filter: Option<Filter>,
    order: Vec<(&'static str, Kind, bool)>,
    top: Option<usize>,
    skip: usize,
    select: Option<Vec<String>>,
    pub(crate) expand_evidence: bool,
    raw: Vec<(String, String)>,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Selected<'a> {
    pub(crate) rows: Vec<&'a Map<String, Value>>,
    /// Whether the filter fits nothing at all, whatever the page.
    pub(crate) none: bool,
    /// The query string of the next page, when there is more.
    pub(crate) next: Option<String>,
}

impl Query {
    /// Parses a query string. An option that starts with `$` and is not known is refused; others are ignored.
    pub(crate) fn parse(text: &str, properties: Properties, quirks: &Quirks) -> Result<Self, Refused> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            query.option(&name, &value, properties)?;
            query.raw.push((name.into_owned(), value.into_owned()));
        }
        if quirks.ignore_filter {
            query.filter = None;
        }
        if quirks.ignore_orderby {
            query.order.clear();
        }
        if quirks.ignore_top {
            query.top = None;
        }
        if quirks.ignore_expand {
            query.expand_evidence = false;
        }
        Ok(query)
    }

    fn option(&mut self, name: &str, value: &str, properties: Properties) -> Result<(), Refused> {
        match name {
            "$filter" => self.filter = Some(Filter::parse(value, properties)?),
            "$orderby" => self.order = order(value, properties)?,
            "$top" => self.top = Some(number(name, value, MAX_TOP)?),
            "$skip" => self.skip = number(name, value, usize::MAX)?,
            "$expand" if value == "evidence" => self.expand_evidence = true,
            "$expand" => return Err(Refused(format!("Could not find a property named '{value}'."))),
            "$select" => self.select = Some(value.split(',').map(|name| name.trim().to_owned()).collect()),
            "$count" => {}
            _ if name.starts_with('$') => {
                return Err(Refused(format!("The query parameter '{name}' is not supported.")));
            }
            _ => {}
        }
        Ok(())
    }

    /// The texts of which this property has one in every row that is selected, where the filter says so plainly: other
    /// rows need not be made.
    pub(crate) fn one_of(&self, property: &str) -> Option<Vec<&str>> {
        self.filter.as_ref()?.one_of(property)
    }

    /// The instant before which this property lies in no row that is selected, where the filter says so plainly.
    pub(crate) fn not_before(&self, property: &str) -> Option<Timestamp> {
        self.filter.as_ref()?.not_before(property)
    }

    /// The page that this query selects. Rows come in the given order unless `$orderby` says otherwise.
    pub(crate) fn select<'a>(
        &self,
        rows: impl Iterator<Item = &'a Map<String, Value>>,
        quirks: &Quirks,
    ) -> Selected<'a> {
        let mut rows: Vec<_> = rows.filter(|row| self.filter.as_ref().is_none_or(|filter| filter.holds(row))).collect();
        if !self.order.is_empty() {
            rows.sort_by_cached_key(|row| self.key(row));
        }
        let size = self.top.unwrap_or(MAX_TOP).min(quirks.page_cap.unwrap_or(MAX_TOP));
        let more = size > 0 && rows.len() > self.skip.saturating_add(size);
        let skip = if quirks.next_link_loops { self.skip } else { self.skip.saturating_add(size) };
        let next = more.then(|| self.with_skip(skip));
        let none = rows.is_empty();
        Selected { none, rows: rows.into_iter().skip(self.skip).take(size).collect(), next }
    }

    /// Leaves a row the fields that `$select` names; all of them without it.
    pub(crate) fn project(&self, row: &mut Map<String, Value>) {
        if let Some(names) = &self.select {
            row.retain(|name, _| names.contains(name));
        }
    }

    fn key(&self, row: &Map<String, Value>) -> Vec<SortKey> {
        let key = |(name, kind, descending): &(&str, Kind, bool)| {
            let key = Key::of(row.get(*name), *kind);
            if *descending { SortKey::Down(Reverse(key)) } else { SortKey::Up(key) }
        };
        self.order.iter().map(key).collect()
    }

    fn with_skip(&self, skip: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.raw.iter().filter(|(name, _)| name != "$skip") {
            query.append_pair(name, value);
        }
        query.append_pair("$skip", &skip.to_string()).finish()
    }
}

/// A value to sort by. Rows of one query have keys of the same shape, so that only like is compared with like.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Text(Option<String>),
    Time(Option<Timestamp>),
    Number(Option<i64>),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Up(Key),
    Down(Reverse<Key>),
}

impl Key {
    fn of(value: Option<&Value>, kind: Kind) -> Self {
        let text = value.and_then(Value::as_str);
        match kind {
            Kind::Text => Self::Text(text.map(str::to_owned)),
            Kind::Time => Self::Time(text.and_then(|text| text.parse().ok())),
            Kind::Number => Self::Number(value.and_then(Value::as_i64)),
        }
    }
}

fn order(text: &str, properties: Properties) -> Result<Vec<(&'static str, Kind, bool)>, Refused> {
    let key = |part: &str| {
        let mut words = part.split_whitespace();
        let name = words.next().unwrap_or_default();
        let descending = match words.next() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(word) => return Err(Refused(format!("Syntax error near '{word}' in '{text}'."))),
        };
        let property = properties.iter().find(|(property, _)| *property == name);
        let (property, kind) = property.ok_or_else(|| Refused(format!("Could not find a property named '{name}'.")))?;
        Ok((*property, *kind, descending))
    };
    text.split(',').map(key).collect()
}

fn number(name: &str, value: &str, limit: usize) -> Result<usize, Refused> {
    let number: usize =
        value.parse().map_err(|_| Refused(format!("Invalid value '{value}' for {name} query option.")))?;
    if number > limit {
        return Err(Refused(format!("The limit of '{limit}' for {name} has been exceeded.")));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tenant::machine::object;

    const PROPERTIES: Properties = &[("id", Kind::Text), ("at", Kind::Time)];

    fn rows() -> Vec<Map<String, Value>> {
        [("a", "2026-01-01T00:00:02Z"), ("b", "2026-01-01T00:00:01.5Z"), ("c", "2026-01-01T00:00:01Z")]
            .iter()
            .map(|(id, at)| object(json!({"id": id, "at": at})))
            .collect()
    }

    fn ids(text: &str, quirks: &Quirks) -> (String, Option<String>) {
        let rows = rows();
        let page = Query::parse(text, PROPERTIES, quirks).unwrap();
        let page = page.select(rows.iter(), quirks);
        (page.rows.iter().filter_map(|row| row["id"].as_str()).collect(), page.next)
    }

    #[test]
    fn a_page_that_leaves_rows_behind_names_the_next_one() {
        let plain = Quirks::default();
        let (page, next) = ids("$orderby=at&$top=2", &plain);
        assert_eq!(page, "cb");
        let (page, next) = ids(&next.unwrap(), &plain);
        assert_eq!((page.as_str(), next), ("a", None));
        assert_eq!(ids("$orderby=at%20desc&$top=3", &plain), ("abc".to_owned(), None));
    }

    #[test]
    fn quirks_switch_off_what_they_name() {
        let quirks = Quirks { ignore_top: true, ignore_orderby: true, ignore_filter: true, ..Quirks::default() };
        assert_eq!(ids("$orderby=at&$top=1&$filter=id%20eq%20'b'", &quirks).0, "abc");
        let looping = Quirks { next_link_loops: true, page_cap: Some(1), ..Quirks::default() };
        let (page, next) = ids("", &looping);
        assert_eq!((page, ids(&next.unwrap(), &looping).0), ("a".to_owned(), "a".to_owned()));
    }

    #[test]
    fn options_out_of_bounds_are_refused() {
        for bad in
            ["$top=-1", "$top=10001", "$skip=x", "$orderby=id%20up", "$orderby=nothing", "$expand=files", "$nope=1"]
        {
            assert!(Query::parse(bad, PROPERTIES, &Quirks::default()).is_err(), "{bad} was taken");
        }
    }
}
