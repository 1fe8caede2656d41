//! How long an action waits for what, as the section `act` of a configuration says.

use std::time::Duration;

use cordon_settings::Section;

use super::Retry;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// How long a held action waits for a person.
    pub hold_for: Duration,
    /// First distance of the follow-up.
    pub follow_up: Duration,
    /// How long after its acceptance an action may go without an end until people are told.
    pub alarm_after: Duration,
    /// How often an isolation is attempted that Defender reports as failed.
    pub retry: Retry,
}

impl Default for Waits {
    /// What holds unless a file says otherwise.
    fn default() -> Self {
        Self {
            hold_for: Duration::from_secs(24 * 60 * 60),
            follow_up: Duration::from_secs(5),
            alarm_after: Duration::from_secs(15 * 60),
            // What Defender reports as failed is loud, and a second call is a decision of the team's.
            retry: Retry { attempts: 1, after: Duration::from_secs(5 * 60) },
        }
    }
}

impl Waits {
    /// Reads `hold_for`, `follow_up`, `alarm_after` and `retry`; mistakes are recorded in the section.
    #[must_use]
    pub fn read(act: &mut Section) -> Self {
        let unsaid = Self::default();
        Self {
            follow_up: act.duration("follow_up").check(not_too_often).or(unsaid.follow_up),
            alarm_after: act.duration("alarm_after").check(some_time).or(unsaid.alarm_after),
            retry: read_retry(act, unsaid.retry),
            hold_for: act.duration("hold_for").check(time_to_decide).or(unsaid.hold_for),
        }
    }
}

fn read_retry(act: &mut Section, unsaid: Retry) -> Retry {
    let mut retry = act.section("retry");
    let attempts = retry.count("attempts").check(few).or(u64::from(unsaid.attempts));
    let after = retry.duration("after").check(some_time).or(unsaid.after);
    retry.finish();
    Retry { attempts: u32::try_from(attempts).unwrap_or(unsaid.attempts), after }
}

/// Each look costs: of files, all are read, twice before a change counts; of accepted actions, a call.
///
/// # Errors
/// What is too often.
pub fn not_too_often(every: &Duration) -> Result<(), String> {
    if *every >= Duration::from_millis(100) { Ok(()) } else { Err("must be at least 100ms".into()) }
}

/// What is held is to be seen and decided by somebody who has to be woken first.
fn time_to_decide(time: &Duration) -> Result<(), String> {
    if *time >= Duration::from_secs(60) { Ok(()) } else { Err("must be at least 60s: a person has to see it".into()) }
}

/// Every attempt counts for the caps, and a machine that refused so often is a person's business.
fn few(attempts: &u64) -> Result<(), String> {
    if (1..=5).contains(attempts) {
        return Ok(());
    }
    Err("must be from 1 to 5: the attempts altogether, so 1 means that none is repeated".into())
}

/// Below the time that an action takes on a machine that is there, every one would be late.
fn some_time(time: &Duration) -> Result<(), String> {
    if *time >= Duration::from_secs(60) {
        return Ok(());
    }
    Err("must be at least 60s: Defender takes up to 90 s with a machine that is there".into())
}
