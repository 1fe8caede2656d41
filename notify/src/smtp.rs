//! Mail through an SMTP server.
//!
//! One connection and one transaction for each mail, spoken command by command: lettre's pooled transport gives the
//! whole mail up at the first reader that is refused, and does not say in which phase a server said no. Here a
//! refused reader does not cost the others their mail, and only the phase that judges the mail itself can refuse it.

use std::future::Future;
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

use crate::clean;
use crate::config::{Encryption, SmtpSettings};
use crate::error::DeliveryError;
use crate::render::Mail;
use crate::transport::{Handover, Transport};

/// For connecting, greeting, TLS and login together.
const CONNECT: Duration = Duration::from_secs(30);
/// For one transaction. RFC 5321, section 4.5.3.2 allows a server more; a mail of ours is small.
const TRANSACTION: Duration = Duration::from_secs(120);
/// For the farewell, which nothing depends on.
const FAREWELL: Duration = Duration::from_secs(2);
/// Answers that want a login or a better one (RFC 4954, section 6): the set-up is at fault, not the mail.
const WANTS_LOGIN: [&str; 4] = ["530", "534", "535", "538"];

/// The way out through an SMTP server.
#[derive(Debug)]
pub struct Smtp {
    settings: SmtpSettings,
    hello: ClientId,
}

/// A server's word on one command.
enum Reply {
    Yes,
    Later(String),
    Never(String),
}

impl Smtp {
    /// A transport; it connects for each mail.
    #[must_use]
    pub fn new(settings: SmtpSettings) -> Self {
        Self { settings, hello: ClientId::default() }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        let opening = async {
            let mut connection = self.open().await.map_err(|error| self.failed("connecting to", &error))?;
            if self.settings.encryption == Encryption::StartTls {
                let tls = self.tls().map_err(|error| self.failed("TLS with", &error))?;
                connection.starttls(tls, &self.hello).await.map_err(|error| self.failed("STARTTLS with", &error))?;
            }
            self.log_in(&mut connection).await?;
            Ok(connection)
        };
        let silent = || DeliveryError::later(format!("{} did not greet within {} s", self.label(), CONNECT.as_secs()));
        timeout(CONNECT, opening).await.map_err(|_| silent())?
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Error> {
        let tls = if self.settings.encryption == Encryption::Implicit { Some(self.tls()?) } else { None };
        let server = (self.settings.host.as_str(), self.settings.port);
        AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), &self.hello, tls, None).await
    }

    fn tls(&self) -> Result<TlsParameters, Error> {
        TlsParameters::new(self.settings.host.clone())
    }

    /// The password is read for each connection, so that a rotated one is used.
    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), DeliveryError> {
        let Some((user, password)) = &self.settings.login else { return Ok(()) };
        let password = password.reveal().map_err(|error| DeliveryError::later(error.to_string()))?;
        let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
        let answer = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
        answer.map(|_| ()).map_err(|error| self.failed("login at", &error))
    }

    async fn transact(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
        handover: &mut Handover,
    ) -> Result<(), DeliveryError> {
        // Before a reader is named the server judges the sender and us: a no here is about the set-up.
        match self.reply(connection.command(MailFrom::new(Some(mail.from.clone()), Vec::new())).await)? {
            Reply::Yes => {}
            Reply::Later(why) | Reply::Never(why) => return Err(DeliveryError::later(why)),
        }
        let (accepted, put_off) = self.name_readers(connection, handover).await?;
        if !accepted.is_empty() {
            self.hand_over(connection, mail, handover, &accepted).await?;
        }
        put_off.map_or(Ok(()), |why| Err(DeliveryError::later(why)))
    }

    /// Names the open readers. Returns those that the server takes mail for, and why it put others off.
    async fn name_readers(
        &self,
        connection: &mut AsyncSmtpConnection,
        handover: &mut Handover,
    ) -> Result<(Vec<Address>, Option<String>), DeliveryError> {
        let mut accepted = Vec::new();
        let mut put_off = None;
        for reader in handover.open.clone() {
            match self.reply(connection.command(Rcpt::new(reader.clone(), Vec::new())).await)? {
                Reply::Yes => accepted.push(reader),
                Reply::Later(why) => put_off = Some(why),
                Reply::Never(why) => handover.refuse(&reader, &why),
            }
        }
        Ok((accepted, put_off))
    }

    /// Sends the mail itself to the readers that were accepted. A connection that breaks here may have delivered:
    /// the mail goes out again under the same `Message-ID`.
    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
        handover: &mut Handover,
        accepted: &[Address],
    ) -> Result<(), DeliveryError> {
        let reply = match self.reply(connection.command(Data).await)? {
            Reply::Yes => self.reply(connection.message(&mail.mime).await)?,
            no @ (Reply::Later(_) | Reply::Never(_)) => no,
        };
        for reader in accepted {
            match &reply {
                Reply::Yes => handover.take(reader),
                Reply::Never(why) => handover.refuse(reader, why),
                Reply::Later(why) => return Err(DeliveryError::later(why)),
            }
        }
        Ok(())
    }

    /// Sorts an answer by its code; without a code the connection is broken.
    fn reply<T>(&self, answer: Result<T, Error>) -> Result<Reply, DeliveryError> {
        let error = match answer {
            Ok(_) => return Ok(Reply::Yes),
            Err(error) => error,
        };
        let why = self.describe("an answer of", &error);
        match error.status().map(|code| code.to_string()) {
            None => Err(DeliveryError::later(why)),
            Some(code) if error.is_permanent() && !WANTS_LOGIN.contains(&code.as_str()) => Ok(Reply::Never(why)),
            Some(_) => Ok(Reply::Later(why)),
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
        clean::line(&format!("{doing} {}: {text}", self.label()), 300)
    }
}

impl Transport for Smtp {
    async fn deliver(&self, mail: &Mail, handover: &mut Handover) -> Result<(), DeliveryError> {
        let session = async {
            let mut connection = self.connect().await?;
            let outcome = timeout(TRANSACTION, self.transact(&mut connection, mail, handover)).await;
            let silent = || DeliveryError::later(format!("{} fell silent", self.label()));
            outcome.map_err(|_| silent())??;
            // The mail is handed over; how the farewell goes changes nothing.
            let _ = timeout(FAREWELL, connection.quit()).await;
            Ok(())
        };
        unlogged(session).await
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        let session = async {
            let mut connection = self.connect().await?;
            let _ = timeout(FAREWELL, connection.quit()).await;
            Ok(())
        };
        unlogged(session).await
    }

    fn label(&self) -> String {
        format!("SMTP server {}:{}", self.settings.host, self.settings.port)
    }
}

/// Runs a session with the server out of the log's sight: lettre writes every line that it sends to the debug log,
/// the password's line too.
async fn unlogged<T>(session: impl Future<Output = T> + Send) -> T {
    session.with_subscriber(NoSubscriber::default()).await
}
