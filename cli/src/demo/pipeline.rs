//! The demo's pipeline: in-process broker, simulated tenant, and the four stages as they run in production.

use std::time::Duration;

use anyhow::Context as _;
use cordon_act::ActArgs;
use cordon_runtime::kafka::{KafkaSettings, MemoryBroker};
use cordon_settings::{Document, Reader};
use cordon_simulator::{CLIENT_ID, CLIENT_SECRET, Options, Simulator, TENANT_ID};
use prometheus::Registry;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::stages::{StageContexts, Stages};

/// The rule that the demo runs, as it is shipped.
const RULE: &str = include_str!("../../../deploy/rules/isolate-high.yaml");

/// How long the demo's machines take to isolate.
const SETTLE: Duration = Duration::from_secs(2);

/// Everything that runs.
pub struct Pipeline {
    /// The simulated tenant.
    pub tenant: Simulator,
    /// How to reach the broker.
    pub kafka: KafkaSettings,
    /// The stages' metrics.
    pub registry: Registry,
    shutdown: CancellationToken,
    stages: JoinHandle<anyhow::Result<()>>,
    _broker: MemoryBroker,
    _files: TempDir,
}

impl Pipeline {
    /// Starts broker, tenant and stages.
    pub fn start() -> anyhow::Result<Self> {
        let broker = MemoryBroker::start().context("the in-process broker does not start")?;
        let kafka = broker.settings();
        let tenant =
            Simulator::start(Options { settle: SETTLE, admin: true, enforce_quota: false, ..Options::default() })?;
        let files = tempfile::Builder::new().prefix("cordon-demo").tempdir()?;
        let stages = read_stages(&tenant, &files)?;
        let shutdown = CancellationToken::new();
        let registry = Registry::new();
        let contexts = StageContexts::open(&kafka, &registry)?;
        let args = ActArgs { init_ledger: true, ..ActArgs::default() };
        let stages = tokio::spawn(stages.run(contexts, args, shutdown.clone()));
        Ok(Self { tenant, kafka, registry, shutdown, stages, _broker: broker, _files: files })
    }

    /// Returns when a stage has stopped although nobody asked it to.
    pub async fn failed(&self) {
        self.shutdown.cancelled().await;
    }

    /// Drains the stages and ends the tenant.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        let ended = self.stages.await.context("the stages did not end")?;
        self.tenant.stop().await;
        ended
    }
}

/// The demo's configuration goes through the same reader as a real file.
fn read_stages(tenant: &Simulator, files: &TempDir) -> anyhow::Result<Stages> {
    std::fs::write(files.path().join("secret"), CLIENT_SECRET)?;
    std::fs::write(files.path().join("isolate-high.yaml"), RULE)?;
    let document = Document::parse("demo", &configuration(tenant, files))?;
    let reader = Reader::new(&document);
    let mut root = reader.root();
    let stages = Stages::read(&mut root);
    drop(root);
    reader.finish()?;
    stages.context("the demo's own configuration is incomplete")
}

fn configuration(tenant: &Simulator, files: &TempDir) -> String {
    let folder = files.path().display();
    format!(
        "defender:\n  tenant_id: {TENANT_ID}\n  client_id: {CLIENT_ID}\n  client_secret: 'file:{folder}/secret'\n  \
           api_url: {api}\n  authority_url: {authority}\n  quota: {{per_minute: 6000, per_hour: 100000}}\n\
         ingest: {{poll_interval: 200ms, overlap: 10m, lookback: 1h}}\n\
         enrich: {{lookups: [machine], cache_ttl: 1m}}\n\
         act: {{mode: auto, rules: ['{folder}/isolate-high.yaml'], follow_up: 500ms}}\n\
         notify:\n  smtp: {{url: '{smtp}', from: 'Cordon <cordon@example.com>', to: [soc@example.com]}}\n",
        api = tenant.api_url(),
        authority = tenant.authority_url(),
        smtp = tenant.smtp_url(),
    )
}
