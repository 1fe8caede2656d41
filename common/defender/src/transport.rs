//! One call to an API: quota, token, exchange, and what the answer means.
//!
//! Reads are tried three times; a call with an effect goes out once, and a second time only after a 401, which
//! is a definite "not done".

use std::sync::Arc;
use std::time::Duration;

use cordon_records::{Classified, Clock, ErrorClass};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::Url;

use crate::base::Base;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::exchange::{Answer, Failure, client, exchange, request_id, scrub};
use crate::gate::{Gate, Owner, patience};
use crate::observer::Observer;
use crate::quota::{Priority, Room};
use crate::retry;
use crate::token::TokenSource;
use crate::token_cache::{Issue, TokenCache};
use crate::wire::refusal;

/// A call with an effect waits at most this long for its quota: what its caller checked must still be true.
const MAX_WAIT_TO_ACT: Duration = Duration::from_secs(5);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Name resolution, connection and TLS handshake.
    pub connect: Duration,
    /// One try of a read, waiting for quota not counted.
    pub read: Duration,
    /// A page of all machines, which the service takes long to write, waiting for quota not counted. It leaves no alert
    /// partial: when it is late, machines are asked for by id.
    pub page: Duration,
    /// A call with an effect altogether: quota, token and exchange, a repetition after a 401 included. In-doubt
    /// handling counts on no answer being on its way after this.
    pub act: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            connect: Duration::from_secs(5),
            read: minute,
            page: Duration::from_secs(30),
            act: Duration::from_secs(20),
        }
    }
}

/// What a client is connected to besides the network.
#[derive(Clone)]
pub struct Ports {
    /// Wall time: for dates that servers send and tokens' expiry.
    pub clock: Arc<dyn Clock>,
    /// Is told of every exchange.
    pub observer: Option<Arc<dyn Observer>>,
    /// Where tokens come from, when not from the client secret in the settings.
    pub tokens: Option<Arc<dyn TokenSource>>,
    /// How long things may take.
    pub timeouts: Timeouts,
}

impl Ports {
    /// A clock, and nothing else out of the ordinary.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, observer: None, tokens: None, timeouts: Timeouts::default() }
    }

    /// The same with somebody who is told of every exchange.
    #[must_use]
    pub fn observed_by(self, observer: impl Observer + 'static) -> Self {
        Self { observer: Some(Arc::new(observer)), ..self }
    }
}

/// What to send.
pub(crate) enum Content {
    Nothing,
    Json(Vec<u8>),
    Text(Vec<u8>),
}

/// One call.
pub(crate) struct Call<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) url: Url,
    pub(crate) content: Content,
    pub(crate) priority: Priority,
    /// Asked right before each sending, after all waiting; nothing is sent when it says no.
    pub(crate) permitted: Option<&'a (dyn Fn() -> bool + Send + Sync)>,
}

impl Call<'_> {
    /// A read.
    pub(crate) fn read(endpoint: Endpoint, url: Url, priority: Priority) -> Self {
        Self { endpoint, url, content: Content::Nothing, priority, permitted: None }
    }
}

/// The way to one API with one identity.
pub(crate) struct Transport {
    http: reqwest::Client,
    pub(crate) base: Base,
    pub(crate) tokens: TokenCache,
    gate: Arc<Gate>,
    pub(crate) ports: Ports,
}

impl Transport {
    pub(crate) fn new(base: Base, tokens: TokenCache, owner: Owner, ports: Ports) -> Result<Self, ApiError> {
        let http = client(ports.timeouts.connect, base.is_loopback())?;
        Ok(Self { http, base, tokens, gate: Gate::of(owner), ports })
    }

    /// Counts calls that others made with this quota, each so long ago.
    pub(crate) fn charge(&self, endpoint: Endpoint, ages: &[Duration]) {
        self.gate.charge(endpoint, ages);
    }

    /// What room the quota has for so many calls.
    pub(crate) fn room(&self, endpoint: Endpoint, priority: Priority, calls: u32) -> Room {
        self.gate.room(endpoint, priority, calls)
    }

    /// A read, tried up to three times. A 404 is an error like any other refusal.
    pub(crate) async fn read(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        let mut tries = 0;
        loop {
            let quota_until = Instant::now() + patience(call.priority);
            let error = match self.attempt(call, quota_until, self.ports.timeouts.read).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tries += 1;
            match pause_before_next(&error, tries) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// A read that is not worth repeating: who asks has another way to go.
    pub(crate) async fn read_once(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        self.attempt(call, Instant::now() + patience(call.priority), self.ports.timeouts.page).await
    }

    /// A call with an effect, sent once.
    pub(crate) async fn act(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        let quota_until = Instant::now() + MAX_WAIT_TO_ACT;
        self.attempt(call, quota_until, self.ports.timeouts.act).await
    }

    /// One try. A read's time starts after its quota wait; a call with an effect must end in time altogether.
    async fn attempt(&self, call: &Call<'_>, quota_until: Instant, time: Duration) -> Result<Answer, ApiError> {
        let came = Instant::now();
        self.wait_for_quota(call, quota_until).await?;
        let deadline = if call.endpoint.has_effect() { came + time } else { Instant::now() + time };
        let issue = self.token(call, deadline).await?;
        let first = self.send(call, &issue, deadline).await?;
        if first.status == 403 {
            // Whoever asks again does so because the permission was granted: an old token keeps its old roles.
            if call.endpoint.has_effect() {
                self.tokens.refused(issue.number).await;
            } else {
                self.tokens.lacks_a_role(issue.number).await;
            }
        }
        if first.status != 401 {
            return self.judge(call, first);
        }
        tracing::info!(endpoint = call.endpoint.name(), "the access token was refused; asking for a new one");
        self.tokens.refused(issue.number).await;
        self.wait_for_quota(call, quota_until.min(deadline)).await?;
        let issue = self.token(call, deadline).await?;
        let second = self.send(call, &issue, deadline).await?;
        self.judge(call, second)
    }

    async fn wait_for_quota(&self, call: &Call<'_>, until: Instant) -> Result<(), ApiError> {
        let endpoint = call.endpoint.name();
        match self.gate.pass(call.endpoint, call.priority, until).await {
            Ok(wait) => {
                if let Some(observer) = self.ports.observer.as_ref().filter(|_| !wait.is_zero()) {
                    observer.waited(endpoint, wait);
                }
                Ok(())
            }
            Err(retry_after) => Err(ApiError::Throttled { endpoint, retry_after }),
        }
    }

    /// A token in time. Nothing of the call has been sent yet, so being late is Transient for every call.
    async fn token(&self, call: &Call<'_>, deadline: Instant) -> Result<Issue, ApiError> {
        let late =
            || ApiError::Unreachable { endpoint: call.endpoint.name(), why: "no access token came in time".to_owned() };
        tokio::time::timeout_at(deadline, self.tokens.get()).await.map_err(|_| late())?
    }

    async fn send(&self, call: &Call<'_>, issue: &Issue, deadline: Instant) -> Result<Answer, ApiError> {
        let endpoint = call.endpoint.name();
        let id = request_id();
        let request = self.request(call, issue, &id)?;
        if call.permitted.is_some_and(|permitted| !permitted()) {
            return Err(ApiError::Withdrawn { endpoint });
        }
        let started = Instant::now();
        let result = exchange(request, call.endpoint.max_bytes(), deadline).await;
        let status = result.as_ref().map_or_else(Failure::status, |answer| answer.status);
        tracing::debug!(endpoint, status, client_request_id = %id, elapsed = ?started.elapsed(), "called");
        if let Some(observer) = &self.ports.observer {
            observer.called(endpoint, status);
        }
        let answer = result.map_err(|failure| explain(call.endpoint, failure))?;
        Ok(scrub(answer, issue.secret.expose_secret()))
    }

    /// The only place that attaches a token.
    fn request(&self, call: &Call<'_>, issue: &Issue, id: &str) -> Result<reqwest::RequestBuilder, ApiError> {
        if !self.base.covers(&call.url) {
            return Err(ApiError::setup(
                call.endpoint.name(),
                "was to be called outside the configured address, where no token may go",
            ));
        }
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", issue.secret.expose_secret()))
            .map_err(|_| ApiError::setup("the access token", "cannot be put into a header"))?;
        bearer.set_sensitive(true);
        let request = self
            .http
            .request(call.endpoint.method(), call.url.clone())
            .header(AUTHORIZATION, bearer)
            .header("client-request-id", id)
            .header("return-client-request-id", "true");
        Ok(match &call.content {
            Content::Nothing => request,
            Content::Json(body) => request.header(CONTENT_TYPE, "application/json").body(body.clone()),
            Content::Text(body) => request.header(CONTENT_TYPE, "text/plain").body(body.clone()),
        })
    }

    /// A request without a token.
    pub(crate) fn anonymous(&self, url: Url) -> reqwest::RequestBuilder {
        self.http.get(url)
    }

    /// What a whole answer means.
    fn judge(&self, call: &Call<'_>, answer: Answer) -> Result<Answer, ApiError> {
        let endpoint = call.endpoint.name();
        let status = answer.status;
        let refusal = || refusal(status, &answer.body);
        match status {
            200..300 => Ok(answer),
            300..=399 => {
                let location = answer.location.unwrap_or_else(|| "nowhere".to_owned());
                Err(ApiError::Redirected { endpoint, status, location })
            }
            401 => Err(ApiError::Unauthorized { endpoint, refusal: refusal() }),
            403 => {
                let permission = call.endpoint.permission();
                Err(ApiError::Forbidden { endpoint, permission, refusal: refusal() })
            }
            429 => Err(self.throttled(call.endpoint, &answer)),
            408 | 500.. if call.endpoint.has_effect() => {
                Err(ApiError::Lost { endpoint, why: format!("the server answered {}", refusal()) })
            }
            408 | 500.. => {
                let retry_after = self.retry_after(&answer, "");
                Err(ApiError::Unavailable { endpoint, refusal: refusal(), retry_after })
            }
            _ => Err(ApiError::Refused { endpoint, refusal: refusal() }),
        }
    }

    fn retry_after(&self, answer: &Answer, message: &str) -> Option<Duration> {
        retry::retry_after(answer.retry_after.as_deref(), message, self.ports.clock.now())
    }

    /// A 429 also stops the template's other callers: each early call would prolong the block.
    fn throttled(&self, endpoint: Endpoint, answer: &Answer) -> ApiError {
        let message = refusal(answer.status, &answer.body).message;
        let asked = self.retry_after(answer, &message).unwrap_or(retry::DEFAULT_RETRY_AFTER);
        let retry_after = retry::not_before(asked, retry::random());
        self.gate.block(endpoint, retry_after);
        ApiError::Throttled { endpoint: endpoint.name(), retry_after }
    }
}

/// What a missing answer means: for a call with an effect it is lost unless nothing was sent.
fn explain(endpoint: Endpoint, failure: Failure) -> ApiError {
    let name = endpoint.name();
    match failure {
        Failure::Connect(why) => ApiError::Unreachable { endpoint: name, why },
        Failure::Broken(why) | Failure::Body { why, .. } if endpoint.has_effect() => {
            ApiError::Lost { endpoint: name, why }
        }
        Failure::TooLarge { .. } if endpoint.has_effect() => {
            ApiError::Lost { endpoint: name, why: "the answer is larger than any that fits the call".to_owned() }
        }
        Failure::Broken(why) | Failure::Body { why, .. } => ApiError::Interrupted { endpoint: name, why },
        Failure::TooLarge { .. } => ApiError::TooLarge { endpoint: name, limit: endpoint.max_bytes() },
    }
}

/// How long to wait before a read is tried again; nothing when it is not worth it or the wait is the caller's.
fn pause_before_next(error: &ApiError, tries: u32) -> Option<Duration> {
    if error.class() != ErrorClass::Transient || tries >= retry::TRIES {
        return None;
    }
    let pause = match error {
        // The gate already keeps the template closed for as long as the server asked.
        ApiError::Throttled { .. } => Duration::ZERO,
        other => retry::backoff(tries, retry::random()).max(other.retry_after().unwrap_or_default()),
    };
    (error.retry_after().unwrap_or(pause) <= retry::MAX_WAIT_INSIDE).then_some(pause)
}
