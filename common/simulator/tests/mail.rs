//! The SMTP sink and Graph's sendMail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

mod common;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{GRAPH, answer, world};
use cordon_simulator::{MailSource, Simulator, SmtpFault, SmtpFaultKind, SmtpPhase};
use reqwest::Method;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

struct Session(BufReader<TcpStream>);

impl Session {
    async fn open(tenant: &Simulator) -> Self {
        let address = tenant.smtp_url().replace("smtp://", "");
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    /// The last line of a reply; empty at the end of the connection.
    async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(Duration::from_secs(10), self.0.read_line(&mut line)).await.unwrap();
            if read.unwrap_or(0) == 0 || line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    async fn say(&mut self, text: &str) -> String {
        self.0.get_mut().write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
        self.reply().await
    }

    async fn expect(&mut self, text: &str, code: &str) {
        let reply = self.say(text).await;
        assert!(reply.starts_with(code), "{text}: {reply}");
    }

    /// From the greeting to the recipient.
    async fn envelope(tenant: &Simulator) -> Self {
        let mut session = Self::open(tenant).await;
        assert!(session.reply().await.starts_with("220"));
        session.expect("EHLO test", "250").await;
        session.expect("MAIL FROM:<cordon@x.example> SIZE=100", "250").await;
        session.expect("RCPT TO:<soc@x.example>", "250").await;
        session
    }
}

const BODY: &str = "Subject: one\r\n\r\n..leading dot\r\nend\r\n.";

#[tokio::test]
async fn a_session_leaves_a_mail_with_its_envelope_and_its_dots_unstuffed() {
    let world = world(|options| options.smtp_login = Some(("user".to_owned(), "pass".to_owned()))).await;
    let mut session = Session::open(&world.tenant).await;
    assert!(session.reply().await.starts_with("220"));
    session.expect("EHLO test", "250").await;
    session.expect("MAIL FROM:<cordon@x.example>", "530").await;
    session.expect(&format!("AUTH PLAIN {}", STANDARD.encode("\0user\0wrong")), "535").await;
    session.expect("AUTH LOGIN", "334").await;
    session.expect(&STANDARD.encode("user"), "334").await;
    session.expect(&STANDARD.encode("pass"), "235").await;
    session.expect("RCPT TO:<soc@x.example>", "503").await;
    session.expect("MAIL FROM:<old@x.example>", "250").await;
    session.expect("RSET", "250").await;
    session.expect("NOOP", "250").await;
    session.expect("mail from:<cordon@x.example>", "250").await;
    session.expect("DATA", "503").await;
    session.expect("RCPT TO:<soc@x.example>", "250").await;
    session.expect("RCPT TO:<ann@x.example>", "250").await;
    session.expect("DATA", "354").await;
    session.expect(BODY, "250").await;
    session.expect("QUIT", "221").await;
    let mails = world.tenant.mails();
    assert_eq!((mails.len(), mails[0].source, mails[0].from.as_str()), (1, MailSource::Smtp, "cordon@x.example"));
    assert_eq!(mails[0].to, ["soc@x.example", "ann@x.example"]);
    assert_eq!(mails[0].raw, b"Subject: one\r\n\r\n.leading dot\r\nend\r\n");
    assert_eq!(mails[0].header("subject").as_deref(), Some("one"));
}

#[tokio::test]
async fn faults_play_in_their_phase_and_a_drop_after_acceptance_has_kept_the_mail() {
    let world = world(|options| options.smtp_max_bytes = 40).await;
    let tenant = &world.tenant;
    let reply = |phase, text: &str| tenant.script_smtp(SmtpFault::at(phase, SmtpFaultKind::Reply(text.to_owned())));
    reply(SmtpPhase::Connect, "421 4.3.2 try later");
    let mut session = Session::open(tenant).await;
    assert_eq!(session.reply().await, "421 4.3.2 try later");
    assert_eq!(session.reply().await, "", "421 closes");
    let mut session = Session::envelope(tenant).await;
    let refused = SmtpFaultKind::Reply("550 5.1.1 unknown".to_owned());
    tenant.script_smtp(SmtpFault::at(SmtpPhase::Rcpt, refused).containing("gone@"));
    session.expect("RCPT TO:<here@x.example>", "250").await;
    session.expect("RCPT TO:<gone@x.example>", "550").await;
    reply(SmtpPhase::Message, "451 4.7.1 greylisted");
    session.expect("DATA", "354").await;
    session.expect(BODY, "451").await;
    let mut session = Session::envelope(tenant).await;
    session.expect("DATA", "354").await;
    session.expect(&format!("{}\r\n.", "x".repeat(41)), "552").await;
    assert!(tenant.mails().is_empty());
    let mut session = Session::envelope(tenant).await;
    session.expect("DATA", "354").await;
    tenant.script_smtp(SmtpFault::at(SmtpPhase::Accepted, SmtpFaultKind::Drop));
    assert_eq!(session.say(BODY).await, "");
    assert_eq!(tenant.mails().len(), 1);
}

#[tokio::test]
async fn graph_takes_mime_in_base64_with_a_token_of_its_own() {
    let mut world = world(|_| {}).await;
    let mime = "From: cordon@x.example\r\nTo: SOC <soc@x.example>\r\nSubject: one\r\n\r\nText\r\n";
    let send = async |token: &str, body: String| {
        let path = format!("{}/v1.0/users/cordon@x.example/sendMail", world.tenant.graph_url());
        let request = world.http.request(Method::POST, path).bearer_auth(token).header("Content-Type", "text/plain");
        answer(request.body(body).send().await.unwrap()).await
    };
    let (status, body) = send(&world.token, STANDARD.encode(mime)).await;
    assert_eq!((status, body["error"]["code"].as_str()), (401, Some("InvalidAuthenticationToken")));
    let token = world.token(GRAPH).await;
    assert_eq!(send(&token, "%%".to_owned()).await.0, 400);
    assert_eq!(send(&token, STANDARD.encode(mime)).await.0, 202);
    let mails = world.tenant.mails();
    assert_eq!((mails.len(), mails[0].source, mails[0].from.as_str()), (1, MailSource::Graph, "cordon@x.example"));
    assert_eq!((mails[0].to[0].as_str(), mails[0].raw.as_slice()), ("soc@x.example", mime.as_bytes()));
    assert!(!world.tenant.to_jsonl().contains(&STANDARD.encode(mime)), "a mail's content stays out of the log");
    world.token = token;
    assert_eq!(world.get("/api/alerts").await.0, 401);
}
