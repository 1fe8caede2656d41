//! Turns a message into the bytes of a mail: text and HTML from two templates, headers that are stable.
//!
//! Everything in a mail but its `Date` follows from the report, `Message-ID` and the MIME boundary too. A mail that
//! has to be sent again after a crash is therefore recognised as the same one by mail programs. `Auto-Submitted`
//! (RFC 3834) and `X-Auto-Response-Suppress` (Microsoft's page "MS-OXCMAIL", section 2.1.3.2.20) keep absence
//! replies away. Text of others in a header is cleaned of what a mail program would decode.

use std::borrow::Cow;

use cordon_records::text::hex;
use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message as MimeMessage};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use sha2::{Digest, Sha256};

use crate::clean::{self, MAX_LINE};
use crate::error::RenderError;
use crate::message::Message;
use crate::wording::Tone;

/// Enough for the longest mail several times over; a template that loops runs out.
const FUEL: u64 = 200_000;
const TEXT: &str = "mail.txt.j2";
const HTML: &str = "mail.html.j2";

/// Who writes and who reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parties {
    /// The sender: header and envelope.
    pub from: Mailbox,
    /// The readers; never empty.
    pub to: Vec<Mailbox>,
}

/// A mail ready for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The `Message-ID`, with its angle brackets.
    pub message_id: String,
    /// The envelope's sender.
    pub from: Address,
    /// The envelope's recipients.
    pub to: Vec<Address>,
    /// Headers and body: ASCII, lines end in CRLF.
    pub mime: Vec<u8>,
}

impl Mail {
    /// The bytes for some of the readers, where the way out knows no envelope: the header `To` names only them.
    #[must_use]
    pub fn mime_for(&self, readers: &[Address]) -> Cow<'_, [u8]> {
        let text = String::from_utf8_lossy(&self.mime);
        let Some((head, body)) = text.split_once("\r\n\r\n").filter(|_| readers != self.to) else {
            return Cow::Borrowed(&self.mime);
        };
        let mut kept: Vec<&str> = Vec::new();
        let mut dropping = false;
        for line in head.split("\r\n") {
            // A line that begins with white space continues the header before it (RFC 5322, section 2.2.3).
            dropping = if line.starts_with([' ', '\t']) { dropping } else { is_named_to(line) };
            if !dropping {
                kept.push(line);
            }
        }
        let to = readers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Cow::Owned(format!("{}\r\nTo: {to}\r\n\r\n{body}", kept.join("\r\n")).into_bytes())
    }
}

fn is_named_to(line: &str) -> bool {
    line.get(..3).is_some_and(|name| name.eq_ignore_ascii_case("to:"))
}

/// The compiled templates.
#[derive(Debug)]
pub struct Renderer {
    environment: Environment<'static>,
}

impl Renderer {
    /// Compiles the built-in templates.
    ///
    /// # Errors
    /// [`RenderError::Template`] when a template does not parse.
    pub fn new() -> Result<Self, RenderError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment.set_fuel(Some(FUEL));
        environment.add_template(TEXT, include_str!("../templates/mail.txt.j2"))?;
        environment.add_template(HTML, include_str!("../templates/mail.html.j2"))?;
        Ok(Self { environment })
    }

    /// The text part.
    ///
    /// # Errors
    /// [`RenderError::Template`] when the template asks for what the message does not have.
    pub fn text(&self, message: &Message) -> Result<String, RenderError> {
        self.part(TEXT, message)
    }

    /// The HTML part. Every value is escaped: the template's name says that it is HTML.
    ///
    /// # Errors
    /// [`RenderError::Template`] when the template asks for what the message does not have.
    pub fn html(&self, message: &Message) -> Result<String, RenderError> {
        self.part(HTML, message)
    }

    fn part(&self, template: &str, message: &Message) -> Result<String, RenderError> {
        Ok(self.environment.get_template(template)?.render(context! { message => Serde(message) })?)
    }

    /// The whole mail. `now` becomes its `Date`.
    ///
    /// # Errors
    /// [`RenderError`] when a template fails or the headers do not make a mail.
    pub fn mail(&self, message: &Message, parties: &Parties, now: Timestamp) -> Result<Mail, RenderError> {
        let digest = hex_digest(&message.key);
        let message_id = format!("<{digest}@cordon>");
        let mut builder = MimeMessage::builder()
            .from(harmless(&parties.from))
            .subject(&message.subject)
            .date(now.into())
            .message_id(Some(message_id.clone()))
            .raw_header(ascii_header("Auto-Submitted", "auto-generated"))
            .raw_header(ascii_header("X-Auto-Response-Suppress", "All"));
        for reader in &parties.to {
            builder = builder.to(harmless(reader));
        }
        if let Some(thread) = &message.thread {
            let root = format!("<thread-{}@cordon>", hex_digest(thread));
            builder = builder.in_reply_to(root.clone()).references(root);
        }
        if message.tone == Tone::Alarm {
            builder =
                builder.raw_header(ascii_header("Importance", "high")).raw_header(ascii_header("X-Priority", "1"));
        }
        let body = MultiPart::builder()
            .kind(lettre::message::MultiPartKind::Alternative)
            .boundary(format!("cordon-{digest}"))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(self.text(message)?))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(self.html(message)?));
        Ok(Mail {
            message_id,
            from: parties.from.email.clone(),
            to: parties.to.iter().map(|reader| reader.email.clone()).collect(),
            mime: builder.multipart(body)?.formatted(),
        })
    }
}

/// The display name as mail programs show it, whatever it looks like.
fn harmless(mailbox: &Mailbox) -> Mailbox {
    let name = mailbox.name.as_deref().map(|name| clean::line(name, MAX_LINE));
    Mailbox::new(name, mailbox.email.clone())
}

fn ascii_header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The first 16 bytes of SHA-256, in hexadecimal.
fn hex_digest(text: &str) -> String {
    hex(Sha256::digest(text.as_bytes()).iter().take(16))
}
