//! Points at which a test ends or stops this process: where an action's way can be cut off. Compiled only with the
//! feature `failpoints`, which no released binary has.
//!
//! `CORDON_FAILPOINT=C3` aborts the process there: nothing unwinds, nothing is flushed, no offset is committed, as when
//! the machine loses power. `CORDON_FAILPOINT=C3:stop` sends it SIGSTOP there, as when a virtual machine is paused; woken
//! by SIGCONT it goes on from there, and not before. That needs Linux and its `/proc`.

use std::future::Future;
use std::process::Command;
use std::sync::{LazyLock, Once};
use std::time::Duration;

use cordon_records::{ActionState, Report};

/// Long enough for a call to have reached the server, shorter than the test lets the server take.
pub const UNDER_WAY: Duration = Duration::from_secs(2);

/// Offsets are committed in the background every 500 ms.
const COMMITTED: Duration = Duration::from_secs(3);

/// Where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Before the INTENT is sent.
    C0,
    /// The INTENT is handed over, not confirmed.
    C1,
    /// The INTENT is confirmed and read back, the call not sent.
    C2,
    /// The call is sent, not answered.
    C3,
    /// The answer is read, nothing of it written.
    C4,
    /// The report is confirmed, the ledger's record not sent.
    C4Reported,
    /// Report and ledger are confirmed, the summary is not written, the decision not settled.
    C5,
    /// The decision's offset is committed.
    C6,
}

impl Point {
    /// Every point, in the order of an action's way.
    pub const ALL: [Self; 8] = [Self::C0, Self::C1, Self::C2, Self::C3, Self::C4, Self::C4Reported, Self::C5, Self::C6];

    /// Its name in `CORDON_FAILPOINT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::C0 => "C0",
            Self::C1 => "C1",
            Self::C2 => "C2",
            Self::C3 => "C3",
            Self::C4 => "C4",
            Self::C4Reported => "C4-reported",
            Self::C5 => "C5",
            Self::C6 => "C6",
        }
    }
}

/// What happens at the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Abort,
    Stop,
}

static ARMED: LazyLock<Option<(Point, End)>> = LazyLock::new(|| {
    let text = cordon_settings::variable("CORDON_FAILPOINT")?;
    let (name, end) = match text.strip_suffix(":stop") {
        Some(name) => (name, End::Stop),
        None => (text.as_str(), End::Abort),
    };
    let Some(point) = Point::ALL.into_iter().find(|point| point.name() == name) else {
        let known = Point::ALL.map(Point::name).join(", ");
        tracing::error!("CORDON_FAILPOINT names {name}, which is no failpoint; there are {known}");
        std::process::abort();
    };
    Some((point, end))
});

/// Stopped once, the process goes on for good. Whoever else comes to the point meanwhile waits there as well: a second
/// action must not slip through while the first one's stop is on its way.
static STOPPED: Once = Once::new();

/// Reads `CORDON_FAILPOINT`, so that a mistake in it ends the process at its start and not never.
pub fn announce() {
    if let Some((point, end)) = *ARMED {
        tracing::warn!(point = point.name(), ?end, "a failpoint is armed");
    }
}

/// Ends or stops the process if this is the point.
pub(crate) fn hit(point: Point) {
    match *ARMED {
        Some((armed, End::Abort)) if armed == point => std::process::abort(),
        Some((armed, End::Stop)) if armed == point => STOPPED.call_once(stop),
        Some(_) | None => {}
    }
}

/// [`hit`], where something holds.
pub(crate) fn hit_if(holds: bool, point: Point) {
    if holds {
        hit(point);
    }
}

/// [`hit`], once the offset that was just settled has been committed in the background.
pub(crate) fn hit_soon(point: Point) {
    if ARMED.is_some_and(|(armed, _)| armed == point) {
        std::thread::spawn(move || {
            std::thread::sleep(COMMITTED);
            hit(point);
        });
    }
}

/// Runs `work`, and hits the point if it is still under way after this time; with no time, once it has begun.
pub(crate) async fn during<F: Future>(point: Point, after: Duration, work: F) -> F::Output {
    if ARMED.is_none_or(|(armed, _)| armed != point) {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    // A timer of no length still takes its tick, in which a fast broker confirms.
    let pause = async {
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
    };
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = pause => hit(point),
    }
    work.await
}

/// Whether one of the reports says that Defender took an action.
pub(crate) fn accepts(reports: &[Report]) -> bool {
    reports.iter().any(|report| match report {
        Report::Action(action) => action.state == ActionState::Accepted,
        Report::Notice(_) => false,
    })
}

/// Sends SIGSTOP to the process $0 and ends once the kernel has delivered it, which may be some time after `kill` has
/// returned. From that moment none of its threads returns to its own code before SIGCONT, so whoever waits for this script
/// goes on only then. SIGSTOP is number 19, the third bit of the fifth digit from the right.
const STOP: &str = r#"
is_pending() {
    while read -r name signals; do
        case "$name $signals" in
            ShdPnd:*[4567cdef]????) return 0 ;;
            ShdPnd:*) return 1 ;;
        esac
    done <"/proc/$0/status"
    exit 1
}
kill -s STOP "$0" || exit 1
while is_pending; do :; done
"#;

/// Stops the process here: the caller goes on when it was woken. What other threads do between the signal and its
/// delivery, they do as if it had come that much later.
#[doc(hidden)]
pub fn stop() {
    let own = std::process::id().to_string();
    let stopped = Command::new("sh").args(["-c", STOP, &own]).status();
    if !stopped.is_ok_and(|status| status.success()) {
        tracing::error!("the failpoint cannot stop the process, or not see in /proc that it is stopped");
        std::process::abort();
    }
}
