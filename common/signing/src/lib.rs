//! Who said a command: SSH signatures over [`cordon_records::CommandRecord::statement`], checked against an OpenSSH
//! `allowed_signers` file.
//!
//! Pure: no file is read, no clock asked, nothing signed. A signature is made by `ssh-keygen -Y sign -n cordon`, as git
//! makes those of commits, so that key files, agents and FIDO keys all work.
//!
//! ## Whose a key is
//!
//! A signature proves a key, not a name. The name is the **first plain principal of the key's line**, and nothing that
//! the command says of itself: two approvals must be two people, and whoever may choose a name could be both. Therefore a
//! line whose principals are only patterns is a mistake, and so is one key under two names.
//!
//! ## What differs from `ssh-keygen -Y verify`
//!
//! | | OpenSSH | here |
//! |---|---|---|
//! | `cert-authority` lines | certificates are taken | a load error: list each person's key |
//! | `valid-after`, `valid-before` without `Z` | in the machine's time zone | a load error: replicas could differ |
//! | a FIDO signature without a touch | taken | refused, as `sshd` does |
//! | RSA below 2048 bits, DSA, P-521 | some are taken | a load error |
//! | a mistake in a line | that line is skipped | the file is refused, every mistake at once |
//!
//! The formats are read here, strictly: no byte of a signature is left that could be changed without being noticed. The
//! mathematics is ring's, which already is in the tree for TLS. (The `ssh-key` crate does not look whether a part is as long
//! as its length says, and its mathematics would bring some forty crates, one of them, `rsa`, under an advisory that has no
//! fix: RUSTSEC-2023-0071.)

mod invalid_signature;
mod key;
mod line;
mod mistake;
mod options;
mod pattern;
mod secrecy;
mod signature;
mod signers;
mod wire;

pub use invalid_signature::InvalidSignature;
pub use signers::{AllowedSigners, Signer};
