//! A command, signed as git signs commits: by `ssh-keygen -Y sign`, which knows key files, agents and FIDO tokens, and asks
//! for passphrases and touches by itself. No secret passes through here.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use cordon_records::SIGNATURE_NAMESPACE;

/// Why a command was not signed. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Nobody said with which key.
    #[error(
        "no key to sign with: give --key FILE, or set CORDON_SSH_KEY, to a key file, or to the .pub file of a key that \
         your SSH agent or FIDO token holds; the first key of an agent may be anybody's, so none is guessed"
    )]
    NoKey,
    /// OpenSSH is not installed.
    #[error("ssh-keygen is not on this machine: install OpenSSH's client (Debian: openssh-client), 8.2 or newer")]
    NoTool,
    /// The key itself stands where its file's name belongs: it is not repeated.
    #[error(
        "a private key was given where the name of its file belongs: write it to a file that only you can read, and give \
         that; if a log or a history may hold it now, make a new key"
    )]
    KeyItself,
    /// The file is not there.
    #[error("there is no key file {0}; `ssh-keygen -t ed25519 -f {0}` would make one")]
    NoFile(String),
    /// ssh-keygen said no; what it says stands above.
    #[error(
        "ssh-keygen did not sign with {0}: see what it says above. For a .pub file, its key must be in the agent \
         (ssh-add -l) or beside the file"
    )]
    Refused(String),
    /// It could not be spoken with.
    #[error("ssh-keygen failed: {0}")]
    Io(#[from] std::io::Error),
}

/// The key to sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pen {
    /// A private key, or the public half of one that an agent or the file beside it holds.
    File(PathBuf),
    /// A public key as text; its private half is in the agent.
    Agent(String),
}

impl Pen {
    /// Reads what git's `user.signingkey` takes. `home` stands for `~/`.
    pub fn read(given: Option<&str>, home: Option<&str>) -> Result<Self, SignError> {
        let given = given.map(str::trim).filter(|given| !given.is_empty()).ok_or(SignError::NoKey)?;
        if given.contains("PRIVATE KEY") || cordon_settings::private_key(given).is_some() {
            return Err(SignError::KeyItself);
        }
        let is_literal = ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| given.starts_with(kind)) && given.contains(' ');
        match (given.strip_prefix("key::"), given.strip_prefix("~/").zip(home)) {
            (Some(literal), _) => Ok(Self::Agent(literal.to_owned())),
            (None, _) if is_literal => Ok(Self::Agent(given.to_owned())),
            (None, Some((rest, home))) => Ok(Self::File(PathBuf::from(home).join(rest))),
            (None, None) => Ok(Self::File(PathBuf::from(given))),
        }
    }

    /// Whether there is something to sign with, as far as that can be told without signing: nobody should read and answer a
    /// page for nothing.
    pub fn ready(&self) -> Result<(), SignError> {
        match self {
            Self::File(path) if !path.is_file() => Err(SignError::NoFile(path.display().to_string())),
            Self::File(_) | Self::Agent(_) => Ok(()),
        }
    }

    /// Signs; blocks while a passphrase is typed or a token touched.
    pub fn sign(&self, statement: &[u8]) -> Result<String, SignError> {
        self.ready()?;
        match self {
            Self::File(path) => run(path, false, statement),
            Self::Agent(literal) => {
                let mut file = tempfile::NamedTempFile::new()?;
                writeln!(file, "{literal}")?;
                run(file.path(), true, statement)
            }
        }
    }
}

fn run(key: &std::path::Path, in_agent: bool, statement: &[u8]) -> Result<String, SignError> {
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "sign", "-n", SIGNATURE_NAMESPACE]).args(in_agent.then_some("-U")).arg("-f").arg(key);
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| match error.kind() {
        ErrorKind::NotFound => SignError::NoTool,
        _ => SignError::Io(error),
    })?;
    // It may end without reading: then its exit code says so, not the broken pipe.
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(statement));
    let output = child.wait_with_output()?;
    let signature = String::from_utf8(output.stdout).ok().filter(|text| text.contains("BEGIN SSH SIGNATURE"));
    match (output.status.success(), signature) {
        (true, Some(signature)) => {
            written?;
            Ok(signature)
        }
        (true | false, _) => Err(SignError::Refused(key.display().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_as_for_git() {
        let read = |given| Pen::read(Some(given), Some("/home/ann")).unwrap();
        assert_eq!(read("~/.ssh/id"), Pen::File("/home/ann/.ssh/id".into()));
        assert_eq!(read("keys/id.pub"), Pen::File("keys/id.pub".into()));
        assert_eq!(read("ssh-keys"), Pen::File("ssh-keys".into()), "a file may be called so");
        assert_eq!(read("ssh-ed25519 AAAA ann"), Pen::Agent("ssh-ed25519 AAAA ann".into()));
        assert_eq!(read("key::ssh-ed25519 AAAA"), Pen::Agent("ssh-ed25519 AAAA".into()));
    }

    #[test]
    fn a_private_key_that_is_given_as_text_is_not_repeated() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQy\n\
             -----END OPENSSH PRIVATE KEY-----";
        for given in [key.to_owned(), key.replace('\n', " "), key.lines().nth(1).unwrap().to_owned()] {
            let refused = Pen::read(Some(&given), None).unwrap_err();
            assert!(matches!(refused, SignError::KeyItself), "{refused}");
            assert!(!format!("{refused} {refused:?}").contains("b3Blb"), "{refused}");
        }
    }

    #[test]
    fn without_a_key_none_is_guessed() {
        for given in [None, Some(""), Some("  ")] {
            assert!(matches!(Pen::read(given, None), Err(SignError::NoKey)));
        }
        let refused = Pen::read(Some("nowhere"), None).unwrap().sign(b"x").unwrap_err();
        assert!(matches!(refused, SignError::NoFile(_)), "{refused}");
    }
}
