//! Automated investigations. Source: Microsoft's page "Start Investigation API".

use cordon_records::{MachineId, Verbatim};
use serde::Serialize;

use crate::act::Permitted;
use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::page::{beginning, id_of, text_of, unproven};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    comment: &'a str,
}

impl Defender {
    /// Starts an investigation on a machine. It is no machine action: it is not listed among those. 50 calls an hour
    /// are granted.
    pub(crate) async fn investigate_if(
        &self,
        machine: &MachineId,
        comment: &str,
        permitted: Permitted<'_>,
    ) -> Result<String, ApiError> {
        let endpoint = Endpoint::Investigate;
        let answer = self.effect(endpoint, machine.as_str(), &Body { comment }, permitted).await?;
        let item = Verbatim::parse(&text_of(&answer.body)).ok();
        match item.as_ref().and_then(id_of) {
            Some(id) => Ok(format!("investigation {} started", beginning(&id))),
            None => Err(unproven(endpoint, &answer, "an investigation")),
        }
    }
}
