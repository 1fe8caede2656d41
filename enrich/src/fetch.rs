//! One call for machines, and what it came to.

use std::sync::Arc;

use cordon_defender::FleetPage;
use cordon_records::{MachineId, Verbatim};

use crate::lookup::{Answer, LookupError, MachineLookup};
use crate::machine_cache::planner::{Ask, Walk};
use crate::metrics::{ApiCall, Metrics};

/// What a call came to.
pub enum Came {
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
    pub fn failed(ask: Ask, failure: LookupError) -> Self {
        match ask {
            Ask::One(id) => Self::One(id, Err(failure)),
            Ask::Filter(ids) => Self::Filter(ids, Err(failure)),
            Ask::Unlisted(id) => Self::Unlisted(id, Err(failure)),
            Ask::Page(walk) => Self::Page(walk, Err(failure)),
        }
    }
}

/// Makes the call.
pub async fn fetch<L: MachineLookup>(lookup: Arc<L>, metrics: Metrics, ask: Ask) -> Came {
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
