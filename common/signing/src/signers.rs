//! The people whose signatures count, and whether this one does.

use std::collections::{BTreeMap, BTreeSet};

use cordon_records::{CommandRecord, SIGNATURE_NAMESPACE};
use cordon_settings::{Problem, Problems};
use jiff::Timestamp;

use crate::invalid_signature::InvalidSignature;
use crate::key::{Unsound, fingerprint};
use crate::line::{self, Entry};
use crate::mistake::Mistake;
use crate::secrecy::{masked, private_key_in};
use crate::signature::Sealed;

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The first plain principal of the key's line.
    pub principal: String,
    /// The key's SHA-256 fingerprint as `ssh-keygen -l` prints it: `SHA256:…`.
    pub fingerprint: String,
}

/// An `allowed_signers` file, checked. The default allows nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    entries: Vec<Entry>,
}

impl AllowedSigners {
    /// Reads the text of a file; `origin` is its name, for messages. A file that names nobody is read as well.
    ///
    /// # Errors
    /// Every mistake of every line; a file that holds a private key has this one mistake, and nothing of it is shown.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Problems> {
        if let Some(problem) = private_key_in(origin, text) {
            return Err(problem.into());
        }
        let mut entries: Vec<Entry> = Vec::new();
        let mut owners: BTreeMap<Vec<u8>, (usize, String)> = BTreeMap::new();
        let mut problems = Problems::default();
        for (index, line) in text.lines().enumerate() {
            let read = match line::read(line) {
                Ok(None) => continue,
                Ok(Some(entry)) => one_name(&mut owners, index + 1, &entry).map(|()| entries.push(entry)),
                Err(mistakes) => Err(mistakes),
            };
            for mistake in read.err().into_iter().flatten() {
                problems.0.push(problem(origin, index + 1, line, mistake));
            }
        }
        problems.into_result()?;
        Ok(Self { entries })
    }

    /// True when nobody is allowed to sign.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many keys may sign. One that stands on several lines is one key.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.entries.iter().map(|entry| &entry.blob).collect::<BTreeSet<_>>().len()
    }

    /// How many people have these keys.
    #[must_use]
    pub fn people(&self) -> usize {
        self.entries.iter().map(|entry| &entry.principal).collect::<BTreeSet<_>>().len()
    }

    /// Who signed this command. What the command itself says (tenant, expiry, whether it was seen before) is for the
    /// caller to judge.
    ///
    /// # Errors
    /// Why the signature does not count.
    pub fn verify(&self, record: &CommandRecord, now: Timestamp) -> Result<Signer, InvalidSignature> {
        let armour = record.signature.as_deref().ok_or(InvalidSignature::Unsigned)?;
        if self.is_empty() {
            return Err(InvalidSignature::NobodyAllowed);
        }
        let sealed = Sealed::read(armour)?;
        let fingerprint = fingerprint(&sealed.key);
        let mut lines = self.entries.iter().filter(|entry| entry.blob == sealed.key);
        let Some(first) = lines.next() else { return Err(InvalidSignature::UnknownKey { fingerprint }) };
        let signer = Signer { principal: first.principal.clone(), fingerprint };
        if sealed.namespace != SIGNATURE_NAMESPACE {
            return Err(InvalidSignature::WrongNamespace { found: sealed.namespace.chars().take(80).collect() });
        }
        let statement = record.statement().map_err(|error| InvalidSignature::Malformed { why: error.to_string() })?;
        let checked = first.key.check(&sealed.signature, &sealed.signed_data(&statement));
        checked.map_err(|unsound| refused(&signer, unsound))?;
        // One line that permits it is enough; if none does, the first one's reason is told.
        match permits(first, &signer, now) {
            Err(_) if lines.any(|line| permits(line, &signer, now).is_ok()) => Ok(signer),
            Err(why) => Err(why),
            Ok(()) => Ok(signer),
        }
    }
}

/// A key that stands on several lines belongs to the same person on each.
fn one_name(owners: &mut BTreeMap<Vec<u8>, (usize, String)>, line: usize, entry: &Entry) -> Result<(), Vec<Mistake>> {
    let (first, owner) = owners.entry(entry.blob.clone()).or_insert_with(|| (line, entry.principal.clone()));
    if *owner == entry.principal {
        return Ok(());
    }
    let message = format!("this key is already {owner}'s, on line {first}; it cannot be {}'s too", entry.principal);
    Err(vec![Mistake::at(1, message).with("two approvals must be two people: give each their own key")])
}

fn problem(origin: &str, line: usize, source: &str, mistake: Mistake) -> Problem {
    let Mistake { column, message, help } = mistake;
    Problem { line, column, help, source_line: Some(masked(source)), ..Problem::whole(origin, masked(&message)) }
}

fn refused(signer: &Signer, unsound: Unsound) -> InvalidSignature {
    let Signer { principal, fingerprint } = signer.clone();
    match unsound {
        Unsound::Mismatch => InvalidSignature::Altered { principal, fingerprint },
        Unsound::Untouched => InvalidSignature::Untouched { principal, fingerprint },
    }
}

/// Whether the options of this line let the key sign a command now.
fn permits(entry: &Entry, signer: &Signer, now: Timestamp) -> Result<(), InvalidSignature> {
    let Signer { principal, fingerprint } = signer.clone();
    let options = &entry.options;
    if options.namespaces.as_ref().is_some_and(|namespaces| !namespaces.fits(SIGNATURE_NAMESPACE)) {
        return Err(InvalidSignature::NamespaceNotAllowed { principal, fingerprint });
    }
    match (options.valid_after, options.valid_before) {
        (Some(from), _) if now < from => Err(InvalidSignature::NotYetValid { principal, fingerprint, from }),
        (_, Some(until)) if now > until => Err(InvalidSignature::NoLongerValid { principal, fingerprint, until }),
        _ => Ok(()),
    }
}
