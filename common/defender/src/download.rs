//! Download links that the API hands out. Who has one needs no token, so none of them goes into an error or a log.
//! Source: Microsoft's page "Get package SAS URI API".

use cordon_records::{MachineActionId, lenient};
use serde::Deserialize;
use url::Url;

use crate::base::Base;
use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::odata::Query;
use crate::wire::text_of;

/// The longest link taken, in bytes; the one on Microsoft's page has about 2,000.
const MAX_LINK: usize = 16 * 1024;

impl Defender {
    /// A link to the package that an investigation collected. It works for a short time and needs no token, so it is a
    /// secret as long: never log it. 2 calls a minute are granted.
    ///
    /// # Errors
    /// Poison with [`ApiError::is_not_found`] when there is no such action or it has not succeeded; Transient when
    /// what came is no address.
    pub async fn package_uri(&self, id: &MachineActionId) -> Result<String, ApiError> {
        let endpoint = Endpoint::PackageUri;
        let answer = self.get(endpoint, &endpoint.path(id.as_str()), &Query::new()).await?;
        link(endpoint, &self.transport.base, &answer.body)
    }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default, deserialize_with = "lenient::text")]
    value: Option<String>,
}

/// Reads the link out of `{"value": …}`, where it may be in quotes of its own.
pub(crate) fn link(endpoint: Endpoint, base: &Base, body: &[u8]) -> Result<String, ApiError> {
    let unreadable = |why: &str| ApiError::Unreadable { endpoint: endpoint.name(), why: why.to_owned() };
    let envelope: Envelope =
        lenient::from_str(&text_of(body)).map_err(|_| unreadable("it is not an object in JSON"))?;
    let value = envelope.value.ok_or_else(|| unreadable("it holds no text named value"))?;
    let text = unquoted(&value);
    if text.is_empty() || text.len() > MAX_LINK || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(unreadable("its value is empty, too long, or holds white space"));
    }
    match Url::parse(&text) {
        Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && base.is_http()) => Ok(text),
        Ok(_) => Err(unreadable("its value is an address that does not begin with https")),
        Err(_) => Err(unreadable("its value is not an address")),
    }
}

/// The text without the quotes that the service puts inside the string.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    serde_json::from_str(value).unwrap_or_else(|_| value.to_owned())
}

#[cfg(test)]
mod tests {
    use cordon_records::{Classified, ErrorClass};
    use proptest::prelude::*;

    use super::*;

    fn base(text: &str) -> Base {
        Base::new("api_url", &Url::parse(text).unwrap(), true).unwrap()
    }

    fn read(body: &str) -> Result<String, ApiError> {
        link(Endpoint::PackageUri, &base("https://api.test"), body.as_bytes())
    }

    #[test]
    fn a_link_is_read_with_and_without_quotes_of_its_own_and_keeps_every_character() {
        let link = "https://files.test:443/safedownload/P.zip?token=a%2fb%3d%3d&x='1'";
        for value in [link.to_owned(), format!("\"{link}\""), format!("  \"{link}\" ")] {
            let body = serde_json::json!({"@odata.context": "x", "value": value}).to_string();
            assert_eq!(read(&body).unwrap(), link, "{body}");
        }
    }

    #[test]
    fn what_is_no_link_is_refused_without_being_quoted() {
        for value in [
            "",
            "\"\"",
            "se.cret",
            "javascript:se.cret",
            "http://se.cret/a",
            "https://se.cret/a b",
            "\"https://se.cret",
        ] {
            let error = read(&serde_json::json!({"value": value}).to_string()).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Transient);
            assert!(!format!("{error} {error:?}").contains("se.cret"), "{error:?}");
        }
        for body in ["", "se.cret", "[\"se.cret\"]", r#"{"value":null,"other":"se.cret"}"#, r#"{"value":["se.cret"]}"#]
        {
            let error = read(body).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("se.cret"), "{error:?}");
        }
    }

    #[test]
    fn plain_http_is_taken_only_from_an_api_that_is_itself_reached_so() {
        let body = br#"{"value":"http://127.0.0.1:1/p.zip"}"#;
        assert!(link(Endpoint::PackageUri, &base("http://127.0.0.1:1"), body).is_ok());
        assert!(link(Endpoint::PackageUri, &base("https://api.test"), body).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(body in proptest::collection::vec(any::<u8>(), 0..300), value in any::<String>()) {
            let _ = link(Endpoint::PackageUri, &base("https://api.test"), &body);
            let _ = read(&serde_json::json!({ "value": value }).to_string());
        }
    }
}
