//! Who answers what is held: two who say yes to all of it, or those who answered live. Their keys are known to all the world
//! and count nowhere but here: the responder is told who may sign, as it is live.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_records::{
    ActionKey, ActionRecord, ActionState, Command, CommandId, CommandRecord, IntentHash, NamedApproval,
    SIGNATURE_NAMESPACE, TenantId,
};
use cordon_settings::Problems;
use cordon_signing::AllowedSigners;
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, SHA512, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::error::BacktestError;
use crate::reported::{Answer, Reported, Word};

/// Two who say yes to everything.
const NAMES: [&str; 2] = ["one@model", "another@model"];

/// For how long a word of theirs is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(15);

/// What people say to what is held.
#[derive(Debug, Clone, Copy)]
pub enum Voices<'a> {
    /// Nothing.
    None,
    /// Yes, at once.
    Yes,
    /// What they answered live to the same action: at that time, or at once where it is held later.
    Recorded(&'a Reported),
}

/// See the module.
#[derive(Debug)]
pub struct People<'a> {
    voices: Voices<'a>,
    /// Everybody who may sign, by what the answers call them: the name here, and the key.
    signers: BTreeMap<String, (String, Ed25519KeyPair)>,
    said: u64,
    /// What is held now, as whoever approves it has seen it.
    held: HashMap<ActionKey, IntentHash>,
    /// What is to be said, by time; of one time in the order in which it came up.
    due: BTreeMap<(Timestamp, u64), (ActionKey, Answer)>,
    came_up: u64,
    /// Recorded answers that were given already.
    given: BTreeSet<(ActionKey, Timestamp, String)>,
    /// The notice of the breaker that latched last.
    breaker: Option<String>,
}

impl<'a> People<'a> {
    /// People who have never said anything; nobody where nobody answers.
    ///
    /// # Errors
    /// Never, unless the library of keys is broken.
    pub fn new(voices: Voices<'a>) -> Result<Option<Self>, BacktestError> {
        let names: Vec<&str> = match voices {
            Voices::None => return Ok(None),
            Voices::Yes => NAMES.to_vec(),
            Voices::Recorded(reported) => reported.approvers(),
        };
        let mut signers = BTreeMap::new();
        for (number, name) in (1..).zip(names) {
            let seed = digest(&SHA256, name.as_bytes());
            let key = Ed25519KeyPair::from_seed_unchecked(seed.as_ref());
            let key = key.map_err(|_| BacktestError::Broken("the model's keys are refused".to_owned()))?;
            signers.insert(name.to_owned(), (principal(number, name), key));
        }
        Ok(Some(Self {
            voices,
            signers,
            said: 0,
            held: HashMap::new(),
            due: BTreeMap::new(),
            came_up: 0,
            given: BTreeSet::new(),
            breaker: None,
        }))
    }

    /// Theirs are the only signatures that count.
    ///
    /// # Errors
    /// Never, unless our own line is wrong.
    pub fn signers(&self) -> Result<AllowedSigners, Problems> {
        let line =
            |(name, key): &(String, Ed25519KeyPair)| format!("{name} ssh-ed25519 {}\n", STANDARD.encode(encoded(key)));
        let lines: String = self.signers.values().map(line).collect();
        AllowedSigners::parse("the people of the model", &lines)
    }

    /// Takes note of a report: what is held may have an answer.
    pub fn hear(&mut self, report: &ActionRecord, now: Timestamp) {
        let Some(key) = &report.key else { return };
        let (ActionState::Held, Some(intent)) = (report.state, &report.intent) else {
            self.held.remove(key);
            return;
        };
        self.held.insert(key.clone(), intent.clone());
        let answers: Vec<Answer> = match self.voices {
            Voices::None => Vec::new(),
            Voices::Yes => NAMES.map(|name| yes(name, now)).into(),
            Voices::Recorded(reported) => {
                let open = reported.answers_to(key).iter().filter(|it| !self.given.contains(&mark(key, it)));
                open.cloned().collect()
            }
        };
        for answer in answers {
            if !self.due.values().any(|(other, due)| (other, due) == (key, &answer)) {
                self.came_up += 1;
                self.due.insert((answer.at.max(now), self.came_up), (key.clone(), answer));
            }
        }
    }

    /// Takes note of the breaker's notice: whoever approves what it holds names it.
    pub fn hear_of_breaker(&mut self, notice: &str) {
        self.breaker = Some(notice.to_owned());
    }

    /// When the next word is said.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// What is said by now. An answer to what is not held at its time waits until it is held again.
    pub fn speak(&mut self, tenant: &TenantId, now: Timestamp) -> Vec<CommandRecord> {
        let later = self.due.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut self.due, later);
        let said = due.into_values().filter_map(|(key, answer)| self.command(&key, &answer, (tenant, now)));
        said.collect()
    }
}

impl People<'_> {
    fn command(
        &mut self,
        key: &ActionKey,
        answer: &Answer,
        (tenant, now): (&TenantId, Timestamp),
    ) -> Option<CommandRecord> {
        let intent = self.held.get(key)?.clone();
        if matches!(self.voices, Voices::Recorded(_)) {
            self.given.insert(mark(key, answer));
        }
        let key = key.clone();
        let command = match (&answer.word, &self.breaker) {
            (Word::No, _) => {
                let deny = Command::Deny { key };
                return Some(CommandRecord::unsigned(deny, answer.by.clone(), answer.why.clone(), now));
            }
            (Word::YesToBreaker, Some(notice)) => {
                Command::ApproveEach { notice: notice.clone(), actions: vec![NamedApproval { key, intent }], count: 1 }
            }
            (Word::Yes, _) | (Word::YesToBreaker, None) => Command::Approve { key, intent },
        };
        let (name, pair) = self.signers.get(&answer.by)?;
        self.said += 1;
        let mut record = CommandRecord::unsigned(command, name.clone(), answer.why.clone(), now);
        record.id = CommandId::new(format!("model-{}", self.said)).ok();
        record.tenant = Some(tenant.clone());
        record.expires_at = now.checked_add(GOOD_FOR).ok();
        record.signature = record.statement().ok().map(|statement| signature(pair, &statement));
        Some(record)
    }
}

/// Tells a recorded answer from every other.
fn mark(key: &ActionKey, answer: &Answer) -> (ActionKey, Timestamp, String) {
    (key.clone(), answer.at, answer.by.clone())
}

fn yes(name: &str, now: Timestamp) -> Answer {
    Answer { at: now, by: name.to_owned(), why: "--approvals all".to_owned(), word: Word::Yes }
}

/// The name of a person in a line of signers: their own, unless it would read as something else there.
fn principal(number: u64, name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@');
    let is_name = !name.is_empty() && name.chars().all(is_plain);
    if is_name { name.to_owned() } else { format!("person-{number}@model") }
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
