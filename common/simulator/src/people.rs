//! What people do in the portal, beside every program.

use cordon_records::{MachineActionId, MachineId};
use jiff::Timestamp;

use crate::state::State;
use crate::tenant::NewAction;

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
