//! What people say to respond: the record on the `commands` topic.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{ActionKey, CommandId, IntentHash, MachineId, TenantId};
use crate::{known_version, schema_version};

mod place;

pub use place::CommandPlace;

/// A record on `commands`: who said what, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRecord {
    /// Version of this record's shape.
    #[serde(default = "schema_version", deserialize_with = "known_version")]
    pub schema_version: u32,
    /// Tells this command from every other. A signed command does its work once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CommandId>,
    /// The tenant that it is meant for. A signed command of another one does nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// What is asked.
    pub command: Command,
    /// Who asks: user and host, as they say themselves. Who it really was, the signature says.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// After this instant it does nothing. Every signed command has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The armoured SSH signature over [`CommandRecord::statement`], namespace [`SIGNATURE_NAMESPACE`].
    /// Source: OpenSSH `PROTOCOL.sshsig`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// The namespace of our signatures: a signature made for anything else is not taken.
pub const SIGNATURE_NAMESPACE: &str = "cordon";

/// The largest command that respond takes in, in bytes: words of a person, a signature, and what it names.
pub const MAX_COMMAND: usize = 64 * 1024;

/// The most actions that one command may name. So many fit [`MAX_COMMAND`] beside long words.
pub const MAX_NAMED: usize = 500;

/// An isolation of ours that is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedIsolation {
    /// The isolation.
    pub key: ActionKey,
    /// Its machine.
    pub machine: MachineId,
}

/// A held action, as its approver saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedApproval {
    /// The action.
    pub key: ActionKey,
    /// What was seen.
    pub intent: IntentHash,
}

/// What a person may ask. What makes Cordon do less ([`Command::Pause`], [`Command::Deny`]) needs no signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Hold every action from now on.
    Pause,
    /// Lift the breaker or the pause that this notice told of.
    Resume {
        /// The notice's id.
        notice: String,
    },
    /// Do what is held under this key, if it is still exactly what the approver saw.
    Approve {
        /// The action.
        key: ActionKey,
        /// What was seen.
        intent: IntentHash,
    },
    /// Do what the breaker holds under these keys, each if it is still exactly what the approver saw. The breaker stays on
    /// for everything else, and the caps hold.
    ApproveEach {
        /// The notice of the breaker that holds them.
        notice: String,
        /// At most [`MAX_NAMED`], each once.
        actions: Vec<NamedApproval>,
        /// How many they are.
        count: u32,
    },
    /// Do not do what is held under this key.
    Deny {
        /// The action.
        key: ActionKey,
    },
    /// Let this machine back, also while our isolation of it is on its way.
    Release {
        /// The machine.
        machine: MachineId,
    },
    /// Take these isolations back: each machine by a release of its own, unless it was let back or isolated anew since.
    ReleaseEach {
        /// At most [`MAX_NAMED`], each machine once.
        isolations: Vec<NamedIsolation>,
        /// How many they are.
        count: u32,
    },
    /// Ask once more for what failed because a permission was missing.
    Retry {
        /// The action.
        key: ActionKey,
    },
    /// Cancel this action, as long as it has not ended.
    Cancel {
        /// The action.
        key: ActionKey,
    },
}

impl Command {
    /// The stable name: part of metrics and messages.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume { .. } => "resume",
            Self::Approve { .. } => "approve",
            Self::ApproveEach { .. } => "approve_each",
            Self::Deny { .. } => "deny",
            Self::Release { .. } => "release",
            Self::ReleaseEach { .. } => "release_each",
            Self::Retry { .. } => "retry",
            Self::Cancel { .. } => "cancel",
        }
    }

    /// Whether it does nothing without a signature. Anybody may stop Cordon; to make it do something takes a key.
    #[must_use]
    pub const fn needs_signature(&self) -> bool {
        match self {
            Self::Pause | Self::Deny { .. } => false,
            Self::Resume { .. }
            | Self::Approve { .. }
            | Self::ApproveEach { .. }
            | Self::Release { .. }
            | Self::ReleaseEach { .. }
            | Self::Retry { .. }
            | Self::Cancel { .. } => true,
        }
    }
}

/// The signed part, in the order in which it is written. A field added later goes in only where it is present, so that
/// older signatures stay good.
#[derive(Serialize)]
struct Statement<'a> {
    cordon_command: u32,
    id: &'a Option<CommandId>,
    tenant: &'a Option<TenantId>,
    command: &'a Command,
    by: &'a str,
    why: &'a str,
    at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl CommandRecord {
    /// A command without signature: only what makes Cordon do less is taken so.
    #[must_use]
    pub const fn unsigned(command: Command, by: String, why: String, at: Timestamp) -> Self {
        Self {
            schema_version: crate::SCHEMA_VERSION,
            id: None,
            tenant: None,
            command,
            by,
            why,
            at,
            expires_at: None,
            signature: None,
        }
    }

    /// The bytes that are signed: everything but the signature.
    ///
    /// # Errors
    /// Those of the JSON writer; none are known for these types.
    pub fn statement(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Statement {
            cordon_command: self.schema_version,
            id: &self.id,
            tenant: &self.tenant,
            command: &self.command,
            by: &self.by,
            why: &self.why,
            at: self.at,
            expires_at: self.expires_at,
        })
    }
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who, as the key is known in `allowed_signers`.
    pub by: String,
    /// The key's SHA-256 fingerprint, as `ssh-keygen -l` prints it.
    pub key: String,
    /// Why.
    pub why: String,
    /// When it counted, by respond's clock: what the approver's clock says bounds nothing.
    pub at: Timestamp,
    /// The command that said it.
    pub command: CommandId,
    /// What was approved. What is held anew has another name, and this yes does not count for it.
    pub intent: IntentHash,
    /// The breaker's notice, where the yes was said to all that it holds: then it lifts that breaker for this action, and
    /// neither caps nor what only this action is held for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_names_as_many_as_it_may_fits_beside_long_words_and_a_long_signature() {
        let isolation = |number: usize| NamedIsolation {
            key: ActionKey::new(format!("{number:016x}")).unwrap(),
            machine: MachineId::new(format!("{number:040x}")).unwrap(),
        };
        let isolations = (0..MAX_NAMED).map(isolation).collect();
        let command = Command::ReleaseEach { isolations, count: 500 };
        let at = "2026-11-24T03:00:00Z".parse().unwrap();
        let mut record = CommandRecord::unsigned(command, "anna@soc-1".into(), "ä".repeat(5_000), at);
        record.signature = Some("x".repeat(4_000));
        let size = serde_json::to_vec(&record).unwrap().len();
        assert!(size < MAX_COMMAND, "{size}");
    }
}
