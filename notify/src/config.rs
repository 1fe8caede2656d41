//! The stage's settings: section `notify`, and for mail through Microsoft Graph the identity in `graph`.

use std::net::IpAddr;
use std::time::Duration;

use cordon_defender::{DefenderSettings, GraphSettings};
use cordon_settings::{Secret, Section};
use lettre::message::Mailbox;
use url::Url;

use crate::render::Parties;
use crate::window::SPAN;

/// Exchange Online tries for a day before it gives a message up; RFC 5321, section 4.5.4.1 asks mail servers for four days
/// or more, after which nobody needs to hear of an isolation.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What the stage needs to know.
#[derive(Debug, Clone)]
pub struct NotifySettings {
    /// How mails are written and how long they are tried.
    pub config: MailConfig,
    /// The way out.
    pub route: Route,
}

/// What does not depend on the way out.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// Who writes and who reads.
    pub parties: Parties,
    /// How long a reader whom the server puts off is tried with a mail that others have.
    pub give_up_after: Duration,
    /// How long a digest waits for more reports.
    pub digest_after: Duration,
}

/// The way out; exactly one.
#[derive(Debug, Clone)]
pub enum Route {
    /// An SMTP server.
    Smtp(SmtpSettings),
    /// Microsoft Graph's `sendMail`.
    Graph(Box<GraphRoute>),
}

/// Mail through Microsoft Graph.
#[derive(Debug, Clone)]
pub struct GraphRoute {
    /// The mailbox that sends: a user principal name or an id.
    pub sender: String,
    /// Identity and addresses.
    pub graph: GraphSettings,
}

/// Mail through an SMTP server.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub encryption: Encryption,
    /// User name and password, when the server wants them.
    pub login: Option<(String, Secret)>,
}

/// How a connection to an SMTP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte (RFC 8314, section 3.3).
    Implicit,
    /// STARTTLS, and nothing is sent without it (RFC 3207).
    StartTls,
    /// STARTTLS where the server offers it, with whatever certificate; else in the open. Whoever sits between could take
    /// the offer away, so this is for a server on this machine, and for `allow_plaintext`.
    Offered,
}

const ONE_ROUTE: &str = "set exactly one of notify.smtp and notify.graph; without either nobody would learn what \
                         Cordon did";

impl NotifySettings {
    /// Reads section `notify`, and `graph` (with what it takes over from `defender`) when mail goes that way. `None`
    /// only after a problem was recorded.
    pub fn read(root: &mut Section) -> Option<Self> {
        let mut notify = root.section("notify");
        let smtp = notify.optional_section("smtp");
        let graph = notify.optional_section("graph");
        let give_up_after = notify.duration("give_up_after").check(long_enough).or(GIVE_UP_AFTER);
        let digest_after = notify.duration("digest_after").check(not_never).or(SPAN);
        let settings = match (smtp, graph) {
            (Some(smtp), None) => read_smtp(smtp),
            (None, Some(graph)) => read_graph(graph, root),
            (Some(_), Some(_)) => {
                notify.problem_with_help("graph", "mail has two ways out, smtp and graph", ONE_ROUTE);
                None
            }
            (None, None) => {
                root.problem_with_help("notify", "mail has no way out", ONE_ROUTE);
                None
            }
        };
        notify.finish();
        let (parties, route) = settings?;
        Some(Self { config: MailConfig { parties, give_up_after, digest_after }, route })
    }
}

/// A mailbox that is full for some minutes must not cost its owner a mail.
fn long_enough(give_up_after: &Duration) -> Result<(), String> {
    if *give_up_after < Duration::from_secs(60) {
        return Err("expected 1m or more: greylisting alone puts a mail off for some minutes".to_owned());
    }
    Ok(())
}

/// What waits for a person must not wait for its mail.
fn not_never(digest_after: &Duration) -> Result<(), String> {
    if !(Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(digest_after) {
        return Err("expected between 1s and 1h".to_owned());
    }
    Ok(())
}

fn read_smtp(mut smtp: Section) -> Option<(Parties, Route)> {
    let url = smtp.url("url").check(is_smtp).required();
    let username = smtp.text("username").optional();
    let password = smtp.secret("password").optional();
    let plaintext = smtp.flag("allow_plaintext").or(false);
    let from = smtp.text("from").convert(mailbox).required();
    let to = smtp.texts("to").convert(mailboxes).required();
    let login = match (username, password) {
        (Some(username), Some(password)) => Some((username, password)),
        (None, None) => None,
        (Some(_), None) => {
            smtp.problem("username", "a user name without password");
            return None;
        }
        (None, Some(_)) => {
            smtp.problem("password", "a password without username");
            return None;
        }
    };
    let encryption = encryption(url.as_ref()?, plaintext);
    if login.is_some() && encryption == Encryption::Offered && !is_this_machine(url.as_ref()?) {
        smtp.problem_with_help(
            "allow_plaintext",
            "the password would cross the network readable",
            "remove allow_plaintext so that STARTTLS is required, or use smtps://",
        );
        return None;
    }
    smtp.finish();
    let url = url?;
    let port = url.port().unwrap_or(if encryption == Encryption::Implicit { 465 } else { 25 });
    let host = host(&url).to_owned();
    let route = Route::Smtp(SmtpSettings { host, port, encryption, login });
    Some((Parties { from: from?, to: to? }, route))
}

fn read_graph(mut graph: Section, root: &mut Section) -> Option<(Parties, Route)> {
    let sender = graph.text("sender").convert(|text| mailbox(text).map(|sender| sender.email.to_string())).required();
    let from = graph.text("from").convert(mailbox).optional();
    let to = graph.texts("to").convert(mailboxes).required();
    graph.finish();
    let defender = root.optional_section("defender").and_then(|mut section| {
        let settings = DefenderSettings::read(&mut section);
        section.finish();
        settings
    });
    let identity = GraphSettings::read(root, defender.as_ref());
    let sender = sender?;
    let from = from.or_else(|| sender.parse().ok())?;
    let route = Route::Graph(Box::new(GraphRoute { sender, graph: identity? }));
    Some((Parties { from, to: to? }, route))
}

fn encryption(url: &Url, plaintext: bool) -> Encryption {
    if url.scheme() == "smtps" {
        Encryption::Implicit
    } else if plaintext || is_this_machine(url) {
        Encryption::Offered
    } else {
        Encryption::StartTls
    }
}

/// Of a scheme that it does not know, the URL parser leaves an IPv4 address as a name, so the host is looked at here.
fn is_this_machine(url: &Url) -> bool {
    let host = host(url);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_matches(['[', ']'])
}

fn is_smtp(url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "smtp" | "smtps") || url.host_str().is_none_or(str::is_empty) {
        return Err("expected smtp://host:port (STARTTLS is required) or smtps://host:port (TLS at once)".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address must not hold a user name or password; use username and password".to_owned());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err("an SMTP server has no path".to_owned());
    }
    Ok(())
}

fn mailbox(text: String) -> Result<Mailbox, String> {
    text.parse().map_err(|error| format!("not a mail address such as \"Cordon <cordon@example.com>\": {error}"))
}

fn mailboxes(texts: Vec<String>) -> Result<Vec<Mailbox>, String> {
    if texts.is_empty() {
        return Err("expected at least one mail address".to_owned());
    }
    texts.into_iter().map(mailbox).collect()
}
