//! Everything that changes while the simulator runs, behind one lock, and what does not change around it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cordon_records::Clock;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::fault::Script;
use crate::link::Links;
use crate::mail::Mail;
use crate::options::Options;
use crate::quota::Windows;
use crate::request_log::RequestLog;
use crate::smtp::fault::SmtpScript;
use crate::tenant::Tenant;
use crate::token::Tokens;

/// What changes.
pub(crate) struct State {
    /// The set-up; everything but the addresses may be changed while running.
    pub(crate) options: Options,
    pub(crate) tenant: Tenant,
    pub(crate) tokens: Tokens,
    pub(crate) windows: Windows,
    pub(crate) links: Links,
    pub(crate) script: Script,
    pub(crate) smtp_script: SmtpScript,
    pub(crate) log: RequestLog,
    pub(crate) mails: Vec<Mail>,
    /// When each alert was first on a page of the list.
    pub(crate) listed: HashMap<String, Timestamp>,
}

/// The simulator's shared part.
pub(crate) struct Inner {
    /// `http://127.0.0.1:1234`, without the prefix.
    pub(crate) origin: String,
    /// The path prefix, without a slash at its end.
    pub(crate) prefix: String,
    pub(crate) admin: bool,
    pub(crate) smtp_url: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop: CancellationToken,
    state: Mutex<State>,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        let tenant = Tenant::new(&options.tenant);
        Self {
            options,
            tenant,
            tokens: Tokens::default(),
            windows: Windows::default(),
            links: Links::default(),
            script: Script::default(),
            smtp_script: SmtpScript::default(),
            log: RequestLog::default(),
            mails: Vec::new(),
            listed: HashMap::new(),
        }
    }

    /// What must not appear in the request log.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let secrets = self.options.apps.iter().map(|app| app.client_secret.clone());
        secrets.chain(self.tokens.texts().cloned()).chain(self.links.tokens().cloned()).collect()
    }

    /// Cancels an action, unless this tenant's machines do not hear of it in time. It is given as: when, by whom, why.
    pub(crate) fn cancel(&mut self, id: &str, cancellation: (Timestamp, String, String)) {
        let too_late = self.options.quirks.cancel_comes_too_late;
        if let Some(action) = self.tenant.action_mut(id).filter(|_| !too_late) {
            action.cancelled = Some(cancellation);
        }
    }
}

impl Inner {
    pub(crate) fn new(options: Options, origin: String, smtp_url: String, stop: CancellationToken) -> Self {
        Self {
            origin,
            prefix: normalised(&options.prefix),
            admin: options.admin,
            smtp_url,
            clock: Arc::clone(&options.clock),
            stop,
            state: Mutex::new(State::new(options)),
        }
    }

    /// The state. A panic in another thread leaves it usable: no invariant spans two of its fields.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn base(&self) -> String {
        format!("{}{}", self.origin, self.prefix)
    }
}

/// A prefix with a slash at its beginning and none at its end; empty for none.
fn normalised(prefix: &str) -> String {
    let inner = prefix.trim_matches('/');
    if inner.is_empty() { String::new() } else { format!("/{inner}") }
}
