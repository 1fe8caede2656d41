//! What the simulated tenant holds: machines, alerts with their history, machine actions, indicators.

pub(crate) mod action;
pub(crate) mod alert;
mod indicators;
pub(crate) mod machine;

use std::collections::BTreeMap;
use std::time::Duration;

use cordon_records::{AlertId, IdError, MachineActionId, MachineId};
use jiff::Timestamp;
use serde_json::{Map, Value};

use action::{Presence, SimAction};
use alert::SimAlert;
use indicators::Indicators;
use machine::SimMachine;

#[derive(Debug)]
struct Known {
    machine: SimMachine,
    presence: Presence,
}

/// An alert as it was from a time on.
#[derive(Debug)]
struct Version {
    since: Timestamp,
    alert: SimAlert,
    wire: Map<String, Value>,
}

/// The tenant's contents.
#[derive(Debug)]
pub(crate) struct Tenant {
    id: String,
    machines: BTreeMap<String, Known>,
    alerts: BTreeMap<String, Vec<Version>>,
    actions: Vec<SimAction>,
    indicators: Indicators,
    counter: u64,
}

/// What a new machine action is made of.
#[derive(Debug, Clone)]
pub(crate) struct NewAction {
    pub(crate) kind: String,
    pub(crate) machine: MachineId,
    pub(crate) requestor: String,
    pub(crate) comment: String,
    pub(crate) scope: Option<String>,
    pub(crate) sha1: Option<String>,
    pub(crate) commands: Vec<Value>,
    pub(crate) source: &'static str,
    pub(crate) settle: Duration,
}

impl Tenant {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            machines: BTreeMap::new(),
            alerts: BTreeMap::new(),
            actions: Vec::new(),
            indicators: Indicators::default(),
            counter: 0,
        }
    }

    /// A GUID that does not sort by age, as real ids do not.
    pub(crate) fn guid(&mut self) -> String {
        self.counter += 1;
        let (high, low) = (mixed(self.counter), mixed(self.counter ^ u64::MAX));
        let low = format!("{low:016x}");
        format!("{:08x}-{:04x}-4{:03x}-8{}-{}", high >> 32, high >> 16 & 0xffff, high & 0xfff, &low[..3], &low[4..])
    }

    pub(crate) fn put_machine(&mut self, machine: SimMachine, now: Timestamp) {
        let key = machine.id.as_str().to_owned();
        let online = machine.online;
        match self.machines.get_mut(&key) {
            Some(known) => {
                known.machine = machine;
                known.set_online(online, now);
            }
            None => {
                // It was there before the simulator was: an action back-dated by a test finds it as it is.
                self.machines.insert(key, Known { machine, presence: vec![(Timestamp::MIN, online)] });
            }
        }
    }

    pub(crate) fn set_online(&mut self, machine: &MachineId, online: bool, now: Timestamp) {
        if let Some(known) = self.machines.get_mut(machine.as_str()) {
            known.machine.online = online;
            known.set_online(online, now);
        }
    }

    pub(crate) fn remove_machine(&mut self, machine: &MachineId) {
        self.machines.remove(machine.as_str());
    }

    /// A machine by id or by name, as `GET /api/machines/{id}` finds it.
    pub(crate) fn machine(&self, id_or_name: &str) -> Option<&SimMachine> {
        let by_name = || self.machines.values().find(|known| known.machine.name.eq_ignore_ascii_case(id_or_name));
        self.machines.get(id_or_name).or_else(by_name).map(|known| &known.machine)
    }

    pub(crate) fn machine_mut(&mut self, machine: &MachineId) -> Option<&mut SimMachine> {
        self.machines.get_mut(machine.as_str()).map(|known| &mut known.machine)
    }

    pub(crate) fn machines(&self) -> impl Iterator<Item = &SimMachine> {
        self.machines.values().map(|known| &known.machine)
    }

    fn presence(&self, machine: &MachineId) -> Presence {
        let known = self.machines.get(machine.as_str());
        known.map_or_else(|| vec![(Timestamp::MIN, true)], |known| known.presence.clone())
    }

    /// Adds an alert; one with an id that is known becomes that alert's newest version.
    pub(crate) fn put_alert(&mut self, mut alert: SimAlert, now: Timestamp) -> AlertId {
        let id = alert.id.take().unwrap_or_else(|| self.alert_id());
        let alert = alert.completed(id.clone(), now);
        let wire = alert.to_json(&self.id);
        self.alerts.entry(id.as_str().to_owned()).or_default().push(Version { since: now, alert, wire });
        id
    }

    fn alert_id(&mut self) -> AlertId {
        self.made(|guid| AlertId::new(format!("da{guid}_1")))
    }

    fn action_id(&mut self) -> MachineActionId {
        self.made(MachineActionId::new)
    }

    /// The next id of this form. Hexadecimal digits and dashes always make one, so the first is it.
    fn made<T>(&mut self, form: impl Fn(String) -> Result<T, IdError>) -> T {
        loop {
            if let Ok(id) = form(self.guid()) {
                return id;
            }
        }
    }

    pub(crate) fn alert(&self, id: &str) -> Option<&SimAlert> {
        Some(&self.alerts.get(id)?.last()?.alert)
    }

    /// The wire form of an alert's newest version, with evidence.
    pub(crate) fn alert_wire(&self, id: &str) -> Option<&Map<String, Value>> {
        Some(&self.alerts.get(id)?.last()?.wire)
    }

    /// All alerts sorted by id, each as it was at a time; alerts that are younger are left out.
    pub(crate) fn alerts_at(&self, time: Timestamp) -> impl Iterator<Item = &Map<String, Value>> {
        let version = move |versions: &'_ Vec<Version>| versions.iter().rposition(|version| version.since <= time);
        self.alerts.values().filter_map(move |versions| Some(&versions[version(versions)?].wire))
    }

    pub(crate) fn put_action(&mut self, new: NewAction, now: Timestamp) -> &SimAction {
        let machine = self.machines.get(new.machine.as_str()).map(|known| &known.machine);
        let (machine_name, outcome) = (machine.map(|m| m.name.clone()), machine.map(|m| m.outcome).unwrap_or_default());
        let id = self.action_id();
        let place = self.actions.len();
        self.actions.push(SimAction {
            id,
            kind: new.kind,
            machine: new.machine,
            machine_name,
            requestor: new.requestor,
            comment: new.comment,
            scope: new.scope,
            sha1: new.sha1,
            commands: new.commands,
            source: new.source.to_owned(),
            created: now,
            settle: new.settle,
            outcome,
            cancelled: None,
        });
        &self.actions[place]
    }

    pub(crate) fn actions(&self) -> &[SimAction] {
        &self.actions
    }

    pub(crate) fn action(&self, id: &str) -> Option<&SimAction> {
        self.actions.iter().find(|action| action.id.as_str() == id)
    }

    pub(crate) fn action_mut(&mut self, id: &str) -> Option<&mut SimAction> {
        self.actions.iter_mut().find(|action| action.id.as_str() == id)
    }

    pub(crate) fn action_state(&self, action: &SimAction, now: Timestamp) -> action::ActionState {
        action.state(&self.presence(&action.machine), now)
    }

    pub(crate) fn action_wire(&self, action: &SimAction, now: Timestamp) -> Map<String, Value> {
        action.to_json(&self.presence(&action.machine), now)
    }

    /// The actions of this kind that are under way, on whichever machines.
    pub(crate) fn live_actions(&self, kind: &str, now: Timestamp) -> Vec<&SimAction> {
        let live = |action: &&SimAction| action.kind == kind && self.action_state(action, now).is_live();
        self.actions.iter().filter(live).collect()
    }

    /// The kind, of these two, of the action that succeeded last on a machine.
    pub(crate) fn last_succeeded(&self, kinds: [&str; 2], machine: &MachineId, now: Timestamp) -> Option<&str> {
        let of = |action: &&SimAction| action.machine == *machine && kinds.contains(&action.kind.as_str());
        let ended = self.actions.iter().filter(of).map(|action| (action, self.action_state(action, now)));
        let succeeded = ended.filter(|(_, state)| state.status == "Succeeded");
        succeeded.max_by_key(|(_, state)| state.updated).map(|(action, _)| action.kind.as_str())
    }

    pub(crate) fn indicators(&self) -> &Indicators {
        &self.indicators
    }

    pub(crate) fn put_indicator(&mut self, wire: Map<String, Value>) {
        self.indicators.put(wire);
    }
}

impl Known {
    fn set_online(&mut self, online: bool, now: Timestamp) {
        if self.presence.last().is_none_or(|(_, before)| *before != online) {
            self.presence.push((now, online));
        }
    }
}

/// `SplitMix64`: a counter in, 64 well-spread bits out.
fn mixed(counter: u64) -> u64 {
    let mut z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
