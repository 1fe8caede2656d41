//! A broker, a tenant, and the stage between them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cordon_defender::{Cloud, DefenderSettings, QuotaSettings};
use cordon_enrich::config::Lookup;
use cordon_enrich::{Enrich, EnrichError, EnrichSettings};
use cordon_records::{
    AlertId, AlertRecord, Change, Clock, EnrichedRecord, Headers, MachineId, SystemClock, TenantId, Topic, Verbatim,
};
use cordon_records::{SCHEMA_VERSION, Source};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Inbound, MemoryBroker, Outbound, Producer, read_all};
use cordon_runtime::process::{NoArgs, Stage, install_tls};
use cordon_settings::Secret;
use cordon_simulator::{CLIENT_ID, CLIENT_SECRET, Options, Quirks, SimMachine, Simulator, TENANT_ID};
use prometheus::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);

/// A broker, a tenant, and a producer that stands for ingest.
pub struct Bench {
    pub broker: MemoryBroker,
    pub tenant: Simulator,
    pub producer: Producer,
}

impl Bench {
    pub fn start(quirks: Quirks) -> Self {
        install_tls();
        let options = Options { quirks, enforce_quota: false, smtp_listen: None, ..Options::default() };
        let broker = MemoryBroker::start().unwrap();
        let producer = Producer::open(&broker.settings(), "test").unwrap();
        Self { broker, tenant: Simulator::start(options).unwrap(), producer }
    }

    pub fn settings(&self) -> EnrichSettings {
        let tenant = TenantId::new(TENANT_ID).unwrap();
        let secret = Secret::from_literal(CLIENT_SECRET);
        let mut defender = DefenderSettings::new(Cloud::default(), tenant, CLIENT_ID.to_owned(), secret).unwrap();
        defender.api_url = self.tenant.api_url().parse().unwrap();
        defender.authority_url = self.tenant.authority_url().parse().unwrap();
        defender.quota = QuotaSettings { share: 1.0, per_minute: Some(1_000_000), per_hour: Some(10_000_000) };
        EnrichSettings {
            defender,
            lookups: vec![Lookup::Machine],
            concurrency: 32,
            deadline: Duration::from_secs(10),
            cache_ttl: Duration::from_secs(300),
        }
    }

    pub fn stage(&self, settings: EnrichSettings) -> Running {
        let context = Context::open("enrich", self.broker.settings(), Registry::new(), Arc::new(SystemClock)).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(Enrich::run(settings, NoArgs::default(), context.clone(), stop.clone()));
        Running { context, stop, task }
    }

    /// Adds a machine of this number to the tenant.
    pub fn machine(&self, number: usize) -> MachineId {
        let id = machine_id(number);
        self.tenant.add_machine(SimMachine::new(id.clone(), &format!("host-{number}.example")).tag("lab"));
        id
    }

    /// Produces an alert on a machine; the JSON is what ingest would have received.
    pub async fn alert(&self, id: &str, machine: Option<&MachineId>) {
        let raw = serde_json::json!({"id": id, "machineId": machine, "severity": "High", "evidence": []}).to_string();
        self.raw_alert(id, &raw).await;
    }

    /// Produces this JSON under this alert's id.
    pub async fn raw_alert(&self, id: &str, raw: &str) {
        let alert_id = AlertId::new(id).unwrap();
        let now = SystemClock.now();
        let record = AlertRecord {
            schema_version: SCHEMA_VERSION,
            id: AlertRecord::record_id(&alert_id, Some(now)),
            alert_id,
            tenant: TenantId::new(TENANT_ID).unwrap(),
            source: Source::Mde,
            change: Change::New,
            last_update: Some(now),
            seen_at: now,
            raw: Verbatim::parse(raw).unwrap(),
            cut: Vec::new(),
        };
        let headers = Headers::event("ingest", "alert.seen", &record.id, now, id);
        self.producer.send(Outbound::json(Topic::Alerts, id, headers, &record).unwrap()).await.unwrap();
    }

    pub async fn records(&self, topic: Topic) -> Vec<Inbound> {
        read_all(&self.broker.settings(), topic).await.unwrap()
    }

    /// Waits for so many enriched records and returns them with their keys.
    pub async fn enriched(&self, count: usize) -> Vec<(String, EnrichedRecord)> {
        until("the records are enriched", || async {
            let found = self.records(Topic::Enriched).await.len();
            let last: Vec<_> =
                self.tenant.requests().iter().rev().take(5).map(|r| format!("{} {}", r.status, r.path)).collect();
            if found >= count { Ok(()) } else { Err(format!("{found} of {count}; requests end in {last:?}")) }
        })
        .await;
        let records = self.records(Topic::Enriched).await;
        assert_eq!(records.len(), count);
        records.iter().map(|record| (record.key_text().unwrap().to_owned(), record.json().unwrap())).collect()
    }

    /// Calls for machines that reached the tenant.
    pub fn machine_calls(&self) -> Vec<String> {
        let requests = self.tenant.requests();
        requests.into_iter().map(|r| r.path).filter(|path| path.contains("/api/machines")).collect()
    }
}

/// The id of a machine, whether the tenant has it or not.
pub fn machine_id(number: usize) -> MachineId {
    MachineId::new(format!("{number:040x}")).unwrap()
}

/// A running stage.
pub struct Running {
    pub context: Context,
    stop: CancellationToken,
    task: JoinHandle<Result<(), EnrichError>>,
}

impl Running {
    pub async fn stop(self) -> Context {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        self.context
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters are whole and not negative")]
pub fn metric(context: &Context, name: &str, label: &str) -> u64 {
    let families = context.registry.gather();
    let family = families.iter().filter(|family| family.name() == name);
    let metrics = family.flat_map(|family| family.get_metric());
    let wanted = metrics.filter(|m| label.is_empty() || m.get_label().iter().any(|pair| pair.value() == label));
    wanted.map(|m| m.get_counter().get_value() as u64).sum()
}

/// Waits for a condition and tells what was seen when it does not come.
pub async fn until<F: Future<Output = Result<(), String>>>(what: &str, mut condition: impl FnMut() -> F) {
    cordon_wait::until(PATIENCE, what, async || condition().await).await;
}
