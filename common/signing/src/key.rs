//! The keys that may sign, and the mathematics of each. Source: RFC 4253, 5656, 8709; OpenSSH `PROTOCOL.u2f`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

use crate::wire::Wire;

/// A key that is strong enough and whose signatures can be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// `ssh-ed25519`.
    Ed25519([u8; 32]),
    /// `ecdsa-sha2-nistp256` and `-nistp384`, the point uncompressed.
    Ecdsa(Curve, Vec<u8>),
    /// `ssh-rsa`, modulus and exponent without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// `sk-ssh-ed25519@openssh.com`: in a FIDO authenticator, for an application.
    SkEd25519([u8; 32], Vec<u8>),
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: in a FIDO authenticator, for an application.
    SkEcdsa(Vec<u8>, Vec<u8>),
}

/// A curve of ECDSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    P256,
    P384,
}

impl Curve {
    /// Length of a coordinate in bytes.
    const fn field(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
        }
    }

    fn algorithm(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED,
            Self::P384 => &ECDSA_P384_SHA384_FIXED,
        }
    }
}

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsound {
    /// It does not fit what was signed.
    Mismatch,
    /// The authenticator says that nobody touched it.
    Untouched,
}

/// The bit of an authenticator's flags that says "somebody touched it".
const TOUCHED: u8 = 0x01;
/// Flags (1 byte) and counter (4 bytes) behind an authenticator's signature.
const TRAILER: usize = 5;
/// Bits of an RSA modulus: less is weak, more is a way to keep us busy.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The fingerprint of a key as `ssh-keygen -l` prints it.
pub fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(digest(&SHA256, blob)))
}

/// The name of its kind, with which the SSH encoding of a key begins.
pub fn kind(blob: &[u8]) -> Option<&str> {
    Wire(blob).text()
}

/// Whether a name is, or begins, the name of a kind of key.
pub fn begins_a_key(text: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| text.starts_with(kind))
}

impl Key {
    /// Takes the key out of its SSH encoding, or says why it is not taken.
    pub fn read(blob: &[u8]) -> Result<(&str, Self), String> {
        let mut wire = Wire(blob);
        let kind = wire.text().ok_or("it does not say what kind of key it is")?;
        let key = match kind {
            "ssh-ed25519" => wire.string().and_then(|key| Some(Self::Ed25519(key.try_into().ok()?))),
            "ecdsa-sha2-nistp256" => point(&mut wire, Curve::P256).map(|point| Self::Ecdsa(Curve::P256, point)),
            "ecdsa-sha2-nistp384" => point(&mut wire, Curve::P384).map(|point| Self::Ecdsa(Curve::P384, point)),
            "sk-ssh-ed25519@openssh.com" => {
                let key = wire.string().and_then(|key| key.try_into().ok());
                key.zip(wire.string()).map(|(key, application)| Self::SkEd25519(key, application.to_vec()))
            }
            "sk-ecdsa-sha2-nistp256@openssh.com" => {
                let point = point(&mut wire, Curve::P256);
                point.zip(wire.string()).map(|(point, application)| Self::SkEcdsa(point, application.to_vec()))
            }
            "ssh-rsa" => {
                let (e, n) = (wire.positive(), wire.positive());
                e.zip(n).map(|(e, n)| strong(n).map(|()| Self::Rsa { n: n.to_vec(), e: e.to_vec() })).transpose()?
            }
            other => return Err(format!("keys of kind {other:?} are not taken")),
        };
        match (key, wire.end()) {
            (Some(key), Some(())) => Ok((kind, key)),
            _ => Err(format!("it is no good key of kind {kind:?}")),
        }
    }

    /// Whether `signed`, as SSH encodes a signature, is this key's over `data`.
    pub fn check(&self, signed: &[u8], data: &[u8]) -> Result<(), Unsound> {
        let mut wire = Wire(signed);
        let (kind, signature) = wire.text().zip(wire.string()).ok_or(Unsound::Mismatch)?;
        let trailer = match self {
            Self::SkEd25519(..) | Self::SkEcdsa(..) => Some(wire.bytes::<TRAILER>().ok_or(Unsound::Mismatch)?),
            Self::Ed25519(_) | Self::Ecdsa(..) | Self::Rsa { .. } => None,
        };
        wire.end().filter(|()| self.signs_as(kind)).ok_or(Unsound::Mismatch)?;
        let trailer = trailer.unwrap_or_default();
        match self {
            Self::Ed25519(key) => holds(&ED25519, key, data, signature),
            Self::Ecdsa(curve, point) => ecdsa(*curve, point, data, signature),
            Self::Rsa { n, e } => {
                let checked = RsaPublicKeyComponents { n, e }.verify(rsa_by(kind), data, signature);
                checked.map_err(|_| Unsound::Mismatch)
            }
            Self::SkEd25519(key, application) => {
                holds(&ED25519, key, &authenticated(application, trailer, data), signature)?;
                touched(trailer)
            }
            Self::SkEcdsa(point, application) => {
                ecdsa(Curve::P256, point, &authenticated(application, trailer, data), signature)?;
                touched(trailer)
            }
        }
    }

    /// The kinds of signature that the key makes. `ssh-rsa` as such is RSA with SHA-1: not taken.
    fn signs_as(&self, kind: &str) -> bool {
        match self {
            Self::Ed25519(_) => kind == "ssh-ed25519",
            Self::Ecdsa(Curve::P256, _) => kind == "ecdsa-sha2-nistp256",
            Self::Ecdsa(Curve::P384, _) => kind == "ecdsa-sha2-nistp384",
            Self::Rsa { .. } => matches!(kind, "rsa-sha2-256" | "rsa-sha2-512"),
            Self::SkEd25519(..) => kind == "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsa(..) => kind == "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }
}

/// The name of the curve, and a point as OpenSSH writes it: a 4, then both coordinates.
fn point(wire: &mut Wire<'_>, curve: Curve) -> Option<Vec<u8>> {
    let (name, point) = wire.text().zip(wire.string())?;
    let good = name == curve.name() && point.len() == 1 + 2 * curve.field() && point.first() == Some(&4);
    good.then(|| point.to_vec())
}

fn strong(modulus: &[u8]) -> Result<(), String> {
    let unused = modulus.first().map_or(0, |first| first.leading_zeros());
    let bits = (modulus.len() * 8).saturating_sub(usize::try_from(unused).unwrap_or(0));
    if RSA_BITS.contains(&bits) {
        return Ok(());
    }
    Err(format!("its RSA modulus has {bits} bits; {} to {} are taken", RSA_BITS.start(), RSA_BITS.end()))
}

fn rsa_by(kind: &str) -> &'static RsaParameters {
    if kind == "rsa-sha2-256" { &RSA_PKCS1_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA512 }
}

fn holds(by: &'static dyn VerificationAlgorithm, key: &[u8], data: &[u8], signature: &[u8]) -> Result<(), Unsound> {
    UnparsedPublicKey::new(by, key).verify(data, signature).map_err(|_| Unsound::Mismatch)
}

/// SSH writes the two numbers as such, ring wants them side by side and full.
fn ecdsa(curve: Curve, point: &[u8], data: &[u8], signature: &[u8]) -> Result<(), Unsound> {
    let side_by_side = || {
        let mut wire = Wire(signature);
        let (r, s) = (wire.positive()?, wire.positive()?);
        wire.end()?;
        let mut fixed = vec![0; 2 * curve.field()];
        let (first, second) = fixed.split_at_mut(curve.field());
        for (place, number) in [(first, r), (second, s)] {
            place.get_mut(curve.field().checked_sub(number.len())?..)?.copy_from_slice(number);
        }
        Some(fixed)
    };
    holds(curve.algorithm(), point, data, &side_by_side().ok_or(Unsound::Mismatch)?)
}

/// What an authenticator signs in place of the data: digests of application and data, flags and counter between.
fn authenticated(application: &[u8], trailer: [u8; TRAILER], data: &[u8]) -> Vec<u8> {
    let (application, data) = (digest(&SHA256, application), digest(&SHA256, data));
    [application.as_ref(), &trailer, data.as_ref()].concat()
}

const fn touched(trailer: [u8; TRAILER]) -> Result<(), Unsound> {
    let [flags, ..] = trailer;
    if flags & TOUCHED == 0 { Err(Unsound::Untouched) } else { Ok(()) }
}
