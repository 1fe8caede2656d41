//! The soak: every kind of fault by chance, under traffic, for minutes; then everything heals, comes to rest, and is
//! judged. [`plan`] is what will happen, a pure function of seed and minutes; [`traffic`] what is served meanwhile;
//! [`site`] carries the plan out on real processes and brokers and starts again what the plan killed.

pub mod plan;
pub mod site;
pub mod traffic;
