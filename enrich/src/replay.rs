//! enrich on what is recorded: the alerts of a time are expanded again, with the machines that were found for them then.

use std::sync::Arc;

use cordon_records::Topic;
use cordon_runtime::beside::Beside;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Access, Subscription, consume};
use cordon_runtime::process::{NoArgs, Replayed, Stage};
use cordon_settings::Section;
use tokio_util::sync::CancellationToken;

use crate::config::concurrency_alone;
use crate::error::EnrichError;
use crate::handler::Enricher;
use crate::recorded::Recorded;
use crate::{ACCESS, Enrich, GROUP};

/// The stage on what is recorded. It is told of no credential, and asks nobody but the broker.
#[derive(Debug, Clone, Copy)]
pub struct EnrichAgain;

impl Stage for EnrichAgain {
    const NAME: &'static str = Enrich::NAME;
    type Args = Replayed<NoArgs>;
    /// How many alerts are worked on at once.
    type Settings = usize;
    type Error = EnrichError;

    fn access(_: &Self::Args) -> &'static [Access] {
        &[ACCESS]
    }

    fn misused(args: &Self::Args) -> Option<String> {
        args.misused()
    }

    fn beside(args: &Self::Args) -> Option<Beside> {
        Some(args.reading(Topic::Alerts, GROUP, Topic::Enriched))
    }

    fn read(root: &mut Section) -> Option<Self::Settings> {
        Some(concurrency_alone(root))
    }

    async fn run(
        concurrency: usize,
        args: Self::Args,
        context: Context,
        shutdown: CancellationToken,
    ) -> Result<(), Self::Error> {
        let enricher = Enricher(Recorded::read(&context, args.from).await?);
        let subscription = Subscription { topic: Topic::Alerts, group: GROUP.to_owned(), concurrency };
        Ok(consume(subscription, Arc::new(enricher), &context, shutdown).await?)
    }
}
