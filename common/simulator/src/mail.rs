//! Mails that the simulated tenant and the SMTP sink received.

use jiff::Timestamp;
use mail_parser::MessageParser;

/// The way a mail came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSource {
    /// Through the SMTP sink.
    Smtp,
    /// Through Graph's `sendMail`.
    Graph,
}

/// A mail received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// When it was accepted.
    pub at: Timestamp,
    /// The way it came.
    pub source: MailSource,
    /// The envelope sender; with Graph the mailbox in the path.
    pub from: String,
    /// The envelope recipients; with Graph the addresses of To, Cc and Bcc.
    pub to: Vec<String>,
    /// The message as received: RFC 5322 bytes, dots unstuffed.
    pub raw: Vec<u8>,
}

impl Mail {
    /// The value of a header, unfolded but not decoded; `None` when absent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.raw, name)
    }

    /// The subject as a mail program shows it; `""` where there is none.
    #[must_use]
    pub fn subject(&self) -> String {
        let parsed = MessageParser::default().parse_headers(&self.raw);
        parsed.and_then(|mail| mail.subject().map(str::to_owned)).unwrap_or_default()
    }
}

/// The value of the first header of this name.
pub(crate) fn header(raw: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(raw);
    let mut value: Option<String> = None;
    for line in text.lines().take_while(|line| !line.is_empty()) {
        let folded = line.starts_with([' ', '\t']);
        match (&mut value, line.split_once(':')) {
            (Some(value), _) if folded => {
                value.push(' ');
                value.push_str(line.trim());
            }
            (Some(_), _) => break,
            (None, Some((found, rest))) if !folded && found.eq_ignore_ascii_case(name) => {
                value = Some(rest.trim().to_owned())
            }
            (None, _) => {}
        }
    }
    value
}

/// The addresses in the recipient headers. Display names with commas in quotes are understood well enough for a sink.
pub(crate) fn recipients(raw: &[u8]) -> Vec<String> {
    let values = ["To", "Cc", "Bcc"].into_iter().filter_map(|name| header(raw, name));
    values.flat_map(|value| value.split(',').filter_map(address).collect::<Vec<_>>()).collect()
}

fn address(text: &str) -> Option<String> {
    let inner = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end().trim_end_matches('>'));
    let inner = inner.trim();
    inner.contains('@').then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &[u8] = b"From: a@x.example\r\nTo: \"Doe, Jane\" <jane@x.example>,\r\n bob@x.example\r\nSubject: one\r\n two\r\n\r\nTo: body@x.example\r\n";

    #[test]
    fn recipients_come_from_the_headers_and_not_from_the_body() {
        assert_eq!(recipients(RAW), ["jane@x.example", "bob@x.example"]);
    }

    #[test]
    fn a_folded_header_is_one_value() {
        assert_eq!(header(RAW, "subject").as_deref(), Some("one two"));
        assert_eq!(header(RAW, "Cc"), None);
    }
}
