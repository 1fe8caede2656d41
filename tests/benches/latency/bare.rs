//! The bare chain: four processes, each a loop around one consumer and one producer, with the hops and calls that
//! Cordon makes on an alert's way and nothing else. No deduplication, no order, no guards, no state to restore; a
//! crash would lose and repeat. What is left is the price of the way itself.

use std::collections::HashSet;
use std::future::Future;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use cordon_records::{Clock as _, SystemClock, Topic};
use cordon_runtime::kafka::{KafkaSettings, apply_topics};
use cordon_settings::variable;
use cordon_simulator::{CLIENT_ID, CLIENT_SECRET, Options, Simulator, TENANT_ID};
use cordon_tests::pipeline::SOON;
use cordon_tests::processes::Process;
use jiff::{SignedDuration, Timestamp};
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

const HOP: &str = "CORDON_BARE_HOP";
const BOOTSTRAP: &str = "CORDON_BARE_BOOTSTRAP";
const PREFIX: &str = "CORDON_BARE_PREFIX";
const API: &str = "CORDON_BARE_API";
const POLL_INTERVAL: Duration = Duration::from_millis(100);
const OVERLAP: SignedDuration = SignedDuration::from_secs(10);
const READY: &str = "the hop is ready";

/// The chain; dropping it kills its processes.
pub struct Chain {
    pub tenant: Simulator,
    hops: Vec<(&'static str, Process)>,
}

impl Chain {
    pub async fn start(kafka: KafkaSettings, tenant: Options) -> Self {
        apply_topics(&kafka).await.expect("the topics can be made");
        let tenant = Simulator::start(tenant).expect("the tenant starts");
        let mut hops = Vec::new();
        for hop in ["respond", "decide", "expand", "poll"] {
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.env(HOP, hop).env(BOOTSTRAP, &kafka.bootstrap_servers);
            command.env(PREFIX, &kafka.topic_prefix).env(API, tenant.base());
            let mut process = Process::start(hop, command);
            process.line(SOON, READY).await;
            hops.push((hop, process));
        }
        Self { tenant, hops }
    }

    /// Its processes.
    pub fn pids(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.hops.iter().map(|(hop, process)| (*hop, process.pid()))
    }
}

/// Which hop this process was started as, if any.
pub fn hop_of_this_process() -> Option<String> {
    variable(HOP)
}

/// Runs one hop until the process is killed.
pub fn run(hop: &str) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let ends = Arc::new(Ends::open().await);
        match hop {
            "poll" => poll(ends).await,
            "expand" => pass_on(ends, Topic::Alerts, expand).await,
            "decide" => pass_on(ends, Topic::Enriched, decide).await,
            _ => respond(ends).await,
        }
    });
    ExitCode::SUCCESS
}

/// What a hop is connected to.
struct Ends {
    kafka: ClientConfig,
    producer: FutureProducer,
    prefix: String,
    http: reqwest::Client,
    api: String,
    token: String,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    id: String,
    machine_id: String,
    last_update_time: Timestamp,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

impl Ends {
    async fn open() -> Self {
        let given = |name| variable(name).expect("the chain gives it");
        let mut kafka = ClientConfig::new();
        kafka.set("bootstrap.servers", given(BOOTSTRAP));
        let mut producing = kafka.clone();
        producing.set("acks", "all").set("enable.idempotence", "true").set("linger.ms", "0");
        cordon_runtime::process::install_tls();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let api = given(API);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("scope", "https://api.securitycenter.microsoft.com/.default"),
        ];
        let answer = http.post(format!("{api}/{TENANT_ID}/oauth2/v2.0/token")).form(&form).send().await;
        let token: Token = answer.expect("an answer").json().await.expect("a token");
        let producer = producing.create().expect("a producer");
        Self { kafka, producer, prefix: given(PREFIX), http, api, token: token.access_token }
    }

    async fn get(&self, url: String) -> String {
        let answer = self.http.get(url).bearer_auth(&self.token).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.text().await.expect("a body")
    }

    async fn put(&self, topic: Topic, key: &str, value: &str) -> i64 {
        let topic = topic.name(&self.prefix);
        let record = FutureRecord::to(&topic).key(key).payload(value);
        self.producer.send(record, Duration::from_secs(30)).await.expect("a confirmed record").offset
    }

    fn consumer(&self, topic: Topic) -> StreamConsumer {
        let mut config = self.kafka.clone();
        config.set("group.id", format!("{}bare-{}", self.prefix, topic.name(""))).set("auto.offset.reset", "earliest");
        config.set("fetch.wait.max.ms", "100");
        let consumer: StreamConsumer = config.create().expect("a consumer");
        consumer.subscribe(&[&topic.name(&self.prefix)]).expect("a subscription");
        consumer
    }
}

async fn poll(ends: Arc<Ends>) {
    println!("{READY}");
    let mut seen = HashSet::new();
    let mut newest = SystemClock.now();
    let mut beat = tokio::time::interval(POLL_INTERVAL);
    loop {
        beat.tick().await;
        let since = newest.checked_sub(OVERLAP).expect("a time");
        let query = [
            ("$filter", format!("lastUpdateTime ge {since}")),
            ("$orderby", "lastUpdateTime asc".to_owned()),
            ("$expand", "evidence".to_owned()),
            ("$top", "1000".to_owned()),
        ];
        let mut url = reqwest::Url::parse(&format!("{}/api/alerts", ends.api)).expect("an address");
        url.query_pairs_mut().extend_pairs(&query);
        let mut next = Some(url.to_string());
        while let Some(url) = next {
            let text = ends.get(url).await;
            let page: Page<'_> = serde_json::from_str(&text).expect("a page");
            for raw in &page.value {
                let alert: Alert = serde_json::from_str(raw.get()).expect("an alert");
                newest = newest.max(alert.last_update_time);
                if seen.insert(alert.id.clone()) {
                    let (ends, raw) = (Arc::clone(&ends), raw.get().to_owned());
                    tokio::spawn(async move { ends.put(Topic::Alerts, &alert.id, &raw).await });
                }
            }
            next = page.next;
        }
    }
}

/// Reads a topic and works on every record at once.
async fn pass_on<F>(ends: Arc<Ends>, from: Topic, work: impl Fn(Arc<Ends>, String) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let consumer = ends.consumer(from);
    println!("{READY}");
    loop {
        let message = consumer.recv().await.expect("a record");
        let value = String::from_utf8(message.payload().expect("a value").to_vec()).expect("text");
        tokio::spawn(work(Arc::clone(&ends), value));
    }
}

async fn expand(ends: Arc<Ends>, alert: String) {
    let machine_id = read(&alert).machine_id;
    let machine = ends.get(format!("{}/api/machines/{machine_id}", ends.api)).await;
    let both = format!("{{\"alert\":{alert},\"machine\":{machine}}}");
    ends.put(Topic::Enriched, &machine_id, &both).await;
}

#[derive(Deserialize)]
struct Enriched<'a> {
    #[serde(borrow)]
    alert: &'a RawValue,
}

async fn decide(ends: Arc<Ends>, enriched: String) {
    let record: Enriched<'_> = serde_json::from_str(&enriched).expect("an enriched record");
    let machine_id = read(record.alert.get()).machine_id;
    ends.put(Topic::Decisions, &machine_id, record.alert.get()).await;
}

/// Pre-flight reads, an intent that is written and read back, the call, and its report.
async fn respond(ends: Arc<Ends>) {
    let (sender, read_to) = watch::channel(-1);
    let ledger = Arc::clone(&ends);
    tokio::spawn(async move { read_back(&ledger, &sender).await });
    pass_on(ends, Topic::Decisions, move |ends, alert| isolate(ends, alert, read_to.clone())).await;
}

async fn read_back(ends: &Ends, read_to: &watch::Sender<i64>) {
    let mut config = ends.kafka.clone();
    config.set("group.id", format!("{}bare-ledger", ends.prefix)).set("fetch.wait.max.ms", "100");
    let consumer: StreamConsumer = config.create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&Topic::Ledger.name(&ends.prefix), 0, Offset::Beginning).expect("an offset");
    consumer.assign(&list).expect("an assignment");
    loop {
        read_to.send_replace(consumer.recv().await.expect("a record").offset());
    }
}

async fn isolate(ends: Arc<Ends>, alert: String, mut read_to: watch::Receiver<i64>) {
    let Alert { id, machine_id, .. } = read(&alert);
    let api = &ends.api;
    let actions = format!("{api}/api/machineactions?$filter=machineId%20eq%20'{machine_id}'");
    tokio::join!(
        ends.get(format!("{api}/api/alerts/{id}")),
        ends.get(format!("{api}/api/machines/{machine_id}")),
        ends.get(actions)
    );
    let intent = ends.put(Topic::Ledger, &id, &alert).await;
    read_to.wait_for(|offset| *offset >= intent).await.expect("the reader goes on");
    let body = serde_json::json!({"Comment": "bare chain", "IsolationType": "Full"});
    let url = format!("{api}/api/machines/{machine_id}/isolate");
    let answer = ends.http.post(url).bearer_auth(&ends.token).json(&body).send().await.expect("an answer");
    ends.put(Topic::Actions, &machine_id, &answer.text().await.expect("a body")).await;
}

fn read(alert: &str) -> Alert {
    serde_json::from_str(alert).expect("an alert")
}
