//! decide on what is recorded: the enriched alerts of a time are judged again by the rules that the configuration names.

use std::sync::Arc;

use cordon_records::Topic;
use cordon_runtime::beside::Beside;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Access};
use cordon_runtime::process::{Replayed, Stage};
use cordon_settings::Section;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::decide::{self, Decide};
use crate::reload::LoadedPolicy;
use crate::{Act, ActArgs, ActError, ActSettings, Role, policy_log};

/// What it does on the broker. Rules that change meanwhile are not taken over, so nothing is said of them on `actions`.
const DECIDE_AGAIN: Access = Access {
    reads: &[Topic::Enriched, Topic::DeadLetters, Topic::Policies],
    writes: &[Topic::Decisions, Topic::DeadLetters, Topic::Policies],
    checks: &[Topic::Enriched],
    joins: &[decide::GROUP],
    ..Access::NONE
};

/// The role decide on what is recorded. It is told of no credential, and asks nobody but the broker.
#[derive(Debug)]
pub struct DecideAgain;

impl Stage for DecideAgain {
    const NAME: &'static str = Act::NAME;
    type Args = Replayed<ActArgs>;
    type Settings = ActSettings;
    type Error = ActError;

    fn access(_: &Self::Args) -> &'static [Access] {
        &[DECIDE_AGAIN]
    }

    fn misused(args: &Self::Args) -> Option<String> {
        let ActArgs { role, init_ledger, resume, candidate } = &args.stage;
        let why = match role {
            _ if *init_ledger || resume.is_some() || candidate.is_some() => {
                "--init-ledger, --resume and --candidate are for what runs live"
            }
            Role::Decide => return args.misused(),
            Role::Respond | Role::Both => {
                "give --role decide with a replay: respond cannot be replayed yet; `cordon backtest --against recorded` plays \
                 its part again, against a model tenant"
            }
        };
        Some(why.to_owned())
    }

    fn beside(args: &Self::Args) -> Option<Beside> {
        Some(args.reading(Topic::Enriched, decide::GROUP, Topic::Decisions))
    }

    fn read(root: &mut Section) -> Option<ActSettings> {
        ActSettings::read_without_identity(root)
    }

    async fn run(
        settings: ActSettings,
        _: Self::Args,
        context: Context,
        shutdown: CancellationToken,
    ) -> Result<(), ActError> {
        // So that `cordon backtest --against` can judge by them again.
        policy_log::write(&settings.policy, &context).await?;
        let (_standing, policy) = watch::channel(LoadedPolicy::started(settings.policy, context.clock.now()));
        tracing::info!(rules = policy.borrow().told(), "decide starts");
        // How many machines there were then is on the decisions of that time.
        let (_counts, fleet) = watch::channel(None);
        let handler = Decide { policy, fleet, tenant: settings.tenant, clock: Arc::clone(&context.clock) };
        Ok(kafka::consume(decide::subscription(), Arc::new(handler), &context, shutdown).await?)
    }
}
