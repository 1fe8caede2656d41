//! Servers for the tests: one that records and answers by script, and raw ones for answers that no HTTP library
//! would send.

#![allow(dead_code, reason = "every test file uses another part of it")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use cordon_defender::{Cloud, Defender, DefenderSettings, Graph, GraphSettings, Ports, QuotaSettings, Timeouts};
use cordon_records::{MachineId, SystemClock, TenantId};
use cordon_settings::{Document, Reader, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

pub const SECRET: &str = "the-client-secret";

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// The decoded query.
    pub query: String,
    pub authorization: Option<String>,
    pub content_type: Option<String>,
    pub body: String,
}

/// What the server answers.
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    hang: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), hang: false }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn hang() -> Self {
        Self { hang: true, ..Self::new(200, "") }
    }
}

/// A server on loopback. Token requests get `token-1`, `token-2` …; everything else goes to the script, with how
/// many requests other than for tokens came before.
pub struct Server {
    pub url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (script, log) = (Arc::new(script), seen.clone());
        let app = axum::Router::new().fallback(move |request: Request| answer(script.clone(), log.clone(), request));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url(listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen, task }
    }

    /// The requests other than for tokens.
    pub fn calls(&self) -> Vec<Seen> {
        self.all().into_iter().filter(|seen| !is_token(seen)).collect()
    }

    pub fn token_requests(&self) -> Vec<Seen> {
        self.all().into_iter().filter(is_token).collect()
    }

    fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn is_token(seen: &Seen) -> bool {
    seen.path.ends_with("/oauth2/v2.0/token")
}

async fn answer<S: Fn(&Seen, usize) -> Reply>(
    script: Arc<S>,
    log: Arc<Mutex<Vec<Seen>>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: pairs.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&"),
        authorization: header("authorization"),
        content_type: header("content-type"),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let (tokens, calls) = {
        let mut log = log.lock().unwrap();
        let tokens = log.iter().filter(|seen| is_token(seen)).count();
        let calls = log.len() - tokens;
        log.push(seen.clone());
        (tokens, calls)
    };
    let reply = if is_token(&seen) {
        Reply::new(200, format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"token-{}"}}"#, tokens + 1))
    } else {
        script(&seen, calls)
    };
    if reply.hang {
        std::future::pending::<()>().await;
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

pub fn url(address: SocketAddr) -> Url {
    Url::parse(&format!("http://{address}")).unwrap()
}

/// An address that nobody listens on.
pub async fn nobody() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url(listener.local_addr().unwrap())
}

/// Serves one connection after the other: reads a request's head and hands the stream over. Gives back the
/// address and the heads seen.
pub async fn raw<F, R>(serve: F) -> (Url, Arc<Mutex<Vec<String>>>)
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = url(listener.local_addr().unwrap());
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = heads.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                let mut piece = [0; 1024];
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => head.extend_from_slice(&piece[..read]),
                }
            }
            log.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
            serve(stream).await;
        }
    });
    (address, heads)
}

/// Writes all of it, or as much as the client takes.
pub async fn write(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok()
}

pub fn settings(api: &Url, authority: &Url) -> DefenderSettings {
    let tenant = TenantId::new("contoso.test").unwrap();
    let secret = Secret::from_literal(SECRET);
    let mut settings = DefenderSettings::new(Cloud::Public, tenant, "client".into(), secret).unwrap();
    settings.api_url = api.clone();
    settings.authority_url = authority.clone();
    settings.quota = QuotaSettings { share: 1.0, per_minute: Some(1_000_000), per_hour: Some(10_000_000) };
    settings
}

pub fn ports() -> Ports {
    let mut ports = Ports::new(Arc::new(SystemClock));
    let (connect, read) = (Duration::from_secs(2), Duration::from_secs(5));
    ports.timeouts = Timeouts { connect, read, page: read, act: Duration::from_secs(10) };
    ports
}

/// As `ports`, for servers that hang.
pub fn hasty() -> Ports {
    let mut ports = ports();
    ports.timeouts.act = Duration::from_millis(800);
    ports
}

/// A client whose API and authority are one server.
pub fn client(server: &Server) -> Defender {
    Defender::with(settings(&server.url, &server.url), ports()).unwrap()
}

/// A client whose API is a raw server.
pub fn client_of(api: &Url, authority: &Server) -> Defender {
    Defender::with(settings(api, &authority.url), ports()).unwrap()
}

pub fn graph(server: &Server) -> Graph {
    let defender = settings(&server.url, &server.url);
    let settings = GraphSettings {
        url: server.url.clone(),
        authority_url: server.url.clone(),
        tenant_id: defender.tenant_id,
        client_id: defender.client_id,
        client_secret: defender.client_secret,
        scope: "https://graph.microsoft.com/.default".into(),
        allow_http: false,
        quota: QuotaSettings::default(),
    };
    Graph::with(settings, ports()).unwrap()
}

pub fn machine(id: &str) -> MachineId {
    MachineId::new(id).unwrap()
}

/// The reference to a secret in a file.
pub fn secret_in(file: &std::path::Path) -> Secret {
    let document = Document::parse("cordon.yaml", &format!("secret: 'file:{}'", file.display())).unwrap();
    let reader = Reader::new(&document);
    let mut root = reader.root();
    let secret = root.secret("secret").required();
    root.finish();
    reader.finish().unwrap();
    secret.unwrap()
}
