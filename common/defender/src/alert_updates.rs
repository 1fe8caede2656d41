//! Changes to alerts, one or many. Source: Microsoft's pages "Update alert" and "Batch update alerts".
//!
//! The table on the first page has its keys in upper case, its sample and the second page in lower case; the sample's
//! form is sent.

use cordon_records::{AlertChanges, AlertId};
use serde::Serialize;

use crate::act::Permitted;
use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::page::{single, unproven};
use crate::wire::text_of;

/// What changes; what is left out stays. `alertIds` stands in the call for many only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "<[AlertId]>::is_empty")]
    alert_ids: &'a [AlertId],
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    classification: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    determination: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

impl<'a> Body<'a> {
    fn new(alert_ids: &'a [AlertId], changes: &'a AlertChanges) -> Self {
        Self {
            alert_ids,
            status: changes.status.as_ref().map(|status| status.as_str()),
            assigned_to: changes.assigned_to.as_deref(),
            classification: changes.classification.as_ref().map(|classification| classification.as_str()),
            determination: changes.determination.as_deref(),
            comment: changes.comment.as_deref(),
        }
    }
}

impl Defender {
    /// Makes the same changes to several alerts with one call, of which 10 a minute and 500 an hour are granted. The
    /// answer does not say what became of each alert. Without an alert nothing is sent.
    ///
    /// # Errors
    /// As [`Defender::act_if`].
    pub async fn update_alerts_if(
        &self,
        alerts: &[AlertId],
        changes: &AlertChanges,
        permitted: impl Fn() -> bool + Send + Sync,
    ) -> Result<(), ApiError> {
        if alerts.is_empty() {
            return Ok(());
        }
        let endpoint = Endpoint::UpdateAlerts;
        let answer = self.effect(endpoint, "", &Body::new(alerts, changes), &permitted).await?;
        // Documented is an empty body. A page in HTML comes from somebody else.
        let text = text_of(&answer.body);
        let is_fitting = text.is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        if is_fitting { Ok(()) } else { Err(unproven(endpoint, &answer, "an empty body")) }
    }

    /// Makes changes to one alert.
    pub(crate) async fn update_alert_if(
        &self,
        alert: &AlertId,
        changes: &AlertChanges,
        permitted: Permitted<'_>,
    ) -> Result<String, ApiError> {
        let endpoint = Endpoint::UpdateAlert;
        let answer = self.effect(endpoint, alert.as_str(), &Body::new(&[], changes), permitted).await?;
        match single(endpoint, &answer.body, alert.as_str()) {
            Ok(_) => Ok("alert updated".to_owned()),
            Err(_) => Err(unproven(endpoint, &answer, "the alert")),
        }
    }
}
