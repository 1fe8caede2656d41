//! The guards: what stands between a decision and an action, whatever the rules say.
//!
//! [`Guards`] is the operator's `guards.yaml` (or the built-in defaults), [`judge`] asks every guard about one
//! case. Each guard is a pure function; what it is not told it cannot know, and a missing fact holds the action.

mod alert;
mod approvals;
mod caps;
mod case;
pub mod file;
mod flow;
mod history;
mod judge;
mod machine;
mod maintenance;
mod meaning;
mod observable;
mod print;
mod recorded;
mod retired;
mod settings;
mod switches;
mod table;
mod unread;
mod verdict;
mod warnings;

pub use caps::Trip;
pub use case::{Asker, Attempt, Case, Consent};
pub use cordon_records::{Fleet, Isolation};
pub use judge::{Judgement, judge, within_caps};
pub use print::Setting;
pub use recorded::Recorded;
pub use settings::{Approvals, Guards};
pub use table::guard;
pub use unread::stands_unread;
pub use warnings::Warning;

#[cfg(test)]
mod tests;
