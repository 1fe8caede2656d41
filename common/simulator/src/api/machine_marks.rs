//! `POST /api/machines/{id}/tags` and `/setDeviceValue`. Both answer with the changed machine.

use super::body::Body;
use super::machines::single;
use super::{Request, not_found};
use crate::answer::Answer;
use crate::state::State;
use crate::tenant::machine::SimMachine;

/// Puts a tag on, or takes it off ("Add or remove a tag for a machine"). Doing so again changes nothing.
pub(crate) fn tag(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    match read_tag(request, state) {
        Ok((tag, add)) => change(request, state, id, |machine| {
            machine.tags.retain(|known| *known != tag);
            if add {
                machine.tags.push(tag);
            }
        }),
        Err(refusal) => refusal,
    }
}

fn read_tag(request: &Request<'_>, state: &mut State) -> Result<(String, bool), Answer> {
    let body = Body::read(request, state, &["Value", "Action"])?;
    let tag = body.required(state, "Value")?;
    body.required(state, "Action")?;
    let action = body.one_of(state, "Action", &["Add", "Remove"])?;
    Ok((tag, action.as_deref() == Some("Add")))
}

/// Says what a machine is worth ("Set device value API").
pub(crate) fn set_value(request: &Request<'_>, state: &mut State, id: &str) -> Answer {
    match read_value(request, state) {
        Ok(value) => change(request, state, id, |machine| machine.value = value),
        Err(refusal) => refusal,
    }
}

fn read_value(request: &Request<'_>, state: &mut State) -> Result<Option<String>, Answer> {
    let body = Body::read(request, state, &["DeviceValue"])?;
    body.required(state, "DeviceValue")?;
    body.one_of(state, "DeviceValue", &["Low", "Normal", "High"])
}

fn change(request: &Request<'_>, state: &mut State, id: &str, change: impl FnOnce(&mut SimMachine)) -> Answer {
    let found = state.tenant.machine(id).map(|machine| machine.id.clone());
    let Some(machine) = found.and_then(|id| state.tenant.machine_mut(&id)) else {
        return not_found(state, &format!("Machine {id}"));
    };
    change(machine);
    single(request, state, id)
}
