//! The make-believe company and what happens to it.

use cordon_records::{AlertId, MachineId};
use cordon_simulator::{SimAlert, SimMachine, Simulator};

/// When a scene is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The decision is made and nothing follows.
    Decided,
    /// respond has met an action that it knows.
    Known,
    /// The mail about Defender's acceptance is out.
    Requested,
    /// The mail about the finished isolation is out.
    Confirmed,
    /// The mail about the refusal is out.
    Refused,
}

/// One alert of the scenario.
#[derive(Debug, Clone)]
pub struct Scene {
    severity: &'static str,
    title: &'static str,
    machine: usize,
    again: bool,
    /// When it is over.
    pub end: End,
}

/// An alert that has just been raised.
#[derive(Debug, Clone)]
pub struct Raised {
    /// Its number in the story.
    pub number: usize,
    /// Its id.
    pub alert: AlertId,
    /// How bad.
    pub severity: String,
    /// One line.
    pub title: String,
    /// The machine's name, with what it is.
    pub machine: String,
    /// The machine's id.
    pub machine_id: MachineId,
    /// The vendor sends the same alert once more, updated.
    pub again: bool,
}

/// Machines of the company, in the order of [`MACHINES`].
pub struct Company {
    machines: Vec<SimMachine>,
    next: std::cell::Cell<usize>,
    first: std::cell::RefCell<Option<AlertId>>,
}

const MACHINES: [(&str, &str, &str); 4] = [
    ("LAPTOP-ANNA", "Windows11", "Windows 11"),
    ("LAPTOP-BEN", "Windows11", "Windows 11"),
    ("DC-01", "WindowsServer2022", "Windows Server 2022"),
    ("LAPTOP-CARA", "Windows10", "Windows 10, switched off"),
];

impl Company {
    /// Enrols the machines in the simulated tenant.
    pub fn settle_in(tenant: &Simulator) -> Self {
        let mut machines = Vec::new();
        for (index, (name, os, _)) in MACHINES.iter().enumerate() {
            let Ok(id) = MachineId::new(format!("{:040x}", 0x00c0_4d00 + index)) else { continue };
            let mut machine = SimMachine::new(id, name).os(os);
            if *name == "DC-01" {
                machine = machine.tag("cordon-never");
            }
            if *name == "LAPTOP-CARA" {
                machine = machine.offline();
            }
            tenant.add_machine(machine.clone());
            machines.push(machine);
        }
        Self { machines, next: std::cell::Cell::new(1), first: std::cell::RefCell::default() }
    }

    /// The scenario, in order.
    pub fn scenes(&self) -> Vec<Scene> {
        let scene = |severity, title, machine, end| Scene { severity, title, machine, again: false, end };
        vec![
            scene("High", "Ransomware behaviour", 0, End::Confirmed),
            scene("Medium", "Unusual PowerShell command line", 1, End::Decided),
            scene("High", "Credential theft", 2, End::Refused),
            Scene { again: true, ..scene("High", "Ransomware behaviour", 0, End::Known) },
            scene("High", "Hands-on-keyboard attack", 3, End::Requested),
        ]
    }

    /// Raises the scene's alert, or touches the first one again.
    pub fn raise(&self, scene: &Scene, tenant: &Simulator) -> Raised {
        let machine = &self.machines[scene.machine];
        let number = self.next.get();
        self.next.set(number + 1);
        let known = self.first.borrow().clone().filter(|_| scene.again);
        let alert = match known {
            Some(alert) => {
                tenant.update_alert(&alert, |alert| {
                    *alert = alert.clone().field("assignedTo", "anna@example.com".into())
                });
                alert
            }
            None => tenant
                .add_alert(SimAlert::on(machine).severity(scene.severity).title(scene.title).user("anna", "EXAMPLE")),
        };
        self.first.borrow_mut().get_or_insert_with(|| alert.clone());
        let (name, _, os) = MACHINES[scene.machine];
        Raised {
            number,
            alert,
            severity: scene.severity.to_owned(),
            title: scene.title.to_owned(),
            machine: format!("{name} ({os})"),
            machine_id: machine.id.clone(),
            again: scene.again,
        }
    }
}

/// A command that raises one more alert through the tenant's admin interface.
pub fn curl(tenant: &Simulator) -> String {
    format!(
        "curl -X POST {}/sim/alerts -H 'content-type: application/json' -d '{{\"machineId\":\"{:040x}\",\"severity\":\"High\",\"title\":\"My own alert\"}}'",
        tenant.base(),
        0x00c0_4d01
    )
}
