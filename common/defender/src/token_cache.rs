//! Keeps one token per scope: concurrent callers share one request, renewal is early, and a token that was
//! refused is dropped once, however many calls were refused with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cordon_records::{Classified, Clock, ErrorClass};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::token::{AccessToken, TokenSource};

/// How long before its end a token is renewed.
const EARLY: Duration = Duration::from_secs(300);
/// A token is not used in its last seconds, in which it could expire on the way.
const LAST_SECONDS: Duration = Duration::from_secs(15);
/// After a failed renewal of a token that is still good, how long until the next try.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// How old a token is before roles are looked for in a newer one.
const NEW_ROLES: Duration = Duration::from_secs(60);

/// A token in use. The number tells one issue from the next.
#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub(crate) number: u64,
    pub(crate) secret: SecretString,
    pub(crate) expires_at: Timestamp,
    issued_at: Instant,
    renew_from: Instant,
    unusable_from: Instant,
}

#[derive(Debug, Default)]
struct State {
    issue: Option<Issue>,
    issued: u64,
    /// The last failure and which fetch it was, for those who waited for it.
    failure: Option<(u64, ApiError)>,
}

/// The cache for one source and scope.
pub(crate) struct TokenCache {
    source: Arc<dyn TokenSource>,
    scope: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Number of fetches that have ended; read without the lock by those about to wait for it.
    fetches: AtomicU64,
}

impl TokenCache {
    pub(crate) fn new(source: Arc<dyn TokenSource>, scope: String, clock: Arc<dyn Clock>) -> Self {
        Self { source, scope, clock, state: Mutex::default(), fetches: AtomicU64::new(0) }
    }

    /// A usable token. Whoever comes while one is being fetched waits for it and shares its outcome, also when
    /// that is a failure; a caller who goes away leaves the next one to fetch.
    pub(crate) async fn get(&self) -> Result<Issue, ApiError> {
        let seen = self.fetches.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let now = Instant::now();
        if let Some(issue) = state.issue.as_ref().filter(|issue| now < issue.renew_from) {
            return Ok(issue.clone());
        }
        if let Some((_, error)) = state.failure.as_ref().filter(|(number, _)| *number > seen) {
            return Err(error.clone());
        }
        let fetched = self.source.fetch(&self.scope).await;
        let number = self.fetches.fetch_add(1, Ordering::AcqRel) + 1;
        match fetched {
            Ok(token) => Ok(self.keep(&mut state, token)),
            Err(error) => Self::fall_back(&mut state, number, error),
        }
    }

    fn keep(&self, state: &mut State, token: AccessToken) -> Issue {
        let now = Instant::now();
        // A token that lives for less than ten minutes is renewed at half its life.
        let early = EARLY.min(token.lifetime / 2);
        state.issued += 1;
        let issue = Issue {
            number: state.issued,
            secret: token.secret,
            expires_at: self.clock.now().saturating_add(token.lifetime).unwrap_or(Timestamp::MAX),
            issued_at: now,
            renew_from: now + (token.lifetime - early),
            unusable_from: now + token.lifetime.saturating_sub(LAST_SECONDS.min(early)),
        };
        state.issue = Some(issue.clone());
        state.failure = None;
        issue
    }

    /// While the old token is good, an authority that cannot be reached stops nobody.
    fn fall_back(state: &mut State, number: u64, error: ApiError) -> Result<Issue, ApiError> {
        let now = Instant::now();
        match &mut state.issue {
            Some(issue) if error.class() == ErrorClass::Transient && now < issue.unusable_from => {
                tracing::warn!(%error, "the access token could not be renewed early; the present one is still good");
                issue.renew_from = (now + RENEWAL_PAUSE).min(issue.unusable_from);
                Ok(issue.clone())
            }
            Some(_) | None => {
                state.failure = Some((number, error.clone()));
                Err(error)
            }
        }
    }

    /// The API lacks a role in this token. One that was granted since stands only in a newer token: one is asked for, at
    /// most once a minute. Until there is one, this is still good.
    pub(crate) async fn lacks_a_role(&self, number: u64) {
        let (now, mut state) = (Instant::now(), self.state.lock().await);
        let this = state.issue.as_mut().filter(|issue| issue.number == number);
        if let Some(issue) = this.filter(|issue| now.duration_since(issue.issued_at) >= NEW_ROLES) {
            issue.renew_from = now;
        }
    }

    /// Drops a token that the API refused, unless it has been replaced already.
    pub(crate) async fn refused(&self, number: u64) {
        let mut state = self.state.lock().await;
        if state.issue.as_ref().is_some_and(|issue| issue.number == number) {
            state.issue = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use cordon_records::SystemClock;

    use super::*;
    use crate::token::TokenFuture;

    /// Gives out its script, one entry a fetch, after a second each; the last entry repeats.
    struct Scripted {
        script: Vec<Result<u64, ApiError>>,
        fetched: StdMutex<usize>,
    }

    impl TokenSource for Scripted {
        fn fetch<'a>(&'a self, _: &'a str) -> TokenFuture<'a> {
            Box::pin(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let mut fetched = self.fetched.lock().unwrap();
                let entry = self.script[(*fetched).min(self.script.len() - 1)].clone();
                *fetched += 1;
                entry.map(|seconds| AccessToken {
                    secret: SecretString::from(format!("token-{fetched}")),
                    lifetime: Duration::from_secs(seconds),
                })
            })
        }
    }

    fn cache(script: Vec<Result<u64, ApiError>>) -> (Arc<TokenCache>, Arc<Scripted>) {
        let source = Arc::new(Scripted { script, fetched: StdMutex::new(0) });
        let cache = TokenCache::new(source.clone(), "scope".into(), Arc::new(SystemClock));
        (Arc::new(cache), source)
    }

    fn down() -> ApiError {
        ApiError::Unreachable { endpoint: "token", why: "refused".into() }
    }

    async fn fifty(cache: &Arc<TokenCache>) -> Vec<Result<u64, ApiError>> {
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let cache = cache.clone();
            callers.spawn(async move { cache.get().await.map(|issue| issue.number) });
        }
        callers.join_all().await
    }

    #[tokio::test(start_paused = true)]
    async fn fifty_callers_share_one_fetch_and_one_failure() {
        let (cache, source) = cache(vec![Err(down()), Ok(3_600)]);
        assert!(fifty(&cache).await.iter().all(Result::is_err));
        assert_eq!(*source.fetched.lock().unwrap(), 1);
        assert!(fifty(&cache).await.iter().all(|outcome| *outcome == Ok(1)));
        assert_eq!(*source.fetched.lock().unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_five_minutes_early_and_not_before() {
        let (cache, source) = cache(vec![Ok(3_600)]);
        cache.get().await.unwrap();
        tokio::time::advance(Duration::from_secs(3_299)).await;
        assert_eq!(cache.get().await.unwrap().number, 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(cache.get().await.unwrap().number, 2);
        assert_eq!(*source.fetched.lock().unwrap(), 2);
    }

    /// A wall clock that is an hour further off, now ahead and now behind, each time it is looked at.
    struct Stepping(AtomicU64);

    impl Clock for Stepping {
        fn now(&self) -> Timestamp {
            let step = i64::try_from(self.0.fetch_add(1, Ordering::Relaxed)).unwrap();
            let off = if step % 2 == 0 { step } else { -step };
            SystemClock.now() + jiff::SignedDuration::from_hours(off)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_is_set_neither_ends_a_token_early_nor_keeps_it_too_long() {
        let source = Arc::new(Scripted { script: vec![Ok(3_600)], fetched: StdMutex::new(0) });
        let cache = TokenCache::new(source.clone(), "scope".into(), Arc::new(Stepping(AtomicU64::new(0))));
        for fetched in 1..=4 {
            assert_eq!(cache.get().await.unwrap().number, fetched);
            tokio::time::advance(Duration::from_secs(3_298)).await;
            assert_eq!(cache.get().await.unwrap().number, fetched);
            tokio::time::advance(Duration::from_secs(3)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_token_is_used_on_when_its_renewal_fails_until_its_last_seconds() {
        let (cache, source) = cache(vec![Ok(3_600), Err(down())]);
        cache.get().await.unwrap();
        tokio::time::advance(Duration::from_secs(3_310)).await;
        assert_eq!(cache.get().await.unwrap().number, 1);
        assert_eq!(cache.get().await.unwrap().number, 1);
        assert_eq!(*source.fetched.lock().unwrap(), 2, "the failed renewal was repeated at once");
        tokio::time::advance(Duration::from_secs(280)).await;
        assert_eq!(cache.get().await.unwrap_err(), down());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_identity_is_told_at_once_although_the_old_token_is_good() {
        let refusal = crate::wire::token_refusal(401, br#"{"error":"invalid_client"}"#);
        let refused = ApiError::TokenRefused { scope: "scope".into(), refusal };
        let (cache, _) = cache(vec![Ok(3_600), Err(refused.clone())]);
        cache.get().await.unwrap();
        tokio::time::advance(Duration::from_secs(3_310)).await;
        assert_eq!(cache.get().await.unwrap_err(), refused);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_refused_to_many_callers_is_replaced_once() {
        let (cache, source) = cache(vec![Ok(3_600)]);
        let first = cache.get().await.unwrap();
        cache.refused(first.number).await;
        let second = cache.get().await.unwrap();
        cache.refused(first.number).await;
        assert_eq!(cache.get().await.unwrap().number, second.number);
        assert_eq!(*source.fetched.lock().unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_that_a_token_lacks_is_looked_for_in_a_newer_one_once_a_minute() {
        let (cache, source) = cache(vec![Ok(3_600)]);
        let mut fetches = Vec::new();
        for _ in 0..130 {
            let issue = cache.get().await.unwrap();
            cache.lacks_a_role(issue.number).await;
            fetches.push(*source.fetched.lock().unwrap());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        // The fetch itself takes a second.
        assert_eq!((fetches[0], fetches[58], fetches[62], *fetches.last().unwrap()), (1, 1, 2, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_gives_up_leaves_the_next_one_to_fetch() {
        let (cache, _) = cache(vec![Ok(3_600)]);
        assert!(tokio::time::timeout(Duration::from_millis(10), cache.get()).await.is_err());
        assert_eq!(cache.get().await.unwrap().number, 1);
    }
}
