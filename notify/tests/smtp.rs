//! The SMTP transport against servers that refuse, put off, hang up and offer no TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, reason = "tests")]

#[path = "support/server.rs"]
mod server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cordon_notify::config::{Encryption, SmtpSettings};
use cordon_notify::render::Mail;
use cordon_notify::smtp::Smtp;
use cordon_notify::transport::{Handover, Transport};
use cordon_settings::Secret;
use server::{SILENCE, Server};

fn transport(server: &Server, encryption: Encryption, login: Option<(&str, &str)>) -> Smtp {
    let login = login.map(|(user, password)| (user.to_owned(), Secret::from_literal(password)));
    Smtp::new(SmtpSettings { host: "127.0.0.1".into(), port: server.port, encryption, login })
}

fn mail(to: &[&str]) -> Mail {
    Mail {
        message_id: "<x@cordon>".into(),
        from: "cordon@contoso.com".parse().unwrap(),
        to: to.iter().map(|reader| reader.parse().unwrap()).collect(),
        mime: b"Subject: x\r\n\r\nbody\r\n.\r\n..\r\n".to_vec(),
    }
}

/// What was logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn yes(_: &str) -> Option<String> {
    Some(String::new())
}

/// Answers `with` to the first word of a command, and obliges otherwise.
fn answers(command: &'static str, with: &'static str) -> impl Fn(&str) -> Option<String> + Send + Sync + 'static {
    move |line| Some(if line.starts_with(command) { with.to_owned() } else { String::new() })
}

async fn deliver(server: &Server, mail: &Mail) -> (Result<(), String>, Handover) {
    let mut handover = Handover::new(mail);
    let outcome = transport(server, Encryption::Offered, None).deliver(mail, &mut handover).await;
    (outcome.map_err(|error| error.why), handover)
}

#[tokio::test]
async fn an_obliging_server_takes_the_mail_for_all_readers_in_one_transaction() {
    let server = Server::start(yes).await;
    let (outcome, handover) = deliver(&server, &mail(&["a@x.org", "b@x.org"])).await;
    assert_eq!((outcome, handover.taken, handover.open.len()), (Ok(()), 2, 0));
    assert_eq!((server.count("DATA"), server.count("RCPT"), server.count(".")), (1, 2, 1));
}

/// Delivers so many mails one after the other by one transport, and says how many were taken.
async fn deliver_in_a_row(server: &Server, mails: usize) -> usize {
    let (smtp, mail, mut taken) = (transport(server, Encryption::Offered, Some(("u", "p"))), mail(&["a@x.org"]), 0);
    for _ in 0..mails {
        let mut handover = Handover::new(&mail);
        smtp.deliver(&mail, &mut handover).await.unwrap();
        taken += handover.taken;
    }
    taken
}

#[tokio::test]
async fn mails_that_follow_each_other_share_a_login_up_to_twenty_and_then_the_server_is_left() {
    let login = |line: &str| {
        let yes = if line.starts_with("EHLO") { "250-test\r\n250 AUTH PLAIN" } else { "" };
        Some(if line.starts_with("AUTH") { "235 welcome" } else { yes }.to_owned())
    };
    let server = Server::start(login).await;
    assert_eq!(deliver_in_a_row(&server, 25).await, 25);
    assert_eq!((server.count("AUTH"), server.count("EHLO"), server.count("MAIL")), (2, 2, 25));
    let left = async || if server.count("QUIT") == 2 { Ok(()) } else { Err(format!("{:?}", server.seen())) };
    cordon_wait::until(Duration::from_secs(10), "the server to be left", left).await;
}

#[tokio::test]
async fn a_server_that_takes_one_mail_a_connection_gets_each_on_its_own() {
    for then in [Some("421 one mail is enough"), Some("451 no more here"), Some("503 bad sequence"), None] {
        let taken = Mutex::new(false);
        let server = Server::start(move |line| {
            let mut taken = taken.lock().unwrap();
            match line.split(' ').next() {
                Some("EHLO") => *taken = false,
                Some("MAIL") if *taken => return then.map(str::to_owned),
                Some(".") => *taken = true,
                _ => {}
            }
            Some(String::new())
        })
        .await;
        let (smtp, mail) = (transport(&server, Encryption::Offered, None), mail(&["a@x.org"]));
        for _ in 0..3 {
            let mut handover = Handover::new(&mail);
            let outcome = smtp.deliver(&mail, &mut handover).await;
            assert_eq!((outcome.is_ok(), handover.taken), (true, 1), "{then:?}: {outcome:?}");
        }
        assert_eq!((server.count("."), server.count("EHLO")), (3, 3), "{then:?}");
    }
}

#[tokio::test]
async fn a_refused_reader_does_not_cost_the_others_their_mail() {
    let server = Server::start(answers("RCPT TO:<a@", "550 5.1.1 no such user")).await;
    let (outcome, handover) = deliver(&server, &mail(&["a@x.org", "b@x.org"])).await;
    assert_eq!((outcome, handover.taken), (Ok(()), 1));
    assert!(handover.refusals().contains("a@x.org") && handover.refusals().contains("no such user"));
}

#[tokio::test]
async fn a_reader_that_is_put_off_is_served_later_and_the_others_not_again() {
    let server = Server::start(answers("RCPT TO:<a@", "450 4.7.1 greylisted")).await;
    let mail = mail(&["a@x.org", "b@x.org"]);
    let (outcome, handover) = deliver(&server, &mail).await;
    assert_eq!((outcome, handover.taken, handover.open.len()), (Ok(()), 1, 0));
    let (reader, why) = handover.put_off.first().cloned().unwrap();
    assert!(why.contains("greylisted"), "{why}");
    let friendly = Server::start(yes).await;
    let mut rest = Handover::to(vec![reader]);
    transport(&friendly, Encryption::Offered, None).deliver(&mail, &mut rest).await.unwrap();
    assert_eq!((rest.taken, friendly.count("RCPT")), (1, 1));
}

#[tokio::test]
async fn a_no_to_the_mail_that_one_reader_causes_is_answered_for_each_reader_alone() {
    for (no, put_off) in [("452 4.2.2 mailbox full", 1), ("552 5.2.2 over quota", 0)] {
        let named = Arc::new(Mutex::new(Vec::new()));
        let server = Server::start(move |line| {
            let mut named = named.lock().unwrap();
            match line.split(' ').next() {
                Some("MAIL") => named.clear(),
                Some("RCPT") => named.push(line.to_owned()),
                _ => {}
            }
            let full = named.iter().any(|reader| reader.contains("a@x.org"));
            Some(if line == "." && full { no.to_owned() } else { String::new() })
        })
        .await;
        let (outcome, handover) = deliver(&server, &mail(&["a@x.org", "b@x.org"])).await;
        assert_eq!((outcome, handover.taken), (Ok(()), 1), "{no}");
        assert_eq!((handover.put_off.len(), handover.refused.len()), (put_off, 1 - put_off), "{no}");
    }
}

#[tokio::test]
async fn a_reader_at_whose_name_the_server_hangs_up_is_put_off_and_the_others_stay_open() {
    for hangs_up in ["", "421 4.7.0 too many errors"] {
        let server = Server::start(move |line| match line.starts_with("RCPT TO:<a@") {
            true if hangs_up.is_empty() => None,
            true => Some(hangs_up.to_owned()),
            false => Some(String::new()),
        })
        .await;
        let (outcome, handover) = deliver(&server, &mail(&["a@x.org", "b@x.org"])).await;
        assert!(outcome.is_err());
        let open: Vec<String> = handover.open.iter().map(ToString::to_string).collect();
        assert_eq!((open, handover.put_off.len()), (vec!["b@x.org".to_owned()], 1), "{hangs_up}");
    }
}

#[tokio::test]
async fn a_mail_that_the_server_refuses_is_refused_for_all() {
    let server = Server::start(answers(".", "554 5.6.0 message refused")).await;
    let (outcome, handover) = deliver(&server, &mail(&["a@x.org", "b@x.org"])).await;
    assert_eq!((outcome, handover.taken, handover.refused.len()), (Ok(()), 0, 2));
}

/// Refuses each mail, and does as `then` says when more is wanted on the same connection.
fn one_mail_a_connection(then: Option<&'static str>) -> impl Fn(&str) -> Option<String> + Send + Sync + 'static {
    let over = Mutex::new(false);
    move |line| {
        let mut over = over.lock().unwrap();
        match line.split(' ').next() {
            Some("EHLO") => *over = false,
            Some(".") => {
                *over = true;
                return Some("554 5.7.1 message refused".to_owned());
            }
            Some("RSET" | "MAIL") if *over => return then.map(str::to_owned),
            _ => {}
        }
        Some(String::new())
    }
}

#[tokio::test]
async fn a_mail_that_is_refused_by_a_server_that_then_takes_no_second_transaction_is_refused_for_each_reader() {
    for then in [None, Some("421 4.7.0 closing"), Some("503 5.5.1 one mail is enough")] {
        let server = Server::start(one_mail_a_connection(then)).await;
        let (outcome, handover) = deliver(&server, &mail(&["a@x.org", "b@x.org"])).await;
        assert_eq!((outcome, handover.refused.len(), handover.open.len()), (Ok(()), 2, 0), "{then:?}");
    }
}

#[tokio::test]
async fn whatever_fails_after_a_no_to_the_mail_counts_as_a_break_on_this_mail() {
    for (command, answer) in [("", None), ("EHLO", Some("554 5.7.1 go away")), ("MAIL", Some("450 4.7.1 slow down"))] {
        let refused = Mutex::new(false);
        let server = Server::start(move |line| {
            let mut refused = refused.lock().unwrap();
            if line == "." {
                *refused = true;
                return Some("554 5.7.1 message refused".to_owned());
            }
            let fails = *refused && (line.starts_with(command) || line == "RSET");
            if fails { answer.map(str::to_owned) } else { Some(String::new()) }
        })
        .await;
        let mail = mail(&["a@x.org", "b@x.org"]);
        let mut handover = Handover::new(&mail);
        let error = transport(&server, Encryption::Offered, None).deliver(&mail, &mut handover).await.unwrap_err();
        assert!(error.begun && handover.open.len() == 2, "{command} {answer:?}: {error}");
    }
}

#[tokio::test]
async fn a_login_that_is_wanted_for_one_reader_puts_off_this_reader_only() {
    for wanted in ["530 5.7.0 authentication required to relay", "534 x", "535 x", "538 x"] {
        let server = Server::start(answers("RCPT TO:<partner@", wanted)).await;
        let mail = mail(&["soc@x.org", "partner@y.org"]);
        let (outcome, handover) = deliver(&server, &mail).await;
        assert_eq!((outcome, handover.taken, handover.put_off.len()), (Ok(()), 1, 1), "{wanted}");
        let mut alone = Handover::to(vec![handover.put_off[0].0.clone()]);
        transport(&server, Encryption::Offered, None).deliver(&mail, &mut alone).await.unwrap();
        assert_eq!(alone.put_off.len(), 1, "tried alone, it is still not the set-up: {wanted}");
    }
}

#[tokio::test]
async fn where_every_reader_is_put_off_or_wants_a_login_the_way_out_is_closed_and_nobody_is_settled() {
    for no in ["450 4.7.1 greylisted", "530 5.7.0 authentication required"] {
        let server = Server::start(answers("RCPT", no)).await;
        let (outcome, handover) = deliver(&server, &mail(&["a@x.org", "b@x.org"])).await;
        let why = outcome.unwrap_err();
        assert!(why.contains("no recipient") && why.contains(&no[..3]), "{why}");
        assert_eq!((handover.open.len(), handover.put_off.len()), (2, 0), "{no}");
    }
}

#[tokio::test]
async fn what_is_the_set_ups_fault_refuses_no_mail() {
    for script in [
        ("MAIL", "550 5.7.1 sender not allowed"),
        ("RCPT", "530 5.7.0 authentication required"),
        ("EHLO", "554 no service"),
    ] {
        let server = Server::start(answers(script.0, script.1)).await;
        let (outcome, handover) = deliver(&server, &mail(&["a@x.org"])).await;
        assert!(outcome.is_err() && handover.refused.is_empty() && handover.open.len() == 1, "{script:?}");
    }
}

#[tokio::test]
async fn a_connection_lost_after_the_mail_leaves_it_open() {
    let server = Server::start(|line| (line != ".").then(String::new)).await;
    let (outcome, handover) = deliver(&server, &mail(&["a@x.org"])).await;
    assert!(outcome.is_err() && handover.open.len() == 1);
}

#[tokio::test]
async fn a_server_that_takes_the_mail_and_falls_silent_is_given_up_and_the_mail_stays_open() {
    let server = Server::start(answers(".", SILENCE)).await;
    let mail = mail(&["a@x.org"]);
    let smtp = transport(&server, Encryption::Offered, None);
    let mut handover = Handover::new(&mail);
    let error = {
        let mut delivery = std::pin::pin!(smtp.deliver(&mail, &mut handover));
        tokio::select! {
            outcome = &mut delivery => panic!("{outcome:?} before the server had the mail"),
            () = async { while server.count(".") == 0 { tokio::task::yield_now().await } } => {}
        }
        // From here on nothing happens but time.
        tokio::time::pause();
        delivery.await.unwrap_err()
    };
    assert!(error.why.contains("fell silent"), "{error}");
    assert_eq!((handover.taken, handover.open.len(), handover.refused.len()), (0, 1, 0));
}

#[tokio::test]
async fn a_server_that_offers_starttls_and_then_speaks_in_the_open_gets_neither_password_nor_mail() {
    let server = Server::start(|line| {
        Some(match line.split(' ').next() {
            Some("EHLO") => "250-test\r\n250-AUTH PLAIN\r\n250 STARTTLS".to_owned(),
            Some("STARTTLS") => "220 go on\r\n250 or rather in the open".to_owned(),
            _ => String::new(),
        })
    })
    .await;
    let mail = mail(&["a@x.org"]);
    let smtp = transport(&server, Encryption::StartTls, Some(("user", "hunter2")));
    let error = smtp.deliver(&mail, &mut Handover::new(&mail)).await.unwrap_err();
    assert!(error.why.contains("STARTTLS with"), "{error}");
    assert_eq!((server.count("STARTTLS"), server.count("AUTH"), server.count("MAIL")), (1, 0, 0));
}

#[tokio::test]
async fn a_server_for_which_the_open_would_do_is_asked_for_tls_and_gets_the_mail_also_where_its_offer_comes_to_nothing()
{
    let server = Server::start(|line| {
        Some(match line.split(' ').next() {
            Some("EHLO") => "250-test\r\n250 STARTTLS".to_owned(),
            Some("STARTTLS") => "454 4.7.0 TLS is not available just now".to_owned(),
            _ => String::new(),
        })
    })
    .await;
    let log = Log::default();
    let writer = log.clone();
    let capture = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(move || writer.clone());
    let _capture = tracing::subscriber::set_default(capture.finish());
    let mail = mail(&["a@x.org"]);
    let smtp = transport(&server, Encryption::Offered, None);
    for _ in 0..2 {
        let mut handover = Handover::new(&mail);
        smtp.deliver(&mail, &mut handover).await.unwrap();
        assert_eq!(handover.taken, 1);
    }
    assert_eq!((server.count("STARTTLS"), server.count("DATA")), (2, 2));
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(logged.matches("mail goes to it in the open").count(), 1, "{logged}");
    assert!(logged.contains("TLS is not available just now"), "{logged}");
}

/// Offers STARTTLS, and falls silent at it: without an answer, or after a yes.
fn stalls(answer: &'static str) -> impl Fn(&str) -> Option<String> + Send + Sync + 'static {
    move |line| {
        Some(match line.split(' ').next() {
            Some("EHLO") => "250-test\r\n250 STARTTLS".to_owned(),
            Some("STARTTLS") => format!("{answer}{SILENCE}"),
            _ => String::new(),
        })
    }
}

/// Lets this time pass at once, as soon as the server has been asked for TLS.
async fn pass_when_asked_for_tls(server: &Server, time: Duration) {
    while server.count("STARTTLS") == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_server_that_falls_silent_at_starttls_gets_the_mail_where_the_open_would_do_and_nothing_where_it_would_not() {
    for (answer, encryption) in [
        ("", Encryption::Offered),
        ("220 go on\r\n", Encryption::Offered),
        ("", Encryption::StartTls),
        ("220 go on\r\n", Encryption::StartTls),
    ] {
        let server = Server::start(stalls(answer)).await;
        let log = Log::default();
        let writer = log.clone();
        let capture =
            tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(move || writer.clone());
        let _capture = tracing::subscriber::set_default(capture.finish());
        let mail = mail(&["a@x.org"]);
        let (smtp, mut handover) = (transport(&server, encryption, None), Handover::new(&mail));
        let passing = pass_when_asked_for_tls(&server, Duration::from_secs(11));
        let (outcome, ()) = tokio::join!(smtp.deliver(&mail, &mut handover), passing);
        let (served, told) = match encryption {
            Encryption::Offered => (true, String::from_utf8(log.0.lock().unwrap().clone()).unwrap()),
            Encryption::StartTls | Encryption::Implicit => (false, outcome.clone().unwrap_err().why),
        };
        let case = format!("{answer:?} {encryption:?}: {outcome:?}");
        assert_eq!(
            (outcome.is_ok(), handover.taken, server.count("DATA")),
            (served, served.into(), served.into()),
            "{case}"
        );
        assert!(told.contains("fell silent at STARTTLS: it was not done within 10 s"), "{case}: {told}");
    }
}

#[tokio::test]
async fn without_tls_where_tls_is_required_nothing_is_sent() {
    let server = Server::start(yes).await;
    let mail = mail(&["a@x.org"]);
    let smtp = transport(&server, Encryption::StartTls, Some(("user", "hunter2")));
    let error = smtp.deliver(&mail, &mut Handover::new(&mail)).await.unwrap_err();
    assert!(error.why.contains("STARTTLS is not supported") && error.why.contains("notify.smtp.url"), "{error}");
    assert_eq!((server.count("AUTH"), server.count("MAIL")), (0, 0));
}

#[tokio::test]
async fn where_nothing_listens_the_setting_that_names_the_server_is_told() {
    for encryption in [Encryption::StartTls, Encryption::Implicit, Encryption::Offered] {
        // Nobody listens on the discard port.
        let settings = SmtpSettings { host: "127.0.0.1".into(), port: 9, encryption, login: None };
        let error = Smtp::new(settings).check().await.unwrap_err();
        assert!(error.why.starts_with("connecting to SMTP server 127.0.0.1:9: "), "{error}");
        assert!(error.why.contains("refused (os error 111)") && error.why.contains("notify.smtp.url"), "{error}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_no_password_shows_in_errors_or_logs() {
    let server = Server::start(|line| {
        Some(match line.split(' ').next() {
            Some("EHLO") => "250-test\r\n250 AUTH PLAIN".to_owned(),
            Some("AUTH") => "535 5.7.8 authentication failed".to_owned(),
            _ => String::new(),
        })
    })
    .await;
    let log = Log::default();
    let writer = log.clone();
    let capture = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let _capture = tracing::subscriber::set_default(capture.finish());
    let smtp = transport(&server, Encryption::Offered, Some(("user", "hunter2")));
    let error = smtp.check().await.unwrap_err();
    tracing::info!("after the session");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("after the session"), "the log was not captured");
    // "\0user\0hunter2" in base64, as AUTH PLAIN carries it.
    assert!(server.seen().iter().any(|line| line.contains("AHVzZXIAaHVudGVyMg==")), "{:?}", server.seen());
    assert!(!logged.contains("AHVzZXIAaHVudGVyMg==") && !logged.contains("hunter2"), "{logged}");
    assert!(error.why.contains("535") && !error.why.contains("hunter2"), "{error}");
    assert!(error.why.contains("notify.smtp.username and notify.smtp.password"), "{error}");
    assert!(!format!("{smtp:?}").contains("hunter2"));
}
