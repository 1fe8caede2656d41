//! The act stage. Two roles in one binary: *decide* judges each enriched alert by the operator's rules, a pure
//! function that scales with partitions; *respond* holds the only credential that can act, and is one writer.

mod config;
mod decide;
mod error;
#[cfg(feature = "failpoints")]
pub mod failpoint;
mod metrics;
mod policy_log;
mod reload;
mod replay;
pub mod respond;

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use cordon_defender::{CallMetrics, Defender, Ports};
use cordon_records::{Classified, ErrorClass, TenantId, Topic};
use cordon_response::Config as RespondConfig;
use cordon_runtime::beside::{Beside, RunName};
use cordon_runtime::context::Context;
use cordon_runtime::kafka::{self, Access, Election, Start};
use cordon_runtime::process::Stage;
use cordon_runtime::telemetry::metrics::register;
use cordon_runtime::telemetry::watch_need;
use cordon_settings::Section;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use config::{ActSettings, read_guards};
pub use decide::GROUP as DECIDE_GROUP;
pub use error::ActError;
pub use replay::DecideAgain;

use crate::decide::Decide;
use crate::metrics::{ActMetrics, PolicyMetrics};
use crate::reload::LoadedPolicy;
use crate::respond::{DefenderTenant, Pace, Respond};

/// How long an INTENT permits the call.
const LEASE: Duration = Duration::from_secs(30);

/// How long respond rests from one walk through what has ended to the next.
const CLOSE_EVERY: Duration = Duration::from_secs(3_600);

/// How long respond rests before it stands for election again after a passing failure.
const AGAIN: Duration = Duration::from_secs(2);

/// Which half of the stage this process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Role {
    /// Judge only: needs no credential.
    Decide,
    /// Act only.
    Respond,
    /// Both.
    #[default]
    Both,
}

/// What decide does on the broker. On `actions` it says that changed rules are refused.
const DECIDE: Access = Access {
    reads: &[Topic::Enriched, Topic::DeadLetters, Topic::Policies],
    writes: &[Topic::Decisions, Topic::Actions, Topic::DeadLetters, Topic::Policies],
    checks: &[Topic::Enriched, Topic::Decisions, Topic::Actions, Topic::DeadLetters],
    joins: &[decide::GROUP],
    ..Access::NONE
};

/// What respond does on the broker.
const RESPOND: Access = Access {
    reads: &[Topic::Decisions, Topic::Commands, Topic::Ledger, Topic::Summary, Topic::DeadLetters, Topic::Policies],
    writes: &[Topic::Actions, Topic::Ledger, Topic::Summary, Topic::DeadLetters, Topic::Policies],
    checks: &[Topic::Decisions, Topic::Actions, Topic::Commands, Topic::Ledger, Topic::DeadLetters],
    joins: &[respond::GROUP],
    ..Access::NONE
};

impl Role {
    /// What it does on the broker, and no more than that.
    #[must_use]
    pub const fn access(self) -> &'static [Access] {
        match self {
            Self::Decide => &[DECIDE],
            Self::Respond => &[RESPOND],
            Self::Both => &[DECIDE, RESPOND],
        }
    }
}

/// Flags of `cordon-act`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ActArgs {
    /// Which half of the stage this process runs
    #[arg(long, value_enum, default_value_t, env = "CORDON_ACT_ROLE")]
    pub role: Role,
    /// Make a new ledger: start at the present end of `decisions`. Leaves a ledger and a position
    /// that are there as they are
    #[arg(long)]
    pub init_ledger: bool,
    /// Lift the breaker or the pause that this notice told of, for example
    /// `breaker_latched@2026-11-22T18:00:00Z`. A later one stays
    #[arg(long, value_name = "NOTICE")]
    pub resume: Option<String>,
    /// Judge live by other rules, beside those in force: what they decide goes to topics of their own,
    /// `candidate-NAME`, which nobody acts on. Needs `--role decide`, and reads no credential
    #[arg(long, value_name = "NAME", conflicts_with_all = ["init_ledger", "resume"])]
    pub candidate: Option<RunName>,
}

/// The stage.
#[derive(Debug)]
pub struct Act;

impl Stage for Act {
    const NAME: &'static str = "act";
    type Args = ActArgs;
    type Settings = ActSettings;
    type Error = ActError;

    fn access(args: &ActArgs) -> &'static [Access] {
        args.role.access()
    }

    fn misused(args: &ActArgs) -> Option<String> {
        let acts = args.candidate.is_some() && args.role != Role::Decide;
        acts.then(|| "a candidate only decides: give --role decide with --candidate".to_owned())
    }

    fn beside(args: &ActArgs) -> Option<Beside> {
        args.candidate.clone().map(Beside::Candidate)
    }

    fn read(root: &mut Section) -> Option<ActSettings> {
        ActSettings::read(root)
    }

    async fn run(
        settings: ActSettings,
        args: ActArgs,
        context: Context,
        shutdown: CancellationToken,
    ) -> Result<(), ActError> {
        #[cfg(feature = "failpoints")]
        failpoint::announce();
        if args.init_ledger && args.role != Role::Decide {
            context.health.set_ready("ledger", false, "the ledger is being made");
            respond::init_ledger(&context).await?;
            context.health.set_ready("ledger", true, "");
        }
        let tenant = settings.tenant.clone();
        let stop = shutdown.child_token();
        let (standing, in_force) = watch::channel(LoadedPolicy::started(settings.policy.clone(), context.clock.now()));
        let reloading = {
            let files = (settings.files.clone(), settings.written.clone());
            let metrics = PolicyMetrics::new(&context.registry)?;
            reload::watch(files, settings.reload_every, standing, (&context, metrics), stop.clone())
        };
        let recording = {
            let metrics = PolicyMetrics::new(&context.registry)?;
            policy_log::record(in_force.clone(), &context, metrics, stop.clone())
        };
        let decide = async {
            if args.role == Role::Respond {
                return Ok(());
            }
            decide(in_force.clone(), tenant, &context, stop.clone()).await
        };
        let respond = async {
            if args.role == Role::Decide {
                return Ok(());
            }
            respond(settings, &args, in_force.clone(), &context, stop.clone()).await
        };
        // Whichever role fails takes the other down with it: a process that does half its work looks healthy.
        let stop_on_error = |result: Result<(), ActError>| {
            if result.is_err() {
                stop.cancel();
            }
            result
        };
        let roles = async {
            let ended = tokio::join!(async { stop_on_error(decide.await) }, async { stop_on_error(respond.await) });
            stop.cancel();
            ended
        };
        let ((decided, responded), (), ()) = tokio::join!(roles, reloading, recording);
        decided.and(responded)
    }
}

async fn decide(
    policy: watch::Receiver<LoadedPolicy>,
    tenant: TenantId,
    context: &Context,
    shutdown: CancellationToken,
) -> Result<(), ActError> {
    tracing::info!(rules = policy.borrow().told(), "decide starts");
    let (counts, fleet) = watch::channel(None);
    let handler = Arc::new(Decide { policy, fleet, tenant, clock: context.clock.clone() });
    let following = CancellationToken::new();
    let judging = async {
        let ended = kafka::consume(decide::subscription(), handler, context, shutdown).await;
        following.cancel();
        ended
    };
    let (judged, ()) = tokio::join!(judging, policy_log::follow_fleet(counts, context, following.clone()));
    Ok(judged?)
}

async fn respond(
    settings: ActSettings,
    args: &ActArgs,
    policy: watch::Receiver<LoadedPolicy>,
    context: &Context,
    shutdown: CancellationToken,
) -> Result<(), ActError> {
    let identity = settings.defender.ok_or(ActError::NoIdentity)?;
    let calls = register(&context.registry, CallMetrics::new(Act::NAME)?)?;
    let ports = Ports::new(context.clock.clone()).observed_by(calls);
    let defender = Defender::with(identity, ports)?.for_respond();
    let metrics = ActMetrics::new(&context.registry)?;
    let respond_config = RespondConfig {
        tenant: settings.tenant.clone(),
        mode: settings.mode,
        guards: settings.policy.guards,
        signers: settings.policy.signers,
        lease: LEASE,
        settle: settings.settle,
        waits: settings.waits,
        close_every: CLOSE_EVERY,
    };
    let holder = || Respond {
        tenant: DefenderTenant(defender.clone()),
        tenant_id: settings.tenant.clone(),
        context: context.clone(),
        config: respond_config.clone(),
        policy: policy.clone(),
        resume: args.resume.clone(),
        summary: Pace::default(),
        metrics: metrics.clone(),
    };
    tokio::select! {
        ended = stand(holder, context, shutdown) => ended,
        never = watch_need(&context.health, "token", || defender.ensure_token()) => match never {},
    }
}

/// Stands for election as the one that acts, and again after every passing failure.
async fn stand(
    holder: impl Fn() -> Respond<DefenderTenant>,
    context: &Context,
    shutdown: CancellationToken,
) -> Result<(), ActError> {
    loop {
        let election = Election {
            topic: Topic::Decisions,
            group: respond::GROUP.into(),
            start: Start::Committed,
            reads_past: true,
        };
        let ended: Result<(), ActError> =
            kafka::elect(election, holder(), context, shutdown.clone()).await.map_err(ActError::from);
        let Err(error) = ended else { return Ok(()) };
        match error.class() {
            ErrorClass::Transient | ErrorClass::Ambiguous => {
                tracing::warn!(error = %error, "respond lost its footing and starts again from the ledger");
            }
            ErrorClass::Poison | ErrorClass::Fatal => return Err(error),
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}
