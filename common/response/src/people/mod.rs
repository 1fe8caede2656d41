//! What people say: read from `commands`, counted or not, and what is held for them.

mod approval;
mod authority;
mod bulk;
mod command;
mod done;

pub(super) use authority::Person;
pub(super) use done::{CommandOutput, Done, NotDone};
