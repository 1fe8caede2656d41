//! Where calls wait for their quota: the accounts of all path templates, behind one short lock.
//!
//! All clients of one process that go to one API as one app share a gate, because they share what Microsoft grants:
//! the stages of `cordon up` together keep the limits, and what ordinary reads leave is there for respond.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cordon_records::TenantId;
use tokio::time::Instant;
use url::Url;

use crate::endpoint::Endpoint;
use crate::quota::{Account, Priority, Room};
use crate::retry::MAX_WAIT_INSIDE;
use crate::settings::QuotaSettings;

/// Whose quota a gate keeps, and which part of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Owner {
    pub(crate) api: Url,
    pub(crate) tenant: TenantId,
    pub(crate) client_id: String,
    pub(crate) quota: QuotaSettings,
}

/// How long a follow-up leaves the quota to others before it goes as they do.
const YIELDS: Duration = Duration::from_secs(60);

/// How long a read of this priority may wait for quota. A follow-up's minute comes on top: where it was a part of that time, it
/// would find all who came later before it at its end, and give up.
pub(crate) fn patience(priority: Priority) -> Duration {
    match priority {
        Priority::Ordinary | Priority::Respond => MAX_WAIT_INSIDE,
        Priority::Follow => YIELDS + MAX_WAIT_INSIDE,
    }
}

/// The gates in use.
static GATES: Mutex<Vec<Weak<Gate>>> = Mutex::new(Vec::new());

/// The accounts of one process at one API. They count from the gate's start on.
pub(crate) struct Gate {
    owner: Owner,
    started: Instant,
    accounts: Mutex<HashMap<Endpoint, Account>>,
    queues: Mutex<HashMap<(Endpoint, Priority), Queue>>,
}

/// Who waits for quota waits in the order of coming.
type Queue = Arc<tokio::sync::Mutex<()>>;

impl Gate {
    /// The gate of that owner: the one in use, or a new one.
    pub(crate) fn of(owner: Owner) -> Arc<Self> {
        let mut gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|gate| gate.strong_count() > 0);
        if let Some(gate) = gates.iter().filter_map(Weak::upgrade).find(|gate| gate.owner == owner) {
            return gate;
        }
        let gate =
            Arc::new(Self { owner, started: Instant::now(), accounts: Mutex::default(), queues: Mutex::default() });
        gates.push(Arc::downgrade(&gate));
        gate
    }

    /// Takes into account what others called, each so long ago.
    pub(crate) fn charge(&self, endpoint: Endpoint, ages: &[Duration]) {
        self.with(endpoint, |account, now| account.charge(now, ages));
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
        let yields = until.min(came + YIELDS);
        let passed = match priority {
            Priority::Follow => match self.wait(endpoint, priority, yields).await {
                Ok(()) => Ok(()),
                Err(_) => {
                    if yields < until {
                        tokio::time::sleep_until(yields).await;
                    }
                    self.wait(endpoint, Priority::Respond, until).await
                }
            },
            Priority::Ordinary | Priority::Respond => self.wait(endpoint, priority, until).await,
        };
        passed.map(|()| came.elapsed())
    }

    async fn wait(&self, endpoint: Endpoint, priority: Priority, until: Instant) -> Result<(), Duration> {
        let left = || until.saturating_duration_since(Instant::now());
        let wait = self.room(endpoint, priority, 1).wait;
        if wait > left() {
            return Err(wait);
        }
        let queue = self.queue(endpoint, priority);
        let Ok(_turn) = tokio::time::timeout_at(until, queue.lock()).await else {
            return Err(self.room(endpoint, priority, 1).wait);
        };
        loop {
            match self.with(endpoint, |account, now| account.take(now, priority)) {
                Ok(()) => return Ok(()),
                Err(wait) if wait > left() => return Err(wait),
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    fn queue(&self, endpoint: Endpoint, priority: Priority) -> Queue {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry((endpoint, priority)).or_default())
    }

    /// What room there is for so many calls of that template.
    pub(crate) fn room(&self, endpoint: Endpoint, priority: Priority, calls: u32) -> Room {
        self.with(endpoint, |account, now| account.room(now, priority, calls))
    }

    /// Lets no call of that template through for a while, because the server said so.
    pub(crate) fn block(&self, endpoint: Endpoint, wait: Duration) {
        self.with(endpoint, |account, now| account.block_until(now + wait));
    }

    fn with<R>(&self, endpoint: Endpoint, run: impl FnOnce(&mut Account, Duration) -> R) -> R {
        let now = self.started.elapsed();
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts
            .entry(endpoint)
            .or_insert_with(|| Account::new(endpoint, self.owner.quota.limits(endpoint), Duration::ZERO));
        run(account, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gate of an app; each test has its own.
    fn gate(app: &str) -> Arc<Gate> {
        let api = Url::parse("https://api.example").unwrap();
        let tenant = TenantId::new("tenant").unwrap();
        let quota = QuotaSettings { per_hour: Some(6_000), ..QuotaSettings::default() };
        Gate::of(Owner { api, tenant, client_id: app.to_owned(), quota })
    }

    #[tokio::test(start_paused = true)]
    async fn templates_do_not_share_an_account() {
        let gate = gate("templates");
        let now = Instant::now();
        while gate.pass(Endpoint::Machine, Priority::Respond, now).await.is_ok() {}
        assert!(gate.pass(Endpoint::Alert, Priority::Respond, now).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn clients_of_one_owner_share_a_gate_as_long_as_one_of_them_is_there() {
        let (one, same) = (gate("one"), gate("one"));
        let now = Instant::now();
        while one.pass(Endpoint::Machine, Priority::Ordinary, now).await.is_ok() {}
        assert!(same.pass(Endpoint::Machine, Priority::Ordinary, now).await.is_err());
        assert!(same.pass(Endpoint::Machine, Priority::Respond, now).await.is_ok(), "the responder's part is left");
        let other = gate("other");
        assert!(other.pass(Endpoint::Machine, Priority::Ordinary, now).await.is_ok());
        drop((one, same));
        let again = gate("one");
        assert!(again.pass(Endpoint::Machine, Priority::Ordinary, now).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_template_that_is_first_called_late_has_what_flowed_in_since_the_start() {
        let gate = gate("late");
        tokio::time::sleep(Duration::from_secs(600)).await;
        let now = Instant::now();
        let mut calls = 0;
        while gate.pass(Endpoint::Machine, Priority::Respond, now).await.is_ok() {
            calls += 1;
        }
        assert_eq!(calls, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_quota_goes_in_the_order_of_coming() {
        let gate = gate("order");
        let soon = Instant::now() + Duration::from_secs(600);
        while gate.pass(Endpoint::Machine, Priority::Respond, Instant::now()).await.is_ok() {}
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..30 {
            let (gate, order) = (gate.clone(), order.clone());
            calls.spawn(async move {
                // They come one after the other, and all but the first find others waiting.
                tokio::time::sleep(Duration::from_millis(number)).await;
                gate.pass(Endpoint::Machine, Priority::Respond, soon).await.unwrap();
                order.lock().unwrap().push(number);
            });
        }
        while calls.join_next().await.is_some() {}
        assert_eq!(*order.lock().unwrap(), (0..30).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_follow_up_yields_for_a_minute_and_then_has_the_time_that_others_have() {
        let gate = gate("yields");
        let mut looks = tokio::task::JoinSet::new();
        for _ in 0..30 {
            let gate = gate.clone();
            // Looks before an effect: so many always wait, and take whatever flows back.
            looks.spawn(async move {
                loop {
                    let later = Instant::now() + Duration::from_secs(600);
                    gate.pass(Endpoint::ActionList, Priority::Respond, later).await.unwrap();
                }
            });
        }
        let until = Instant::now() + patience(Priority::Follow);
        let waited = gate.pass(Endpoint::ActionList, Priority::Follow, until).await.unwrap();
        assert!((YIELDS..YIELDS + Duration::from_secs(40)).contains(&waited), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_until_the_servers_block_ends_but_not_past_its_own_deadline() {
        let gate = gate("blocked");
        gate.block(Endpoint::Alert, Duration::from_secs(8));
        let now = Instant::now();
        let refused = gate.pass(Endpoint::Alert, Priority::Ordinary, now + Duration::from_secs(5)).await;
        assert_eq!(refused, Err(Duration::from_secs(8)));
        let waited = gate.pass(Endpoint::Alert, Priority::Ordinary, now + Duration::from_secs(60)).await.unwrap();
        assert!(waited >= Duration::from_secs(8), "{waited:?}");
    }
}
