//! What people and Cordon mark machines with: tags and the device value.
//! Source: Microsoft's pages "Add or remove a tag for a machine" and "Set device value API".

use cordon_records::{DeviceValue, MachineId, TagChange};
use serde::Serialize;

use crate::act::Permitted;
use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::exchange::Answer;
use crate::page::{single, unproven};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag<'a> {
    value: &'a str,
    action: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Value {
    device_value: &'static str,
}

impl Defender {
    /// Puts a tag on a machine, or takes it off.
    pub(crate) async fn tag_if(
        &self,
        machine: &MachineId,
        tag: &str,
        change: TagChange,
        permitted: Permitted<'_>,
    ) -> Result<String, ApiError> {
        let endpoint = Endpoint::Tags;
        let body = Tag { value: tag, action: change.as_str() };
        let answer = self.effect(endpoint, machine.as_str(), &body, permitted).await?;
        check(endpoint, machine, &answer)?;
        Ok(match change {
            TagChange::Add => format!("tag {tag} put on"),
            TagChange::Remove => format!("tag {tag} taken off"),
        })
    }

    /// Says what a machine is worth.
    pub(crate) async fn value_if(
        &self,
        machine: &MachineId,
        value: DeviceValue,
        permitted: Permitted<'_>,
    ) -> Result<String, ApiError> {
        let endpoint = Endpoint::DeviceValue;
        let body = Value { device_value: value.as_str() };
        let answer = self.effect(endpoint, machine.as_str(), &body, permitted).await?;
        check(endpoint, machine, &answer)?;
        Ok(format!("device value set to {value}"))
    }
}

/// Both answer with the machine.
fn check(endpoint: Endpoint, machine: &MachineId, answer: &Answer) -> Result<(), ApiError> {
    match single(endpoint, &answer.body, machine.as_str()) {
        Ok(_) => Ok(()),
        Err(_) => Err(unproven(endpoint, answer, "the machine")),
    }
}
