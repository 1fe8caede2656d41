//! References to secrets. A settings file names where a secret is; it never holds one.

use std::fmt;
use std::path::{Path, PathBuf};

use cordon_records::{Classified, ErrorClass};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::environment::variable;
use crate::text::read_text;

/// Where a secret is: `env:NAME` or `file:/path`. `Debug` and `Display` never show a secret.
///
/// A file is read again at every [`Secret::reveal`]: Kubernetes rotates mounted secrets by swapping a symbolic link.
#[derive(Clone)]
pub struct Secret(Place);

#[derive(Clone)]
enum Place {
    Variable(String),
    File(PathBuf),
    Literal(SecretString),
}

/// Why a secret could not be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("environment variable {0}, which the settings name as a secret, is not set; set it or use file:/path")]
    MissingVariable(String),
    /// The file could not be read.
    #[error("secret file {} cannot be read; check that it is mounted and readable for this user", path.display())]
    UnreadableFile {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The variable or file is there, but holds nothing.
    #[error("the secret at {0} is empty; write the secret there")]
    Empty(String),
}

impl Classified for SecretError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::MissingVariable(_) | Self::UnreadableFile { .. } | Self::Empty(_) => ErrorClass::Fatal,
        }
    }
}

impl Secret {
    /// Reads a reference; `None` when the text is none, and may thus be a secret itself: then do not show it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("env:") {
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            return (plain && !name.is_empty()).then(|| Self(Place::Variable(name.to_owned())));
        }
        let path = text.strip_prefix("file:").filter(|path| path.starts_with(['/', '.']))?;
        Some(Self(Place::File(PathBuf::from(path))))
    }

    /// The same with the path of its file, if it has one, made absolute.
    pub(crate) fn beside(self, resolve: impl FnOnce(&Path) -> PathBuf) -> Self {
        match self.0 {
            Place::File(path) => Self(Place::File(resolve(&path))),
            Place::Variable(_) | Place::Literal(_) => self,
        }
    }

    /// A secret that is at hand: for the demo and for tests.
    #[must_use]
    pub fn from_literal(secret: impl Into<String>) -> Self {
        Self(Place::Literal(SecretString::from(secret.into())))
    }

    /// The secret itself, read now. One line break at its end is not part of it.
    ///
    /// # Errors
    /// The variable is not set, the file cannot be read, or there is nothing in it.
    pub fn reveal(&self) -> Result<SecretString, SecretError> {
        let text = match &self.0 {
            Place::Variable(name) => variable(name).ok_or_else(|| SecretError::MissingVariable(name.clone()))?,
            Place::File(path) => {
                read_text(path).map_err(|source| SecretError::UnreadableFile { path: path.clone(), source })?
            }
            Place::Literal(secret) => secret.expose_secret().to_owned(),
        };
        let text = text.strip_suffix('\n').map_or(text.as_str(), |rest| rest.strip_suffix('\r').unwrap_or(rest));
        if text.is_empty() { Err(SecretError::Empty(self.to_string())) } else { Ok(SecretString::from(text)) }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Variable(name) => write!(f, "env:{name}"),
            Place::File(path) => write!(f, "file:{}", path.display()),
            Place::Literal(_) => f.write_str("[redacted]"),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_is_read_again_at_every_use_so_that_rotation_works() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "first\n").unwrap();
        let secret = Secret::parse(&format!("file:{}", path.display())).unwrap();
        assert_eq!(secret.reveal().unwrap().expose_secret(), "first");
        std::fs::write(&path, "second\r\n").unwrap();
        assert_eq!(secret.reveal().unwrap().expose_secret(), "second");
    }

    #[test]
    fn an_empty_or_missing_secret_is_an_error_that_names_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let secret = Secret::parse(&format!("file:{}", path.display())).unwrap();
        assert!(matches!(secret.reveal(), Err(SecretError::UnreadableFile { .. })));
        std::fs::write(&path, "\n").unwrap();
        assert!(secret.reveal().unwrap_err().to_string().contains("file:/"));
        let unset = Secret::parse("env:CORDON_TEST_THIS_IS_NOT_SET").unwrap();
        assert!(unset.reveal().unwrap_err().to_string().contains("CORDON_TEST_THIS_IS_NOT_SET"));
    }

    #[test]
    fn a_literal_is_no_reference_and_never_printed() {
        for text in ["hunter2", "env:", "env:not a name", "file:", "file:relative", "ENV:X", ""] {
            assert!(Secret::parse(text).is_none(), "{text}");
        }
        let secret = Secret::from_literal("hunter2");
        assert!(!format!("{secret} {secret:?}").contains("hunter2"));
    }
}
