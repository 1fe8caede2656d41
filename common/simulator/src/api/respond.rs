//! `POST /api/machines/{id}/…`: the calls that answer with a machine action.

use cordon_records::{MachineId, Sha1};
use serde_json::{Value, json};

use super::body::Body;
use super::machine_call::MachineCall;
use super::{Request, bad_request, entity, not_found};
use crate::answer::{Answer, error};
use crate::state::State;
use crate::tenant::NewAction;

/// Live response sessions that may be under way at a time in the tenant ("Run live response commands on a device").
const LIVE_SESSIONS: usize = 25;
/// The order in which live response commands must come, with the parameters that each needs.
const COMMANDS: [(&str, &str); 3] = [("PutFile", "FileName"), ("RunScript", "ScriptName"), ("GetFile", "Path")];

/// What a body says besides the comment.
#[derive(Default)]
struct Details {
    scope: Option<String>,
    sha1: Option<String>,
    commands: Vec<Value>,
}

/// Asks for an action on a machine.
pub(crate) fn respond(request: &Request<'_>, state: &mut State, response: MachineCall, id: &str) -> Answer {
    match accept(request, state, response, id) {
        Ok(answer) | Err(answer) => answer,
    }
}

fn accept(request: &Request<'_>, state: &mut State, response: MachineCall, id: &str) -> Result<Answer, Answer> {
    let body = Body::read(request, state, &response.keys())?;
    let comment = body.required(state, "Comment")?;
    let details = details(&body, state, response)?;
    let found = state.tenant.machine(id).map(|machine| (machine.id.clone(), machine.os.clone(), machine.is_managed()));
    let Some((machine, os, managed)) = found else { return Err(not_found(state, &format!("Machine {id}"))) };
    if !response.runs_on(&os, details.scope.as_deref()) {
        return Err(bad_request(state, "OsPlatformNotSupported", &format!("The action is not supported on {os}")));
    }
    if managed && details.scope.as_deref() == Some("UnManagedDevice") {
        return Err(bad_request(state, "InvalidInput", "UnManagedDevice is for devices that are not managed"));
    }
    check_running(request, state, response, (&machine, details.sha1.as_deref()))?;
    let new = NewAction {
        kind: response.kind().to_owned(),
        machine,
        requestor: request.caller.client_id.clone(),
        comment,
        scope: details.scope,
        sha1: details.sha1,
        commands: details.commands,
        source: "PublicApi",
        settle: state.options.settle,
    };
    let action = state.tenant.put_action(new, request.now).clone();
    let mut wire = state.tenant.action_wire(&action, request.now);
    // However quick the machine is, the answer to the request itself says Pending.
    wire.insert("status".to_owned(), Value::from("Pending"));
    Ok(entity(request.call, "MachineActions", response.status(), &wire))
}

fn details(body: &Body, state: &mut State, response: MachineCall) -> Result<Details, Answer> {
    Ok(match response {
        MachineCall::Isolate => {
            let types = ["Full", "Selective", "UnManagedDevice"];
            let scope = body.one_of(state, "IsolationType", &types)?;
            Details { scope: scope.or(Some("Full".to_owned())), ..Details::default() }
        }
        MachineCall::Scan => {
            body.required(state, "ScanType")?;
            Details { scope: body.one_of(state, "ScanType", &["Quick", "Full"])?, ..Details::default() }
        }
        MachineCall::StopFile => {
            let text = body.required(state, "Sha1")?;
            let Ok(sha1) = Sha1::new(&text) else {
                return Err(bad_request(state, "InvalidHashValue", "Sha1 is not a valid SHA-1 hash"));
            };
            Details { sha1: Some(sha1.as_str().to_owned()), ..Details::default() }
        }
        MachineCall::LiveResponse => Details { commands: commands(body, state)?, ..Details::default() },
        _ => Details::default(),
    })
}

/// Live response commands: of the three kinds, in their order, each with its parameter.
fn commands(body: &Body, state: &mut State) -> Result<Vec<Value>, Answer> {
    let Some(Value::Array(commands)) = body.value("Commands").filter(|value| *value != &json!([])) else {
        return Err(bad_request(state, "MissingRequiredParameter", "The parameter Commands is required"));
    };
    let mut reached = 0;
    for command in commands {
        match place(command) {
            Some(place) if place >= reached => reached = place,
            Some(_) => {
                let message = "Commands must come in the order PutFile, RunScript, GetFile";
                return Err(bad_request(state, "InvalidInput", message));
            }
            None => return Err(bad_request(state, "InvalidInput", "A command is unknown or lacks its parameter")),
        }
    }
    Ok(commands.clone())
}

/// A command's place in the order, if it is well-formed.
fn place(command: &Value) -> Option<usize> {
    let kind = command.get("type")?.as_str()?;
    let place = COMMANDS.iter().position(|(known, _)| *known == kind)?;
    let params = command.get("params")?.as_array()?;
    let has = |param: &Value| {
        param.get("key").and_then(Value::as_str) == Some(COMMANDS[place].1)
            && param.get("value").is_some_and(Value::is_string)
    };
    params.iter().any(has).then_some(place)
}

/// Refuses what the action must wait for: another one of its kind on the machine (of a file: on that file), and live
/// response sessions elsewhere.
fn check_running(
    request: &Request<'_>,
    state: &mut State,
    response: MachineCall,
    (machine, sha1): (&MachineId, Option<&str>),
) -> Result<(), Answer> {
    let live = state.tenant.live_actions(response.kind(), request.now);
    let sessions = live.len();
    let same = live.into_iter().find(|action| action.machine == *machine && action.sha1.as_deref() == sha1);
    if let Some(action) = same {
        if state.options.quirks.actions_answer_existing {
            let wire = state.tenant.action_wire(action, request.now);
            return Err(entity(request.call, "MachineActions", 201, &wire));
        }
        return Err(bad_request(state, "ActiveRequestAlreadyExists", "Action is already in progress"));
    }
    if response == MachineCall::LiveResponse && sessions >= LIVE_SESSIONS {
        let target = state.tenant.guid();
        let message = format!("No more than {LIVE_SESSIONS} live response sessions may run at a time");
        return Err(error(429, "TooManyRequests", &message, &target));
    }
    Ok(())
}
