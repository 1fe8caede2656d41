//! The armoured signature of a command. Source: OpenSSH `PROTOCOL.sshsig`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_records::SIGNATURE_NAMESPACE;
use ring::digest::{Algorithm, SHA256, SHA512, digest};

use crate::invalid_signature::InvalidSignature;
use crate::wire::{Wire, string};

/// The longest armoured signature that is read, in bytes. One of an RSA key of 8192 bits has about 3,000.
const MAX_ARMOUR: usize = 16 * 1024;
const MAGIC: &[u8; 6] = b"SSHSIG";
const VERSION: u32 = 1;
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// A signature without its armour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key that made it, in its SSH encoding.
    pub key: Vec<u8>,
    /// What it was made for.
    pub namespace: String,
    /// The digest that was signed.
    hash: Hash,
    /// The signature proper, in its SSH encoding.
    pub signature: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Sha256 => &SHA256,
            Self::Sha512 => &SHA512,
        }
    }
}

impl Sealed {
    /// Takes the armour off. What is not signed, version and reserved field, must be as it is written today.
    pub fn read(armour: &str) -> Result<Self, InvalidSignature> {
        let malformed = |why: &str| InvalidSignature::Malformed { why: why.to_owned() };
        if armour.len() > MAX_ARMOUR {
            return Err(InvalidSignature::Malformed {
                why: format!("it has {} bytes, more than {MAX_ARMOUR}", armour.len()),
            });
        }
        let body = armour.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let body: String = body.ok_or_else(|| malformed("it is no armoured SSH signature"))?.lines().collect();
        let bytes = STANDARD.decode(body).map_err(|_| malformed("its base64 is wrong"))?;
        let mut wire = Wire(&bytes);
        if wire.bytes() != Some(*MAGIC) {
            return Err(malformed("it does not begin as an SSH signature"));
        }
        let version = wire.number().ok_or_else(|| malformed("it is cut off"))?;
        if version != VERSION {
            return Err(InvalidSignature::Malformed { why: format!("its version is {version}, not {VERSION}") });
        }
        Self::parts(wire).ok_or_else(|| malformed("it is cut off, has too much, or is by a digest that is not taken"))
    }

    fn parts(mut wire: Wire<'_>) -> Option<Self> {
        let (key, namespace, reserved) = (wire.string()?, wire.text()?, wire.string()?);
        let hash = match wire.text()? {
            "sha256" => Hash::Sha256,
            "sha512" => Hash::Sha512,
            _ => return None,
        };
        let signature = wire.string()?.to_vec();
        wire.end().filter(|()| reserved.is_empty())?;
        Some(Self { key: key.to_vec(), namespace: namespace.to_owned(), hash, signature })
    }

    /// The bytes that the key has signed when it signed this statement for Cordon.
    pub fn signed_data(&self, statement: &[u8]) -> Vec<u8> {
        let digest = digest(self.hash.algorithm(), statement);
        let parts = [SIGNATURE_NAMESPACE.as_bytes(), b"", self.hash.name().as_bytes(), digest.as_ref()];
        [&MAGIC[..], &parts.map(string).concat()].concat()
    }
}
