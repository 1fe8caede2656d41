//! The shell around the responder against an in-memory broker, and the adapter against the simulated tenant.

mod answers;
#[path = "../../../common/response/src/tests/samples.rs"]
pub(super) mod samples;
mod shell;

// What `samples` is made of.
use cordon_response::facts::ActionSnapshot;
use cordon_response::{Config, Waits};
