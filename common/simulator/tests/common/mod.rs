//! What the integration tests share: a clock that is set, a tenant with one machine, and a client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cordon_records::{Clock, MachineId};
use cordon_simulator::{CLIENT_ID, CLIENT_SECRET, Options, SimMachine, Simulator, TENANT_ID};
use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

pub const MACHINE: &str = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07";
pub const MDE: &str = "https://api.securitycenter.microsoft.com/.default";
pub const GRAPH: &str = "https://graph.microsoft.com/.default";

/// A clock that stands until it is moved.
pub struct Hand(Mutex<Timestamp>);

impl Hand {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-11-22T18:00:00Z".parse().unwrap())))
    }

    pub fn forward(&self, seconds: u64) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(Duration::from_secs(seconds)).unwrap();
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

pub struct World {
    pub tenant: Simulator,
    pub clock: Arc<Hand>,
    pub http: Client,
    pub token: String,
}

pub fn machine() -> SimMachine {
    SimMachine::new(MachineId::new(MACHINE).unwrap(), "lab-01.example").group("lab").user("jane", "LAB")
}

pub async fn world(change: impl FnOnce(&mut Options)) -> World {
    // Another test of this binary may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Hand::new();
    let mut options = Options { clock: clock.clone(), settle: Duration::from_secs(10), ..Options::default() };
    change(&mut options);
    let tenant = Simulator::start(options).unwrap();
    tenant.add_machine(machine());
    let http = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let mut world = World { tenant, clock, http, token: String::new() };
    world.token = world.token(MDE).await;
    world
}

impl World {
    pub async fn ask_token(&self, client: &str, secret: &str, scope: &str) -> Response {
        let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", self.tenant.authority_url());
        let form =
            [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret), ("scope", scope)];
        self.http.post(url).form(&form).send().await.unwrap()
    }

    pub async fn token(&self, scope: &str) -> String {
        let body: Value = self.ask_token(CLIENT_ID, CLIENT_SECRET, scope).await.json().await.unwrap();
        body["access_token"].as_str().expect("a token").to_owned()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.tenant.base())).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn list(&self, path: &str, options: &[(&str, &str)]) -> (u16, Value) {
        answer(self.request(Method::GET, path).query(options).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(Method::POST, path).json(&body).send().await.unwrap()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(Method::PATCH, path).json(&body).send().await.unwrap()).await
    }

    pub async fn isolate(&self) -> (u16, Value) {
        let path = format!("/api/machines/{MACHINE}/isolate");
        self.post(&path, json!({"Comment": "test", "IsolationType": "Full"})).await
    }
}

pub async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn ids(page: &Value) -> Vec<String> {
    page["value"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}
