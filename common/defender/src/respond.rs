//! Response actions on machines that Defender lists and follows: the calls that answer with a machine action.
//! Source: Microsoft's pages "Isolate machine API", "Release device from isolation API", "Restrict app execution API",
//! "Remove app restriction API", "Run antivirus scan API", "Collect investigation package API", "Stop and quarantine
//! file API", "Run live response commands on a device", "Offboard machine API" and "Cancel machine action API".

use std::time::Duration;

use cordon_records::{Action, ActionKind, IsolationType, MachineAction, MachineActionId, MachineId};
use serde::Serialize;

use crate::act::Permitted;
use crate::defender::Defender;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::live_response::Command;
use crate::machine_actions::taken;

/// The keys are case-sensitive. The comment is required everywhere; of the others, those that the kind has.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    comment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    isolation_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    commands: Vec<Command<'a>>,
}

impl<'a> Body<'a> {
    fn of(action: &'a Action, comment: &'a str) -> Self {
        let plain = Self { comment, isolation_type: None, scan_type: None, sha1: None, commands: Vec::new() };
        match action {
            Action::Isolate { isolation, .. } => Self { isolation_type: Some(isolation.as_str()), ..plain },
            Action::Scan { scan, .. } => Self { scan_type: Some(scan.as_str()), ..plain },
            Action::StopFile { sha1, .. } => Self { sha1: Some(sha1.as_str()), ..plain },
            Action::LiveResponse { commands, .. } => {
                Self { commands: commands.iter().map(Command::from).collect(), ..plain }
            }
            Action::Release { .. }
            | Action::RestrictCode { .. }
            | Action::UnrestrictCode { .. }
            | Action::CollectPackage { .. }
            | Action::Investigate { .. }
            | Action::Offboard { .. }
            // None of those that follow has this body: each is asked for elsewhere, with its own.
            | Action::Tag { .. }
            | Action::SetDeviceValue { .. }
            | Action::UpdateAlert(_)
            | Action::Indicator(_)
            | Action::Cancel { .. } => plain,
        }
    }
}

/// The body of a cancellation.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Cancel<'a> {
    comment: &'a str,
}

impl Defender {
    /// Says that isolations of these ages have been asked for with this quota, as [`Defender::acted_before`] does for
    /// every kind.
    pub fn isolated_before(&self, ages: &[Duration]) {
        self.transport.charge(Endpoint::Isolate, ages);
    }

    /// Asks Defender to isolate a machine. Success means accepted, not isolated.
    ///
    /// # Errors
    /// As [`Defender::act_if`].
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
    /// As [`Defender::act_if`].
    pub async fn isolate_if(
        &self,
        machine: &MachineId,
        isolation: IsolationType,
        comment: &str,
        permitted: impl Fn() -> bool + Send + Sync,
    ) -> Result<MachineAction, ApiError> {
        let action = Action::Isolate { isolation, comment: String::new(), release: None };
        self.respond_if(machine, &action, comment, &permitted).await
    }

    /// Cancels a machine action that has not ended, unless `permitted` says no right before the request is sent. The
    /// answer is the action as it is then; follow it to its end, which may still be another one than `Cancelled`.
    ///
    /// # Errors
    /// As [`Defender::act_if`]; Poison also when the action has ended, and with [`ApiError::is_not_found`] when there
    /// is no such action.
    pub async fn cancel_if(
        &self,
        id: &MachineActionId,
        comment: &str,
        permitted: impl Fn() -> bool + Send + Sync,
    ) -> Result<MachineAction, ApiError> {
        let endpoint = Endpoint::Cancel;
        let answer = self.effect(endpoint, id.as_str(), &Cancel { comment }, &permitted).await?;
        taken(endpoint, &answer)
    }

    /// Asks for an action that Defender lists. Offboarding is answered with 200, the others with 201.
    pub(crate) async fn respond_if(
        &self,
        machine: &MachineId,
        action: &Action,
        comment: &str,
        permitted: Permitted<'_>,
    ) -> Result<MachineAction, ApiError> {
        let endpoint = Endpoint::of(action.kind()).ok_or_else(|| retired(action.kind()))?;
        let answer = self.effect(endpoint, machine.as_str(), &Body::of(action, comment), permitted).await?;
        taken(endpoint, &answer)
    }
}

/// What is said instead of asking for a kind that Microsoft no longer takes.
fn retired(kind: ActionKind) -> ApiError {
    let why = kind.retired().map_or_else(String::new, |it| format!(": {}; {}", it.why, it.instead));
    ApiError::setup(format!("the action {kind}"), format!("is asked for nowhere{why}"))
}
