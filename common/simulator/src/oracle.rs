//! What the tenant knows of itself, for tests to compare with what a program believes.

use cordon_records::{AlertId, MachineId};
use serde_json::{Map, Value};

use crate::simulator::Simulator;
use crate::tenant::action::SimAction;
use crate::tenant::alert::SimAlert;
use crate::tenant::machine::SimMachine;

impl Simulator {
    /// All machine actions, oldest first, each with its present status.
    #[must_use]
    pub fn actions(&self) -> Vec<(SimAction, &'static str)> {
        let now = self.now();
        let state = self.inner.state();
        let status = |action: &SimAction| state.tenant.action_state(action, now).status;
        state.tenant.actions().iter().map(|action| (action.clone(), status(action))).collect()
    }

    /// Whether a machine is cut off now: of its isolations and releases, whoever asked for them, the one that
    /// succeeded last is an isolation.
    #[must_use]
    pub fn is_isolated(&self, machine: &MachineId) -> bool {
        let now = self.now();
        self.inner.state().tenant.last_succeeded(["Isolate", "Unisolate"], machine, now) == Some("Isolate")
    }

    /// Whether a machine runs only programs signed by Microsoft now.
    #[must_use]
    pub fn is_restricted(&self, machine: &MachineId) -> bool {
        let kinds = ["RestrictCodeExecution", "UnrestrictCodeExecution"];
        let now = self.now();
        self.inner.state().tenant.last_succeeded(kinds, machine, now) == Some(kinds[0])
    }

    /// How many isolations of a machine the API accepted: effects, not requests.
    #[must_use]
    pub fn isolations(&self, machine: &MachineId) -> usize {
        self.accepted("Isolate", machine)
    }

    /// How many actions of this type (`RunAntiVirusScan`, …) on a machine the API accepted: effects, not requests.
    #[must_use]
    pub fn accepted(&self, kind: &str, machine: &MachineId) -> usize {
        let state = self.inner.state();
        let counts =
            |action: &&SimAction| action.kind == kind && action.machine == *machine && action.source == "PublicApi";
        state.tenant.actions().iter().filter(counts).count()
    }

    /// How many isolate requests for a machine reached the simulator, whatever became of them.
    #[must_use]
    pub fn isolate_posts(&self, machine: &MachineId) -> usize {
        self.posts(&format!("/machines/{machine}/isolate"))
    }

    /// How many POST and PATCH requests whose path ends so (`/machines/ID/tags`, `/alerts/ID`, `/indicators`) reached
    /// the simulator, whatever became of them.
    #[must_use]
    pub fn posts(&self, path_end: &str) -> usize {
        let state = self.inner.state();
        let changes = |method: &str| matches!(method, "POST" | "PATCH");
        let entries = state.log.entries().iter();
        entries.filter(|entry| changes(&entry.method) && entry.path.ends_with(path_end)).count()
    }

    /// A machine as it is now.
    #[must_use]
    pub fn machine(&self, machine: &MachineId) -> Option<SimMachine> {
        self.inner.state().tenant.machine(machine.as_str()).cloned()
    }

    /// An alert as it is now.
    #[must_use]
    pub fn alert(&self, alert: &AlertId) -> Option<SimAlert> {
        self.inner.state().tenant.alert(alert.as_str()).cloned()
    }

    /// The indicators submitted, in their wire form, the last change last.
    #[must_use]
    pub fn indicators(&self) -> Vec<Map<String, Value>> {
        self.inner.state().tenant.indicators().all().to_vec()
    }
}
