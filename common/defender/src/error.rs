//! Why a call failed, and what may be done about it.

use std::time::Duration;

use cordon_records::{Classified, ErrorClass};

/// What Microsoft said when it refused. Every text is cleaned of control characters and cut; `code` is for
/// decisions, `message` for people only, since Microsoft may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// `ResourceNotFound`, `ActiveRequestAlreadyExists` …; absent when the body was empty or HTML.
    pub code: Option<String>,
    /// Microsoft's words, or the first words of a body that was not JSON.
    pub message: String,
    /// Microsoft's correlation id for support. It need not be a GUID.
    pub target: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        match &self.target {
            Some(target) => write!(f, " (correlation id {target})"),
            None => Ok(()),
        }
    }
}

/// Why a call to Microsoft failed.
///
/// Classes: *Transient* was definitely not done, *Ambiguous* may have been done, *Poison* is a definite no for
/// this one request, *Fatal* is a wrong set-up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The settings cannot work, or a secret cannot be read. Fatal.
    #[error("{what} {why}")]
    Setup {
        /// The setting.
        what: String,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// Entra refused the identity. Fatal.
    #[error("Entra gave no token for scope {scope} ({refusal}); check tenant_id, client_id, client_secret and scope")]
    TokenRefused {
        /// The scope asked for.
        scope: String,
        /// Entra's answer; `code` is its `error` (`invalid_client` …).
        refusal: Refusal,
    },
    /// The API refused the token, also after it was renewed. Fatal.
    #[error("{endpoint} refused a fresh token ({refusal}); check that scope belongs to this cloud's API")]
    Unauthorized {
        /// The path template.
        endpoint: &'static str,
        /// The answer.
        refusal: Refusal,
    },
    /// The app lacks a permission, or the tenant forbids the action. Fatal.
    #[error("{endpoint} is forbidden ({refusal}); grant {permission} in Entra, with admin consent")]
    Forbidden {
        /// The path template.
        endpoint: &'static str,
        /// The permission that the call needs, for people.
        permission: &'static str,
        /// The answer.
        refusal: Refusal,
    },
    /// The server answers with a redirect, which is never followed. Fatal.
    #[error("{endpoint} answered HTTP {status}, a redirect to {location}; set the address that it points to")]
    Redirected {
        /// The path template.
        endpoint: &'static str,
        /// HTTP status.
        status: u16,
        /// Scheme and host of the target.
        location: String,
    },
    /// A definite no to this request. Poison.
    #[error("{endpoint} refused the request: {refusal}")]
    Refused {
        /// The path template.
        endpoint: &'static str,
        /// The answer.
        refusal: Refusal,
    },
    /// The answer to a read is larger than the limit and was cut off. Poison: ask for less.
    #[error("{endpoint} answered with more than {limit} bytes; ask for fewer items")]
    TooLarge {
        /// The path template.
        endpoint: &'static str,
        /// The limit in bytes, after decompression.
        limit: u64,
    },
    /// The quota is spent, by our own account or by the server's word. Transient.
    #[error("{endpoint} is over its quota; it may be called again in {} s", retry_after.as_secs_f64())]
    Throttled {
        /// The path template.
        endpoint: &'static str,
        /// How long to wait at least.
        retry_after: Duration,
    },
    /// No connection could be made, so nothing was sent. Transient.
    #[error("{endpoint} cannot be reached: {why}")]
    Unreachable {
        /// The path template.
        endpoint: &'static str,
        /// The cause.
        why: String,
    },
    /// The caller took its permission back before anything was sent. Transient.
    #[error("{endpoint} was not called, because it was no longer permitted when its turn came")]
    Withdrawn {
        /// The path template.
        endpoint: &'static str,
    },
    /// The server failed on a read. Transient.
    #[error("{endpoint} failed: {refusal}")]
    Unavailable {
        /// The path template.
        endpoint: &'static str,
        /// The answer.
        refusal: Refusal,
        /// The server's `Retry-After`, if it sent one.
        retry_after: Option<Duration>,
    },
    /// A read timed out or its connection broke. Transient.
    #[error("{endpoint} gave no whole answer: {why}")]
    Interrupted {
        /// The path template.
        endpoint: &'static str,
        /// The cause.
        why: String,
    },
    /// A read was answered with something that is not what was asked for. Transient: proxies and portals do so.
    #[error("{endpoint} answered with something unreadable: {why}")]
    Unreadable {
        /// The path template.
        endpoint: &'static str,
        /// What was wrong with it.
        why: String,
    },
    /// The answer to a call with an effect was lost. Ambiguous: look before doing it again.
    #[error("the answer of {endpoint} was lost: {why}; it may have been done, so look before repeating it")]
    Lost {
        /// The path template.
        endpoint: &'static str,
        /// The cause.
        why: String,
    },
}

impl ApiError {
    pub(crate) fn setup(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Setup { what: what.into(), why: why.into() }
    }

    /// The server's answer, when there was one that it meant as a refusal.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::TokenRefused { refusal, .. }
            | Self::Unauthorized { refusal, .. }
            | Self::Forbidden { refusal, .. }
            | Self::Refused { refusal, .. }
            | Self::Unavailable { refusal, .. } => Some(refusal),
            Self::Setup { .. }
            | Self::Redirected { .. }
            | Self::TooLarge { .. }
            | Self::Throttled { .. }
            | Self::Unreachable { .. }
            | Self::Withdrawn { .. }
            | Self::Interrupted { .. }
            | Self::Unreadable { .. }
            | Self::Lost { .. } => None,
        }
    }

    /// Microsoft's error code, such as `ActiveRequestAlreadyExists`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.refusal().and_then(|refusal| refusal.code.as_deref())
    }

    /// Whether the thing asked for does not exist (HTTP 404).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { refusal, .. } if refusal.status == 404)
    }

    /// How long to wait before trying again, if the server or our own account of the quota says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } => Some(*retry_after),
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Setup { .. }
            | Self::TokenRefused { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Redirected { .. }
            | Self::Refused { .. }
            | Self::TooLarge { .. }
            | Self::Unreachable { .. }
            | Self::Withdrawn { .. }
            | Self::Interrupted { .. }
            | Self::Unreadable { .. }
            | Self::Lost { .. } => None,
        }
    }
}

impl Classified for ApiError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Setup { .. }
            | Self::TokenRefused { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Redirected { .. } => ErrorClass::Fatal,
            Self::Refused { .. } | Self::TooLarge { .. } => ErrorClass::Poison,
            Self::Throttled { .. }
            | Self::Unreachable { .. }
            | Self::Withdrawn { .. }
            | Self::Unavailable { .. }
            | Self::Interrupted { .. }
            | Self::Unreadable { .. } => ErrorClass::Transient,
            Self::Lost { .. } => ErrorClass::Ambiguous,
        }
    }
}
