//! Indicators: files, addresses and names that Defender treats so in the whole tenant.
//! Source: Microsoft's page "Submit or Update Indicator API".

use std::time::Duration;

use cordon_records::{Indicator, Verbatim};
use jiff::Timestamp;
use serde::Serialize;

use crate::act::Permitted;
use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::page::{beginning, id_of, unproven};
use crate::wire::text_of;

/// `rbacGroupNames` is a list on the wire, although the page's table calls it a text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    indicator_value: &'a str,
    indicator_type: &'static str,
    action: &'static str,
    title: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_time: Option<String>,
    generate_alert: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    rbac_group_names: &'a [String],
}

impl<'a> Body<'a> {
    fn new(indicator: &'a Indicator, now: Timestamp) -> Self {
        // Whole seconds are enough, and an end past the end of time is that.
        let ends = |after: u64| {
            let end = now.checked_add(Duration::from_secs(after)).unwrap_or(Timestamp::MAX);
            format!("{end:.0}")
        };
        Self {
            indicator_value: &indicator.value,
            indicator_type: indicator.kind.as_str(),
            action: indicator.action.as_str(),
            title: &indicator.title,
            description: &indicator.description,
            severity: indicator.severity.as_deref(),
            expiration_time: indicator.expires_after_s.map(ends),
            generate_alert: indicator.generate_alert,
            rbac_group_names: &indicator.groups,
        }
    }
}

impl Defender {
    /// Submits an indicator; one of the same value and type is replaced.
    pub(crate) async fn indicate_if(
        &self,
        indicator: &Indicator,
        permitted: Permitted<'_>,
    ) -> Result<String, ApiError> {
        let endpoint = Endpoint::Indicators;
        let body = Body::new(indicator, self.transport.ports.clock.now());
        let answer = self.effect(endpoint, "", &body, permitted).await?;
        let item = Verbatim::parse(&text_of(&answer.body)).ok();
        match item.as_ref().and_then(id_of) {
            Some(id) => Ok(format!("indicator {} submitted", beginning(&id))),
            None => Err(unproven(endpoint, &answer, "an indicator")),
        }
    }
}
