//! A mistake in a line of an `allowed_signers` file.

/// What is wrong with a line, and where: columns count characters, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub column: usize,
    pub message: String,
    pub help: Option<String>,
}

impl Mistake {
    pub fn at(column: usize, message: impl Into<String>) -> Self {
        Self { column, message: message.into(), help: None }
    }

    pub fn with(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
