//! The port to the API: what enrich asks of it, how an answer can fail, and one call with what it came to. Defender's client
//! is one implementation; tests bring their own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cordon_defender::{ApiError, Defender, FleetPage};
use cordon_records::{Classified, ErrorClass, MachineId, Verbatim};

use crate::machine_cache::planner::{Ask, Walk};
use crate::metrics::{ApiCall, Metrics};

/// Why a lookup brought nothing. It goes to everybody who asked for the same, so it can be copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no such machine (HTTP 404).
    #[error("Defender does not know this machine")]
    Unknown,
    /// The call failed; another one may not.
    #[error("the lookup failed: {0}")]
    Failed(String),
    /// The API takes no such question; asked otherwise, it may answer.
    #[error("the lookup was not understood: {0}")]
    Rejected(String),
    /// The API refuses us: token, permission or address.
    #[error("the lookup is refused: {0}")]
    Refused(String),
    /// The quota is used up for longer than a call waits. The machine can be had, only not now.
    #[error("the quota for lookups is used up")]
    Busy {
        /// When to ask again.
        after: Duration,
    },
}

impl Classified for LookupError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Unknown | Self::Rejected(_) => ErrorClass::Poison,
            Self::Failed(_) | Self::Busy { .. } => ErrorClass::Transient,
            Self::Refused(_) => ErrorClass::Fatal,
        }
    }
}

impl From<ApiError> for LookupError {
    fn from(error: ApiError) -> Self {
        if error.is_not_found() {
            return Self::Unknown;
        }
        if let ApiError::Throttled { retry_after, .. } = error {
            return Self::Busy { after: retry_after };
        }
        match error.class() {
            ErrorClass::Fatal => Self::Refused(error.to_string()),
            ErrorClass::Poison => Self::Rejected(error.to_string()),
            ErrorClass::Transient | ErrorClass::Ambiguous => Self::Failed(error.to_string()),
        }
    }
}

/// What came of one machine.
pub type Answer = Result<Verbatim, LookupError>;

/// Looks machines up.
pub trait MachineLookup: Send + Sync + 'static {
    /// One machine by id.
    fn machine(&self, id: &MachineId) -> impl Future<Output = Result<Verbatim, LookupError>> + Send;

    /// Several machines with one call, each with its id as the list spells it. Those that the list does not hold are left out.
    fn machines(&self, ids: &[MachineId]) -> impl Future<Output = Result<Vec<(String, Verbatim)>, LookupError>> + Send;

    /// The onboarded machines from the `skip`th on, as many as fit a page.
    fn fleet_page(&self, skip: usize) -> impl Future<Output = Result<FleetPage, LookupError>> + Send;
}

impl MachineLookup for Defender {
    async fn machine(&self, id: &MachineId) -> Result<Verbatim, LookupError> {
        Ok(Self::machine(self, id).await?)
    }

    async fn machines(&self, ids: &[MachineId]) -> Result<Vec<(String, Verbatim)>, LookupError> {
        Ok(Self::machines(self, ids).await?)
    }

    async fn fleet_page(&self, skip: usize) -> Result<FleetPage, LookupError> {
        Ok(Self::fleet_page(self, skip).await?)
    }
}

/// What a call came to.
pub(crate) enum Came {
    /// The machine that was asked for before lists were, or why not.
    One(MachineId, Answer),
    /// What a filter brought of these, each with the id as the list spells it.
    Filter(Vec<MachineId>, Result<Vec<(String, Verbatim)>, LookupError>),
    /// The machine that lists did not bring, or why not.
    Unlisted(MachineId, Answer),
    /// A page of the fleet.
    Page(Walk, Result<FleetPage, LookupError>),
}

impl Came {
    /// What a call came to that went wrong altogether.
    pub(crate) fn failed(ask: Ask, failure: LookupError) -> Self {
        match ask {
            Ask::One(id) => Self::One(id, Err(failure)),
            Ask::Filter(ids) => Self::Filter(ids, Err(failure)),
            Ask::Unlisted(id) => Self::Unlisted(id, Err(failure)),
            Ask::Page(walk) => Self::Page(walk, Err(failure)),
        }
    }
}

/// Makes the call.
pub(crate) async fn fetch<L: MachineLookup>(lookup: Arc<L>, metrics: Metrics, ask: Ask) -> Came {
    metrics.call(match &ask {
        Ask::One(_) | Ask::Unlisted(_) => ApiCall::Get,
        Ask::Filter(_) => ApiCall::List,
        Ask::Page(_) => ApiCall::Page,
    });
    match ask {
        Ask::One(id) => {
            let answer = lookup.machine(&id).await;
            Came::One(id, answer)
        }
        Ask::Unlisted(id) => {
            let answer = lookup.machine(&id).await;
            Came::Unlisted(id, answer)
        }
        Ask::Filter(ids) => {
            let listed = match lookup.machines(&ids).await {
                Ok(listed) => Ok(listed),
                // The list answers 404 when it knows no machine, and 400 when it does not take the filter.
                Err(LookupError::Unknown | LookupError::Rejected(_)) => Ok(Vec::new()),
                Err(failure @ (LookupError::Failed(_) | LookupError::Refused(_) | LookupError::Busy { .. })) => {
                    Err(failure)
                }
            };
            Came::Filter(ids, listed)
        }
        Ask::Page(walk) => Came::Page(walk, lookup.fleet_page(walk.skip).await),
    }
}
