//! Where calls wait for their quota: the accounts of all path templates, behind one short lock.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::endpoint::{Endpoint, Limits};
use crate::quota::{Account, Priority};

/// The accounts of one process at one API. An account is opened by the first call of its template.
pub(crate) struct Gate {
    started: Instant,
    limits: Box<dyn Fn(Endpoint) -> Limits + Send + Sync>,
    accounts: Mutex<HashMap<Endpoint, Account>>,
}

impl Gate {
    /// `limits` gives what this process may use of each template.
    pub(crate) fn new(limits: impl Fn(Endpoint) -> Limits + Send + Sync + 'static) -> Self {
        Self { started: Instant::now(), limits: Box::new(limits), accounts: Mutex::default() }
    }

    /// Waits until the call may go, and says how long that took.
    ///
    /// # Errors
    /// The wait that is left, when it would go on past `until`.
    pub(crate) async fn pass(
        &self,
        endpoint: Endpoint,
        priority: Priority,
        until: Instant,
    ) -> Result<Duration, Duration> {
        let came = Instant::now();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.with(endpoint, |account, now| account.take(now, priority)) {
                Ok(()) => return Ok(came.elapsed()),
                Err(wait) if wait > left => return Err(wait),
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Lets no call of that template through for a while, because the server said so.
    pub(crate) fn block(&self, endpoint: Endpoint, wait: Duration) {
        self.with(endpoint, |account, now| account.block_until(now + wait));
    }

    fn with<R>(&self, endpoint: Endpoint, run: impl FnOnce(&mut Account, Duration) -> R) -> R {
        let now = self.started.elapsed();
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(endpoint).or_insert_with(|| Account::new((self.limits)(endpoint), now));
        run(account, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(per_minute: u32) -> Gate {
        Gate::new(move |_| Limits { per_minute, per_hour: per_minute * 60 })
    }

    #[tokio::test(start_paused = true)]
    async fn templates_do_not_share_an_account() {
        let gate = gate(100);
        let now = Instant::now();
        while gate.pass(Endpoint::Machine, Priority::Respond, now).await.is_ok() {}
        assert!(gate.pass(Endpoint::Alert, Priority::Respond, now).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_until_the_servers_block_ends_but_not_past_its_own_deadline() {
        let gate = gate(100);
        gate.block(Endpoint::Alert, Duration::from_secs(8));
        let now = Instant::now();
        let refused = gate.pass(Endpoint::Alert, Priority::Ordinary, now + Duration::from_secs(5)).await;
        assert_eq!(refused, Err(Duration::from_secs(8)));
        let waited = gate.pass(Endpoint::Alert, Priority::Ordinary, now + Duration::from_secs(60)).await.unwrap();
        assert!(waited >= Duration::from_secs(8), "{waited:?}");
    }
}
