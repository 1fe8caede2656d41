#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]
//! What is said when the proxy of the environment fails. The HTTP client reads the environment of its process, so each
//! case runs `a_host_that_does_not_exist_is_named_and_no_proxy_that_is_not_set` again with a proxy set.

mod support;

use std::process::{Command, Stdio};

use cordon_defender::{Defender, Graph, GraphSettings, QuotaSettings};
use cordon_records::{Classified, ErrorClass};
use support::{Reply, Server, machine, nobody, ports, raw, settings, write};
use url::Url;

const API: &str = "https://api.cordon-test.invalid";
const LOGIN: &str = "https://login.cordon-test.invalid";
/// What the test prints before each error.
const SAYS: &str = "says: ";

/// The errors of the token client, of the API client and of Graph's mail client, when no name resolves.
async fn errors() -> Vec<String> {
    let [api, login] = [API, LOGIN].map(|url| Url::parse(url).unwrap());
    let server = Server::start(|_, _| Reply::new(200, "{}")).await;
    let token = Defender::with(settings(&server.url, &login), ports()).unwrap();
    let called = Defender::with(settings(&api, &server.url), ports()).unwrap();
    let of = settings(&server.url, &server.url);
    let graph = GraphSettings {
        url: api,
        authority_url: server.url.clone(),
        tenant_id: of.tenant_id,
        client_id: of.client_id,
        client_secret: of.client_secret,
        scope: "https://graph.microsoft.com/.default".into(),
        allow_http: false,
        quota: QuotaSettings::default(),
    };
    let errors = [
        token.machine(&machine("m1")).await.unwrap_err(),
        called.machine(&machine("m1")).await.unwrap_err(),
        Graph::with(graph, ports()).unwrap().send_mail("soc@example.com", b"x").await.unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.class() == ErrorClass::Transient), "{errors:?}");
    assert_eq!(server.calls().len(), 0);
    errors.iter().map(ToString::to_string).collect()
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what the HTTP client reads")]
async fn a_host_that_does_not_exist_is_named_and_no_proxy_that_is_not_set() {
    let set = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].iter().any(|name| std::env::var(name).is_ok());
    for error in errors().await {
        println!("{SAYS}{error}");
        assert!(set || error.contains(".cordon-test.invalid: ") && !error.contains("proxy"), "{error}");
    }
}

/// What the three clients say when this proxy is set.
async fn said(proxy: &Url) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "a_host_that_does_not_exist_is_named_and_no_proxy_that_is_not_set", "--nocapture"]);
    for name in ["https_proxy", "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"] {
        child.env_remove(name);
    }
    let with_secret = proxy.as_str().replacen("http://", "http://clerk:hunter2@", 1);
    child.env("HTTPS_PROXY", with_secret).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let output = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let said: Vec<String> =
        output.lines().filter_map(|line| line.split_once(SAYS)).map(|(_, e)| e.to_owned()).collect();
    assert_eq!(said.len(), 3, "{output}");
    assert!(!output.contains("hunter2") && !output.contains("clerk"), "{output}");
    said
}

/// Each error names its endpoint, the host, the proxy, the cause and the advice.
fn expect(said: &[String], proxy: &Url, cause: &str, advice: impl Fn(&str) -> String) {
    let proxy = proxy.as_str().trim_end_matches('/');
    let of = ["token", "machines/{id}", "sendMail"].into_iter().zip([LOGIN, API, API]);
    for (error, (endpoint, url)) in said.iter().zip(of) {
        let host = url.trim_start_matches("https://");
        assert!(
            error.starts_with(&format!("{endpoint} cannot be reached: {host} by way of the proxy {proxy}: ")),
            "{error}"
        );
        assert!(error.contains(cause) && error.ends_with(&advice(host)), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_that_nobody_listens_for_is_named_with_its_variable() {
    let proxy = nobody().await;
    let advice = |host: &str| {
        format!(
            "; check the proxy's address in HTTPS_PROXY or ALL_PROXY, or name {host} in NO_PROXY if it needs no proxy"
        )
    };
    expect(&said(&proxy).await, &proxy, "Connection refused", advice);
    let unknown = Url::parse("http://proxy.cordon-test.invalid:3128").unwrap();
    expect(&said(&unknown).await, &unknown, "dns error", advice);
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_is_named_and_they_are_never_shown() {
    let (proxy, heads) = raw(|mut stream| async move {
        write(&mut stream, b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let advice = |_: &str| {
        "; the proxy asks for a name and a password: put them into HTTPS_PROXY, as in http://NAME:PASSWORD@HOST:PORT"
            .into()
    };
    expect(&said(&proxy).await, &proxy, "proxy authorization required", advice);
    let heads = heads.lock().unwrap();
    assert!(heads.iter().all(|head| head.starts_with("CONNECT ")), "{heads:?}");
}

#[tokio::test]
async fn a_proxy_that_cannot_connect_us_is_named() {
    let (proxy, heads) = raw(|mut stream| async move {
        write(&mut stream, b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let advice = |host: &str| {
        format!("; the proxy would not connect us: have it allow {host}:443, or see in its log why it could not")
    };
    expect(&said(&proxy).await, &proxy, "tunnel error: unsuccessful", advice);
    assert!(!heads.lock().unwrap().is_empty());
}
