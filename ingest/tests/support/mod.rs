//! A broker, a tenant, and pollers between them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cordon_defender::{Cloud, DefenderSettings, QuotaSettings};
use cordon_ingest::{Ingest, IngestError, IngestSettings, PollInterval};
use cordon_records::{AlertId, AlertRecord, Clock, CursorRecord, PollCursor, SystemClock, TenantId, Topic};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{ElectError, Inbound, MemoryBroker, read_all};
use cordon_runtime::process::{NoArgs, Stage, install_tls};
use cordon_settings::Secret;
use cordon_simulator::{CLIENT_ID, CLIENT_SECRET, Options, Quirks, SimAlert, Simulator, TENANT_ID};
use prometheus::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);

/// A broker and a tenant.
pub struct Bench {
    pub broker: MemoryBroker,
    pub tenant: Simulator,
}

impl Bench {
    pub fn start(quirks: Quirks) -> Self {
        install_tls();
        let options = Options { quirks, enforce_quota: false, smtp_listen: None, ..Options::default() };
        Self { broker: MemoryBroker::start().unwrap(), tenant: Simulator::start(options).unwrap() }
    }

    pub fn settings(&self) -> IngestSettings {
        let tenant = TenantId::new(TENANT_ID).unwrap();
        let secret = Secret::from_literal(CLIENT_SECRET);
        let mut defender = DefenderSettings::new(Cloud::default(), tenant, CLIENT_ID.to_owned(), secret).unwrap();
        defender.api_url = self.tenant.api_url().parse().unwrap();
        defender.authority_url = self.tenant.authority_url().parse().unwrap();
        defender.quota = QuotaSettings { share: 1.0, per_minute: Some(1_000_000), per_hour: Some(10_000_000) };
        IngestSettings {
            defender,
            poll_interval: PollInterval::Every(Duration::from_millis(100)),
            overlap: Duration::from_secs(120),
            sweep_interval: Duration::from_secs(3_600),
            sweep_window: Duration::from_secs(24 * 3_600),
            lookback: Duration::from_secs(3_600),
            page_size: 20,
        }
    }

    pub fn poller(&self) -> Poller {
        self.poller_with(self.settings())
    }

    pub fn poller_with(&self, settings: IngestSettings) -> Poller {
        self.poller_under(settings, Arc::new(SystemClock))
    }

    pub fn poller_under(&self, settings: IngestSettings, clock: Arc<dyn Clock>) -> Poller {
        let context = Context::open("ingest", self.broker.settings(), Registry::new(), clock).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(Ingest::run(settings, NoArgs::default(), context.clone(), stop.clone()));
        Poller { context, stop, task }
    }

    /// Adds alerts that share stamps by threes.
    pub fn add(&self, count: usize) -> Vec<AlertId> {
        let now = self.tenant.now();
        let stamp = |n: usize| now.checked_sub(Duration::from_millis((n / 3 * 10) as u64)).unwrap();
        (0..count).map(|n| self.tenant.add_alert(SimAlert::default().at(stamp(n)))).collect()
    }

    pub async fn records(&self, topic: Topic) -> Vec<Inbound> {
        read_all(&self.broker.settings(), topic).await.unwrap()
    }

    pub async fn alerts(&self) -> Vec<AlertRecord> {
        self.records(Topic::Alerts).await.iter().map(|record| record.json().unwrap()).collect()
    }

    /// How often each record id is on `alerts`.
    pub async fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for alert in self.alerts().await {
            *counts.entry(alert.id).or_default() += 1;
        }
        counts
    }

    pub async fn cursors(&self) -> Vec<PollCursor> {
        let read = |record: &Inbound| match record.json::<CursorRecord>().unwrap() {
            CursorRecord::Poll(cursor) => Some(cursor),
            CursorRecord::Claim(_) => None,
        };
        self.records(Topic::Cursors).await.iter().filter_map(read).collect()
    }

    /// Waits until every one of these alerts is on the topic.
    pub async fn until_produced(&self, ids: &[AlertId]) {
        until("every alert is on the topic", || async {
            let alerts = self.alerts().await;
            let missing = ids.iter().filter(|id| !alerts.iter().any(|alert| alert.alert_id == **id)).count();
            if missing == 0 { Ok(()) } else { Err(format!("{missing} of {} missing; {}", ids.len(), self.history())) }
        })
        .await;
    }

    /// Waits for a cursor whose coverage began after now.
    pub async fn until_covered(&self) {
        let now = self.tenant.now();
        until("the poll has covered the present", || async {
            let newest = self.cursors().await.pop();
            match newest {
                Some(cursor) if cursor.covered_until >= now => Ok(()),
                other => Err(format!("newest cursor {other:?}; {}", self.history())),
            }
        })
        .await;
    }

    pub async fn assert_each_once(&self, ids: &[AlertId]) {
        self.until_produced(ids).await;
        let twice: Vec<_> = self.counts().await.into_iter().filter(|(_, count)| *count != 1).collect();
        assert!(twice.is_empty(), "produced more than once: {twice:?}; {}", self.history());
    }

    fn history(&self) -> String {
        let requests = self.tenant.requests();
        let last: Vec<_> = requests.iter().rev().take(8).map(|r| format!("{} {}", r.status, r.path)).collect();
        format!("{} requests, the last of them {last:#?}", requests.len())
    }
}

/// The system's clock, so many hours off.
#[derive(Default)]
pub struct WrongClock(AtomicI64);

impl WrongClock {
    pub fn set(&self, hours: i64) {
        self.0.store(hours, Ordering::Relaxed);
    }
}

impl Clock for WrongClock {
    fn now(&self) -> jiff::Timestamp {
        SystemClock.now() + jiff::SignedDuration::from_hours(self.0.load(Ordering::Relaxed))
    }
}

/// A running stage.
pub struct Poller {
    pub context: Context,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ElectError<IngestError>>>,
}

impl Poller {
    pub async fn stop(self) -> Context {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        self.context
    }

    /// The sum of a metric over those of its labels that contain `label`.
    pub fn metric(&self, name: &str, label: &str) -> u64 {
        metric(&self.context, name, label)
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
