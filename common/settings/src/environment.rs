//! The process environment: the only place that reads it.

/// Every variable whose name and value are valid UTF-8; others cannot be settings of ours.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// One variable; `None` when it is not set or not valid UTF-8.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}
