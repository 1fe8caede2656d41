//! How loud a mail is.

use serde::Serialize;

/// How loud a mail is: its colour, and whether it is marked important.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// A person must do something.
    Alarm,
    /// Something that takes nothing away from anybody went wrong or waits: worth knowing, not worth waking anybody.
    Minor,
    /// Something is on its way.
    Progress,
    /// Something is done.
    Done,
    /// Nothing was done, on purpose.
    Calm,
}
