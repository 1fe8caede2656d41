//! Live response commands as the API takes them, and the link to what one of them brought.
//! Source: Microsoft's pages "Run live response commands on a device" and "Get live response results".

use cordon_records::{LiveCommand, MachineActionId};
use serde::Serialize;

use crate::defender::Defender;
use crate::download::link;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::odata::Query;

/// A command. Unlike the keys around it, these are in lower case.
#[derive(Debug, Serialize)]
pub(crate) struct Command<'a> {
    r#type: &'static str,
    params: Vec<Param<'a>>,
}

#[derive(Debug, Serialize)]
struct Param<'a> {
    key: &'static str,
    value: &'a str,
}

impl<'a> From<&'a LiveCommand> for Command<'a> {
    fn from(command: &'a LiveCommand) -> Self {
        match command {
            LiveCommand::PutFile { file } => {
                Self { r#type: "PutFile", params: vec![Param { key: "FileName", value: file }] }
            }
            LiveCommand::RunScript { script, args } => {
                let args = Some(Param { key: "Args", value: args }).filter(|args| !args.value.is_empty());
                let params = std::iter::once(Param { key: "ScriptName", value: script }).chain(args).collect();
                Self { r#type: "RunScript", params }
            }
            LiveCommand::GetFile { path } => {
                Self { r#type: "GetFile", params: vec![Param { key: "Path", value: path }] }
            }
        }
    }
}

impl Defender {
    /// A link to what the command at this place (from 0) of a live response session brought: a script's output or a
    /// file. It works for 30 minutes and needs no token, so it is a secret as long: never log it.
    ///
    /// # Errors
    /// Poison with [`ApiError::is_not_found`] when there is no such session or command, or no result yet; Transient
    /// when what came is no address.
    pub async fn live_response_link(&self, id: &MachineActionId, index: u32) -> Result<String, ApiError> {
        let endpoint = Endpoint::LiveResponseLink;
        let path = format!("{}(index={index})", endpoint.path(id.as_str()));
        let answer = self.get(endpoint, &path, &Query::new()).await?;
        link(endpoint, &self.transport.base, &answer.body)
    }
}
