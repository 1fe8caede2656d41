//! Lists, as they really come: `{"value":[…]}` or a bare array, with items that may be anything.

use cordon_records::{Verbatim, lenient};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base::Base;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::exchange::Answer;
use crate::next_link::{NextLink, RefusedLink};
use crate::wire::text_of;

/// One page of a list as it was sent, whatever its items are. Each keeps its bytes.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) items: Vec<Verbatim>,
    pub(crate) next: Option<NextLink>,
    pub(crate) refused_next: Option<RefusedLink>,
}

/// One page of a list of what has an id. Each item keeps its bytes.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Objects with an id, and the id as text.
    pub(crate) items: Vec<(String, Verbatim)>,
    /// Everything else.
    pub(crate) unreadable: Vec<Verbatim>,
    pub(crate) next: Option<NextLink>,
    pub(crate) refused_next: Option<RefusedLink>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    value: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "@odata.nextLink")]
    next: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Identified {
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
}

impl Listing {
    /// Reads a page. An answer without a list is an error, never an empty list: emptiness must be told.
    pub(crate) fn parse(endpoint: Endpoint, base: &Base, body: &[u8]) -> Result<Self, ApiError> {
        let text = text_of(body);
        let envelope = envelope(&text).map_err(|why| ApiError::Unreadable { endpoint: endpoint.name(), why })?;
        let items = envelope.value.unwrap_or_default().into_iter().map(|raw| Verbatim::from(raw.to_owned()));
        let mut listing = Self { items: items.collect(), ..Self::default() };
        let next = envelope.next.and_then(|raw| lenient::from_str::<String>(raw.get()).ok());
        match next.filter(|link| !link.is_empty()).map(|link| NextLink::check(base, &link)) {
            Some(Ok(link)) => listing.next = Some(link),
            Some(Err(refused)) => listing.refused_next = Some(refused),
            None => {}
        }
        Ok(listing)
    }
}

impl Page {
    /// As [`Listing::parse`], with the ids.
    pub(crate) fn parse(endpoint: Endpoint, base: &Base, body: &[u8]) -> Result<Self, ApiError> {
        let Listing { items, next, refused_next } = Listing::parse(endpoint, base, body)?;
        let mut page = Self { next, refused_next, ..Self::default() };
        for item in items {
            match id_of(&item) {
                Some(id) => page.items.push((id, item)),
                None => page.unreadable.push(item),
            }
        }
        Ok(page)
    }
}

fn envelope(text: &str) -> Result<Envelope<'_>, String> {
    let broken =
        |error: serde_json::Error| format!("it is not a list in JSON ({error}); it begins with {:?}", beginning(text));
    if text.starts_with('[') {
        let items = serde_json::from_str(text).map_err(broken)?;
        return Ok(Envelope { value: Some(items), next: None });
    }
    let envelope = serde_json::from_str(text).or_else(|_| last_given(text)).map_err(broken)?;
    match envelope.value {
        Some(_) => Ok(envelope),
        None => Err(format!("it holds no list named value; it begins with {:?}", beginning(text))),
    }
}

/// An envelope whose keys are no text or are given twice, item for item as it is written: the last of a key counts.
fn last_given(text: &str) -> Result<Envelope<'_>, serde_json::Error> {
    let mut envelope = Envelope { value: None, next: None };
    for (key, raw) in lenient::entries(text)? {
        match key.as_str() {
            "value" => envelope.value = serde_json::from_str(raw.get())?,
            "@odata.nextLink" => envelope.next = Some(raw),
            _ => {}
        }
    }
    Ok(envelope)
}

/// The first characters of an answer, for an error.
pub(crate) fn beginning(text: &str) -> String {
    crate::wire::clean(&text.chars().take(80).collect::<String>())
}

/// The id of an object; nothing for anything else.
pub(crate) fn id_of(item: &Verbatim) -> Option<String> {
    item.view::<Identified>().ok()?.id.filter(|id| !id.is_empty())
}

/// Reads one object and checks that it is the one asked for.
pub(crate) fn single(endpoint: Endpoint, body: &[u8], id: &str) -> Result<Verbatim, ApiError> {
    let text = text_of(body);
    let unreadable = |why: String| ApiError::Unreadable { endpoint: endpoint.name(), why };
    let item = Verbatim::parse(&text)
        .map_err(|error| unreadable(format!("it is not JSON ({error}); it begins with {:?}", beginning(&text))))?;
    match id_of(&item) {
        Some(found) if found.eq_ignore_ascii_case(id) => Ok(item),
        Some(found) => Err(unreadable(format!("{id} was asked for, and {} came", beginning(&found)))),
        None => Err(unreadable(format!("it has no id; it begins with {:?}", beginning(&text)))),
    }
}

/// A success of a call with an effect that does not hold what Defender answers with: it may come from a proxy, so
/// whether the call was taken is unknown.
pub(crate) fn unproven(endpoint: Endpoint, answer: &Answer, wanted: &str) -> ApiError {
    let text = text_of(&answer.body);
    let why = format!("HTTP {} came without {wanted}; it begins with {:?}", answer.status, beginning(&text));
    ApiError::Lost { endpoint: endpoint.name(), why }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    fn base() -> Base {
        Base::new("api_url", &Url::parse("https://h.test").unwrap(), false).unwrap()
    }

    fn parse(body: &str) -> Result<Page, ApiError> {
        Page::parse(Endpoint::AlertList, &base(), body.as_bytes())
    }

    #[test]
    fn items_stay_byte_for_byte_in_an_envelope_and_in_a_bare_array() {
        let item = r#"{ "id":"a",  "n": 1.10, "x":"\u00e4" }"#;
        for body in [format!(r#"{{"@odata.context":"c","value":[{item}]}}"#), format!("\u{feff} [{item}]\n")] {
            let page = parse(&body).unwrap();
            assert_eq!(page.items[0].1.get(), item, "{body}");
            assert_eq!(page.items[0].0, "a");
        }
    }

    #[test]
    fn items_that_are_no_objects_or_lack_an_id_are_handed_over_and_not_lost() {
        let page = parse(r#"{"value":[{"id":"a"}, 7, null, {"id":null}, {"id":""}, {"x":1}, "t", [], {"id":12}]}"#);
        let page = page.unwrap();
        assert_eq!(page.items.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a", "12"]);
        assert_eq!(page.unreadable.len(), 7);
        assert_eq!(page.unreadable[0].get(), "7");
    }

    #[test]
    fn an_answer_without_a_list_is_an_error_and_not_an_empty_list() {
        for body in ["", "{}", r#"{"value":null}"#, r#"{"error":{"code":"x"}}"#, "<html>", r#"{"value":[{"id":"a"}"#] {
            assert!(matches!(parse(body), Err(ApiError::Unreadable { .. })), "{body} was taken");
        }
        assert!(parse(r#"{"value":[]}"#).unwrap().items.is_empty());
        assert!(parse("[]").unwrap().items.is_empty());
    }

    #[test]
    fn a_text_cut_in_half_or_a_repeated_key_costs_neither_the_page_nor_the_bytes_of_an_item() {
        let halves = r#"{"id":"a","title":"cut \ud83d","evidence":[{"fileName":"inv\udc00oice.exe"}]}"#;
        let twice = r#"{"id":"b","title":"x", "title":"y"}"#;
        let wrong_ids = [r#"{"id":"c\ud800"}"#, r#"{"id":"d","id":"e"}"#];
        let list = format!("[{halves},{twice},{},{}]", wrong_ids[0], wrong_ids[1]);
        for body in [
            format!(r#"{{"value":{list}}}"#),
            list.clone(),
            format!(r#"{{"\ud800":"\udc00","value":{list}}}"#),
            format!(r#"{{"value":[],"value":{list},"@odata.nextLink":"x","@odata.nextLink":null}}"#),
        ] {
            let page = parse(&body).unwrap();
            let items: Vec<_> = page.items.iter().map(|(id, item)| (id.as_str(), item.get())).collect();
            assert_eq!(items, [("a", halves), ("b", twice), ("c\u{fffd}", wrong_ids[0])], "{body}");
            assert_eq!(page.unreadable.iter().map(Verbatim::get).collect::<Vec<_>>(), [wrong_ids[1]]);
            assert!(page.next.is_none() && page.refused_next.is_none());
        }
        let single = |body: &str| single(Endpoint::Alert, body.as_bytes(), "a").map(|item| item.get().to_owned());
        assert_eq!(single(halves).unwrap(), halves);
        assert!(single(r#"{"id":"a","id":"a"}"#).is_err());
        assert!(parse(r#"{"value":[],"@odata.nextLink":"https://h.test/\ud800"}"#).unwrap().next.is_some());
    }

    #[test]
    fn a_foreign_continuation_is_told_and_not_followed() {
        let page = parse(r#"{"value":[],"@odata.nextLink":"https://evil.test/api/alerts"}"#).unwrap();
        assert_eq!(page.next, None);
        assert!(page.refused_next.is_some());
        let page = parse(r#"{"value":[],"@odata.nextLink":"https://h.test/api/alerts?$skip=1"}"#).unwrap();
        assert!(page.next.is_some());
        assert!(parse(r#"{"value":[],"@odata.nextLink":null}"#).unwrap().refused_next.is_none());
    }

    #[test]
    fn another_object_than_the_one_asked_for_is_not_taken() {
        assert!(single(Endpoint::Machine, br#"{"id":"AB"}"#, "ab").is_ok());
        assert!(single(Endpoint::Machine, br#"{"id":"cd"}"#, "ab").is_err());
        assert!(single(Endpoint::Machine, b"{}", "ab").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Page::parse(Endpoint::AlertList, &base(), &body);
            let _ = single(Endpoint::Alert, &body, "a");
        }
    }
}
