//! The request log: what really reached the tenant, and the oracle of the fault tests.

use jiff::Timestamp;
use serde::Serialize;

/// The longest body kept, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// What stands where a secret stood.
pub(crate) const REMOVED: &str = "[removed]";

/// One request that reached the simulator. Tokens and secrets are removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedRequest {
    /// When it was received; `time` in the log file.
    #[serde(rename = "time")]
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// Path and query as sent, with the path prefix.
    pub path: String,
    /// The status answered; 0 while unanswered, and for ever when the answer was dropped.
    pub status: u16,
    /// The body as text; empty for none. A token request's secret and a mail's content are left out.
    pub body: String,
    /// Whether it had an `Authorization` header.
    pub authorization: bool,
    /// The client id behind its token, when the token is one that the simulator issued.
    pub client_id: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// Which fault was played for it (the variant's name).
    pub fault: Option<String>,
}

/// All requests, in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    entries: Vec<LoggedRequest>,
}

impl RequestLog {
    /// Adds a request and returns its place, by which its status is set later.
    pub(crate) fn add(&mut self, mut request: LoggedRequest, secrets: &[String]) -> usize {
        request.body = without_secrets(&shortened(&request.body), secrets);
        request.path = without_secrets(&request.path, secrets);
        self.entries.push(request);
        self.entries.len() - 1
    }

    pub(crate) fn answered(&mut self, place: usize, status: u16) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.status = status;
        }
    }

    pub(crate) fn entries(&self) -> &[LoggedRequest] {
        &self.entries
    }

    pub(crate) fn to_jsonl(&self) -> String {
        let mut lines = String::new();
        for entry in &self.entries {
            lines.push_str(&serde_json::to_string(entry).unwrap_or_default());
            lines.push('\n');
        }
        lines
    }
}

fn shortened(body: &str) -> String {
    if body.len() <= MAX_BODY {
        return body.to_owned();
    }
    let mut end = MAX_BODY;
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} [shortened from {} bytes]", &body[..end], body.len())
}

fn without_secrets(text: &str, secrets: &[String]) -> String {
    secrets
        .iter()
        .filter(|s| !s.is_empty())
        .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), REMOVED))
}

/// A form body with the values of the secret fields removed.
pub(crate) fn redacted_form(body: &str) -> String {
    let field = |pair: &str| match pair.split_once('=') {
        Some((name @ ("client_secret" | "client_assertion" | "password" | "refresh_token"), _)) => {
            format!("{name}={REMOVED}")
        }
        _ => pair.to_owned(),
    };
    body.split('&').map(field).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_leaves_the_log_encoded_or_not() {
        let form = "grant_type=client_credentials&client_secret=a%2Bb&scope=x";
        assert_eq!(redacted_form(form), "grant_type=client_credentials&client_secret=[removed]&scope=x");
        assert_eq!(without_secrets("Comment a+b end", &["a+b".to_owned()]), "Comment [removed] end");
    }

    #[test]
    fn a_long_body_is_shortened_at_a_character() {
        let kept = shortened(&"ä".repeat(MAX_BODY));
        assert!(kept.len() < MAX_BODY + 64 && kept.contains("shortened from"));
    }
}
