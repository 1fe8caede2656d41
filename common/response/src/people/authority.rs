//! Whether a person's command counts: whose key signed it, for which tenant, how long it is good, and whether it was
//! given before. Pure.

use cordon_policy::Guards;
use cordon_records::{Classified, CommandId, CommandRecord, ErrorClass, RefusalCause, TenantId};
use cordon_settings::format_duration;
use cordon_signing::{AllowedSigners, Forged, Signer};
use jiff::{SignedDuration, Timestamp};

use super::super::book::Obeyed;
use super::command::words;

/// How far a command may lie in the future: clocks of well-kept machines differ by less (Kerberos allows as much).
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Why a command does nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unheard {
    /// It was meant for somebody else's machines.
    #[error("it is meant for tenant {0}")]
    OtherTenant(TenantId),
    /// It was meant for nobody's.
    #[error("it names no tenant")]
    NoTenant,
    /// Nobody whose word counts has signed exactly this.
    #[error(transparent)]
    Forged(#[from] Forged),
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
    /// It was obeyed before.
    #[error("it was given before, and obeyed then: this is a copy")]
    Copy,
}

impl Unheard {
    /// What people have to do about it. Where the signature counts, its maker is the person, whatever else is wrong.
    #[must_use]
    pub(crate) const fn cause(&self) -> RefusalCause {
        match self {
            Self::OtherTenant(_) | Self::NoTenant | Self::NoId | Self::NoEnd | Self::Copy => RefusalCause::NotGenuine,
            Self::Expired(_) => RefusalCause::TooLate,
            Self::TooLong(_) | Self::Future(_) | Self::Forged(Forged::NobodyAllowed) => RefusalCause::Configuration,
            Self::Forged(
                Forged::Unsigned
                | Forged::Malformed { .. }
                | Forged::UnknownKey { .. }
                | Forged::WrongNamespace { .. }
                | Forged::Altered { .. }
                | Forged::Untouched { .. }
                | Forged::NamespaceNotAllowed { .. }
                | Forged::NotYetValid { .. }
                | Forged::NoLongerValid { .. },
            ) => RefusalCause::NotGenuine,
        }
    }
}

impl Classified for Unheard {
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
/// [`Unheard::OtherTenant`].
pub(crate) fn addressed(record: &CommandRecord, tenant: &TenantId) -> Result<(), Unheard> {
    match &record.tenant {
        Some(other) if other != tenant => Err(Unheard::OtherTenant(other.clone())),
        Some(_) | None => Ok(()),
    }
}

/// Whose key signed this command.
///
/// # Errors
/// Nobody's whose word counts.
pub(crate) fn signer(record: &CommandRecord, signers: &AllowedSigners, now: Timestamp) -> Result<Signer, Unheard> {
    Ok(signers.verify(record, now)?)
}

/// What the ledger knows of a command.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before {
    /// That it was obeyed.
    pub obeyed: Option<Obeyed>,
    /// That some of what it asks for is written down already, before a crash: then it came in time.
    pub begun: bool,
}

/// What this person says, if it counts: for our tenant, with an end that the guards allow, and never obeyed.
///
/// # Errors
/// Why it does nothing.
pub(crate) fn person(
    record: &CommandRecord,
    signer: Signer,
    (guards, before): (&Guards, Before),
    now: Timestamp,
) -> Result<Person, Unheard> {
    if record.tenant.is_none() {
        return Err(Unheard::NoTenant);
    }
    let command = record.id.clone().ok_or(Unheard::NoId)?;
    let until = record.expires_at.ok_or(Unheard::NoEnd)?;
    if before.obeyed.is_some() {
        return Err(Unheard::Copy);
    }
    if now >= until && !before.begun {
        return Err(Unheard::Expired(until));
    }
    if record.at.duration_since(now) > SKEW {
        return Err(Unheard::Future(record.at));
    }
    let allowed = std::time::Duration::from_secs(guards.approvals().valid_for);
    let good_for = std::time::Duration::try_from(until.duration_since(record.at)).unwrap_or_default();
    if good_for > allowed {
        return Err(Unheard::TooLong(format_duration(allowed)));
    }
    Ok(Person { name: signer.principal, key: signer.fingerprint, why: words(&record.why), command })
}
