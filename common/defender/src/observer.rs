//! What a stage may count about the calls, without this crate knowing a metrics library.

use std::time::Duration;

/// Is told of every exchange. Endpoint names are few and stable (`alerts`, `machines/{id}` …), so they may be
/// metric labels.
pub trait Observer: Send + Sync {
    /// An exchange ended with this HTTP status; 0 means that no status line arrived.
    fn called(&self, endpoint: &'static str, status: u16);

    /// A call waited this long for its quota or for the end of a `Retry-After`.
    fn waited(&self, endpoint: &'static str, wait: Duration);
}
