//! Whether a person's command counts: whose key signed it, for which tenant, how long it is good, and whether it was
//! given before. Pure.

use cordon_policy::Guards;
use cordon_records::{Classified, CommandId, CommandRecord, ErrorClass, RefusalCause, TenantId};
use cordon_settings::format_duration;
use cordon_signing::{AllowedSigners, InvalidSignature, Signer};
use jiff::{SignedDuration, Timestamp};

use super::super::ledger::Applied;

/// The longest word of a person's that is taken over, in characters.
const WORDS: usize = 1_000;

/// How far a command may lie in the future: clocks of well-kept machines differ by less (Kerberos allows as much).
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Why a command does nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ignored {
    /// It was meant for somebody else's machines.
    #[error("it is meant for tenant {0}")]
    OtherTenant(TenantId),
    /// It was meant for nobody's.
    #[error("it names no tenant")]
    NoTenant,
    /// Nobody whose word counts has signed exactly this.
    #[error(transparent)]
    InvalidSignature(#[from] InvalidSignature),
    /// Nothing would tell it from its copies.
    #[error("it has no id, so that nobody could tell it from a copy")]
    NoId,
    /// It would be good for ever.
    #[error("it names no end")]
    NoEnd,
    /// Its time is over.
    #[error("it was good until {0}, and came too late")]
    Expired(Timestamp),
    /// It is good for longer than the guards allow.
    #[error("it is good for longer than {0}, which is what the guards allow (approvals.valid_for)")]
    TooLong(String),
    /// It was written tomorrow.
    #[error("it says that it was given at {0}, which is yet to come: a clock is wrong")]
    Future(Timestamp),
    /// It was applied before.
    #[error("it was given before, and applied then: this is a copy")]
    Copy,
}

impl Ignored {
    /// What people have to do about it. Where the signature counts, its maker is the person, whatever else is wrong.
    #[must_use]
    pub(crate) const fn cause(&self) -> RefusalCause {
        match self {
            Self::OtherTenant(_) | Self::NoTenant | Self::NoId | Self::NoEnd | Self::Copy => RefusalCause::NotGenuine,
            Self::Expired(_) => RefusalCause::TooLate,
            Self::TooLong(_) | Self::Future(_) | Self::InvalidSignature(InvalidSignature::NobodyAllowed) => {
                RefusalCause::Configuration
            }
            Self::InvalidSignature(
                InvalidSignature::Unsigned
                | InvalidSignature::Malformed { .. }
                | InvalidSignature::UnknownKey { .. }
                | InvalidSignature::WrongNamespace { .. }
                | InvalidSignature::Altered { .. }
                | InvalidSignature::Untouched { .. }
                | InvalidSignature::NamespaceNotAllowed { .. }
                | InvalidSignature::NotYetValid { .. }
                | InvalidSignature::NoLongerValid { .. },
            ) => RefusalCause::NotGenuine,
        }
    }
}

impl Classified for Ignored {
    /// The same command never counts later.
    fn class(&self) -> ErrorClass {
        ErrorClass::Poison
    }
}

/// Who gave a signed command, once it counts.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// As the key is known in `allowed_signers`.
    pub name: String,
    /// The key's fingerprint.
    pub key: String,
    /// Why, in the person's words.
    pub why: String,
    /// The command.
    pub command: CommandId,
}

/// Whether a command is meant for this tenant. One without a signature need not say so.
///
/// # Errors
/// [`Ignored::OtherTenant`].
pub(crate) fn addressed(record: &CommandRecord, tenant: &TenantId) -> Result<(), Ignored> {
    match &record.tenant {
        Some(other) if other != tenant => Err(Ignored::OtherTenant(other.clone())),
        Some(_) | None => Ok(()),
    }
}

/// Whose key signed this command.
///
/// # Errors
/// Nobody's whose word counts.
pub(crate) fn signer(record: &CommandRecord, signers: &AllowedSigners, now: Timestamp) -> Result<Signer, Ignored> {
    Ok(signers.verify(record, now)?)
}

/// What the ledger knows of a command.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before {
    /// That it was applied.
    pub applied: Option<Applied>,
    /// That some of what it asks for is written down already, before a crash: then it came in time.
    pub begun: bool,
}

/// What this person says, if it counts: for our tenant, with an end that the guards allow, and never applied.
///
/// # Errors
/// Why it does nothing.
pub(crate) fn person(
    record: &CommandRecord,
    signer: Signer,
    (guards, before): (&Guards, Before),
    now: Timestamp,
) -> Result<Person, Ignored> {
    if record.tenant.is_none() {
        return Err(Ignored::NoTenant);
    }
    let command = record.id.clone().ok_or(Ignored::NoId)?;
    let until = record.expires_at.ok_or(Ignored::NoEnd)?;
    if before.applied.is_some() {
        return Err(Ignored::Copy);
    }
    if now >= until && !before.begun {
        return Err(Ignored::Expired(until));
    }
    if record.at.duration_since(now) > SKEW {
        return Err(Ignored::Future(record.at));
    }
    let allowed = std::time::Duration::from_secs(guards.approvals().valid_for);
    let good_for = std::time::Duration::try_from(until.duration_since(record.at)).unwrap_or_default();
    if good_for > allowed {
        return Err(Ignored::TooLong(format_duration(allowed)));
    }
    Ok(Person { name: signer.principal, key: signer.fingerprint, why: words(&record.why), command })
}

/// A person's text as far as it is taken over. The signature is over all of it.
pub(crate) fn words(text: &str) -> String {
    text.chars().take(WORDS).collect()
}
