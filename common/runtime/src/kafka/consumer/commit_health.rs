//! Whether the group takes the offsets of what is settled. While it does not, work is repeated by whoever has the
//! partitions next.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::Watched;

/// A stage that could commit nothing for so long is not ready.
const PATIENCE: Duration = Duration::from_secs(15);
/// librdkafka tries every second while there is something to commit. So nothing is left to be committed, by this member,
/// after this long.
const FORGOTTEN: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug)]
pub(super) struct CommitHealth {
    group: String,
    refused: Mutex<Option<Refused>>,
}

#[derive(Debug)]
struct Refused {
    since: Instant,
    last: Instant,
    why: String,
}

impl CommitHealth {
    pub(super) fn new(group: String) -> Self {
        Self { group, refused: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offsets are committed.
    pub(super) fn taken(&self) {
        *self.lock() = None;
    }

    /// They are not. True when this is the first time since they were.
    pub(super) fn refused(&self, why: String) -> bool {
        let (mut refused, now) = (self.lock(), Instant::now());
        let earlier = refused.as_ref().filter(|refused| now.duration_since(refused.last) < FORGOTTEN);
        let since = earlier.map(|refused| refused.since);
        *refused = Some(Refused { since: since.unwrap_or(now), last: now, why });
        since.is_none()
    }
}

impl Watched for CommitHealth {
    fn complaint(&self, now: Instant) -> Option<String> {
        let refused = self.lock();
        let Refused { since, last, why } = refused.as_ref()?;
        let waited = now.saturating_duration_since(*since);
        if waited < PATIENCE || now.saturating_duration_since(*last) >= FORGOTTEN {
            return None;
        }
        Some(format!("group {} has taken no offset for {} s: {why}", self.group, waited.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn offsets_that_are_refused_for_15_s_make_a_stage_unready_until_they_are_taken_or_nobody_tries() {
        let commits = CommitHealth::new("cordon.enrich".to_owned());
        assert!(commits.refused("denied".to_owned()));
        assert_eq!(commits.complaint(Instant::now()), None);
        tokio::time::advance(PATIENCE).await;
        assert!(!commits.refused("denied".to_owned()));
        let told = commits.complaint(Instant::now());
        assert_eq!(told.as_deref(), Some("group cordon.enrich has taken no offset for 15 s: denied"));
        commits.taken();
        assert_eq!(commits.complaint(Instant::now()), None);
        commits.refused("denied".to_owned());
        tokio::time::advance(FORGOTTEN).await;
        assert_eq!(commits.complaint(Instant::now()), None);
    }
}
