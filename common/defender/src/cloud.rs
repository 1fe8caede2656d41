//! Microsoft's clouds and the addresses that each of them uses.
//!
//! Sources: Microsoft's pages "Supported Microsoft Defender for Endpoint APIs" (geographic hosts), "Microsoft
//! Defender for Endpoint for US Government customers" and "National cloud deployments" (Graph and login hosts).

/// One of Microsoft's clouds. It only chooses defaults: each address can be set on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cloud {
    /// The commercial cloud. Geographic hosts (`https://eu.api.security.microsoft.com`) are set by `api_url`.
    #[default]
    Public,
    /// US Government Community Cloud.
    Gcc,
    /// US Government Community Cloud High.
    GccHigh,
    /// US Department of Defense.
    Dod,
}

impl Cloud {
    /// The names in settings files.
    pub const CHOICES: &'static [(&'static str, Self)] =
        &[("public", Self::Public), ("gcc", Self::Gcc), ("gcc_high", Self::GccHigh), ("dod", Self::Dod)];

    /// Where tokens come from.
    #[must_use]
    pub const fn authority_url(self) -> &'static str {
        match self {
            Self::Public | Self::Gcc => "https://login.microsoftonline.com",
            Self::GccHigh | Self::Dod => "https://login.microsoftonline.us",
        }
    }

    /// Base of the Defender for Endpoint API.
    #[must_use]
    pub const fn api_url(self) -> &'static str {
        match self {
            Self::Public => "https://api.security.microsoft.com",
            Self::Gcc => "https://api-gcc.securitycenter.microsoft.us",
            Self::GccHigh | Self::Dod => "https://api-gov.securitycenter.microsoft.us",
        }
    }

    /// The scope of tokens for Defender. It cannot be derived from the host: the commercial API at
    /// `api.security.microsoft.com` wants tokens for `api.securitycenter.microsoft.com`.
    #[must_use]
    pub const fn defender_scope(self) -> &'static str {
        match self {
            Self::Public => "https://api.securitycenter.microsoft.com/.default",
            Self::Gcc => "https://api-gcc.securitycenter.microsoft.us/.default",
            Self::GccHigh | Self::Dod => "https://api-gov.securitycenter.microsoft.us/.default",
        }
    }

    /// Base of Microsoft Graph.
    #[must_use]
    pub const fn graph_url(self) -> &'static str {
        match self {
            Self::Public | Self::Gcc => "https://graph.microsoft.com",
            Self::GccHigh => "https://graph.microsoft.us",
            Self::Dod => "https://dod-graph.microsoft.us",
        }
    }

    /// The scope of tokens for Graph.
    #[must_use]
    pub const fn graph_scope(self) -> &'static str {
        match self {
            Self::Public | Self::Gcc => "https://graph.microsoft.com/.default",
            Self::GccHigh => "https://graph.microsoft.us/.default",
            Self::Dod => "https://dod-graph.microsoft.us/.default",
        }
    }
}
