//! A machine of the simulated tenant.

use std::time::Duration;

use cordon_records::MachineId;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::wire_time::{before, wire_time};

/// A machine. Every field may be changed before it is added; the defaults are an onboarded, active, online Windows 11.
#[derive(Debug, Clone)]
pub struct SimMachine {
    /// The machine id.
    pub id: MachineId,
    /// `computerDnsName`.
    pub name: String,
    /// `osPlatform` (`Windows11`, `WindowsServer2022`, `Ubuntu`, `macOS`, …).
    pub os: String,
    /// `machineTags`.
    pub tags: Vec<String>,
    /// `rbacGroupName`.
    pub group: Option<String>,
    /// `deviceValue`: `Low`, `Normal`, `High`.
    pub value: Option<String>,
    /// Whether it answers: an action on a machine that is offline stays `Pending`. Not on the wire.
    pub online: bool,
    /// `healthStatus`.
    pub health: String,
    /// `onboardingStatus`.
    pub onboarding: String,
    /// `lastSeen`; by default a few hours before the present, as real ones are.
    pub last_seen: Option<Timestamp>,
    /// The accounts logged on, as (account, domain).
    pub users: Vec<(String, String)>,
    /// What becomes of actions that reach it.
    pub outcome: ActionOutcome,
    /// Wire fields that replace or add to the above, for what no other field can say.
    pub extra: Map<String, Value>,
}

/// How an action ends on a machine that it reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ActionOutcome {
    /// `Succeeded`.
    #[default]
    Succeeds,
    /// `Failed`.
    Fails,
    /// It stays `InProgress`.
    Hangs,
}

impl SimMachine {
    /// A machine with defaults.
    #[must_use]
    pub fn new(id: MachineId, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            os: "Windows11".to_owned(),
            tags: Vec::new(),
            group: None,
            value: Some("Normal".to_owned()),
            online: true,
            health: "Active".to_owned(),
            onboarding: "Onboarded".to_owned(),
            last_seen: None,
            users: Vec::new(),
            outcome: ActionOutcome::default(),
            extra: Map::new(),
        }
    }

    /// With this `osPlatform`.
    #[must_use]
    pub fn os(mut self, os: &str) -> Self {
        os.clone_into(&mut self.os);
        self
    }

    /// With this tag, besides those it has.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.to_owned());
        self
    }

    /// In this device group.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        self.group = Some(group.to_owned());
        self
    }

    /// With this `deviceValue`.
    #[must_use]
    pub fn value(mut self, value: &str) -> Self {
        self.value = Some(value.to_owned());
        self
    }

    /// Switched off.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.online = false;
        self
    }

    /// With this `healthStatus`.
    #[must_use]
    pub fn health(mut self, health: &str) -> Self {
        health.clone_into(&mut self.health);
        self
    }

    /// With this account logged on, besides others.
    #[must_use]
    pub fn user(mut self, account: &str, domain: &str) -> Self {
        self.users.push((account.to_owned(), domain.to_owned()));
        self
    }

    /// With this wire field, whatever the other fields say.
    #[must_use]
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.extra.insert(name.to_owned(), value);
        self
    }

    /// Whether Defender manages it: only then can it be isolated; otherwise it can be contained.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        self.onboarding == "Onboarded"
    }

    /// The wire form: the fields of the "Machine resource type" page and those seen in real payloads besides.
    #[must_use]
    pub fn to_json(&self, now: Timestamp) -> Map<String, Value> {
        let last_seen = self.last_seen.unwrap_or_else(|| before(now, Duration::from_secs(4 * 3600)));
        let windows = self.os.starts_with("Windows");
        let mut wire = object(json!({
            "id": self.id.as_str(), "computerDnsName": self.name, "mergedIntoMachineId": null, "isPotentialDuplication": false,
            "isExcluded": false, "exclusionReason": null, "firstSeen": "2024-01-08T09:12:44.1234567Z",
            "lastSeen": wire_time(last_seen), "osPlatform": self.os, "osVersion": null, "osProcessor": "x64",
            "version": if windows { "23H2" } else { "22.4" }, "lastIpAddress": "10.20.30.40",
            "lastExternalIpAddress": "203.0.113.40", "agentVersion": "10.8760.22631.4460",
            "osBuild": if windows { json!(22631) } else { Value::Null }, "healthStatus": self.health, "deviceValue": self.value,
            "rbacGroupId": if self.group.is_some() { 75 } else { 0 }, "rbacGroupName": self.group, "riskScore": "Medium",
            "exposureLevel": "Low", "isAadJoined": true, "aadDeviceId": null, "machineTags": self.tags,
            "defenderAvStatus": "Updated", "onboardingStatus": self.onboarding, "osArchitecture": "64-bit",
            "managedBy": "Intune", "managedByStatus": "Success", "vmMetadata": null,
        }));
        wire.insert(
            "ipAddresses".to_owned(),
            json!([{"ipAddress": "10.20.30.40", "macAddress": "8CEC4B897E73", "type": "Ethernet", "operationalStatus": "Up"}]),
        );
        wire.extend(self.extra.clone());
        wire
    }

    /// The accounts logged on, as the `logonusers` call gives them.
    #[must_use]
    pub fn users_json(&self, now: Timestamp) -> Vec<Value> {
        self.users.iter().map(|(account, domain)| user_json(account, domain, self.id.as_str(), now)).collect()
    }

    /// Takes over what a JSON object with wire names (and `online`, `users`) says.
    pub(crate) fn apply_json(&mut self, fields: &Map<String, Value>) {
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("id", _) => {}
                ("computerDnsName", Value::String(text)) => self.name.clone_from(text),
                ("osPlatform", Value::String(text)) => self.os.clone_from(text),
                ("healthStatus", Value::String(text)) => self.health.clone_from(text),
                ("onboardingStatus", Value::String(text)) => self.onboarding.clone_from(text),
                ("rbacGroupName", Value::String(text)) => self.group = Some(text.clone()),
                ("deviceValue", Value::String(text)) => self.value = Some(text.clone()),
                ("online", Value::Bool(online)) => self.online = *online,
                ("machineTags", Value::Array(tags)) => self.tags = texts(tags),
                ("users", Value::Array(users)) => self.users = texts(users).iter().map(|text| account(text)).collect(),
                _ => {
                    self.extra.insert(name.clone(), value.clone());
                }
            }
        }
    }
}

/// `domain\account` or just `account`.
fn account(text: &str) -> (String, String) {
    text.split_once('\\')
        .map_or_else(|| (text.to_owned(), String::new()), |(domain, account)| (account.to_owned(), domain.to_owned()))
}

/// The User object of the `logonusers` and `/alerts/{id}/user` calls.
pub(crate) fn user_json(account: &str, domain: &str, machine: &str, now: Timestamp) -> Value {
    json!({
        "id": format!("{}\\{}", domain.to_lowercase(), account.to_lowercase()), "accountName": account, "accountDomain": domain,
        "accountSid": "S-1-5-21-1111111111-2222222222-3333333333-1105", "firstSeen": "2024-01-08T09:20:00Z",
        "lastSeen": wire_time(before(now, Duration::from_secs(1800))), "mostPrevalentMachineId": machine,
        "leastPrevalentMachineId": machine, "logonTypes": "Interactive", "logOnMachinesCount": 1, "isDomainAdmin": false,
        "isOnlyNetworkUser": false,
    })
}

pub(crate) fn texts(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The map inside a JSON object; empty for any other value.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
