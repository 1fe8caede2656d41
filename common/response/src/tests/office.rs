//! People with keys, and what they say.

use std::time::Duration;

use cordon_policy::Guards;
use cordon_records::{Command, CommandId, CommandRecord, MachineId, RefusalCause, Report, TenantId};
use jiff::{SignedDuration, Timestamp};

use super::keys::{Pen, signers};
use super::samples::config;
use super::world::World;
use crate::{Config, Retry, Waits};

/// Ann's key, and Bob's.
pub const ANN: u8 = 1;
pub const BOB: u8 = 2;
/// Of somebody whom the file does not name.
pub const EVE: u8 = 3;

/// A configuration under which Ann and Bob may sign, with these guards.
pub fn config_with(guards: &str) -> Config {
    let line = |name: &str, seed| format!("{name}@example.com {}", Pen::ed25519(seed).line());
    let guards = Guards::load("guards.yaml", guards).unwrap_or_else(|problems| panic!("{problems}"));
    Config { guards, signers: signers(&[line("ann", ANN), line("bob", BOB)]), ..config() }
}

/// The same, with the guards of the other tests.
pub fn config_of_the_office() -> Config {
    config_with("hold: {kinds: []}")
}

/// As shipped, but that a failed isolation is attempted so often, so many seconds apart.
pub fn attempted(attempts: u32, after: u64) -> Waits {
    Waits { retry: Retry { attempts, after: Duration::from_secs(after) }, ..Waits::default() }
}

pub fn machine(id: &str) -> MachineId {
    MachineId::new(id).unwrap()
}

/// A command that is right in everything but its signature.
pub fn unsigned(command: Command, id: &str, now: Timestamp) -> CommandRecord {
    let mut record = CommandRecord::unsigned(command, "somebody@laptop".into(), "looked at it".into(), now);
    record.id = Some(CommandId::new(id).unwrap());
    record.tenant = Some(TenantId::new("tenant").unwrap());
    record.expires_at = Some(now + SignedDuration::from_mins(15));
    record
}

/// The same, signed by this key.
pub fn signed(by: u8, command: Command, id: &str, now: Timestamp) -> CommandRecord {
    Pen::ed25519(by).signed(&unsigned(command, id, now))
}

impl World {
    /// This person says this now.
    pub fn says(&mut self, by: u8, command: Command, id: &str) {
        self.say(signed(by, command, id, self.at.wall));
        self.run();
    }

    /// What is held, as an approval must name it.
    pub fn approval(&self) -> Command {
        let mut held = self.responder.ledger().entries().filter(|entry| entry.expires_at.is_some());
        let (Some(entry), None) = (held.next(), held.next()) else { panic!("not one action is held") };
        Command::Approve { key: entry.key.clone(), intent: entry.intent() }
    }

    /// Why commands were refused, as the notices have it.
    pub fn causes(&self) -> Vec<RefusalCause> {
        let cause = |report: &Report| match report {
            Report::Notice(notice) => notice.cause,
            Report::Action(_) => None,
        };
        self.reports.iter().filter_map(cause).collect()
    }

    /// What the notices say.
    pub fn told(&self) -> Vec<String> {
        let text = |report: &Report| match report {
            Report::Notice(notice) => Some(notice.text.clone()),
            Report::Action(_) => None,
        };
        self.reports.iter().filter_map(text).collect()
    }
}
