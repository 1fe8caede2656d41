#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::sync::Arc;

use cordon_defender::{ApiError, Defender};
use cordon_records::{Classified, ErrorClass, IsolationType, SystemClock};
use support::{Reply, SECRET, Server, client, hasty, machine, nobody, ports, raw, settings, write};
use url::Url;

#[tokio::test]
async fn fifty_concurrent_calls_fetch_one_token() {
    let server = Server::start(|_, _| Reply::new(200, r#"{"id":"m1"}"#)).await;
    let defender = client(&server);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let defender = defender.clone();
        calls.spawn(async move { defender.machine(&machine("m1")).await.map(drop) });
    }
    for outcome in calls.join_all().await {
        outcome.unwrap();
    }
    let tokens = server.token_requests();
    assert_eq!(tokens.len(), 1);
    assert_eq!(server.calls().len(), 50);
    assert!(server.calls().iter().all(|call| call.authorization.as_deref() == Some("Bearer token-1")));
    assert_eq!(tokens[0].path, "/contoso.test/oauth2/v2.0/token");
    let form = "grant_type=client_credentials&client_id=client&client_secret=the-client-secret\
                &scope=https%3A%2F%2Fapi.securitycenter.microsoft.com%2F.default";
    assert_eq!(tokens[0].body, form);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_repeated_once() {
    let server = Server::start(|seen, _| match seen.authorization.as_deref() {
        Some("Bearer token-1") => Reply::new(401, ""),
        _ => Reply::new(200, r#"{"id":"m1"}"#),
    })
    .await;
    client(&server).machine(&machine("m1")).await.unwrap();
    assert_eq!(server.calls().len(), 2);
    assert_eq!(server.token_requests().len(), 2);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_too_is_fatal() {
    let server = Server::start(|_, _| Reply::new(401, "<html>no</html>")).await;
    let error = client(&server).machine(&machine("m1")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn an_identity_that_entra_refuses_is_fatal_and_is_asked_for_once() {
    let body =
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret the-client-secret."}"#;
    let (authority, heads) = raw(move |mut stream| async move {
        let head = format!("HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        write(&mut stream, (head + body).as_bytes()).await;
    })
    .await;
    let server = Server::start(|_, _| Reply::new(200, "{}")).await;
    let defender = Defender::with(settings(&server.url, &authority), ports()).unwrap();
    let error = defender.machine(&machine("m1")).await.unwrap_err();
    assert_eq!((error.class(), error.code()), (ErrorClass::Fatal, Some("invalid_client")), "{error}");
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    assert_eq!(heads.lock().unwrap().len(), 1);
    assert_eq!(server.calls().len(), 0);
}

#[tokio::test]
async fn an_authority_that_cannot_be_reached_is_transient_also_for_an_isolation() {
    let server = Server::start(|_, _| Reply::new(201, "{}")).await;
    let defender = Defender::with(settings(&server.url, &nobody().await), ports()).unwrap();
    let isolation = cordon_records::IsolationType::Full;
    let error = defender.isolate(&machine("m1"), isolation, "c").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    assert_eq!(server.calls().len(), 0);
}

#[tokio::test]
async fn an_authority_that_hangs_is_transient_for_an_isolation_since_nothing_was_sent() {
    let (authority, _) = raw(|_stream| std::future::pending()).await;
    let server = Server::start(|_, _| Reply::new(201, "{}")).await;
    let defender = Defender::with(settings(&server.url, &authority), hasty()).unwrap();
    let isolation = cordon_records::IsolationType::Full;
    let error = defender.isolate(&machine("m1"), isolation, "c").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    assert_eq!(server.calls().len(), 0);
}

#[tokio::test]
async fn the_token_and_the_secret_are_in_no_debug_output_and_in_no_error() {
    let server = Server::start(|seen, _| {
        let quoted = seen.authorization.clone().unwrap();
        Reply::new(400, format!(r#"{{"error":{{"code":"BadRequest","message":"refused: {quoted}"}}}}"#))
    })
    .await;
    let settings = settings(&server.url, &server.url);
    let mut shown = format!("{settings:?}");
    let defender = Defender::with(settings, ports()).unwrap();
    let error = defender.machine(&machine("m1")).await.unwrap_err();
    shown += &format!("{defender:?} {error} {error:?} {:?}", defender.token_facts().await.unwrap());
    assert!(shown.contains("refused: Bearer [secret]"), "{shown}");
    assert!(!shown.contains("token-1") && !shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn an_opaque_token_works_and_has_no_facts_but_its_end() {
    let server = Server::start(|_, _| Reply::new(200, "{}")).await;
    let facts = client(&server).token_facts().await.unwrap();
    assert_eq!((facts.audience, facts.roles.len()), (None, 0));
}

#[test]
fn plain_http_outside_loopback_is_refused_before_anything_is_sent() {
    let https = Url::parse("https://login.example.test").unwrap();
    let http = Url::parse("http://api.example.test").unwrap();
    for (api, authority) in [(&http, &https), (&https, &http)] {
        let error = Defender::new(settings(api, authority), Arc::new(SystemClock)).unwrap_err();
        assert!(matches!(error, ApiError::Setup { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_secret_that_is_rotated_while_running_is_used_for_the_next_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "the-old-secret\n").unwrap();
    // The first token is refused once the secret is rotated, as Entra does when the old one is revoked.
    let server = Server::start(|seen, _| match seen.authorization.as_deref() {
        Some("Bearer token-1") => Reply::new(401, ""),
        _ => Reply::new(200, r#"{"id":"m1"}"#),
    })
    .await;
    let mut settings = settings(&server.url, &server.url);
    settings.client_secret = support::secret_in(&file);
    let defender = Defender::with(settings, ports()).unwrap();
    let _ = defender.token_facts().await.unwrap();
    std::fs::write(&file, "the-new-secret\n").unwrap();
    defender.machine(&machine("m1")).await.unwrap();
    let secrets = server.token_requests().into_iter().map(|request| request.body.contains("the-new-secret"));
    assert_eq!(secrets.collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn after_a_call_with_an_effect_that_lacked_a_permission_the_next_one_has_a_new_token() {
    let server = Server::start(|seen, _| match seen.authorization.as_deref() {
        Some("Bearer token-1") => Reply::new(403, r#"{"error":{"code":"Forbidden","message":"no Machine.Isolate"}}"#),
        _ => Reply::new(201, r#"{"id":"a1","type":"Isolate","status":"Pending","machineId":"m1"}"#),
    })
    .await;
    let defender = client(&server);
    let machine = machine("m1");
    let isolate = || defender.isolate(&machine, IsolationType::Full, "c [cordon:abc#1]");
    let refused = isolate().await.unwrap_err();
    assert!(matches!(refused, ApiError::Forbidden { .. }), "{refused}");
    assert_eq!(server.calls().len(), 1, "it is not sent again by itself");
    isolate().await.unwrap();
    assert_eq!(server.token_requests().len(), 2);
}
