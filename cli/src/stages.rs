//! All four stages from one configuration file, in one process.

use std::path::Path;
use std::sync::Arc;

use cordon_act::{Act, ActArgs, ActSettings};
use cordon_defender::DefenderSettings;
use cordon_enrich::Enrich;
use cordon_ingest::{Ingest, PollInterval};
use cordon_notify::{Notify, NotifyArgs};
use cordon_policy::Guards;
use cordon_records::{SystemClock, TenantId};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::KafkaSettings;
use cordon_runtime::process::{self, NoArgs, Stage};
use cordon_runtime::telemetry::Health;
use cordon_settings::Section;
use prometheus::Registry;
use tokio_util::sync::CancellationToken;

/// The settings of every stage.
pub struct Stages {
    /// ingest.
    pub ingest: <Ingest as Stage>::Settings,
    /// enrich.
    pub enrich: <Enrich as Stage>::Settings,
    /// act.
    pub act: ActSettings,
    /// notify.
    pub notify: <Notify as Stage>::Settings,
}

impl Stages {
    /// Reads every stage's sections.
    pub fn read(root: &mut Section) -> Option<Self> {
        let ingest = Ingest::read(root);
        let enrich = Enrich::read(root);
        let act = Act::read(root);
        let notify = Notify::read(root);
        Some(Self { ingest: ingest?, enrich: enrich?, act: act?, notify: notify? })
    }

    /// Runs every stage until one fails or `shutdown` fires; then all drain.
    pub async fn run(self, contexts: StageContexts, act: ActArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
        let (ingest, enrich, act, notify) = tokio::join!(
            one::<Ingest>(self.ingest, NoArgs::default(), contexts.ingest, &shutdown),
            one::<Enrich>(self.enrich, NoArgs::default(), contexts.enrich, &shutdown),
            one::<Act>(self.act, act, contexts.act, &shutdown),
            one::<Notify>(self.notify, NotifyArgs::default(), contexts.notify, &shutdown),
        );
        ingest.and(enrich).and(act).and(notify)
    }
}

/// A context for each stage, all on one broker and in one registry.
pub struct StageContexts {
    ingest: Context,
    enrich: Context,
    act: Context,
    notify: Context,
}

impl StageContexts {
    /// Opens them.
    pub fn open(kafka: &KafkaSettings, registry: &Registry) -> anyhow::Result<Self> {
        let clock = Arc::new(SystemClock);
        let open = |stage| Context::open(stage, kafka.clone(), registry.clone(), clock.clone());
        Ok(Self {
            ingest: open(Ingest::NAME)?,
            enrich: open(Enrich::NAME)?,
            act: open(Act::NAME)?,
            notify: open(Notify::NAME)?,
        })
    }

    /// The health of each.
    pub fn healths(&self) -> Vec<Health> {
        [&self.ingest, &self.enrich, &self.act, &self.notify].map(|context| context.health.clone()).to_vec()
    }
}

async fn one<S: Stage>(
    settings: S::Settings,
    args: S::Args,
    context: Context,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let ended = process::run_embedded::<S>(settings, args, context, shutdown.clone()).await;
    // A pipeline that lost a stage is no pipeline.
    shutdown.cancel();
    ended.map_err(|error| anyhow::anyhow!("{} stopped: {error}", S::NAME))
}

/// Reads what `read` asks for out of a file, with every mistake at once.
pub fn read<T>(config: &Path, read: impl FnOnce(&mut Section) -> Option<T>) -> anyhow::Result<T> {
    Ok(process::read_root(&process::load(config)?, read)?)
}

/// The same, looking also whether every secret that is named can be had.
pub fn check<T>(config: &Path, read: impl FnOnce(&mut Section) -> Option<T>) -> anyhow::Result<T> {
    Ok(process::check_root(&process::load(config)?, read)?)
}

/// The section `kafka`.
pub fn kafka(config: &Path) -> anyhow::Result<KafkaSettings> {
    read(config, |root| KafkaSettings::read(&mut root.section("kafka")))
}

/// The section `kafka`, and how often ingest polls by this file.
pub fn kafka_and_poll_interval(config: &Path) -> anyhow::Result<(KafkaSettings, PollInterval)> {
    read(config, |root| {
        let kafka = KafkaSettings::read(&mut root.section("kafka"));
        let interval = PollInterval::read(root);
        Some((kafka?, interval))
    })
}

/// The guards that the section `act` names, or the built-in ones.
pub fn guards(config: &Path) -> anyhow::Result<Guards> {
    read(config, |root| cordon_act::read_guards(&mut root.section("act")))
}

/// The section `defender`: how to ask the tenant, and as whom.
pub fn defender(config: &Path) -> anyhow::Result<DefenderSettings> {
    read(config, |root| DefenderSettings::read(&mut root.section("defender")))
}

/// The section `kafka`, and whose tenant it is about. The rest of the section `defender` is the stages' business: whoever
/// gives commands needs none of it.
pub fn kafka_and_tenant(config: &Path) -> anyhow::Result<(KafkaSettings, TenantId)> {
    read(config, |root| {
        let kafka = KafkaSettings::read(&mut root.section("kafka"));
        let mut defender = root.section("defender");
        let tenant = defender.text("tenant_id");
        let tenant = tenant.convert(|text| TenantId::new(text).map_err(|error| error.to_string())).required();
        Some((kafka?, tenant?))
    })
}
