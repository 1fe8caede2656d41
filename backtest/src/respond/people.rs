//! The people of the model: two who say yes to whatever waits. Their keys are known to all the world and count nowhere but
//! here: the responder is told who may sign, as it is live.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_records::{ActionRecord, ActionState, Command, CommandId, CommandRecord, SIGNATURE_NAMESPACE, TenantId};
use cordon_settings::Problems;
use cordon_signing::AllowedSigners;
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA512, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::error::BacktestError;

/// Their names.
const NAMES: [&str; 2] = ["one@model", "another@model"];

/// For how long a word of theirs is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(15);

/// See the module.
#[derive(Debug)]
pub struct People {
    keys: Vec<Ed25519KeyPair>,
    said: u64,
}

impl People {
    /// Two people who have never said anything.
    ///
    /// # Errors
    /// Never, unless the library of keys is broken.
    pub fn new() -> Result<Self, BacktestError> {
        let key = |seed: u8| Ed25519KeyPair::from_seed_unchecked(&[seed; 32]);
        let keys: Result<Vec<_>, _> = [1, 2].into_iter().map(key).collect();
        let keys = keys.map_err(|_| BacktestError::Broken("the model's keys are refused".to_owned()))?;
        Ok(Self { keys, said: 0 })
    }

    /// Theirs are the only signatures that count.
    ///
    /// # Errors
    /// Never, unless our own line is wrong.
    pub fn signers(&self) -> Result<AllowedSigners, Problems> {
        let line =
            |(key, name): (&Ed25519KeyPair, &str)| format!("{name} ssh-ed25519 {}\n", STANDARD.encode(encoded(key)));
        let lines: String = self.keys.iter().zip(NAMES).map(line).collect();
        AllowedSigners::parse("the people of the model", &lines)
    }

    /// What they say to a report: yes, each of them, if it is held.
    pub fn answer(&mut self, report: &ActionRecord, tenant: &TenantId, at: Timestamp) -> Vec<CommandRecord> {
        let (ActionState::Held, Some(key), Some(intent)) = (report.state, &report.key, &report.intent) else {
            return Vec::new();
        };
        let mut words = Vec::with_capacity(self.keys.len());
        for (pair, name) in self.keys.iter().zip(NAMES) {
            self.said += 1;
            let command = Command::Approve { key: key.clone(), intent: intent.clone() };
            let mut record = CommandRecord::unsigned(command, name.to_owned(), "--approvals all".to_owned(), at);
            record.id = CommandId::new(format!("model-{}", self.said)).ok();
            record.tenant = Some(tenant.clone());
            record.expires_at = at.checked_add(GOOD_FOR).ok();
            record.signature = record.statement().ok().map(|statement| signature(pair, &statement));
            words.push(record);
        }
        words
    }
}

/// A public key in its SSH encoding.
fn encoded(key: &Ed25519KeyPair) -> Vec<u8> {
    [string(b"ssh-ed25519"), string(key.public_key().as_ref())].concat()
}

/// An armoured signature. Source: OpenSSH `PROTOCOL.sshsig`.
fn signature(key: &Ed25519KeyPair, statement: &[u8]) -> String {
    let hash = digest(&SHA512, statement);
    let signed = [SIGNATURE_NAMESPACE.as_bytes(), b"", b"sha512", hash.as_ref()].map(string).concat();
    let made = key.sign(&[b"SSHSIG", &signed[..]].concat());
    let made = [string(b"ssh-ed25519"), string(made.as_ref())].concat();
    let parts = [&encoded(key)[..], SIGNATURE_NAMESPACE.as_bytes(), b"", b"sha512", &made[..]].map(string).concat();
    let blob = [b"SSHSIG", &1_u32.to_be_bytes()[..], &parts[..]].concat();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", STANDARD.encode(blob))
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}
