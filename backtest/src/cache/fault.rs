//! Why the cache does not serve.

use std::io;
use std::path::Path;

use crate::error::BacktestError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum CacheFault {
    /// What is there is not what was written: it is made anew.
    #[error("it is damaged ({0})")]
    Damaged(String),
    /// There can be none: the backtest goes without.
    #[error("{what}: {source}")]
    Unusable {
        /// The file or folder.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The backtest itself fails, with a cache or without.
    #[error(transparent)]
    Failed(#[from] BacktestError),
}

impl CacheFault {
    /// Something about this file or folder cannot be done.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = path.display().to_string();
        move |source| Self::Unusable { what, source }
    }

    /// This file does not hold what it should.
    pub fn damaged(path: &Path, why: impl std::fmt::Display) -> Self {
        Self::Damaged(format!("{}: {why}", path.display()))
    }
}
