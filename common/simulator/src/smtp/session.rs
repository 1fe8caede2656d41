//! One SMTP session (RFC 5321, AUTH of RFC 4954 with PLAIN and LOGIN, SIZE of RFC 1870).

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::fault::{SmtpFaultKind, SmtpPhase};
use crate::mail::{Mail, MailSource};
use crate::state::Inner;

/// The longest line read, in bytes. RFC 5321 allows 998 and a CRLF in a message; clients exceed it.
const MAX_LINE: u64 = 64 * 1024;

/// Whether the session goes on.
type Step = io::Result<ControlFlow<()>>;

struct Session {
    stream: BufReader<TcpStream>,
    inner: Arc<Inner>,
    authenticated: bool,
    from: Option<String>,
    to: Vec<String>,
}

/// Runs a session to its end.
pub(crate) async fn run(stream: TcpStream, inner: Arc<Inner>) -> io::Result<()> {
    let mut session =
        Session { stream: BufReader::new(stream), inner, authenticated: false, from: None, to: Vec::new() };
    if session.played(SmtpPhase::Connect, "").await?.is_some() {
        return Ok(());
    }
    session.reply("220 sink.simulated.example ESMTP").await?;
    while let Some(line) = session.line().await? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if session.command(&line).await?.is_break() {
            break;
        }
    }
    Ok(())
}

impl Session {
    async fn reply(&mut self, line: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await
    }

    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        (&mut self.stream).take(MAX_LINE).read_until(b'\n', &mut line).await?;
        Ok(line.ends_with(b"\n").then_some(line))
    }

    /// Plays the fault for this phase: `None` for none, otherwise whether the session goes on.
    async fn played(&mut self, phase: SmtpPhase, line: &str) -> io::Result<Option<ControlFlow<()>>> {
        let fault = self.inner.state().smtp_script.take(phase, line);
        match fault {
            None => Ok(None),
            Some(SmtpFaultKind::Drop) => Ok(Some(ControlFlow::Break(()))),
            Some(SmtpFaultKind::Hang(time)) => {
                tokio::time::sleep(time).await;
                Ok(Some(ControlFlow::Break(())))
            }
            Some(SmtpFaultKind::Reply(text)) => {
                self.reply(&text).await?;
                let over = text.starts_with("421");
                Ok(Some(if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }))
            }
        }
    }

    async fn command(&mut self, line: &str) -> Step {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let verb = verb.to_ascii_uppercase();
        let phase = match verb.as_str() {
            "EHLO" | "HELO" => Some(SmtpPhase::Hello),
            "AUTH" => Some(SmtpPhase::Auth),
            "MAIL" => Some(SmtpPhase::Mail),
            "RCPT" => Some(SmtpPhase::Rcpt),
            "DATA" => Some(SmtpPhase::Data),
            _ => None,
        };
        if let Some(phase) = phase
            && let Some(step) = self.played(phase, line).await?
        {
            return Ok(step);
        }
        match verb.as_str() {
            "EHLO" => self.hello().await?,
            "HELO" => self.reply("250 sink.simulated.example").await?,
            "AUTH" => self.auth(rest).await?,
            "MAIL" => self.mail(rest).await?,
            "RCPT" => self.rcpt(rest).await?,
            "DATA" => return self.data().await,
            "RSET" => {
                self.reset();
                self.reply("250 2.0.0 reset").await?;
            }
            "NOOP" => self.reply("250 2.0.0 ok").await?,
            "QUIT" => {
                self.reply("221 2.0.0 bye").await?;
                return Ok(ControlFlow::Break(()));
            }
            _ => self.reply("500 5.5.2 command not recognised").await?,
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn hello(&mut self) -> io::Result<()> {
        self.reset();
        let size = self.inner.state().options.smtp_max_bytes;
        let lines = format!(
            "250-sink.simulated.example\r\n250-SIZE {size}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN"
        );
        self.reply(&lines).await
    }

    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let response = if initial.is_empty() { self.ask("334 ").await? } else { initial.to_owned() };
                decoded(&response).and_then(|text| {
                    let mut parts = text.split('\0').skip(1).map(str::to_owned);
                    Some((parts.next()?, parts.next()?))
                })
            }
            "LOGIN" => {
                let user = if initial.is_empty() { self.ask("334 VXNlcm5hbWU6").await? } else { initial.to_owned() };
                let password = self.ask("334 UGFzc3dvcmQ6").await?;
                decoded(&user).zip(decoded(&password))
            }
            _ => return self.reply("504 5.5.4 mechanism not supported").await,
        };
        let wanted = self.inner.state().options.smtp_login.clone();
        self.authenticated = given.is_some() && (wanted.is_none() || wanted == given);
        match (given, self.authenticated) {
            (None, _) => self.reply("501 5.5.2 cannot decode").await,
            (_, true) => self.reply("235 2.7.0 authenticated").await,
            (_, false) => self.reply("535 5.7.8 authentication credentials invalid").await,
        }
    }

    async fn ask(&mut self, prompt: &str) -> io::Result<String> {
        self.reply(prompt).await?;
        Ok(self.line().await?.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned()).unwrap_or_default())
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        let needs_login = self.inner.state().options.smtp_login.is_some() && !self.authenticated;
        if needs_login {
            return self.reply("530 5.7.0 authentication required").await;
        }
        match path(rest, "FROM:") {
            None => self.reply("501 5.5.4 syntax: MAIL FROM:<address>").await,
            Some(_) if self.from.is_some() => self.reply("503 5.5.1 sender already given").await,
            Some(from) => {
                self.from = Some(from);
                self.reply("250 2.1.0 sender ok").await
            }
        }
    }

    async fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        match path(rest, "TO:") {
            _ if self.from.is_none() => self.reply("503 5.5.1 MAIL first").await,
            Some(to) if !to.is_empty() => {
                self.to.push(to);
                self.reply("250 2.1.5 recipient ok").await
            }
            _ => self.reply("501 5.5.4 syntax: RCPT TO:<address>").await,
        }
    }

    async fn data(&mut self) -> Step {
        if self.to.is_empty() {
            self.reply("503 5.5.1 RCPT first").await?;
            return Ok(ControlFlow::Continue(()));
        }
        self.reply("354 end with <CRLF>.<CRLF>").await?;
        let Some(message) = self.message().await? else { return Ok(ControlFlow::Break(())) };
        let Some(raw) = message else {
            self.reset();
            self.reply("552 5.3.4 message too big").await?;
            return Ok(ControlFlow::Continue(()));
        };
        let to = self.to.join(" ");
        if let Some(step) = self.played(SmtpPhase::Message, &to).await? {
            self.reset();
            return Ok(step);
        }
        self.keep(raw);
        if let Some(step) = self.played(SmtpPhase::Accepted, &to).await? {
            return Ok(step);
        }
        self.reply("250 2.0.0 taken").await?;
        Ok(ControlFlow::Continue(()))
    }

    /// The message with its dots unstuffed. Outer `None`: the connection ended first; inner `None`: it is too big.
    async fn message(&mut self) -> io::Result<Option<Option<Vec<u8>>>> {
        let cap = self.inner.state().options.smtp_max_bytes;
        let mut raw = Some(Vec::new());
        while let Some(line) = self.line().await? {
            if line == b".\r\n" || line == b".\n" {
                return Ok(Some(raw));
            }
            let line = line.strip_prefix(b".").unwrap_or(&line);
            raw = raw.filter(|raw| raw.len() + line.len() <= cap);
            if let Some(raw) = &mut raw {
                raw.extend_from_slice(line);
            }
        }
        Ok(None)
    }

    fn keep(&mut self, raw: Vec<u8>) {
        let mail = Mail {
            at: self.inner.now(),
            source: MailSource::Smtp,
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            raw,
        };
        self.inner.state().mails.push(mail);
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }
}

/// The address in `FROM:<a@b> SIZE=1`; empty for the null sender.
fn path(rest: &str, word: &str) -> Option<String> {
    let head = rest.get(..word.len())?;
    let rest = rest.get(word.len()..)?;
    if !head.eq_ignore_ascii_case(word) {
        return None;
    }
    let (address, _) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()
}
