//! Microsoft Graph with one identity.

use std::sync::Arc;

use cordon_records::Clock;

use crate::base::Base;
use crate::error::ApiError;
use crate::gate::Owner;
use crate::settings::GraphSettings;
use crate::token::{ClientSecret, TokenFacts, TokenSource, facts};
use crate::token_cache::TokenCache;
use crate::transport::{Ports, Transport};

/// Microsoft Graph with one identity. Clones share connections, token and quota.
#[derive(Clone)]
pub struct Graph {
    pub(crate) transport: Arc<Transport>,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").finish_non_exhaustive()
    }
}

impl Graph {
    /// A client with the settings' client secret. Nothing is sent yet.
    ///
    /// # Errors
    /// Fatal when an address must not be used.
    pub fn new(settings: GraphSettings, clock: Arc<dyn Clock>) -> Result<Self, ApiError> {
        Self::with(settings, Ports::new(clock))
    }

    /// A client with an observer, another source of tokens or other timeouts.
    ///
    /// # Errors
    /// Fatal when an address must not be used.
    pub fn with(settings: GraphSettings, ports: Ports) -> Result<Self, ApiError> {
        let base = Base::new("graph.url", &settings.url, settings.allow_http)?;
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
            api: settings.url,
            tenant: settings.tenant_id,
            client_id: settings.client_id,
            quota: settings.quota,
        };
        let tokens = TokenCache::new(source, settings.scope, ports.clock.clone());
        Ok(Self { transport: Arc::new(Transport::new(base, tokens, owner, ports)?) })
    }

    /// What the present token says about itself; gets one if there is none.
    ///
    /// # Errors
    /// Fatal when Entra refuses the identity, Transient when it cannot be reached.
    pub async fn token_facts(&self) -> Result<TokenFacts, ApiError> {
        let issue = self.transport.tokens.get().await?;
        Ok(facts(&issue.secret, issue.expires_at))
    }

    /// Gets a token if there is none, so that a wrong identity shows before the first mail.
    ///
    /// # Errors
    /// Fatal when Entra refuses the identity, Transient when it cannot be reached.
    pub async fn ensure_token(&self) -> Result<(), ApiError> {
        self.transport.tokens.get().await.map(|_| ())
    }
}
