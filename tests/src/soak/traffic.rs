//! What the tenant serves during a soak: new alerts of every severity, changes of earlier ones, closed ones, machines
//! that must never be isolated, machines that are off, people who isolate on their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cordon_records::{AlertId, MachineId};
use cordon_simulator::{ActionOutcome, SimAlert, SimMachine, Simulator, sql_rounded};
use jiff::Timestamp;
use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::pipeline::machine;

/// One alert, or one change of an alert, in this time.
const PACE: Duration = Duration::from_millis(200);
const LAPTOPS: u32 = 40;
const NEVER: u32 = 4;
/// Numbers from here on are machines that appear during the soak.
const LATER: u32 = 1000;

/// Every alert served, with its newest change.
pub type Served = Arc<Mutex<BTreeMap<AlertId, Timestamp>>>;

/// A running source of alerts.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    served: Served,
    task: JoinHandle<()>,
}

/// Machines that must never be isolated.
#[must_use]
pub fn never() -> BTreeSet<MachineId> {
    (1..=NEVER).map(|number| never_machine(number).id).collect()
}

fn never_machine(number: u32) -> SimMachine {
    machine(500 + number, &format!("DC-{number:02}")).tag("cordon-never")
}

impl Traffic {
    /// Serves alerts until [`Self::finish`].
    #[must_use]
    pub fn start(tenant: &Simulator, seed: u64) -> Self {
        let (stop, served) = (Arc::new(AtomicBool::new(false)), Served::default());
        let mut source = Source::new(tenant.clone(), Chance::new(!seed), Arc::clone(&served));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut beat = tokio::time::interval(PACE);
            while !stopped.load(Ordering::Relaxed) {
                beat.tick().await;
                source.step();
            }
        });
        Self { stop, served, task }
    }

    /// What was served so far.
    #[must_use]
    pub fn served(&self) -> BTreeMap<AlertId, Timestamp> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the traffic and returns all that was served.
    ///
    /// # Panics
    /// When the source itself has panicked.
    pub async fn finish(self) -> BTreeMap<AlertId, Timestamp> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the traffic goes on until it is stopped");
        self.served.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Source {
    tenant: Simulator,
    chance: Chance,
    served: Served,
    laptops: Vec<SimMachine>,
    others: Vec<SimMachine>,
    never: Vec<SimMachine>,
    alerts: Vec<AlertId>,
    later: u32,
}

impl Source {
    fn new(tenant: Simulator, chance: Chance, served: Served) -> Self {
        let laptops: Vec<SimMachine> = (1..=LAPTOPS).map(|n| machine(n, &format!("LAPTOP-{n:03}"))).collect();
        let mut fails = machine(601, "LAPTOP-FAILS");
        fails.outcome = ActionOutcome::Fails;
        let server = machine(602, "SERVER-01").os("WindowsServer2022");
        let others = vec![fails, server, machine(603, "LAPTOP-OFF").offline()];
        let never: Vec<SimMachine> = (1..=NEVER).map(never_machine).collect();
        for machine in laptops.iter().chain(&others).chain(&never) {
            tenant.add_machine(machine.clone());
        }
        Self { tenant, chance, served, laptops, others, never, alerts: Vec::new(), later: LATER }
    }

    fn step(&mut self) {
        match self.chance.between(0, 100) {
            0..50 => {
                let on = self.chance.one_of(&self.laptops).clone();
                let severity = *self.chance.one_of(&["High", "Medium", "Medium", "Low", "Informational"]);
                self.raise(SimAlert::on(&on).severity(severity));
            }
            50..60 => {
                self.later += 1;
                let on = machine(self.later, &format!("LAPTOP-{}", self.later));
                self.tenant.add_machine(on.clone());
                self.raise(SimAlert::on(&on).severity("High"));
            }
            60..66 => {
                let on = self.chance.one_of(&self.never).clone();
                self.raise(SimAlert::on(&on).severity("High"));
            }
            66..70 => {
                let on = self.chance.one_of(&self.others).clone();
                self.raise(SimAlert::on(&on).severity("High"));
            }
            70..73 => {
                let on = self.chance.one_of(&self.laptops).clone();
                self.raise(SimAlert::on(&on).severity("High").status("Resolved"));
            }
            73..88 => {
                let severity = *self.chance.one_of(&["High", "Medium", "Low"]);
                let number = self.chance.number();
                self.change(|alert| *alert = alert.clone().severity(severity).field("assignedTo", number.into()));
            }
            88..98 => self.change(|alert| "Resolved".clone_into(&mut alert.status)),
            _ => {
                let on = self.chance.one_of(&self.laptops);
                self.tenant.isolate_by_person(&on.id, "anna@example.com", "by hand");
            }
        }
    }

    fn raise(&mut self, alert: SimAlert) {
        let now = self.tenant.now();
        let id = self.tenant.add_alert(alert.at(now).title(&format!("Alert {}", self.alerts.len())));
        self.alerts.push(id.clone());
        self.note(id, now);
    }

    /// Changes one of the newest alerts, so that some of them are still on their way.
    fn change(&mut self, change: impl FnOnce(&mut SimAlert)) {
        let newest = self.alerts.len().saturating_sub(60);
        let Some(recent) = self.alerts.get(newest..).filter(|recent| !recent.is_empty()) else { return };
        let (id, now) = (self.chance.one_of(recent).clone(), self.tenant.now());
        self.tenant.update_alert(&id, |alert| {
            change(alert);
            alert.updated = Some(now);
        });
        self.note(id, now);
    }

    fn note(&self, id: AlertId, at: Timestamp) {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sql_rounded(at));
    }
}
