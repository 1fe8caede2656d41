//! Stage notify: Cordon's action reports become mails.
//!
//! One process at a time sends, elected by the one partition of `actions`, so that order is kept and nothing is
//! sent twice. Read in this order: [`message`] (which mail a report deserves), [`wording`] and `facts`
//! (what it says), [`mistakes`] (on a phone), [`window`] and [`digest`] (what is told together), [`render`] (text, HTML, headers),
//! [`mailer`] (the loop, with `delivery` and `digests`), [`transport`] (how a mail leaves, and readers that are put off),
//! [`letters`] (dead letters), [`notified`] (what has been sent).

mod clean;
pub mod config;
pub mod digest;
pub mod error;
mod facts;
pub mod graph;
pub mod letters;
pub mod mailer;
pub mod message;
pub mod metrics;
pub mod mistakes;
pub mod notified;
pub mod render;
mod replay;
pub mod smtp;
pub mod transport;
pub mod window;
pub mod wording;

use std::path::PathBuf;
use std::sync::Arc;

use cordon_defender::{CallMetrics, Graph, Ports};
use cordon_records::Topic;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{Access, ElectError, Election, Start, elect};
use cordon_runtime::process::Stage;
use cordon_runtime::telemetry::metrics::register;
use cordon_runtime::telemetry::watch_need;
use cordon_settings::Section;
use tokio_util::sync::CancellationToken;

pub use crate::replay::NotifyAgain;

use crate::config::{MailConfig, NotifySettings, Route};
use crate::error::NotifyError;
use crate::graph::GraphMail;
use crate::mailer::Mailer;
use crate::smtp::Smtp;
use crate::transport::Transport;

/// The group by which one of all replicas is elected; without the prefix.
pub const GROUP: &str = "notify";

/// What the stage does on the broker. Like every stage, it says on `policies` that it lives.
pub const ACCESS: Access = Access {
    reads: &[Topic::Actions, Topic::Notified, Topic::DeadLetters],
    writes: &[Topic::Notified, Topic::DeadLetters, Topic::Policies],
    checks: &[Topic::Actions, Topic::Notified, Topic::DeadLetters],
    joins: &[GROUP],
    ..Access::NONE
};

/// Flags of `cordon-notify`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct NotifyArgs {
    /// Where a replay puts its mails, one file each, for none is sent: a folder that is empty, or is to be made
    #[arg(long, value_name = "DIR", requires = "replay_name", help_heading = "Replay")]
    pub replay_mails: Option<PathBuf>,
}

/// Stage notify.
#[derive(Debug)]
pub struct Notify;

impl Stage for Notify {
    const NAME: &'static str = "notify";
    type Args = NotifyArgs;
    type Settings = NotifySettings;
    type Error = NotifyError;

    fn access(_: &NotifyArgs) -> &'static [Access] {
        &[ACCESS]
    }

    fn read(root: &mut Section) -> Option<Self::Settings> {
        NotifySettings::read(root)
    }

    async fn run(
        settings: Self::Settings,
        _args: Self::Args,
        context: Context,
        shutdown: CancellationToken,
    ) -> Result<(), Self::Error> {
        match settings.route {
            Route::Smtp(smtp) => send(Smtp::new(smtp), settings.config, context, shutdown).await,
            Route::Graph(route) => {
                let calls = register(&context.registry, CallMetrics::new(Self::NAME)?)?;
                let ports = Ports::new(Arc::clone(&context.clock)).observed_by(calls);
                let graph = Graph::with(route.graph, ports)?;
                let (health, needs_token) = (context.health.clone(), graph.clone());
                tokio::select! {
                    ended = send(GraphMail::new(graph, route.sender), settings.config, context, shutdown) => ended,
                    never = watch_need(&health, "token", || needs_token.ensure_token()) => match never {},
                }
            }
        }
    }
}

async fn send<T: Transport>(
    transport: T,
    config: MailConfig,
    context: Context,
    shutdown: CancellationToken,
) -> Result<(), NotifyError> {
    let mailer = Mailer::new(context.clone(), config, transport)?;
    let election =
        Election { topic: Topic::Actions, group: GROUP.to_owned(), start: Start::Earliest, reads_past: false };
    elect(election, mailer, &context, shutdown).await.map_err(|error| match error {
        ElectError::Kafka(failure) => NotifyError::Kafka(failure),
        ElectError::Holder(error) => error,
    })
}
