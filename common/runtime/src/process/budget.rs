//! How long a stage may take to stop.

use std::time::Duration;

/// How long a stage may take to settle what is under way once it is asked to stop. Container runtimes that kill after
/// 30 s by default need a longer grace period for a clean end.
pub const DRAIN_BUDGET: Duration = Duration::from_secs(30);
/// How long the producer may take to deliver what it still holds.
pub(super) const FLUSH_BUDGET: Duration = Duration::from_secs(5);
