//! cordon-ingest: polls the alerts of Defender for Endpoint onto the topic `alerts`, once each version of each alert.
//!
//! Read in this order: [`round`] (what one poll round asks and when it is complete), [`seen`] (the items of the list, and what
//! has been produced), then `drive` and `poll`, which run it. The cursor advances only after a complete round whose records
//! are all confirmed, so a crash at any point can only duplicate.

pub mod config;
mod cursor;
mod drive;
pub mod error;
mod fallback;
mod metrics;
mod outgoing;
pub mod pace;
mod poll;
mod restore;
pub mod round;
pub mod seen;

use cordon_records::Topic;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Access, ElectError, Election, Start, elect};
use cordon_runtime::process::{NoArgs, Stage};
use cordon_runtime::telemetry::watch_need;
use cordon_settings::Section;
use tokio_util::sync::CancellationToken;

pub use config::IngestSettings;
pub use error::IngestError;
pub use pace::PollInterval;

/// The group by which one of all replicas is elected; without the prefix.
pub const GROUP: &str = "ingest";

/// What the stage does on the broker. Like every stage, it looks in the dead letters whether it has told of a loss, and says
/// on `policies` that it lives.
pub const ACCESS: Access = Access {
    reads: &[Topic::Alerts, Topic::Cursors, Topic::DeadLetters],
    writes: &[Topic::Alerts, Topic::Cursors, Topic::DeadLetters, Topic::Policies],
    checks: &[Topic::Alerts, Topic::Cursors, Topic::DeadLetters],
    joins: &[GROUP],
    ..Access::NONE
};

/// The stage.
#[derive(Debug, Clone, Copy)]
pub struct Ingest;

impl Stage for Ingest {
    const NAME: &'static str = "ingest";
    type Args = NoArgs;
    type Settings = IngestSettings;
    type Error = ElectError<IngestError>;

    fn access(_: &NoArgs) -> &'static [Access] {
        &[ACCESS]
    }

    fn read(root: &mut Section) -> Option<Self::Settings> {
        IngestSettings::read(root)
    }

    async fn run(
        settings: Self::Settings,
        _args: Self::Args,
        context: Context,
        shutdown: CancellationToken,
    ) -> Result<(), Self::Error> {
        let poller = poll::Poller::new(settings, context.clone()).map_err(ElectError::Holder)?;
        let api = poller.api();
        let token = watch_need(&context.health, "token", || api.ensure_token());
        let election =
            Election { topic: Topic::Cursors, group: GROUP.to_owned(), start: Start::Earliest, reads_past: false };
        tokio::select! {
            ended = elect(election, poller, &context, shutdown) => ended,
            never = token => match never {},
        }
    }
}
