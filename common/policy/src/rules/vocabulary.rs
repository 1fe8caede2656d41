//! Values of text fields whose lists Microsoft leaves open: what is known of them. Another value may be right, so these
//! are for hints only, never for mistakes.
//! Sources: Microsoft's pages "Alert resource type", "Create alert from event API" and "Machine resource type", and values
//! seen in advanced hunting.

/// Platforms as Defender writes them.
pub const PLATFORMS: &[&str] = &[
    "Windows10",
    "Windows11",
    "Windows10WVD",
    "Windows11WVD",
    "Windows7",
    "Windows8.1",
    "WindowsServer2008R2",
    "WindowsServer2012R2",
    "WindowsServer2016",
    "WindowsServer2019",
    "WindowsServer2022",
    "WindowsServer2025",
    "macOS",
    "Linux",
    "Ubuntu",
    "RedHatEnterpriseLinux",
    "iOS",
    "Android",
];

/// Kinds of attack.
pub const CATEGORIES: &[&str] = &[
    "General",
    "CommandAndControl",
    "Collection",
    "CredentialAccess",
    "DefenseEvasion",
    "Discovery",
    "Exfiltration",
    "Exploit",
    "Execution",
    "Impact",
    "InitialAccess",
    "LateralMovement",
    "Malware",
    "Persistence",
    "PrivilegeEscalation",
    "Ransomware",
    "SuspiciousActivity",
    "UnwantedSoftware",
    "None",
    "null",
];

/// Kinds of evidence.
pub const ENTITY_TYPES: &[&str] = &["User", "Process", "File", "Ip", "Url", "Registry"];

/// What Defender did about an item of evidence.
pub const DETECTION_STATUSES: &[&str] = &["Detected", "Blocked", "Prevented"];
