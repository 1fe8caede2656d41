//! Response actions, all kinds through one door, and what each comes to.
//!
//! None of them has an idempotency key, so each is sent once. What cannot be known is said to be
//! [`ApiError::Lost`]; the caller then looks into the list of machine actions, where the action is listed there.

use std::time::Duration;

use cordon_records::{Action, ActionKind, AlertId, MachineAction, MachineId};
use serde::Serialize;

use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::exchange::Answer;
use crate::odata::Query;
use crate::quota::Priority;
use crate::transport::{Call, Content};

/// What a response action came to when Defender took it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one is made for each call and read at once")]
pub enum Done {
    /// It was accepted, and is to be followed under its id until it ends.
    MachineAction(MachineAction),
    /// It is done; a few words for people, such as "tag VIP put on".
    Now(String),
}

/// Asked right before each sending, after all waiting; nothing is sent when it says no.
pub(crate) type Permitted<'a> = &'a (dyn Fn() -> bool + Send + Sync);

impl Defender {
    /// Says that actions of these kinds and ages have been asked for with this quota, by this process or another one,
    /// so that the next ones keep within the minute and the hour together with them. Ages beyond an hour change
    /// nothing; one that is too old lets a call go too early. Updates of alerts count one by one, also where one call
    /// carried several.
    pub fn acted_before(&self, calls: &[(ActionKind, Duration)]) {
        for kind in ActionKind::ALL {
            let ages: Vec<Duration> = calls.iter().filter(|(of, _)| of == kind).map(|(_, age)| *age).collect();
            if let Some(endpoint) = Endpoint::of(*kind).filter(|_| !ages.is_empty()) {
                self.transport.charge(endpoint, &ages);
            }
        }
    }

    /// Asks Defender to carry out an action on this machine or alert, unless `permitted` says no right before the
    /// request is sent. `comment` goes with machine actions; tags, device values, updates of alerts
    /// and indicators carry texts of their own.
    ///
    /// It takes at most 20 s altogether, of which at most 5 s are spent waiting for quota; it is repeated only
    /// once and only after a 401.
    ///
    /// # Errors
    /// - Ambiguous ([`ApiError::Lost`]): no answer, a 5xx, or an unreadable success. It may have been done.
    /// - Transient: no connection, no token in time, over the quota, or no longer permitted. It was not done.
    /// - Poison: refused. [`ApiError::code`] `ActiveRequestAlreadyExists` means that such an action is running.
    /// - Fatal: the identity or the permission is at fault, a cancellation was asked for here, which needs the id of the
    ///   action to cancel ([`Defender::cancel_if`]), or a kind that Microsoft no longer takes. It was not done.
    #[expect(clippy::too_many_arguments, reason = "some kinds go to the alert, others to the machine")]
    pub async fn act_if(
        &self,
        alert: &AlertId,
        machine: &MachineId,
        action: &Action,
        comment: &str,
        permitted: impl Fn() -> bool + Send + Sync,
    ) -> Result<Done, ApiError> {
        let permitted: Permitted<'_> = &permitted;
        match action {
            Action::Tag { tag, change } => self.tag_if(machine, tag, *change, permitted).await.map(Done::Now),
            Action::SetDeviceValue { value } => self.value_if(machine, *value, permitted).await.map(Done::Now),
            Action::UpdateAlert(changes) => self.update_alert_if(alert, changes, permitted).await.map(Done::Now),
            Action::Indicator(indicator) => self.indicate_if(indicator, permitted).await.map(Done::Now),
            Action::Cancel { .. } => Err(ApiError::setup(
                Endpoint::Cancel.name(),
                "needs the id of the machine action to cancel; look it up and cancel that",
            )),
            Action::Isolate { .. }
            | Action::Release { .. }
            | Action::RestrictCode { .. }
            | Action::UnrestrictCode { .. }
            | Action::Scan { .. }
            | Action::CollectPackage { .. }
            | Action::Investigate { .. }
            | Action::StopFile { .. }
            | Action::LiveResponse { .. }
            | Action::Offboard { .. } => {
                self.respond_if(machine, action, comment, permitted).await.map(Done::MachineAction)
            }
        }
    }

    /// Sends a body once, ahead of ordinary calls; `id` is that of the machine, alert or machine action in the path.
    pub(crate) async fn effect(
        &self,
        endpoint: Endpoint,
        id: &str,
        body: &(impl Serialize + Sync),
        permitted: Permitted<'_>,
    ) -> Result<Answer, ApiError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| ApiError::setup(endpoint.name(), format!("has a body that cannot be written: {error}")))?;
        let call = Call {
            endpoint,
            url: self.transport.base.join(&endpoint.path(id), &Query::new()),
            content: Content::Json(body),
            priority: Priority::Respond,
            permitted: Some(permitted),
        };
        self.transport.act(&call).await
    }
}
