//! A make-believe company: its machines, its people, and what Defender says of them.

use cordon_records::{AlertId, Change, EnrichedRecord, MachineId, Missing, SCHEMA_VERSION, Source, TenantId, Verbatim};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::chance::Chance;

/// Whose alerts these are.
const TENANT: &str = "5a17c0de-0000-4000-8000-00000000c0de";

/// Families of alerts: title, category, detection source, technique, family of malware, weight.
type Family = (&'static str, &'static str, &'static str, &'static str, Option<&'static str>, u64);

const FAMILIES: [Family; 16] = [
    ("Suspicious PowerShell command line", "Execution", "WindowsDefenderAtp", "T1059.001", None, 140),
    ("'Wacatac' malware was prevented", "Malware", "WindowsDefenderAv", "T1204.002", Some("Wacatac"), 150),
    (
        "An active 'InstallCore' unwanted software was detected",
        "UnwantedSoftware",
        "WindowsDefenderAv",
        "T1204",
        Some("InstallCore"),
        160,
    ),
    ("Suspicious connection to a risky host", "CommandAndControl", "WindowsDefenderAtp", "T1071.001", None, 90),
    (
        "Low-reputation arbitrary code executed by signed executable",
        "Execution",
        "WindowsDefenderAtp",
        "T1218",
        None,
        80,
    ),
    ("Suspicious access to LSASS service", "CredentialAccess", "WindowsDefenderAtp", "T1003.001", None, 50),
    (
        "Suspicious 'Meterpreter' behavior was detected",
        "SuspiciousActivity",
        "WindowsDefenderAv",
        "T1059",
        Some("Meterpreter"),
        30,
    ),
    (
        "Hands-on-keyboard attack involving multiple devices",
        "LateralMovement",
        "WindowsDefenderAtp",
        "T1021.002",
        None,
        14,
    ),
    ("Ransomware behavior detected in the file system", "Ransomware", "WindowsDefenderAtp", "T1486", None, 12),
    ("Possible lateral movement by remote service", "LateralMovement", "WindowsDefenderAtp", "T1021", None, 34),
    ("Suspicious scheduled task", "Persistence", "WindowsDefenderAtp", "T1053.005", None, 70),
    ("Phishing document opened", "InitialAccess", "WindowsDefenderAtp", "T1566.001", None, 60),
    ("Unusual process hollowing", "DefenseEvasion", "WindowsDefenderAtp", "T1055.012", None, 40),
    ("'Mimikatz' hacktool was detected", "CredentialAccess", "WindowsDefenderAv", "T1003", Some("Mimikatz"), 16),
    ("Custom detection: data to a personal cloud", "Exfiltration", "CustomDetection", "T1567.002", None, 34),
    ("System tampering with security services", "DefenseEvasion", "WindowsDefenderAtp", "T1562.001", None, 20),
];

const SEVERITIES: [&str; 20] = [
    "Informational",
    "Informational",
    "Informational",
    "Informational",
    "Informational",
    "Informational",
    "Low",
    "Low",
    "Low",
    "Low",
    "Low",
    "Low",
    "Low",
    "Medium",
    "Medium",
    "Medium",
    "Medium",
    "Medium",
    "High",
    "Informational",
];

const GROUPS: [&str; 6] = ["Clients", "Clients", "Sales", "Laboratory", "Servers", "Administrators"];

/// What attackers write into names, and what terminals, mails and pages must not obey.
const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\u{1b}[2J\u{1b}[31mred",
    "a\u{202e}gpj.exe",
    "'; DROP TABLE alerts; -- `|` @everyone",
    "]]></title><img src=x onerror=alert(1)>",
];

/// An update of an alert that was made: people or Defender have changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// When the record is made.
    pub at: Timestamp,
    /// The alert's number.
    pub alert: u64,
    /// 0 when it is new, then counting its updates.
    pub update: u64,
    /// When the alert was made.
    pub made: Timestamp,
}

/// The company of this seed.
#[derive(Debug, Clone)]
pub struct Company {
    seed: u64,
    machines: u64,
}

impl Company {
    /// One that is as large as to have so many alerts in some months.
    pub const fn new(seed: u64, alerts: u64) -> Self {
        let machines = if alerts / 25 < 20 { 20 } else { alerts / 25 };
        Self { seed, machines }
    }

    /// How many updates an alert will have.
    pub fn updates(&self, alert: u64) -> u64 {
        let mut chance = Chance::of(self.seed ^ 0x0075_7064, alert);
        if chance.in_thousand(280) { 1 + chance.below(2) } else { 0 }
    }

    /// The record of an alert, new or updated, and its key.
    ///
    /// # Errors
    /// Never for what this file makes; ids and JSON are checked all the same.
    pub fn record(&self, seen: &Seen) -> Option<EnrichedRecord> {
        let mut chance = Chance::of(self.seed, seen.alert);
        let number = chance.tailed(self.machines);
        let machine = self.machine(number, seen.made);
        let alert = self.alert(&mut chance, (number, &machine), seen);
        let id = AlertId::new(alert.get("id")?.as_str()?).ok()?;
        let is_lost = chance.in_thousand(8);
        let change = if seen.update == 0 { Change::New } else { Change::Updated };
        let why = "machine lookup: 404 ResourceNotFound".to_owned();
        let missing = is_lost.then(|| Missing { what: "machine".to_owned(), why });
        Some(EnrichedRecord {
            schema_version: SCHEMA_VERSION,
            id: format!("{id}@{}", seen.at),
            alert_id: id,
            tenant: TenantId::new(TENANT).ok()?,
            source: Source::Mde,
            change,
            seen_at: seen.at,
            enriched_at: seen.at,
            alert: Verbatim::parse(&alert.to_string()).ok()?,
            machine: if is_lost { None } else { Verbatim::parse(&machine.to_string()).ok() },
            cut: Vec::new(),
            missing: missing.into_iter().collect(),
        })
    }

    fn machine(&self, number: u64, at: Timestamp) -> Value {
        let mut chance = Chance::of(self.seed ^ 0x006d_6163, number);
        let group = chance.of_these(&GROUPS);
        let is_server = group == Some("Servers");
        let (os, build) = match (is_server, chance.below(10)) {
            (true, 0..6) => ("WindowsServer2022", 20_348),
            (true, _) => ("Linux", 0),
            (false, 0..7) => ("Windows11", 26_100),
            (false, 7 | 8) => ("Windows10", 19_045),
            (false, _) => ("macOS", 0),
        };
        let value = if is_server || chance.in_thousand(20) { "High" } else { "Normal" };
        let tags: Vec<&str> = [("VIP", 12), ("cordon-never", 4), ("cordon-pilot", 200)]
            .into_iter()
            .filter_map(|(tag, often)| chance.in_thousand(often).then_some(tag))
            .collect();
        let name = if is_server { format!("srv-{number:05}") } else { format!("lap-{number:05}") };
        json!({
            "id": MachineId::new(format!("{:040x}", u128::from(number) + 0x00c0_ffee_0000)).map(|id| id.to_string()).unwrap_or_default(),
            "computerDnsName": format!("{name}.corp.example"),
            "firstSeen": "2024-02-02T14:55:03.7791856Z",
            "lastSeen": (at - SignedDuration::from_mins(30)).to_string(),
            "osPlatform": os, "osProcessor": "x64", "version": "24H2", "osBuild": build,
            "lastIpAddress": format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255),
            "lastExternalIpAddress": "203.0.113.175", "healthStatus": "Active", "onboardingStatus": "Onboarded",
            "deviceValue": value, "rbacGroupName": group, "rbacGroupId": 140, "riskScore": chance.of_these(&["None", "Low", "Medium", "High"]),
            "exposureLevel": chance.of_these(&["Low", "Medium", "High"]), "isAadJoined": true, "isExcluded": false,
            "aadDeviceId": format!("{}-7072-4195-aaa5-{}", chance.hex(8), chance.hex(12)), "machineTags": tags,
            "ipAddresses": [{"ipAddress": format!("10.0.{}.7", number & 255), "macAddress": chance.hex(12), "operationalStatus": "Up"}],
        })
    }

    fn alert(&self, chance: &mut Chance, (number, machine): (u64, &Value), seen: &Seen) -> Value {
        let (title, category, source, technique, family, _) = weighted(chance);
        let severity = match category {
            "Ransomware" | "LateralMovement" if chance.in_thousand(500) => "High",
            _ => chance.of_these(&SEVERITIES).unwrap_or("Low"),
        };
        let hostile = if chance.in_thousand(2) { chance.of_these(&HOSTILE) } else { None };
        let title = hostile.map_or_else(|| title.to_owned(), |hostile| format!("{title} {hostile}"));
        let user = format!("user{}", chance.tailed(self.machines * 2));
        let (status, classification, determination) = self.state(chance, seen.update);
        let updated = seen.at - SignedDuration::from_secs(3);
        let made = seen.made - SignedDuration::from_secs(4);
        let from = made - SignedDuration::from_secs(i64::try_from(chance.below(900)).unwrap_or(0));
        json!({
            "id": format!("da{}_{}", chance.hex(30), seen.alert), "incidentId": 1_000 + seen.alert / 3, "investigationId": null,
            "assignedTo": (seen.update > 0).then_some("secop@corp.example"), "severity": severity, "status": status,
            "classification": classification, "determination": determination,
            "investigationState": "UnsupportedAlertType", "detectionSource": source, "detectorId": chance.hex(32),
            "category": category, "threatFamilyName": family, "title": title,
            "description": "An activity on this machine is known from attacks. It was seen in the order of events below. \
                Look at the process tree, at who was logged on, and at other alerts of this machine within the hour; \
                where the machine is shared, ask its owner before anything is cut off.",
            "alertCreationTime": made.to_string(), "firstEventTime": from.to_string(), "lastEventTime": made.to_string(),
            "lastUpdateTime": updated.to_string(), "resolvedTime": (status == "Resolved").then(|| updated.to_string()),
            "machineId": machine.get("id"), "computerDnsName": machine.get("computerDnsName"),
            "rbacGroupName": machine.get("rbacGroupName"), "aadTenantId": TENANT, "threatName": null,
            "mitreTechniques": [technique, "T1082"], "relatedUser": {"userName": user, "domainName": "CORP"},
            "loggedOnUsers": [{"accountName": user, "domainName": "CORP"}], "comments": [],
            "evidence": evidence(chance, &user, number, &made.to_string(), hostile),
        })
    }

    /// What people and Defender have made of an alert by its so many-th update.
    fn state(&self, chance: &mut Chance, update: u64) -> (&'static str, Option<&'static str>, Option<&'static str>) {
        let end = chance.below(100);
        match (update, end) {
            (0, _) => ("New", None, None),
            (1, 0..35) => ("InProgress", None, None),
            (_, 0..30) => ("Resolved", Some("TruePositive"), Some("Malware")),
            (_, 30..50) => ("Resolved", Some("InformationalExpectedActivity"), Some("SecurityTesting")),
            (_, 50..90) => ("Resolved", Some("FalsePositive"), Some("NotMalicious")),
            (_, _) => ("Resolved", None, None),
        }
    }
}

fn weighted(chance: &mut Chance) -> Family {
    let all: u64 = FAMILIES.iter().map(|family| family.5).sum();
    let mut at = chance.below(all);
    for family in FAMILIES {
        if at < family.5 {
            return family;
        }
        at -= family.5;
    }
    FAMILIES[0]
}

fn evidence(chance: &mut Chance, user: &str, machine: u64, at: &str, hostile: Option<&str>) -> Vec<Value> {
    let item = |kind: &str, more: Value| {
        let mut item = json!({"entityType": kind, "evidenceCreationTime": at, "detectionStatus": "Detected"});
        if let (Some(item), Value::Object(more)) = (item.as_object_mut(), more) {
            item.extend(more);
        }
        item
    };
    let script = hostile.map_or_else(|| format!("job-{}.ps1", chance.tailed(900)), str::to_owned);
    let command =
        format!("powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\\Temp\\{script} -Run {}", chance.next());
    let mut items = vec![
        item(
            "User",
            json!({"accountName": user, "domainName": "CORP", "userSid": format!("S-1-5-21-1-2-3-{machine}"),
            "aadUserId": chance.hex(32), "userPrincipalName": format!("{user}@corp.example")}),
        ),
        item(
            "Process",
            json!({"sha1": chance.hex(40), "sha256": chance.hex(64), "fileName": "powershell.exe",
            "filePath": "C:\\Windows\\System32\\WindowsPowerShell\\v1.0", "processId": chance.below(65_536),
            "processCommandLine": command, "processCreationTime": at, "parentProcessId": chance.below(65_536),
            "parentProcessFileName": "explorer.exe", "parentProcessFilePath": "C:\\Windows", "accountName": user}),
        ),
    ];
    for _ in 0..chance.below(3) {
        let name = format!("job-{}.ps1", chance.tailed(900));
        items.push(item(
            "File",
            json!({"sha1": chance.hex(40), "sha256": chance.hex(64), "fileName": name, "filePath": "C:\\Temp"}),
        ));
    }
    if chance.in_thousand(400) {
        items.push(item("Ip", json!({"ipAddress": format!("198.51.100.{}", chance.tailed(250))})));
    }
    if chance.in_thousand(150) {
        items.push(item("Url", json!({"url": format!("https://cdn{}.example/x", chance.tailed(60))})));
    }
    items
}
