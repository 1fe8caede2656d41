//! `POST /api/machines/{id}/startInvestigation` ("Start Investigation API"), which Microsoft ended on 2026-09-01 (message
//! center, MC1411577). What it answers since then is not published; 410 is our reading of it.

use crate::answer::{Answer, error};
use crate::state::State;

/// Starts nothing.
pub(crate) fn start(state: &mut State) -> Answer {
    let target = state.tenant.guid();
    error(410, "Gone", "Automated investigations cannot be started since 2026-09-01", &target)
}
