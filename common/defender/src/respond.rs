//! Response actions: the calls that change a machine. Source: Microsoft's page "Isolate machine API".
//!
//! An isolation is not idempotent and the API has no idempotency key, so it is sent once. What cannot be known
//! is said to be [`ApiError::Lost`]; the caller then looks into the list of machine actions.

use std::time::Duration;

use cordon_records::{IsolationType, MachineId};
use serde::Serialize;

use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::machine_actions::MachineAction;
use crate::odata::Query;
use crate::page::{beginning, text_of};
use crate::quota::Priority;
use crate::transport::{Call, Content};

/// The keys are case-sensitive and both are required.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Isolate<'a> {
    comment: &'a str,
    isolation_type: &'static str,
}

impl Defender {
    /// Says that isolations of these ages have been asked for with this quota, by this process or another one, so
    /// that the next ones keep within the minute and the hour together with them. Ages beyond an hour change nothing;
    /// one that is too old lets a call go too early.
    pub fn isolated_before(&self, ages: &[Duration]) {
        self.transport.charge(Endpoint::Isolate, ages);
    }

    /// Asks Defender to isolate a machine. Success means accepted, not isolated.
    ///
    /// It takes at most 20 s altogether, of which at most 5 s are spent waiting for quota; it is repeated only
    /// once and only after a 401.
    ///
    /// # Errors
    /// - Ambiguous ([`ApiError::Lost`]): no answer, a 5xx, or an unreadable success. It may have been done.
    /// - Transient: no connection, no token in time, or over the quota. It was not done.
    /// - Poison: refused. [`ApiError::code`] `ActiveRequestAlreadyExists` means that an isolation is running.
    /// - Fatal: the identity or the permission is at fault. It was not done.
    pub async fn isolate(
        &self,
        machine: &MachineId,
        isolation: IsolationType,
        comment: &str,
    ) -> Result<MachineAction, ApiError> {
        self.isolate_if(machine, isolation, comment, || true).await
    }

    /// As [`Defender::isolate`], but asks once more right before each sending, when quota and token are there:
    /// what the caller checked may have changed while the call waited.
    ///
    /// # Errors
    /// As [`Defender::isolate`]; Transient ([`ApiError::Withdrawn`]) when `permitted` says no.
    pub async fn isolate_if(
        &self,
        machine: &MachineId,
        isolation: IsolationType,
        comment: &str,
        permitted: impl Fn() -> bool + Send + Sync,
    ) -> Result<MachineAction, ApiError> {
        let endpoint = Endpoint::Isolate;
        let body = serde_json::to_vec(&Isolate { comment, isolation_type: isolation.as_str() })
            .map_err(|error| ApiError::setup("the isolation's body", format!("cannot be written: {error}")))?;
        let call = Call {
            endpoint,
            url: self.transport.base.join(&format!("/api/machines/{machine}/isolate"), &Query::new()),
            content: Content::Json(body),
            priority: Priority::Respond,
            permitted: Some(&permitted),
        };
        let answer = self.transport.act(&call).await?;
        let text = text_of(&answer.body);
        cordon_records::Verbatim::parse(&text).ok().and_then(|item| MachineAction::read(&item)).ok_or_else(|| {
            ApiError::Lost {
                endpoint: endpoint.name(),
                why: format!(
                    "HTTP {} came without a machine action; it begins with {:?}",
                    answer.status,
                    beginning(&text)
                ),
            }
        })
    }
}
