//! What people do in the portal, beside every program.

use cordon_records::{MachineActionId, MachineId};
use jiff::Timestamp;

use crate::simulator::Simulator;
use crate::state::State;
use crate::tenant::NewAction;

impl Simulator {
    /// A person isolates a machine in the portal. Nothing checks whether another action is under way.
    pub fn isolate_by_person(&self, machine: &MachineId, person: &str, comment: &str) -> MachineActionId {
        self.act_by_person("Isolate", machine, person, comment)
    }

    /// A person releases a machine in the portal.
    pub fn release_by_person(&self, machine: &MachineId, person: &str, comment: &str) -> MachineActionId {
        self.act_by_person("Unisolate", machine, person, comment)
    }

    /// A person starts an action of any kind (`RunAntiVirusScan`, …) in the portal.
    pub fn act_by_person(&self, kind: &str, machine: &MachineId, person: &str, comment: &str) -> MachineActionId {
        let now = self.now();
        act(&mut self.inner.state(), kind, machine, (person, comment), now)
    }

    /// A person cancels an action in the portal; `false` when there is no such action under way.
    pub fn cancel_by_person(&self, action: &MachineActionId, person: &str, comment: &str) -> bool {
        let now = self.now();
        cancel(&mut self.inner.state(), action.as_str(), (person, comment), now)
    }
}

pub(crate) fn act(
    state: &mut State,
    kind: &str,
    machine: &MachineId,
    (person, comment): (&str, &str),
    now: Timestamp,
) -> MachineActionId {
    let new = NewAction {
        kind: kind.to_owned(),
        machine: machine.clone(),
        requestor: person.to_owned(),
        comment: comment.to_owned(),
        scope: (kind == "Isolate").then(|| "Full".to_owned()),
        sha1: None,
        commands: Vec::new(),
        source: "Portal",
        settle: state.options.settle,
    };
    state.tenant.put_action(new, now).id.clone()
}

pub(crate) fn cancel(state: &mut State, id: &str, (person, comment): (&str, &str), now: Timestamp) -> bool {
    let action = state.tenant.action(id);
    let live = action.is_some_and(|action| state.tenant.action_state(action, now).is_live());
    if live {
        state.cancel(id, (now, person.to_owned(), comment.to_owned()));
    }
    live
}
