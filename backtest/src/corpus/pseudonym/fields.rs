//! What a field holds, by its name. Names are Microsoft's and our own; a name means the same wherever it stands in a record.

use std::net::IpAddr;

use cordon_policy::schema::{ALERT, FieldType, MACHINE};

/// What tags of ours begin with: guards know them.
pub const OURS: &str = "cordon-";

/// The longest text that may be one of a list of words.
const LONGEST_WORD: usize = 60;

/// So many letters and digits together are an id: a GUID ends in as many.
const ID: usize = 12;

/// How a field is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// One of a list of words, Microsoft's or ours.
    Word,
    /// An instant.
    Time,
    /// The hash of a file: it names neither a person nor a machine.
    Hash,
    /// A number that says nothing about who or where.
    Number,
    /// Text for people or of programs: names in it are replaced.
    Text,
    /// An id, a machine's name, an address.
    Id,
    /// An account.
    User,
    /// A URL, or a name that stands for one.
    Url,
    /// A name that people have given, which looks like a word: a group.
    Name,
    /// The same on a machine: a tag.
    Tag,
    /// Fields of its own; a text in their place may be any name.
    Held,
    /// Nobody knows.
    Unknown,
}

impl Treatment {
    /// How the field of this name is treated.
    pub fn of(name: &str) -> Self {
        let known = |names: &[&str]| names.contains(&name);
        match name {
            _ if known(&WORDS) || is_choice(name) => Self::Word,
            _ if known(&TIMES) => Self::Time,
            _ if known(&HASHES) => Self::Hash,
            _ if known(&NUMBERS) => Self::Number,
            _ if known(&TEXTS) => Self::Text,
            _ if known(&IDS) => Self::Id,
            _ if known(&USERS) => Self::User,
            "url" => Self::Url,
            "rbacGroupName" => Self::Name,
            "machineTags" => Self::Tag,
            _ if known(&CONTAINERS) => Self::Held,
            _ => Self::Unknown,
        }
    }

    /// Whether what stands there is a name by which text may call somebody or something.
    pub const fn names(self) -> bool {
        match self {
            Self::Id | Self::User | Self::Name | Self::Tag | Self::Url | Self::Held => true,
            Self::Word | Self::Time | Self::Hash | Self::Number | Self::Text | Self::Unknown => false,
        }
    }
}

/// Whether rules know the values of this field as a list.
fn is_choice(name: &str) -> bool {
    let is = |kind: FieldType| matches!(kind, FieldType::Choice(_));
    ALERT.iter().chain(MACHINE).any(|field| field.name == name && is(field.kind))
}

/// Whether a text may be a word of a list: nothing in it looks like an address or an id.
pub fn is_word(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/');
    let is_id = |part: &str| part.len() >= ID && part.chars().any(|c| c.is_ascii_digit());
    let has_id = text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_id);
    text.len() <= LONGEST_WORD && text.chars().all(letter) && !has_id && text.parse::<IpAddr>().is_err()
}

const WORDS: [&str; 27] = [
    "source",
    "change",
    "what",
    "unit",
    "field",
    "category",
    "threatFamilyName",
    "mitreTechniques",
    "entityType",
    "detectionStatus",
    "remediationStatus",
    "verdict",
    "osPlatform",
    "osVersion",
    "osProcessor",
    "osArchitecture",
    "version",
    "agentVersion",
    "defenderAvStatus",
    "managedBy",
    "managedByStatus",
    "operationalStatus",
    "type",
    "registryHive",
    "registryValueType",
    "serviceSource",
    "productName",
];

const TIMES: [&str; 15] = [
    "seen_at",
    "enriched_at",
    "alertCreationTime",
    "firstEventTime",
    "lastEventTime",
    "lastUpdateTime",
    "resolvedTime",
    "firstSeen",
    "lastSeen",
    "evidenceCreationTime",
    "processCreationTime",
    "parentProcessCreationTime",
    "createdTime",
    "creationTime",
    "time",
];

const HASHES: [&str; 3] = ["sha1", "sha256", "md5"];

const NUMBERS: [&str; 6] = ["schema_version", "kept", "of", "osBuild", "processId", "parentProcessId"];

const TEXTS: [&str; 16] = [
    "title",
    "description",
    "threatName",
    "fileName",
    "filePath",
    "processCommandLine",
    "parentProcessFileName",
    "parentProcessFilePath",
    "registryKey",
    "registryValue",
    "registryValueName",
    "comment",
    "recommendedActions",
    "exclusionReason",
    "why",
    "@odata.type",
];

const IDS: [&str; 20] = [
    "id",
    "alert_id",
    "tenant",
    "incidentId",
    "investigationId",
    "detectorId",
    "machineId",
    "computerDnsName",
    "aadTenantId",
    "aadDeviceId",
    "aadUserId",
    "userSid",
    "mergedIntoMachineId",
    "rbacGroupId",
    "domainName",
    "ipAddress",
    "macAddress",
    "lastIpAddress",
    "lastExternalIpAddress",
    "providerAlertId",
];

const USERS: [&str; 6] = ["assignedTo", "userName", "accountName", "userPrincipalName", "createdBy", "resolvedBy"];

/// Fields that hold others; what stands in their place as a text is replaced whole.
const CONTAINERS: [&str; 10] = [
    "alert",
    "machine",
    "cut",
    "missing",
    "evidence",
    "relatedUser",
    "loggedOnUsers",
    "comments",
    "ipAddresses",
    "domains",
];

#[cfg(test)]
mod tests {
    use cordon_policy::schema::EVIDENCE;

    use super::*;

    #[test]
    fn every_field_that_rules_can_read_is_known() {
        let fields = ALERT.iter().chain(MACHINE).chain(EVIDENCE);
        let of_flags = ["isAadJoined", "isExcluded"];
        let unknown: Vec<&str> = fields
            .map(|field| field.name)
            .filter(|name| !of_flags.contains(name) && Treatment::of(name) == Treatment::Unknown)
            .collect();
        assert_eq!(unknown, [""; 0]);
    }

    #[test]
    fn a_word_of_a_list_is_no_address_and_no_id() {
        for word in ["High", "Windows11", "10.8760.22631.4460", "T1059.001", "64-bit", ""] {
            assert!(is_word(word), "{word}");
        }
        for other in ["10.1.2.3", "a@b.example", "17e10bbc-3a68-474a-8aad-faef14d43952", "C:\\x", "fe80::1"] {
            assert!(!is_word(other), "{other}");
        }
    }
}
