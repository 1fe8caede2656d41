//! What people say: whether it counts, and what comes of it.

pub(crate) mod authority;
pub(crate) mod done;
