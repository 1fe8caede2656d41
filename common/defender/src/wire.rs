//! Bodies, as they really come: not always UTF-8, and those of errors JSON with odd codes, HTML from a front door, or
//! nothing.
//!
//! Source: Microsoft's page "Common REST API error codes" (`{"error":{"code","message","target"}}`); Entra's
//! token endpoint answers `{"error":"…","error_description":"…"}` (RFC 6749, section 5.2).

use std::borrow::Cow;

use cordon_records::lenient;
use cordon_records::text::{cut, one_line};
use serde::Deserialize;

use crate::error::Refusal;

/// The longest text taken over from a server that says what is wrong, in characters: Entra's are some 300 long, with the
/// cause anywhere.
const MAX_TEXT: usize = 1_000;
/// The longest of a body that is something else, a page of a proxy mostly: its first words tell.
const MAX_BODY: usize = 300;

#[derive(Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "lenient::or_absent")]
    error: Option<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default, deserialize_with = "lenient::text")]
    code: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    message: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    target: Option<String>,
}

#[derive(Deserialize)]
struct TokenBody {
    #[serde(default, deserialize_with = "lenient::text")]
    error: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    error_description: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    correlation_id: Option<String>,
}

/// Reads the body of a failed API call; a body that is not JSON is shown by its first words.
pub(crate) fn refusal(status: u16, body: &[u8]) -> Refusal {
    match lenient::from_str::<Body>(&text_of(body)).ok().and_then(|body| body.error) {
        Some(detail) => Refusal {
            status,
            code: detail.code.map(|code| clean(&code)).filter(|code| !code.is_empty()),
            message: clean(&detail.message.unwrap_or_default()),
            target: detail.target.map(|target| clean(&target)).filter(|target| !target.is_empty()),
        },
        None => unstructured(status, body),
    }
}

/// The words of a token request's refusal without trace ids and time, which follow on lines of their own or, for some
/// years now, on the same one.
fn without_traces(description: &str) -> &str {
    let line = description.lines().next().unwrap_or_default();
    line.split_once(" Trace ID: ").map_or(line, |(words, _)| words)
}

/// Reads the body of a refused token request.
pub(crate) fn token_refusal(status: u16, body: &[u8]) -> Refusal {
    match lenient::from_str::<TokenBody>(&text_of(body)) {
        Ok(TokenBody { error: Some(code), error_description, correlation_id }) => Refusal {
            status,
            code: Some(clean(&code)),
            message: clean(without_traces(&error_description.unwrap_or_default())),
            target: correlation_id.map(|id| clean(&id)),
        },
        Ok(TokenBody { error: None, .. }) | Err(_) => unstructured(status, body),
    }
}

fn unstructured(status: u16, body: &[u8]) -> Refusal {
    Refusal { status, code: None, message: clean_to(&String::from_utf8_lossy(body), MAX_BODY), target: None }
}

/// The body as text without a byte order mark. Bytes that are not UTF-8 are replaced: one broken name must not
/// lose a page. What is sound is not copied: a page of a fleet has megabytes.
pub(crate) fn text_of(body: &[u8]) -> Cow<'_, str> {
    fn bare(text: &str) -> &str {
        text.trim_start_matches('\u{feff}').trim()
    }
    // To look for what is broken takes several times as long as to see that nothing is.
    match str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(bare(text)),
        Err(_) => Cow::Owned(bare(&String::from_utf8_lossy(body)).to_owned()),
    }
}

/// One line without what is obeyed or hidden, cut to a length that a log line bears.
pub(crate) fn clean(text: &str) -> String {
    clean_to(text, MAX_TEXT)
}

fn clean_to(text: &str, most: usize) -> String {
    cut(&one_line(&text.chars().take(most * 4).collect::<String>()), most)
}

#[cfg(test)]
mod tests {
    use cordon_records::text::UNSEEN;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn code_message_and_target_are_read_whatever_their_types() {
        let read = refusal(
            404,
            br#"{"error":{"code":"ResourceNotFound","message":"Machine 12 was not found","target":"|f712.2d."}}"#,
        );
        assert_eq!(read.code.as_deref(), Some("ResourceNotFound"));
        assert_eq!(read.to_string(), "HTTP 404 ResourceNotFound: Machine 12 was not found (correlation id |f712.2d.)");
        assert_eq!(refusal(429, br#"{"error":{"code":429,"message":null}}"#).code.as_deref(), Some("429"));
    }

    #[test]
    fn a_message_that_is_no_text_or_is_given_twice_does_not_hide_the_code() {
        let read = refusal(400, br#"{"error":{"code":"ActiveRequestAlreadyExists","message":"of \"lab\ud83d\""}}"#);
        assert_eq!(read.code.as_deref(), Some("ActiveRequestAlreadyExists"));
        assert_eq!(read.message, "of \"lab\u{fffd}\"");
        let twice = refusal(400, br#"{"error":{"code":"A"},"error":{"code":"B","message":"m\udc00"}}"#);
        assert_eq!(twice.code.as_deref(), Some("B"));
        let token = token_refusal(401, br#"{"error":"invalid_client","error_description":"cut \ud83d"}"#);
        assert_eq!((token.code.as_deref(), token.message.as_str()), (Some("invalid_client"), "cut \u{fffd}"));
    }

    #[test]
    fn an_html_body_an_empty_body_and_another_json_still_give_a_refusal() {
        assert_eq!(refusal(502, b"<html>\n<h1>Bad\tGateway</h1>").message, "<html> <h1>Bad Gateway</h1>");
        assert_eq!(refusal(503, b"").to_string(), "HTTP 503");
        assert_eq!(refusal(400, br#"{"message":"x"}"#).code, None);
        assert_eq!(refusal(400, b"[1]").code, None);
    }

    #[test]
    fn of_the_token_endpoints_words_all_before_the_trace_ids_is_kept_and_the_correlation_id_is_told_once() {
        for apart in ["\\r\\n", " "] {
            let body = format!(
                r#"{{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret.{apart}Trace ID: 1{apart}Correlation ID: 2","correlation_id":"2"}}"#
            );
            let read = token_refusal(401, body.as_bytes());
            assert_eq!(
                read.to_string(),
                "HTTP 401 invalid_client: AADSTS7000215: Invalid client secret. (correlation id 2)"
            );
        }
    }

    #[test]
    fn what_entra_says_is_kept_whole_and_a_page_of_a_proxy_by_its_first_words() {
        let said = format!(
            "AADSTS7000215: Invalid client secret provided. {}for a secret added to app 'x'.",
            "Ensure it. ".repeat(30)
        );
        let body = serde_json::json!({"error": "invalid_client", "error_description": said}).to_string();
        assert_eq!(token_refusal(401, body.as_bytes()).message, said);
        let page = refusal(502, "<p>Bad Gateway</p> ".repeat(100).as_bytes()).message;
        assert_eq!(page.chars().count(), MAX_BODY);
    }

    proptest! {
        #[test]
        fn a_cleaned_text_is_short_and_has_no_control_character(text in any::<String>()) {
            let cleaned = clean(&text);
            prop_assert!(cleaned.chars().count() <= MAX_TEXT);
            prop_assert!(!cleaned.chars().any(char::is_control));
        }

        #[test]
        fn nothing_is_left_of_a_text_in_which_nothing_can_be_seen(
            text in UNSEEN,
        ) {
            prop_assert_eq!(clean(&text), "");
        }

        #[test]
        fn any_bytes_give_a_refusal(status in 400u16..600, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(refusal(status, &body).status, status);
            prop_assert_eq!(token_refusal(status, &body).status, status);
        }
    }
}
