#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cordon_defender::{AlertQuery, ApiError};
use cordon_records::{Classified, ErrorClass};
use support::{Reply, Server, client, client_of, machine, raw, write};

const QUERY: AlertQuery = AlertQuery { updated_since: None, top: 10, expand_evidence: false, order: false };
const MIB: usize = 1024 * 1024;

/// A server whose body has no announced length and never ends; counts what the client took.
async fn endless() -> (url::Url, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let (url, _) = raw(move |mut stream| {
        let count = count.clone();
        async move {
            write(&mut stream, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[").await;
            let piece = vec![b' '; MIB];
            while write(&mut stream, &piece).await {
                assert!(count.fetch_add(MIB, Ordering::Relaxed) < 200 * MIB, "the client reads for ever");
            }
        }
    })
    .await;
    (url, taken)
}

#[tokio::test]
async fn a_body_that_does_not_end_is_cut_off() {
    let authority = Server::start(|_, _| Reply::new(404, "")).await;
    let (api, taken) = endless().await;
    let error = client_of(&api, &authority).machine(&machine("m1")).await.unwrap_err();
    assert_eq!(error, ApiError::TooLarge { endpoint: "machines/{id}", limit: MIB as u64 });
    assert_eq!(error.class(), ErrorClass::Poison);
    assert!(taken.load(Ordering::Relaxed) < 30 * MIB);
    let error = client_of(&api, &authority).list_alerts(&QUERY).await.unwrap_err();
    assert!(matches!(error, ApiError::TooLarge { endpoint: "alerts", .. }), "{error}");
}

#[tokio::test]
async fn a_body_of_a_hundred_megabytes_that_announces_itself_is_not_read_at_all() {
    let authority = Server::start(|_, _| Reply::new(404, "")).await;
    let (api, _) = raw(|mut stream| async move {
        write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    let error = client_of(&api, &authority).list_alerts(&QUERY).await.unwrap_err();
    assert!(matches!(error, ApiError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_hundreds_of_megabytes_is_cut_off() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..300 {
        packer.write_all(&vec![b' '; MIB]).unwrap();
    }
    let bomb = packer.finish().unwrap();
    assert!(bomb.len() < 4 * MIB);
    let server = Server::start(move |_, _| Reply::new(200, bomb.clone()).header("content-encoding", "gzip")).await;
    let error = client(&server).machine(&machine("m1")).await.unwrap_err();
    assert!(matches!(error, ApiError::TooLarge { .. }), "{error}");
    let error = client(&server).list_alerts(&QUERY).await.unwrap_err();
    assert!(matches!(error, ApiError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_packed_list_is_unpacked_and_broken_packing_is_transient() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(br#"{"value":[{"id":"a1"}]}"#).unwrap();
    let good = packer.finish().unwrap();
    let server = Server::start(move |_, before| {
        let body = if before == 0 { good.clone() } else { b"not gzip at all".to_vec() };
        Reply::new(200, body).header("content-encoding", "gzip")
    })
    .await;
    let defender = client(&server);
    assert_eq!(defender.list_alerts(&QUERY).await.unwrap().items.len(), 1);
    let error = defender.list_alerts(&QUERY).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
}

#[tokio::test]
async fn an_endless_error_body_does_not_hide_the_status() {
    let authority = Server::start(|_, _| Reply::new(404, "")).await;
    let (api, _) = raw(|mut stream| async move {
        write(&mut stream, b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n").await;
        let piece = vec![b'<'; MIB];
        while write(&mut stream, &piece).await {}
    })
    .await;
    let error = client_of(&api, &authority).machine(&machine("m1")).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn a_page_that_is_html_is_transient_and_shown_by_its_beginning() {
    let server = Server::start(|_, _| Reply::new(200, "<html>\u{1b}[31msign in</html>")).await;
    let error = client(&server).list_alerts(&QUERY).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("sign in") && !error.to_string().contains('\u{1b}'), "{error}");
}

#[tokio::test]
async fn one_name_that_is_not_utf_8_does_not_lose_the_page() {
    let server = Server::start(|_, _| {
        Reply::new(200, b"{\"value\":[{\"id\":\"a1\",\"title\":\"\xff\"},{\"id\":\"a2\"}]}".to_vec())
    })
    .await;
    assert_eq!(client(&server).list_alerts(&QUERY).await.unwrap().items.len(), 2);
}
