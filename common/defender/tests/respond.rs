#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cordon_defender::{ApiError, Defender, QuotaSettings};
use cordon_records::{ActionStatus, ActionType, Classified, ErrorClass, IsolationType, MachineAction};
use support::{Reply, Server, client, client_of, graph, hasty, machine, nobody, ports, raw, settings, write};

const ACCEPTED: &str = r#"{"@odata.context":"https://h.test/api/$metadata#Machines/$entity","id":"5c2b6a3e-0000-4000-8000-000000000001",
    "type":"Isolate","title":null,"requestor":"Cordon","requestorComment":"c","status":"Pending","machineId":"m1",
    "scope":null,"creationDateTimeUtc":"2026-11-22T18:00:00.1234567Z","lastUpdateDateTimeUtc":null}"#;

async fn isolate(defender: &Defender) -> Result<MachineAction, ApiError> {
    defender.isolate(&machine("m1"), IsolationType::Full, "High alert [cordon:abc#1]").await
}

#[tokio::test]
async fn an_accepted_isolation_gives_its_action_and_sends_the_documented_body() {
    let server = Server::start(|_, _| Reply::new(201, ACCEPTED)).await;
    let action = isolate(&client(&server)).await.unwrap();
    assert_eq!((&action.kind, &action.status), (&ActionType::Isolate, &ActionStatus::Pending));
    let calls = server.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].method.as_str(), calls[0].path.as_str()), ("POST", "/api/machines/m1/isolate"));
    assert_eq!(calls[0].content_type.as_deref(), Some("application/json"));
    assert_eq!(calls[0].body, r#"{"Comment":"High alert [cordon:abc#1]","IsolationType":"Full"}"#);
}

#[tokio::test]
async fn an_isolation_without_an_answer_is_in_doubt_after_exactly_one_post() {
    let server = Server::start(|_, _| Reply::hang()).await;
    let defender = Defender::with(settings(&server.url, &server.url), hasty()).unwrap();
    defender.token_facts().await.unwrap();
    let started = Instant::now();
    let error = isolate(&defender).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Ambiguous, "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_before_or_within_the_answer_is_in_doubt_after_one_post() {
    let authority = Server::start(|_, _| Reply::new(404, "")).await;
    for answer in ["", "HTTP/1.1 201 Created\r\n", "HTTP/1.1 201 Created\r\ncontent-length: 900\r\n\r\n{\"id\":"] {
        let (api, heads) = raw(move |mut stream| async move {
            write(&mut stream, answer.as_bytes()).await;
        })
        .await;
        let error = isolate(&client_of(&api, &authority)).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Ambiguous, "{answer:?}: {error}");
        assert_eq!(heads.lock().unwrap().len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_error_and_an_unreadable_success_are_in_doubt_after_one_post() {
    for (status, body) in [
        (500, r#"{"error":{"code":"InternalServerError"}}"#),
        (502, "<html><h1>Bad Gateway</h1></html>"),
        (503, ""),
        (408, ""),
        (201, "<html>"),
        (201, ""),
        (200, r#"{"value":[]}"#),
    ] {
        let server = Server::start(move |_, _| Reply::new(status, body)).await;
        let error = isolate(&client(&server)).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Ambiguous, "{status} {body}: {error}");
        assert_eq!(server.calls().len(), 1, "{status} {body}");
    }
}

#[tokio::test]
async fn a_definite_no_is_poison_and_tells_the_code() {
    let body =
        r#"{"error":{"code":"ActiveRequestAlreadyExists","message":"Action is already in progress","target":"t-1"}}"#;
    let server = Server::start(move |_, _| Reply::new(400, body)).await;
    let error = isolate(&client(&server)).await.unwrap_err();
    assert_eq!((error.class(), error.code()), (ErrorClass::Poison, Some("ActiveRequestAlreadyExists")), "{error}");
    assert_eq!(error.refusal().unwrap().target.as_deref(), Some("t-1"));
    let server = Server::start(|_, _| Reply::new(404, "")).await;
    let error = isolate(&client(&server)).await.unwrap_err();
    assert!(error.is_not_found() && error.class() == ErrorClass::Poison, "{error}");
}

#[tokio::test]
async fn a_missing_permission_is_fatal() {
    let server = Server::start(|_, _| Reply::new(403, r#"{"error":{"code":"Forbidden","message":"role"}}"#)).await;
    let error = isolate(&client(&server)).await.unwrap_err();
    assert_eq!((error.class(), error.code()), (ErrorClass::Fatal, Some("Forbidden")), "{error}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_transient() {
    let authority = Server::start(|_, _| Reply::new(404, "")).await;
    let error = isolate(&client_of(&nobody().await, &authority)).await.unwrap_err();
    assert!(matches!(error, ApiError::Unreachable { .. }), "{error}");
    assert_eq!(error.class(), ErrorClass::Transient);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_or_says_nothing_or_has_no_name_is_transient_because_nothing_was_sent() {
    let authority = Server::start(|_, _| Reply::new(404, "")).await;
    let plain = Server::start(|_, _| Reply::new(201, ACCEPTED)).await;
    // Waits for the end of a request's head, which a handshake does not have.
    let (silent, _) = raw(|_| std::future::pending()).await;
    let https = |url: &url::Url| url::Url::parse(&format!("https://{}", url.authority())).unwrap();
    // RFC 2606, section 2: nobody can have a name in `.invalid`.
    let nameless = url::Url::parse("https://api.securitycenter.invalid").unwrap();
    for (api, said) in [
        (https(&plain.url), "InvalidContentType"),
        (https(&silent), "timed out"),
        (nameless, "api.securitycenter.invalid"),
    ] {
        let started = Instant::now();
        let error = isolate(&client_of(&api, &authority)).await.unwrap_err();
        assert!(matches!(error, ApiError::Unreachable { .. }), "{error:?}");
        assert_eq!(error.class(), ErrorClass::Transient);
        assert!(error.to_string().contains(said), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
    assert!(plain.calls().is_empty(), "a request went out in the open: {:?}", plain.calls());
}

#[tokio::test]
async fn a_throttled_isolation_is_transient_is_not_repeated_and_keeps_the_next_one_back() {
    let server = Server::start(|_, _| Reply::new(429, "").header("retry-after", "90")).await;
    let defender = client(&server);
    let error = isolate(&defender).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    assert!(error.retry_after().unwrap() >= Duration::from_secs(90));
    let error = isolate(&defender).await.unwrap_err();
    assert!(error.retry_after().unwrap() > Duration::from_secs(80), "{error}");
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn after_a_401_an_isolation_is_repeated_once_with_a_new_token_and_never_a_third_time() {
    let server = Server::start(|_, before| match before {
        0 => Reply::new(401, ""),
        _ => Reply::new(201, ACCEPTED),
    })
    .await;
    isolate(&client(&server)).await.unwrap();
    let used: Vec<_> = server.calls().into_iter().map(|call| call.authorization.unwrap()).collect();
    assert_eq!(used, ["Bearer token-1", "Bearer token-2"]);
    let server = Server::start(|_, _| Reply::new(401, "")).await;
    assert_eq!(isolate(&client(&server)).await.unwrap_err().class(), ErrorClass::Fatal);
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn an_isolation_over_our_own_quota_is_refused_before_it_is_sent() {
    let server = Server::start(|_, _| Reply::new(201, ACCEPTED)).await;
    let mut settings = settings(&server.url, &server.url);
    settings.quota = QuotaSettings { share: 1.0, per_minute: Some(100), per_hour: Some(120) };
    let defender = Defender::with(settings, ports()).unwrap();
    isolate(&defender).await.unwrap();
    let error = isolate(&defender).await.unwrap_err();
    assert!(matches!(error, ApiError::Throttled { .. }), "{error}");
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn permission_is_asked_for_right_before_each_sending() {
    let server = Server::start(|_, _| Reply::new(401, "")).await;
    let defender = client(&server);
    let asked = AtomicUsize::new(0);
    let once = || asked.fetch_add(1, Ordering::Relaxed) == 0;
    let error = defender.isolate_if(&machine("m1"), IsolationType::Full, "c", once).await.unwrap_err();
    assert_eq!(error, ApiError::Withdrawn { endpoint: "machines/{id}/isolate" });
    assert_eq!(error.class(), ErrorClass::Transient);
    assert_eq!((asked.load(Ordering::Relaxed), server.calls().len()), (2, 1));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_stays_here() {
    let other = Server::start(|_, _| Reply::new(201, ACCEPTED)).await;
    for status in [301, 302, 303, 307, 308] {
        let target = other.url.join("/api/machines/m1/isolate?x=secret").unwrap();
        let server = Server::start(move |_, _| Reply::new(status, "").header("location", target.as_str())).await;
        let error = isolate(&client(&server)).await.unwrap_err();
        assert!(matches!(error, ApiError::Redirected { .. }), "{error}");
        assert_eq!(error.class(), ErrorClass::Fatal);
        assert!(!error.to_string().contains("x=secret"), "{error}");
    }
    assert_eq!(other.calls().len(), 0);
}

#[tokio::test]
async fn mail_is_sent_as_base64_text_and_only_202_means_taken() {
    let server = Server::start(|_, before| Reply::new(if before == 0 { 202 } else { 200 }, "")).await;
    let graph = graph(&server);
    graph.send_mail("soc+team@contoso.test", b"Subject: x\r\n\r\nhello").await.unwrap();
    let call = server.calls().remove(0);
    assert_eq!(call.path, "/v1.0/users/soc%2Bteam%40contoso.test/sendMail");
    assert_eq!(call.content_type.as_deref(), Some("text/plain"));
    assert_eq!(call.body, "U3ViamVjdDogeA0KDQpoZWxsbw==");
    assert!(server.token_requests()[0].body.contains("graph.microsoft.com"));
    let error = graph.send_mail("soc@contoso.test", b"x").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Ambiguous, "{error}");
    for sender in ["", "..", "a/../b", "a\\b"] {
        assert_eq!(graph.send_mail(sender, b"x").await.unwrap_err().class(), ErrorClass::Fatal, "{sender}");
    }
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn isolations_that_a_process_before_this_one_asked_for_hold_the_next_one_back_and_nothing_else() {
    let server = Server::start(|seen, _| {
        if seen.method == "POST" { Reply::new(201, ACCEPTED) } else { Reply::new(200, r#"{"id":"m1"}"#) }
    })
    .await;
    let mut settings = settings(&server.url, &server.url);
    settings.quota = QuotaSettings::default();
    let defender = Defender::with(settings, ports()).unwrap();
    defender.isolated_before(&[Duration::from_secs(30); 100]);
    let error = isolate(&defender).await.unwrap_err();
    assert!(matches!(error, ApiError::Throttled { .. }), "{error}");
    defender.machine(&machine("m1")).await.unwrap();
    let calls: Vec<String> = server.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(calls, ["GET"]);
}

#[tokio::test]
async fn two_clients_of_one_app_in_one_process_keep_the_limit_together() {
    let server = Server::start(|_, _| Reply::new(200, r#"{"id":"m1"}"#)).await;
    let mut settings = settings(&server.url, &server.url);
    settings.quota = QuotaSettings { per_hour: Some(120), ..QuotaSettings::default() };
    let ports = hasty();
    let one = Defender::with(settings.clone(), ports.clone()).unwrap().for_respond();
    let other = Defender::with(settings, ports).unwrap().for_respond();
    one.machine(&machine("m1")).await.unwrap();
    let second = tokio::time::timeout(Duration::from_secs(1), other.machine(&machine("m1"))).await;
    assert!(second.is_err(), "one call at the start, and 96 an hour");
}
