//! The frame of a stage process: command line, settings, logs, probes, signals, exit codes.
//!
//! A stage implements [`Stage`] and its `main` is one call of [`main`]. The `cordon` command runs the same stages
//! inside one process through [`run_embedded`].

mod budget;
mod command_line;
mod configuration;
mod exit;
mod failure;
mod handles;
mod replay;
mod run;
mod signals;

use std::fmt::Display;
use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};

use cordon_records::{Classified, SystemClock};
use cordon_settings::Section;
use prometheus::Registry;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::beside::Beside;
use crate::context::Context;
use crate::kafka::Access;
use crate::telemetry::{logs, serve};
use command_line::{Asked, Line, Replays};
use signals::Ended;

pub use budget::DRAIN_BUDGET;
pub use command_line::NoArgs;
pub use configuration::{Configuration, SECTIONS, check_root, load, read_root, read_stage, warn_allow_http};
pub use failure::StageFailure;
pub use replay::Replayed;
pub use run::run_embedded;

/// One stage of the pipeline.
pub trait Stage: Send + Sized + 'static {
    /// Its name: `ingest`. The binary is `cordon-` and this.
    const NAME: &'static str;
    /// Flags beside `--config` and `--check`; [`NoArgs`] for none.
    type Args: Clone + Send + 'static;
    /// What the stage reads from the configuration.
    type Settings: Send + 'static;
    /// Why it can end.
    type Error: Classified + Send + Sync + 'static;

    /// What it does on the broker, by the roles that these flags give it. [`run_embedded`] checks the topics before
    /// [`Stage::run`].
    fn access(args: &Self::Args) -> &'static [Access];

    /// What is wrong with these flags beside each other, for people.
    fn misused(_: &Self::Args) -> Option<String> {
        None
    }

    /// As what it runs beside the installation, if these flags ask for that.
    fn beside(_: &Self::Args) -> Option<Beside> {
        None
    }

    /// Reads the stage's own sections (`ingest`, `defender` …) and finishes them. `None` only after problems were
    /// recorded.
    fn read(root: &mut Section) -> Option<Self::Settings>;

    /// Works until `shutdown`, then settles what is under way and returns, within [`DRAIN_BUDGET`].
    fn run(
        settings: Self::Settings,
        args: Self::Args,
        context: Context,
        shutdown: CancellationToken,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// The `main` of the binary of a stage that reads no topic which others write, and so has nothing to do again.
///
/// Exit codes: 0 done, 2 wrong usage, 69 something outside is missing (topics, or a service that the stage gave up on),
/// 70 the stage failed or did not stop in time, 77 the broker denies what the stage needs, 78 wrong configuration, 128 + number on a second signal.
///
/// The first SIGTERM or SIGINT lets the stage finish what is under way; a second one stops at once. A switch
/// `allow_http: true` anywhere in the configuration is warned of at every start.
#[must_use]
pub fn main<S: Stage<Args: clap::Args>>() -> ExitCode {
    match command_line::parse::<S>(Replays::No) {
        Ok(Asked::Live(line)) => run_as::<S>(line, command_line::misused::<S>),
        Ok(Asked::Again(_)) => {
            let why = format!(
                "cordon-{} has no input topic: nothing that is recorded can be replayed by it; cordon-enrich, cordon-act and \
                 cordon-notify replay what is on theirs",
                S::NAME
            );
            exit::usage(&command_line::misused::<S>(&why))
        }
        Err(error) => exit::usage(&error),
    }
}

/// The `main` of a stage's binary that can do its work again on what is recorded, as `R`. See [`main`].
#[must_use]
pub fn main_with_replay<S, R>() -> ExitCode
where
    S: Stage<Args: clap::Args>,
    R: Stage<Args = Replayed<S::Args>>,
{
    match command_line::parse::<S>(Replays::Yes) {
        Ok(Asked::Live(line)) => run_as::<S>(line, command_line::misused::<S>),
        Ok(Asked::Again(line)) => run_as::<R>(line, command_line::misused::<S>),
        Err(error) => exit::usage(&error),
    }
}

/// Runs the stage as its command line says; `misused` makes an error of what is wrong with that.
fn run_as<S: Stage>(line: Line<S::Args>, misused: fn(&str) -> clap::Error) -> ExitCode {
    if let Some(why) = S::misused(&line.args) {
        return exit::usage(&misused(&why));
    }
    let read = if line.check { Configuration::<S>::check } else { Configuration::<S>::read };
    let read = load(&line.config).and_then(|document| Ok((read(&document)?, document)));
    let (configuration, document) = match read {
        Ok(read) => read,
        Err(problems) => {
            say(std::io::stderr(), &problems);
            return exit::CONFIGURATION.into();
        }
    };
    if line.check {
        say(std::io::stdout(), format_args!("{}: ok", line.config.display()));
        return ExitCode::SUCCESS;
    }
    if let Err(error) = logs::install(&configuration.telemetry) {
        say(std::io::stderr(), format_args!("error: {error}"));
        return exit::SOFTWARE.into();
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "this is a fault of cordon")));
    warn_allow_http(&document);
    handles::warn_if_few();
    match start(configuration, line.args) {
        Ok(code) => code,
        Err(failure) => exit::failed(S::NAME, &failure),
    }
}

/// Writes a line. Where nobody can read it (a closed pipe, a full disk) the exit code still tells; `eprintln!` would
/// panic instead.
fn say(mut stream: impl Write, text: impl Display) {
    let _ = writeln!(stream, "{text}");
}

/// Makes rustls use the `ring` provider for every TLS connection of this process. Calling it again changes nothing.
pub fn install_tls() {
    // The error only says that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Runs the stage on its own threads while this one waits for whatever ends first: the stage, a second signal, or the
/// watchdog. Code that blocks every worker can therefore not keep the process from ending.
fn start<S: Stage>(configuration: Configuration<S>, args: S::Args) -> Result<ExitCode, StageFailure> {
    install_tls();
    let shutdown = CancellationToken::new();
    let (ended, wait) = mpsc::channel();
    signals::listen(shutdown.clone(), ended.clone()).map_err(StageFailure::Start)?;
    let runtime = Runtime::new().map_err(StageFailure::Start)?;
    let work = runtime.spawn(work(configuration, args, shutdown));
    runtime.spawn(async move {
        let outcome = work.await.unwrap_or_else(|error| Err(StageFailure::Panicked(error.to_string())));
        // Nobody listens any more only when the process is ending anyway.
        let _ = ended.send(Ended::Finished(outcome));
    });
    let first = wait.recv();
    runtime.shutdown_background();
    match first {
        Ok(Ended::Finished(Ok(()))) => Ok(ExitCode::SUCCESS),
        Ok(Ended::Finished(Err(failure))) => Err(failure),
        Ok(Ended::Interrupted(signal)) => Ok(exit::interrupted(S::NAME, signal)),
        Ok(Ended::Stuck) | Err(mpsc::RecvError) => Err(StageFailure::Stuck),
    }
}

async fn work<S: Stage>(
    configuration: Configuration<S>,
    args: S::Args,
    shutdown: CancellationToken,
) -> Result<(), StageFailure> {
    let Configuration { kafka, telemetry, settings } = configuration;
    tracing::info!(stage = S::NAME, version = env!("CARGO_PKG_VERSION"), broker = kafka.bootstrap_servers, "starting");
    let clock = Arc::new(SystemClock);
    let context = match S::beside(&args) {
        None => Context::open(S::NAME, kafka, Registry::new(), clock)?,
        Some(beside) => {
            tracing::info!(topics = kafka.beside(&beside).topic_prefix, "it runs beside the installation as {beside}");
            Context::beside(S::NAME, kafka, &beside, clock)?
        }
    };
    // The probes answer until the very end, so that a draining stage is seen as unready and not as gone.
    let probes = CancellationToken::new();
    let _stop_probes = probes.clone().drop_guard();
    context.health.set_ready("process", false, "starting");
    // A replay is over soon, and its file names the address of the stage that runs live.
    let is_replay = matches!(S::beside(&args), Some(Beside::Replay(_)));
    if let Some(listen) = telemetry.listen.of(S::NAME).filter(|_| !is_replay) {
        serve(listen, context.registry.clone(), vec![context.health.clone()], probes).await?;
    }
    run_embedded::<S>(settings, args, context, shutdown).await
}
