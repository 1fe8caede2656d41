//! Who is cut off: every isolation and every release of the tenant, whoever asked for it. Source: Microsoft's pages "List
//! machine actions API" and "machineAction resource type".

use cordon_records::{ActionType, MachineAction, MachineId, Verbatim, lenient};
use serde::Deserialize;

use crate::defender::Defender;
use crate::error::ApiError;
use crate::machine_actions::newest_first;
use crate::odata::{Filter, Query};
use crate::page::beginning;

/// An isolation or a release, with what only people need of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsolationStep {
    /// The action: an Isolate or an Unisolate.
    pub action: MachineAction,
    /// The machine.
    pub machine: MachineId,
    /// The machine's DNS name, where the list has one.
    pub machine_name: Option<String>,
    /// Where it was asked for: `Portal` and `PublicApi` have been seen.
    pub source: Option<String>,
}

/// Every isolation and release that the tenant lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IsolationSteps {
    /// Newest first; those without a creation time come first.
    pub steps: Vec<IsolationStep>,
    /// The beginnings of entries that could be such a step, and do not say of which machine: nobody knows how it stands.
    pub unreadable: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default, rename = "type", deserialize_with = "lenient::text")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    computer_dns_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    request_source: Option<String>,
}

impl IsolationSteps {
    fn take(&mut self, item: &Verbatim) {
        let wire = item.view::<Wire>().unwrap_or_default();
        let kind = ActionType::from(wire.kind.as_deref().unwrap_or_default().trim());
        let readable = MachineAction::read(item).and_then(|action| Some((action.machine_id.clone()?, action)));
        match (kind, readable) {
            (ActionType::Isolate | ActionType::Unisolate, Some((machine, action))) => {
                let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
                let (machine_name, source) = (filled(wire.computer_dns_name), filled(wire.request_source));
                self.steps.push(IsolationStep { action, machine, machine_name, source });
            }
            // A server may ignore the filter: these leave the network alone.
            (kind, _) if is_of_another_kind(&kind) => {}
            (_, _) => self.unreadable.push(beginning(item.get())),
        }
    }
}

/// One without a kind could be anything.
fn is_of_another_kind(kind: &ActionType) -> bool {
    match kind {
        ActionType::Isolate | ActionType::Unisolate => false,
        ActionType::Other(kind) => !kind.is_empty(),
        ActionType::RunAntiVirusScan
        | ActionType::Offboard
        | ActionType::LiveResponse
        | ActionType::CollectInvestigationPackage
        | ActionType::StopAndQuarantineFile
        | ActionType::RestrictCodeExecution
        | ActionType::UnrestrictCodeExecution => true,
    }
}

impl Defender {
    /// Every isolation and release of all machines, newest first. It needs the permission `Machine.Read.All`.
    ///
    /// # Errors
    /// As [`Defender::machine_actions`]: a list that cannot be read to its end is an error, never a shorter list.
    pub async fn isolation_steps(&self) -> Result<IsolationSteps, ApiError> {
        let kinds = [ActionType::Isolate, ActionType::Unisolate];
        let filter = Filter::new().any_of("type", kinds.iter().map(ActionType::as_str));
        let mut found = IsolationSteps::default();
        for item in self.action_items(&Query::new().filter(&filter)).await? {
            found.take(&item);
        }
        found.steps.sort_by_key(|step| newest_first(&step.action));
        Ok(found)
    }
}
