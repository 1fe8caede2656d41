//! What people say: read from `commands`, counted or not, and what is held for them.

mod approval;
mod authority;
mod bulk;
mod command;

pub(super) use authority::Person;
pub(super) use command::{CommandOutput, Done, NotDone};
