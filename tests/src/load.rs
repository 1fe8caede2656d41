//! Alerts that keep coming while something happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cordon_records::AlertId;
use cordon_simulator::{SimAlert, SimMachine, Simulator};
use tokio::task::JoinHandle;

use crate::pipeline::machine;

/// A running source of alerts.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<AlertId>>,
}

impl Load {
    /// Raises one alert every `pace`, round and round over `machines` machines named `LAPTOP-001` and so on. The first
    /// on each machine is High, the others are Medium: with the shipped rule each machine is to be isolated once.
    #[must_use]
    pub fn start(tenant: &Simulator, machines: u32, pace: Duration) -> Self {
        let known: Vec<SimMachine> = machines_of(machines);
        for machine in &known {
            tenant.add_machine(machine.clone());
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, tenant) = (Arc::clone(&stop), tenant.clone());
        let task = tokio::spawn(async move {
            let mut raised = Vec::new();
            let mut beat = tokio::time::interval(pace);
            while !stopped.load(Ordering::Relaxed) {
                beat.tick().await;
                let number = raised.len();
                let severity = if number < known.len() { "High" } else { "Medium" };
                let alert = SimAlert::on(&known[number % known.len()]).severity(severity);
                raised.push(tenant.add_alert(alert.title(&format!("Alert {number}"))));
            }
            raised
        });
        Self { stop, task }
    }

    /// Ends the load and returns the ids of all alerts raised.
    ///
    /// # Panics
    /// When the source itself has panicked.
    pub async fn finish(self) -> Vec<AlertId> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the load goes on until it is stopped")
    }
}

/// The machines of a load of that size.
#[must_use]
pub fn machines_of(count: u32) -> Vec<SimMachine> {
    (1..=count).map(|number| machine(number, &format!("LAPTOP-{number:03}"))).collect()
}
