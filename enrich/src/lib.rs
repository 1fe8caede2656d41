//! cordon-enrich: expands what an alert only names, from `alerts` to `enriched`.
//!
//! The list that ingest polls returns alerts with their evidence, so what is left to look up is the machine: cached,
//! coalesced, and asked for in the cheapest way for what waits ([`machine_cache`]). When a lookup fails or takes too
//! long, the alert goes on without it and says what is missing and why: an alert that waits is worse than one that is
//! incomplete.

pub mod config;
pub mod error;
mod handler;
pub mod lookup;
pub mod machine_cache;
mod metrics;
mod recorded;
mod replay;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cordon_defender::{CallMetrics, Defender, Ports, READ_TRIES, Timeouts};
use cordon_records::Topic;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Access, Subscription, consume};
use cordon_runtime::process::{NoArgs, Stage};
use cordon_runtime::telemetry::metrics::register;
use cordon_runtime::telemetry::watch_need;
use cordon_settings::Section;
use tokio_util::sync::CancellationToken;

pub use config::EnrichSettings;
pub use error::EnrichError;
pub use metrics::Metrics;
pub use replay::EnrichAgain;

use config::Lookup;
use handler::{Asked, Enricher};
use machine_cache::MachineCache;

/// The group whose members share the work; without the prefix.
pub const GROUP: &str = "enrich";

/// What the stage does on the broker. Like every stage, it looks in the dead letters whether it has told of a loss, and says
/// on `policies` that it lives.
pub const ACCESS: Access = Access {
    reads: &[Topic::Alerts, Topic::DeadLetters],
    writes: &[Topic::Enriched, Topic::DeadLetters, Topic::Policies],
    checks: &[Topic::Alerts, Topic::Enriched, Topic::DeadLetters],
    joins: &[GROUP],
    ..Access::NONE
};

/// The stage.
#[derive(Debug, Clone, Copy)]
pub struct Enrich;

impl Stage for Enrich {
    const NAME: &'static str = "enrich";
    type Args = NoArgs;
    type Settings = EnrichSettings;
    type Error = EnrichError;

    fn access(_: &NoArgs) -> &'static [Access] {
        &[ACCESS]
    }

    fn read(root: &mut Section) -> Option<Self::Settings> {
        EnrichSettings::read(root)
    }

    async fn run(
        settings: Self::Settings,
        _args: Self::Args,
        context: Context,
        shutdown: CancellationToken,
    ) -> Result<(), Self::Error> {
        let metrics = Metrics::register(&context.registry)?;
        let calls = register(&context.registry, CallMetrics::new(Self::NAME)?)?;
        let ports = ports(settings.deadline, &context).observed_by(calls);
        let api = Defender::with(settings.defender, ports)?;
        let looks_up = settings.lookups.contains(&Lookup::Machine);
        let needs_token = api.clone();
        let machines = looks_up.then(|| MachineCache::start(Arc::new(api), settings.cache_ttl, metrics));
        let token = async {
            if looks_up {
                match watch_need(&context.health, "token", || needs_token.ensure_token()).await {}
            }
            std::future::pending::<Infallible>().await
        };
        let enricher = Enricher(Asked::new(machines, Arc::clone(&context.clock), context.health.clone()));
        let subscription =
            Subscription { topic: Topic::Alerts, group: GROUP.to_owned(), concurrency: settings.concurrency };
        tokio::select! {
            ended = consume(subscription, Arc::new(enricher), &context, shutdown) => Ok(ended?),
            never = token => match never {},
        }
    }
}

/// The deadline is shared by the client's tries. It counts from when a call may go out: a backlog that waits for quota
/// must not make alerts partial.
fn ports(deadline: Duration, context: &Context) -> Ports {
    let timeouts = Timeouts { read: deadline / READ_TRIES, ..Timeouts::default() };
    Ports { timeouts, ..Ports::new(Arc::clone(&context.clock)) }
}
