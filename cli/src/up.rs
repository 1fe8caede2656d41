//! `cordon up`: all stages in one process against a real tenant and broker. Without a broker in the file, the
//! in-process one: its memory goes with the process, so nothing may be acted on.

use std::path::Path;

use cordon_act::ActArgs;
use cordon_records::Mode;
use cordon_runtime::kafka::{KafkaSettings, MemoryBroker};
use cordon_runtime::process;
use cordon_runtime::telemetry::{self, TelemetrySettings};
use prometheus::Registry;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::simulator::until_told;
use crate::stages::{StageContexts, Stages};

/// What the file says.
struct Plan {
    stages: Stages,
    kafka: Option<KafkaSettings>,
    telemetry: TelemetrySettings,
}

/// Runs until a stage fails, or until it is told to stop.
pub async fn run(config: &Path) -> anyhow::Result<Exit> {
    let document = process::load(config)?;
    let mut plan = process::read_root(&document, |root| {
        let given = root.is_present("kafka");
        let kafka = if given { Some(KafkaSettings::read(&mut root.section("kafka"))) } else { None };
        let telemetry = TelemetrySettings::read(&mut root.section("telemetry"));
        let stages = Stages::read(root);
        let kafka = match kafka {
            Some(read) => Some(read?),
            None => None,
        };
        Some(Plan { stages: stages?, kafka, telemetry })
    })?;
    telemetry::logs::install(&plan.telemetry)?;
    process::warn_allow_http(&document);
    let broker = if plan.kafka.is_none() { Some(MemoryBroker::start()?) } else { None };
    if let Some(broker) = &broker {
        plan.kafka = Some(broker.settings());
        plan.stages.act.mode = Mode::Shadow;
        tracing::warn!(
            "no section kafka: the broker is in this process and forgets everything at its end, so act stays in \
             shadow mode: it decides and mails, and isolates nothing"
        );
    }
    serve(plan, broker.is_some()).await?;
    Ok(Exit::Ok)
}

async fn serve(plan: Plan, new_ledger: bool) -> anyhow::Result<()> {
    let Plan { stages, kafka, telemetry } = plan;
    let Some(kafka) = kafka else { return Ok(()) };
    let registry = Registry::new();
    let contexts = StageContexts::open(&kafka, &registry)?;
    let shutdown = CancellationToken::new();
    if let Some(listen) = telemetry.listen.of_all() {
        telemetry::serve(listen, registry, contexts.healths(), shutdown.clone()).await?;
    }
    let args = ActArgs { init_ledger: new_ledger, ..ActArgs::default() };
    let mut running = tokio::spawn(stages.run(contexts, args, shutdown.clone()));
    tokio::select! {
        ended = &mut running => ended?,
        () = until_told() => {
            shutdown.cancel();
            running.await?
        }
    }
}
