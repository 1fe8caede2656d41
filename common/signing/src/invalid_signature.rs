//! Why a signature is not taken.

use cordon_records::{Classified, ErrorClass, SIGNATURE_NAMESPACE};
use jiff::Timestamp;

/// Why a command counts as said by nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    /// It has no signature.
    #[error("it is not signed")]
    Unsigned,
    /// The `allowed_signers` file names nobody, or there is none.
    #[error(
        "nobody may sign yet: respond's guards name no file of keys (approvals.allowed_signers), or that file holds none; \
         this is a gap in the configuration, no sign of an attack"
    )]
    NobodyAllowed,
    /// The signature is not one, or of a kind that is not taken.
    #[error("its signature cannot be read: {why}")]
    Malformed {
        /// What is wrong with it.
        why: String,
    },
    /// The key is on no line of the file.
    #[error("it is signed with the key {fingerprint}, which the allowed_signers file does not name")]
    UnknownKey {
        /// The key.
        fingerprint: String,
    },
    /// The signature was made for something else.
    #[error("its signature was made for {found:?}, not for {SIGNATURE_NAMESPACE:?}")]
    WrongNamespace {
        /// For what.
        found: String,
    },
    /// The signature does not fit what is said: one of the two was changed.
    #[error("its signature with the key of {principal} ({fingerprint}) does not fit what it says: it was altered")]
    Altered {
        /// Whose key is claimed.
        principal: String,
        /// The key.
        fingerprint: String,
    },
    /// Nobody touched the FIDO key.
    #[error("the FIDO key of {principal} ({fingerprint}) signed it without being touched")]
    Untouched {
        /// Whose key it is.
        principal: String,
        /// The key.
        fingerprint: String,
    },
    /// The file does not let this key sign commands.
    #[error(
        "the key of {principal} ({fingerprint}) may not sign for {SIGNATURE_NAMESPACE:?}: see its namespaces option"
    )]
    NamespaceNotAllowed {
        /// Whose key it is.
        principal: String,
        /// The key.
        fingerprint: String,
    },
    /// The file lets this key sign only later.
    #[error("the key of {principal} ({fingerprint}) is not valid before {from}")]
    NotYetValid {
        /// Whose key it is.
        principal: String,
        /// The key.
        fingerprint: String,
        /// From when on it is.
        from: Timestamp,
    },
    /// The file let this key sign only earlier.
    #[error("the key of {principal} ({fingerprint}) is not valid after {until}")]
    NoLongerValid {
        /// Whose key it is.
        principal: String,
        /// The key.
        fingerprint: String,
        /// Until when it was.
        until: Timestamp,
    },
}

impl Classified for InvalidSignature {
    /// Asking again changes nothing: the record itself is no good.
    fn class(&self) -> ErrorClass {
        ErrorClass::Poison
    }
}
