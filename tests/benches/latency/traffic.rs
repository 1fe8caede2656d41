//! The alerts, and what became of them in the tenant's request log.

use std::collections::HashMap;
use std::time::Duration;

use cordon_records::{AlertId, MachineId};
use cordon_simulator::{SimAlert, SimMachine, Simulator};
use cordon_tests::hops::Isolated;
use cordon_tests::load::machines_of;
use cordon_tests::wait::until;
use jiff::Timestamp;

use crate::figures::Figures;

/// How long the last alert's machine may take to be isolated before the run counts as failed.
const DEADLINE: Duration = Duration::from_secs(120);

/// How many alerts come, and how fast. Each has a machine of its own.
#[derive(Clone, Copy)]
pub struct Plan {
    pub pace: Duration,
    pub warm_up: u32,
    pub counted: u32,
}

impl Plan {
    /// All of them.
    pub const fn alerts(self) -> u32 {
        self.warm_up + self.counted
    }
}

/// Raises the alerts, waits until every machine was asked to be isolated, and gives the counted ones.
pub async fn drive(tenant: &Simulator, plan: Plan) -> (Figures, Vec<Isolated>) {
    let machines = machines_of(plan.alerts());
    let mut raised: Vec<(AlertId, &SimMachine)> = Vec::with_capacity(machines.len());
    let mut beat = tokio::time::interval(plan.pace);
    for machine in &machines {
        beat.tick().await;
        tenant.add_machine(machine.clone());
        raised.push((tenant.add_alert(SimAlert::on(machine)), machine));
    }
    until(DEADLINE, "every machine to be isolated", async || {
        let done = calls(tenant).len();
        if done >= machines.len() { Ok(()) } else { Err(format!("{done} of {}", machines.len())) }
    })
    .await;
    let (calls, all) = (calls(tenant), raised.len());
    let isolated = |(alert, machine): (AlertId, &SimMachine)| {
        let listed = tenant.first_listed(&alert).expect("an alert that led to a call was listed");
        Isolated { alert, listed, called: calls[&machine.id] }
    };
    let isolated: Vec<Isolated> = raised.into_iter().skip(plan.warm_up as usize).map(isolated).collect();
    (Figures::of(isolated.iter().map(Isolated::took).collect(), tenant.requests().len(), all), isolated)
}

/// When each machine was first asked to be isolated.
fn calls(tenant: &Simulator) -> HashMap<MachineId, Timestamp> {
    let mut calls = HashMap::new();
    for request in tenant.requests().into_iter().filter(|request| request.path.ends_with("/isolate")) {
        let id = request.path.rsplit('/').nth(1).and_then(|id| MachineId::new(id).ok()).expect("a machine's id");
        calls.entry(id).or_insert(request.at);
    }
    calls
}
