//! Mail through an SMTP server.
//!
//! One transaction for each mail, spoken command by command: lettre's pooled transport gives the whole mail up at the
//! first reader that is refused, and does not say in which phase a server said no. Here a refused reader does not cost the
//! others their mail, and only the phase that judges the mail itself can refuse it. A connection that served everybody
//! waits a moment for the next mail (`kept`).
//!
//! Whose fault a no is, the phase tells. Up to MAIL it is the set-up or the whole way out, and every mail waits. At RCPT it
//! is this reader: a 4xx (452, a full mailbox; 450, greylisting) or a wish for a login puts the reader off, and so does a
//! connection that breaks there; where it is said of every reader, the way out is closed. After DATA it may be one reader of
//! several, so each gets a transaction of its own, and what fails then counts against this mail. A 421 closes the connection
//! and says nothing about the reader.

mod kept;

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use tokio::time::timeout;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::clean::{self, MAX_BLOCK};
use crate::config::{Encryption, SmtpSettings};
use crate::error::DeliveryError;
use crate::render::Mail;
use crate::transport::{Handover, Transport};
use kept::{Kept, Served};

/// For connecting and greeting, and for the login.
const CONNECT: Duration = Duration::from_secs(30);
/// For STARTTLS and what it brings. A time of its own: where the open would do, it must not take that of the mail.
const STARTTLS: Duration = Duration::from_secs(10);
/// For the answer to one command. RFC 5321, section 4.5.3.2 allows a server five minutes; nobody's mail should wait so
/// long for one reader's answer.
const ANSWER: Duration = Duration::from_secs(60);
/// For the first answer on a connection that served a mail a moment ago. A new one costs less than to wait for longer.
const STILL_THERE: Duration = Duration::from_secs(5);
/// For the answer to the mail itself. The same section allows ten minutes; a mail of ours is small.
const TAKING: Duration = Duration::from_secs(120);
/// For the farewell, which nothing depends on.
const FAREWELL: Duration = Duration::from_secs(2);
/// Answers that want a login or a better one (RFC 4954, section 6): the set-up is at fault, not the mail.
const WANTS_LOGIN: [&str; 4] = ["530", "534", "535", "538"];

/// The way out through an SMTP server.
#[derive(Debug)]
pub struct Smtp {
    settings: SmtpSettings,
    hello: ClientId,
    /// Why TLS came to nothing with a server that offered it.
    broken_offer: OnceLock<String>,
    told: AtomicBool,
    kept: Kept,
}

/// Where to look when no connection comes about.
const SEE_URL: &str =
    "see whether notify.smtp.url names its host and port, and smtps:// for one that speaks TLS at once";
/// Where to look when TLS is wanted and does not come about.
const SEE_TLS: &str = "see whether notify.smtp.url names the host as its certificate does, and its port; write \
                       smtps:// for one that speaks TLS at once";
/// Where to look when the login is refused.
const SEE_LOGIN: &str = "see notify.smtp.username and notify.smtp.password";

/// The service is about to close the connection (RFC 5321, section 3.8), whatever the command was.
const CLOSING: &str = "421";

/// A server's word on one command.
enum Reply {
    Yes,
    /// Not now: about the reader or the mail that the command named.
    Later(String),
    /// Never: about the same.
    Never(String),
    /// The set-up is at fault, whatever the command named.
    SetUp(String),
    /// The connection is lost, silent or about to close.
    Broken(String),
}

/// A no to the mail itself.
enum No {
    Later(String),
    Never(String),
}

impl No {
    fn settle(&self, handover: &mut Handover, reader: &Address) {
        match self {
            Self::Later(why) => handover.put_off(reader, why),
            Self::Never(why) => handover.refuse(reader, why),
        }
    }
}

impl Reply {
    /// Where nobody but the set-up can be meant.
    fn or_fail(self) -> Result<(), DeliveryError> {
        match self {
            Self::Yes => Ok(()),
            Self::Later(why) | Self::Never(why) | Self::SetUp(why) | Self::Broken(why) => {
                Err(DeliveryError::later(why))
            }
        }
    }
}

impl Smtp {
    /// A transport; it connects when there is a mail.
    #[must_use]
    pub fn new(settings: SmtpSettings) -> Self {
        Self {
            settings,
            hello: ClientId::default(),
            broken_offer: OnceLock::new(),
            told: AtomicBool::new(false),
            kept: Kept::default(),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        let mut connection = self.open().await?;
        match self.settings.encryption {
            Encryption::StartTls => {
                let tls = self.tls().map_err(|error| self.failed("TLS with", &error))?;
                self.start_tls(&mut connection, tls).await.map_err(|why| look_at(why, SEE_TLS))?;
            }
            Encryption::Offered if connection.can_starttls() => connection = self.upgraded(connection).await?,
            Encryption::Offered | Encryption::Implicit => {}
        }
        let login = timeout(CONNECT, self.log_in(&mut connection)).await;
        login.map_err(|_| DeliveryError::later(self.silent("the login", CONNECT)))??;
        Ok(connection)
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        let opening = async {
            let tls = if self.settings.encryption == Encryption::Implicit { Some(self.tls()?) } else { None };
            let server = (self.settings.host.as_str(), self.settings.port);
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), &self.hello, tls, None).await
        };
        let silent = || format!("{} did not greet within {} s", self.label(), CONNECT.as_secs());
        let opened = timeout(CONNECT, opening).await.map_err(|_| look_at(silent(), SEE_URL))?;
        opened.map_err(|error| look_at(self.describe("connecting to", &error), SEE_URL))
    }

    /// Why the connection is not encrypted afterwards, if it is not; then it is of no more use.
    async fn start_tls(&self, connection: &mut AsyncSmtpConnection, tls: TlsParameters) -> Result<(), String> {
        match timeout(STARTTLS, connection.starttls(tls, &self.hello)).await {
            Ok(started) => started.map_err(|error| self.describe("STARTTLS with", &error)),
            Err(_) => Err(self.silent("STARTTLS", STARTTLS)),
        }
    }

    fn silent(&self, after: &str, within: Duration) -> String {
        format!("{} fell silent at {after}: it was not done within {} s", self.label(), within.as_secs())
    }

    /// Takes up the server's offer of TLS. Where the open would do, nobody's certificate is asked for, and an offer that
    /// comes to nothing keeps no mail back.
    async fn upgraded(&self, mut connection: AsyncSmtpConnection) -> Result<AsyncSmtpConnection, DeliveryError> {
        let tls = TlsParameters::builder(self.settings.host.clone()).dangerous_accept_invalid_certs(true).build();
        let tls = tls.map_err(|error| self.failed("TLS with", &error))?;
        match self.start_tls(&mut connection, tls).await {
            Ok(()) => Ok(connection),
            Err(why) => {
                // Only the first one is told.
                let _ = self.broken_offer.set(why);
                self.open().await
            }
        }
    }

    /// Says once that the server's offer of TLS comes to nothing: a session itself is out of the log's sight.
    fn tell_broken_offer(&self) {
        if let Some(why) = self.broken_offer.get()
            && !self.told.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%why, "the server offers TLS and then fails at it: mail goes to it in the open");
        }
    }

    fn tls(&self) -> Result<TlsParameters, Error> {
        TlsParameters::new(self.settings.host.clone())
    }

    /// The password is read for each connection, so that a rotated one is used.
    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), DeliveryError> {
        let Some((user, password)) = &self.settings.login else { return Ok(()) };
        let password = password.clone();
        // It may be a file on a network: no thread waits for it that others wait for.
        let revealed = tokio::task::spawn_blocking(move || password.reveal()).await;
        let password = revealed
            .map_err(|error| DeliveryError::later(error.to_string()))?
            .map_err(|error| DeliveryError::later(error.to_string()))?;
        let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
        let answer = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
        answer.map(|_| ()).map_err(|error| look_at(self.describe("login at", &error), SEE_LOGIN))
    }

    /// One transaction for these readers. Gives back a no to the mail itself, and to whom it was said.
    async fn transact(
        &self,
        mail: &Mail,
        (handover, readers): (&mut Handover, &[Address]),
    ) -> Result<Option<(No, Vec<Address>)>, DeliveryError> {
        let mut served = self.begin(mail).await?;
        let accepted = self.name_readers(&mut served.connection, mail, (handover, readers)).await?;
        let no = self.hand_over(&mut served.connection, mail, (handover, &accepted)).await?;
        // The mail is handed over or refused; what becomes of the connection changes nothing. Where TLS came to nothing it is
        // tried anew with the next mail.
        let is_sound = no.is_none() && accepted.len() == readers.len() && self.broken_offer.get().is_none();
        if is_sound {
            self.kept.put(served).await;
        } else {
            served.leave().await;
        }
        Ok(no.map(|no| (no, accepted)))
    }

    /// A connection on which the server has taken the sender. Before a reader is named it judges the sender and us: a no is
    /// about the set-up. On a connection that served a mail before, it may also be about that connection.
    async fn begin(&self, mail: &Mail) -> Result<Served, DeliveryError> {
        let sender = || MailFrom::new(Some(mail.from.clone()), Vec::new());
        if let Some(mut served) = self.kept.take()
            && matches!(self.said(served.connection.command(sender()), STILL_THERE).await, Reply::Yes)
        {
            return Ok(served);
        }
        let mut connection = self.connect().await?;
        self.said(connection.command(sender()), ANSWER).await.or_fail()?;
        Ok(Served::none(connection))
    }

    /// Serves the readers together. After a no to the mail itself each gets a transaction of its own: one of them may be
    /// the cause (a full mailbox, a policy of one's own), the server has one answer for all, and some servers close after it.
    async fn serve(&self, mail: &Mail, handover: &mut Handover) -> Result<(), DeliveryError> {
        let readers = handover.open.clone();
        let Some((no, accepted)) = self.transact(mail, (handover, &readers)).await? else { return Ok(()) };
        if let [reader] = accepted.as_slice() {
            no.settle(handover, reader);
            return Ok(());
        }
        for reader in &accepted {
            let alone = self.transact(mail, (handover, std::slice::from_ref(reader))).await;
            // The server has seen the mail: whatever fails from here on may be this mail's fault.
            if let Some((no, _)) = alone.map_err(|error| DeliveryError { begun: true, ..error })? {
                no.settle(handover, reader);
            }
        }
        Ok(())
    }

    /// Names the readers. Returns those that the server takes mail for.
    async fn name_readers(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
        (handover, readers): (&mut Handover, &[Address]),
    ) -> Result<Vec<Address>, DeliveryError> {
        let (mut accepted, mut put_off) = (Vec::new(), Vec::new());
        for reader in readers {
            match self.said(connection.command(Rcpt::new(reader.clone(), Vec::new())), ANSWER).await {
                Reply::Yes => accepted.push(reader.clone()),
                // A login may be wanted for one reader only, whose mail the server would have to relay.
                Reply::Later(why) | Reply::SetUp(why) => put_off.push((reader, why)),
                Reply::Never(why) => handover.refuse(reader, &why),
                Reply::Broken(why) => {
                    // If it is the server that broke, the next connection says so; if it is this reader, the others go on.
                    put_off.iter().for_each(|(reader, why)| handover.put_off(reader, why));
                    handover.put_off(reader, &why);
                    return Err(DeliveryError::begun(why));
                }
            }
        }
        // Whoever is tried without the others is not everybody.
        if let Some((_, why)) = put_off.first().filter(|_| put_off.len() == mail.to.len()) {
            return Err(DeliveryError::later(format!("the server takes mail for no recipient now: {why}")));
        }
        put_off.iter().for_each(|(reader, why)| handover.put_off(reader, why));
        Ok(accepted)
    }

    /// Sends the mail itself to the readers that were accepted; gives the server's no back. A connection that breaks here
    /// may have delivered: the mail goes out again under the same `Message-ID`.
    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
        (handover, accepted): (&mut Handover, &[Address]),
    ) -> Result<Option<No>, DeliveryError> {
        if accepted.is_empty() {
            return Ok(None);
        }
        let mut reply = self.said(connection.command(Data), ANSWER).await;
        if matches!(reply, Reply::Yes) {
            reply = self.said(connection.message(&mail.mime), TAKING).await;
        }
        match reply {
            Reply::Yes => accepted.iter().for_each(|reader| handover.take(reader)),
            Reply::Later(why) => return Ok(Some(No::Later(why))),
            Reply::Never(why) => return Ok(Some(No::Never(why))),
            Reply::SetUp(why) | Reply::Broken(why) => return Err(DeliveryError::begun(why)),
        }
        Ok(None)
    }

    /// What the server says to a command, sorted by its code; without a code the connection is broken.
    async fn said<T>(&self, command: impl Future<Output = Result<T, Error>> + Send, within: Duration) -> Reply {
        let error = match timeout(within, command).await {
            Ok(Ok(_)) => return Reply::Yes,
            Ok(Err(error)) => error,
            Err(_) => return Reply::Broken(format!("{} fell silent", self.label())),
        };
        let why = self.describe("an answer of", &error);
        match error.status().map(|code| code.to_string()) {
            None => Reply::Broken(why),
            Some(code) if code == CLOSING => Reply::Broken(why),
            Some(code) if WANTS_LOGIN.contains(&code.as_str()) => Reply::SetUp(why),
            Some(_) if error.is_permanent() => Reply::Never(why),
            Some(_) => Reply::Later(why),
        }
    }

    fn failed(&self, doing: &str, error: &Error) -> DeliveryError {
        DeliveryError::later(self.describe(doing, error))
    }

    /// The server's words are foreign text.
    fn describe(&self, doing: &str, error: &Error) -> String {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            cause = error.source();
        }
        clean::line(&format!("{doing} {}: {text}", self.label()), MAX_BLOCK)
    }
}

impl Transport for Smtp {
    async fn deliver(&self, mail: &Mail, handover: &mut Handover) -> Result<(), DeliveryError> {
        let served = unlogged(self.serve(mail, handover)).await;
        self.tell_broken_offer();
        served
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        let session = async {
            let mut connection = self.connect().await?;
            let _ = timeout(FAREWELL, connection.quit()).await;
            Ok(())
        };
        let checked = unlogged(session).await;
        self.tell_broken_offer();
        checked
    }

    fn label(&self) -> String {
        format!("SMTP server {}:{}", self.settings.host, self.settings.port)
    }
}

/// What failed, and which setting to look at.
fn look_at(why: String, see: &str) -> DeliveryError {
    DeliveryError::later(format!("{why}; {see}"))
}

/// Runs a session with the server out of the log's sight: lettre writes every line that it sends to the debug log,
/// the password's line too.
async fn unlogged<T>(session: impl Future<Output = T> + Send) -> T {
    session.with_subscriber(NoSubscriber::default()).await
}
