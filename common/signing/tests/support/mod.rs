//! Keys and signatures made by hand after OpenSSH's own papers (`PROTOCOL.sshsig`, `PROTOCOL.u2f`), so that the crate
//! is not tested with the library that it uses.
#![allow(dead_code, reason = "each test file uses a part")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_records::{ActionKey, Command, CommandId, CommandRecord, IntentHash, TenantId};
use cordon_signing::AllowedSigners;
use jiff::Timestamp;
use ring::digest::{SHA256, SHA512, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::json;

pub fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// An approval, unsigned.
pub fn approval() -> CommandRecord {
    let command = json!({"approve": {"key": "0123456789abcdef", "intent": "fedcba9876543210"}});
    let mut record = CommandRecord::unsigned(
        serde_json::from_value::<Command>(command).unwrap(),
        "ann@laptop".to_owned(),
        "looked at it".to_owned(),
        now(),
    );
    record.id = Some(CommandId::new("c-1").unwrap());
    record.tenant = Some(TenantId::new("contoso").unwrap());
    record.expires_at = Some("2026-11-24T12:15:00Z".parse().unwrap());
    record
}

pub fn other_command() -> Command {
    let (key, intent) = (ActionKey::new("0123456789abcdef").unwrap(), IntentHash::new("fedcba9876543211").unwrap());
    Command::Approve { key, intent }
}

pub fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A number with the zero in front that a set first bit asks for.
pub fn mpint(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = &bytes[first..];
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { string(&[&[0], bytes].concat()) } else { string(bytes) }
}

/// A signature before it is armoured.
#[derive(Clone)]
pub struct Blob {
    pub version: u32,
    pub key: Vec<u8>,
    pub namespace: &'static str,
    pub reserved: &'static [u8],
    pub hash: &'static str,
    pub signature: Vec<u8>,
}

impl Blob {
    pub fn bytes(&self) -> Vec<u8> {
        let parts = [
            b"SSHSIG".to_vec(),
            self.version.to_be_bytes().to_vec(),
            string(&self.key),
            string(self.namespace.as_bytes()),
            string(self.reserved),
            string(self.hash.as_bytes()),
            string(&self.signature),
        ];
        parts.concat()
    }

    pub fn armour(&self) -> String {
        armour(&self.bytes())
    }
}

/// As ssh-keygen writes it: 70 characters a line.
pub fn armour(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines: Vec<&str> = text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

/// What a key signs.
pub fn to_sign(namespace: &str, statement: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA512, statement);
    let parts = [string(namespace.as_bytes()), string(b""), string(b"sha512"), string(hash.as_ref())];
    [b"SSHSIG".to_vec(), parts.concat()].concat()
}

/// A key of a person.
pub enum Pen {
    Ed25519(Ed25519KeyPair),
    /// In an authenticator: application and flags.
    SkEd25519(Ed25519KeyPair, &'static str, u8),
    SkEcdsa(EcdsaKeyPair, &'static str, u8),
}

impl Pen {
    pub fn ed25519(seed: u8) -> Self {
        Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub fn sk_ed25519(flags: u8) -> Self {
        Self::SkEd25519(Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap(), "ssh:", flags)
    }

    pub fn sk_ecdsa(flags: u8) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self::SkEcdsa(pair, "ssh:", flags)
    }

    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ssh-ed25519",
            Self::SkEd25519(..) => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsa(..) => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    pub fn public(&self) -> Vec<u8> {
        let kind = string(self.kind().as_bytes());
        let rest = match self {
            Self::Ed25519(pair) => string(pair.public_key().as_ref()),
            Self::SkEd25519(pair, application, _) => {
                [string(pair.public_key().as_ref()), string(application.as_bytes())].concat()
            }
            Self::SkEcdsa(pair, application, _) => {
                [string(b"nistp256"), string(pair.public_key().as_ref()), string(application.as_bytes())].concat()
            }
        };
        [kind, rest].concat()
    }

    /// The key as it stands in a file.
    pub fn line(&self) -> String {
        format!("{} {}", self.kind(), STANDARD.encode(self.public()))
    }

    fn raw(&self, data: &[u8]) -> Vec<u8> {
        let kind = string(self.kind().as_bytes());
        let said = |application: &str, flags: u8| {
            let (application, data) = (digest(&SHA256, application.as_bytes()), digest(&SHA256, data));
            let trailer = [flags, 0, 0, 0, 7];
            ([application.as_ref(), &trailer, data.as_ref()].concat(), trailer.to_vec())
        };
        match self {
            Self::Ed25519(pair) => [kind, string(pair.sign(data).as_ref())].concat(),
            Self::SkEd25519(pair, application, flags) => {
                let (data, trailer) = said(application, *flags);
                [kind, string(pair.sign(&data).as_ref()), trailer].concat()
            }
            Self::SkEcdsa(pair, application, flags) => {
                let (data, trailer) = said(application, *flags);
                let fixed = pair.sign(&SystemRandom::new(), &data).unwrap();
                let (r, s) = fixed.as_ref().split_at(32);
                [kind, string(&[mpint(r), mpint(s)].concat()), trailer].concat()
            }
        }
    }

    /// Signs for a namespace.
    pub fn blob_for(&self, namespace: &'static str, statement: &[u8]) -> Blob {
        let signature = self.raw(&to_sign(namespace, statement));
        Blob { version: 1, key: self.public(), namespace, reserved: b"", hash: "sha512", signature }
    }

    pub fn blob(&self, record: &CommandRecord) -> Blob {
        self.blob_for("cordon", &record.statement().unwrap())
    }

    pub fn signed(&self, record: &CommandRecord) -> CommandRecord {
        CommandRecord { signature: Some(self.blob(record).armour()), ..record.clone() }
    }
}

/// A file with these lines, which must be good.
pub fn signers(lines: &[String]) -> AllowedSigners {
    AllowedSigners::parse("allowed_signers", &lines.join("\n")).unwrap_or_else(|problems| panic!("{problems}"))
}
