//! The Defender for Endpoint API with one identity.

use std::sync::Arc;

use cordon_records::Clock;
use url::Url;

use crate::base::Base;
use crate::cloud::Cloud;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::exchange::Answer;
use crate::gate::Owner;
use crate::odata::Query;
use crate::quota::Priority;
use crate::settings::DefenderSettings;
use crate::token::{ClientSecret, TokenFacts, TokenSource, facts};
use crate::token_cache::TokenCache;
use crate::transport::{Call, Ports, Transport};

/// The Defender for Endpoint API with one identity. Clones share connections, token and quota; other clients of the
/// process with the same API, tenant, app and quota settings share the quota.
///
/// Reads wait for their quota, are tried three times, and may be dropped at any point. Each method is in the
/// file of its area.
#[derive(Clone)]
pub struct Defender {
    pub(crate) transport: Arc<Transport>,
    pub(crate) priority: Priority,
    cloud: Cloud,
}

impl std::fmt::Debug for Defender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Defender").field("cloud", &self.cloud).field("priority", &self.priority).finish_non_exhaustive()
    }
}

impl Defender {
    /// A client with the settings' client secret. Nothing is sent yet.
    ///
    /// # Errors
    /// Fatal when an address must not be used.
    pub fn new(settings: DefenderSettings, clock: Arc<dyn Clock>) -> Result<Self, ApiError> {
        Self::with(settings, Ports::new(clock))
    }

    /// A client with an observer, another source of tokens or other timeouts.
    ///
    /// # Errors
    /// Fatal when an address must not be used.
    pub fn with(settings: DefenderSettings, ports: Ports) -> Result<Self, ApiError> {
        let base = Base::new("defender.api_url", &settings.api_url, settings.allow_http)?;
        let source: Arc<dyn TokenSource> = match &ports.tokens {
            Some(source) => source.clone(),
            None => Arc::new(ClientSecret::new(
                &settings.authority_url,
                settings.allow_http,
                &settings.tenant_id,
                &settings.client_id,
                settings.client_secret,
            )?),
        };
        let owner = Owner {
            api: settings.api_url,
            tenant: settings.tenant_id,
            client_id: settings.client_id,
            quota: settings.quota,
        };
        let tokens = TokenCache::new(source, settings.scope, ports.clock.clone());
        let transport = Arc::new(Transport::new(base, tokens, owner, ports)?);
        Ok(Self { transport, priority: Priority::Ordinary, cloud: settings.cloud })
    }

    /// The same client for the looks right before and after an effect: they may use the fifth of each quota
    /// that ordinary reads leave.
    #[must_use]
    pub fn for_respond(&self) -> Self {
        Self { priority: Priority::Respond, ..self.clone() }
    }

    /// The same client for looking what became of an effect: it leaves a minute's quota to the looks that come before one, for
    /// a minute a try.
    #[must_use]
    pub fn for_follow_up(&self) -> Self {
        Self { priority: Priority::Follow, ..self.clone() }
    }

    /// What the present token says about itself; gets one if there is none.
    ///
    /// # Errors
    /// Fatal when Entra refuses the identity, Transient when it cannot be reached.
    pub async fn token_facts(&self) -> Result<TokenFacts, ApiError> {
        let issue = self.transport.tokens.get().await?;
        Ok(facts(&issue.secret, issue.expires_at))
    }

    /// Gets a token if there is none, so that a wrong identity shows before the first call.
    ///
    /// # Errors
    /// Fatal when Entra refuses the identity, Transient when it cannot be reached.
    pub async fn ensure_token(&self) -> Result<(), ApiError> {
        self.transport.tokens.get().await.map(|_| ())
    }

    pub(crate) async fn get(&self, endpoint: Endpoint, path: &str, query: &Query) -> Result<Answer, ApiError> {
        self.get_url(endpoint, self.transport.base.join(path, query)).await
    }

    pub(crate) async fn get_url(&self, endpoint: Endpoint, url: Url) -> Result<Answer, ApiError> {
        self.transport.read(&Call::read(endpoint, url, self.priority)).await
    }
}
