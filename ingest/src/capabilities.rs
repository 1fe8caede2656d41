//! What this server's alert list can be asked for. `$orderby` is not on Microsoft's page "List alerts API", only in the
//! connector's swagger; so a server that answers 400 is asked with less, and what worked is remembered.

/// The options of a question that a server may refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerCapabilities {
    /// Ask for `$orderby=lastUpdateTime asc`.
    pub order: bool,
    /// Ask for `$expand=evidence`.
    pub expand: bool,
}

impl Default for ServerCapabilities {
    fn default() -> Self {
        Self { order: true, expand: true }
    }
}

impl ServerCapabilities {
    /// What to try after this one was refused; `None` when nothing is left to leave out.
    #[must_use]
    pub const fn simpler(self) -> Option<Self> {
        match (self.order, self.expand) {
            (true, true) => Some(Self { order: false, expand: true }),
            (false, true) => Some(Self { order: true, expand: false }),
            (true, false) => Some(Self { order: false, expand: false }),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_is_left_out_alone_before_both_are() {
        let mut capabilities = ServerCapabilities::default();
        let mut tried = vec![capabilities];
        while let Some(next) = capabilities.simpler() {
            capabilities = next;
            tried.push(capabilities);
        }
        let tried: Vec<_> = tried.into_iter().map(|d| (d.order, d.expand)).collect();
        assert_eq!(tried, [(true, true), (false, true), (true, false), (false, false)]);
    }
}
