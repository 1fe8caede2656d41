//! Signals: the first asks to finish, the second ends. Watched on a thread of its own, so that a blocked runtime cannot
//! swallow them.

use std::io;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::budget::{DRAIN_BUDGET, FLUSH_BUDGET};
use super::failure::StageFailure;

/// How much longer than the budgets inside the runtime the outer watchdog waits.
const GRACE: Duration = Duration::from_secs(5);

/// What ends the process.
#[derive(Debug)]
pub(super) enum Ended {
    /// The stage returned.
    Finished(Result<(), StageFailure>),
    /// A second signal came.
    Interrupted(Signal),
    /// The budgets are used up and the stage has not returned.
    Stuck,
}

/// The signals that ask to stop.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// The number by POSIX.
    pub fn number(self) -> u8 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }
}

/// Takes over SIGTERM and SIGINT. When this returns, they no longer end the process by themselves.
pub(super) fn listen(shutdown: CancellationToken, ended: Sender<Ended>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let streams = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(inside);
    let watch = move || {
        let end = runtime.block_on(watch(streams, &shutdown));
        // Nobody listens any more only when the process is ending anyway.
        let _ = ended.send(end);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watch).map(|_| ())
}

async fn watch(mut streams: (Stream, Stream), shutdown: &CancellationToken) -> Ended {
    let first = next(&mut streams).await;
    tracing::info!(
        "{}: finishing what is under way, for at most {} s; a second signal stops at once",
        first.name(),
        DRAIN_BUDGET.as_secs()
    );
    shutdown.cancel();
    tokio::select! {
        second = next(&mut streams) => Ended::Interrupted(second),
        () = tokio::time::sleep(DRAIN_BUDGET + FLUSH_BUDGET + GRACE) => Ended::Stuck,
    }
}

async fn next((interrupt, terminate): &mut (Stream, Stream)) -> Signal {
    tokio::select! {
        _ = interrupt.recv() => Signal::Interrupt,
        _ = terminate.recv() => Signal::Terminate,
    }
}
