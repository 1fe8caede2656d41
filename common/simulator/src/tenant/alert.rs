//! An alert of the simulated tenant.

use std::time::Duration;

use cordon_records::{AlertId, MachineId};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::tenant::machine::{SimMachine, object, texts};
use crate::wire_time::{before, sql_rounded, wire_time};

/// An alert. What is `None` is filled in when it is added: the id, and the times from the clock.
#[derive(Debug, Clone)]
pub struct SimAlert {
    /// The alert id; by default one of the present shape (`da` + GUID + `_1`), in no order.
    pub id: Option<AlertId>,
    /// `machineId`.
    pub machine: Option<MachineId>,
    /// `computerDnsName`.
    pub machine_name: Option<String>,
    /// `rbacGroupName`.
    pub group: Option<String>,
    /// `severity`: `UnSpecified`, `Informational`, `Low`, `Medium`, `High`.
    pub severity: String,
    /// `status`: `New`, `InProgress`, `Resolved`.
    pub status: String,
    /// `title`.
    pub title: String,
    /// `description`.
    pub description: String,
    /// `category`.
    pub category: String,
    /// `detectionSource`.
    pub detection_source: String,
    /// `mitreTechniques`.
    pub techniques: Vec<String>,
    /// `relatedUser`, as (account, domain). Without one the call for an alert's user answers 404.
    pub user: Option<(String, String)>,
    /// `alertCreationTime`.
    pub created: Option<Timestamp>,
    /// `lastUpdateTime`, before it is rounded to 1/300 s.
    pub updated: Option<Timestamp>,
    /// `firstEventTime`.
    pub first_event: Option<Timestamp>,
    /// `lastEventTime`.
    pub last_event: Option<Timestamp>,
    /// `resolvedTime`.
    pub resolved: Option<Timestamp>,
    /// `evidence`; see [`evidence`](fn@crate::evidence) for items of the full shape.
    pub evidence: Vec<Value>,
    /// Wire fields that replace or add to the above, for what no other field can say (a hostile `machineId`, say).
    pub extra: Map<String, Value>,
}

impl Default for SimAlert {
    fn default() -> Self {
        Self {
            id: None,
            machine: None,
            machine_name: None,
            group: None,
            severity: "High".to_owned(),
            status: "New".to_owned(),
            title: "Suspicious PowerShell command line".to_owned(),
            description: "A suspicious PowerShell activity was observed on the machine.".to_owned(),
            category: "Execution".to_owned(),
            detection_source: "WindowsDefenderAtp".to_owned(),
            techniques: vec!["T1059.001".to_owned()],
            user: None,
            created: None,
            updated: None,
            first_event: None,
            last_event: None,
            resolved: None,
            evidence: Vec::new(),
            extra: Map::new(),
        }
    }
}

impl SimAlert {
    /// A new alert of severity High on this machine.
    #[must_use]
    pub fn on(machine: &SimMachine) -> Self {
        Self {
            machine: Some(machine.id.clone()),
            machine_name: Some(machine.name.clone()),
            group: machine.group.clone(),
            ..Self::default()
        }
    }

    /// With this id.
    #[must_use]
    pub fn id(mut self, id: AlertId) -> Self {
        self.id = Some(id);
        self
    }

    /// With this severity.
    #[must_use]
    pub fn severity(mut self, severity: &str) -> Self {
        severity.clone_into(&mut self.severity);
        self
    }

    /// With this status.
    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.status);
        self
    }

    /// With this title.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    /// With this category.
    #[must_use]
    pub fn category(mut self, category: &str) -> Self {
        category.clone_into(&mut self.category);
        self
    }

    /// With this detection source.
    #[must_use]
    pub fn detection_source(mut self, source: &str) -> Self {
        source.clone_into(&mut self.detection_source);
        self
    }

    /// Created and last updated at this time.
    #[must_use]
    pub fn at(mut self, time: Timestamp) -> Self {
        self.created = Some(time);
        self.updated = Some(time);
        self
    }

    /// With this related user.
    #[must_use]
    pub fn user(mut self, account: &str, domain: &str) -> Self {
        self.user = Some((account.to_owned(), domain.to_owned()));
        self
    }

    /// With this item of evidence, besides those it has.
    #[must_use]
    pub fn evidence(mut self, item: Value) -> Self {
        self.evidence.push(item);
        self
    }

    /// With this wire field, whatever the other fields say.
    #[must_use]
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.extra.insert(name.to_owned(), value);
        self
    }

    /// Fills in what is missing: event times two minutes before the creation, the creation two seconds before the update.
    pub(crate) fn completed(mut self, id: AlertId, now: Timestamp) -> Self {
        let updated = *self.updated.get_or_insert(now);
        let created = *self.created.get_or_insert(updated);
        self.first_event.get_or_insert(before(created, Duration::from_secs(120)));
        self.last_event.get_or_insert(before(created, Duration::from_secs(100)));
        self.id = Some(id);
        self
    }

    /// The wire form with evidence: the fields of the "Alert resource type" page and those seen in real payloads
    /// besides. Times are written with up to seven digits, `lastUpdateTime` on a step of 1/300 s.
    #[must_use]
    pub fn to_json(&self, tenant: &str) -> Map<String, Value> {
        let time = |at: Option<Timestamp>| at.map(wire_time);
        let related = self.user.as_ref().map(|(account, domain)| json!({"userName": account, "domainName": domain}));
        let logged_on: Vec<Value> =
            self.user.iter().map(|(account, domain)| json!({"accountName": account, "domainName": domain})).collect();
        let mut wire = object(json!({
            "id": self.id.as_ref().map(AlertId::as_str), "incidentId": 7587, "investigationId": null, "assignedTo": null,
            "severity": self.severity, "status": self.status, "classification": null, "determination": null,
            "investigationState": "UnsupportedAlertType", "detectionSource": self.detection_source,
            "detectorId": "17e10bbc-3a68-474a-8aad-faef14d43952", "category": self.category, "threatFamilyName": null,
            "title": self.title, "description": self.description, "alertCreationTime": time(self.created),
            "firstEventTime": time(self.first_event), "lastEventTime": time(self.last_event),
            "lastUpdateTime": time(self.updated.map(sql_rounded)), "resolvedTime": time(self.resolved),
            "machineId": self.machine.as_ref().map(MachineId::as_str), "computerDnsName": self.machine_name,
            "rbacGroupName": self.group, "aadTenantId": tenant, "threatName": null, "mitreTechniques": self.techniques,
            "relatedUser": related, "loggedOnUsers": logged_on, "comments": [], "evidence": self.evidence, "domains": [],
        }));
        wire.extend(self.extra.clone());
        wire
    }

    /// Takes over what a JSON object with wire names says. A machine id that is no id at all is kept as it is.
    pub(crate) fn apply_json(&mut self, fields: &Map<String, Value>) {
        for (name, value) in fields {
            if !self.apply_text(name, value) && !self.apply_time(name, value) && !self.apply_other(name, value) {
                self.extra.insert(name.clone(), value.clone());
            }
        }
    }

    fn apply_text(&mut self, name: &str, value: &Value) -> bool {
        let Value::String(text) = value else { return false };
        match name {
            "computerDnsName" => self.machine_name = Some(text.clone()),
            "rbacGroupName" => self.group = Some(text.clone()),
            "severity" => self.severity.clone_from(text),
            "status" => self.status.clone_from(text),
            "title" => self.title.clone_from(text),
            "description" => self.description.clone_from(text),
            "category" => self.category.clone_from(text),
            "detectionSource" => self.detection_source.clone_from(text),
            "id" | "machineId" => return self.apply_id(name, text),
            _ => return false,
        }
        true
    }

    fn apply_id(&mut self, name: &str, text: &str) -> bool {
        if name == "id" {
            return AlertId::new(text).map(|id| self.id = Some(id)).is_ok();
        }
        MachineId::new(text).map(|id| self.machine = Some(id)).is_ok()
    }

    fn apply_time(&mut self, name: &str, value: &Value) -> bool {
        let Some(time) = value.as_str().and_then(|text| text.parse::<Timestamp>().ok()) else { return false };
        let field = match name {
            "alertCreationTime" => &mut self.created,
            "lastUpdateTime" => &mut self.updated,
            "firstEventTime" => &mut self.first_event,
            "lastEventTime" => &mut self.last_event,
            "resolvedTime" => &mut self.resolved,
            _ => return false,
        };
        *field = Some(time);
        true
    }

    fn apply_other(&mut self, name: &str, value: &Value) -> bool {
        match (name, value) {
            ("evidence", Value::Array(items)) => self.evidence.clone_from(items),
            ("mitreTechniques", Value::Array(techniques)) => self.techniques = texts(techniques),
            ("relatedUser", Value::Object(user)) => {
                let part = |name: &str| user.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                self.user = Some((part("userName"), part("domainName")));
            }
            _ => return false,
        }
        true
    }

    /// Marks it resolved at this time.
    pub fn resolve(&mut self, at: Timestamp) {
        "Resolved".clone_into(&mut self.status);
        self.resolved = Some(at);
        self.updated = Some(at);
    }
}

/// An item of evidence with all 25 fields of the wire, null unless given here.
#[must_use]
pub fn evidence(entity_type: &str, created: Timestamp, given: &[(&str, Value)]) -> Value {
    const NULL_FIELDS: [&str; 23] = [
        "sha1",
        "sha256",
        "fileName",
        "filePath",
        "processId",
        "processCommandLine",
        "processCreationTime",
        "parentProcessId",
        "parentProcessCreationTime",
        "parentProcessFileName",
        "parentProcessFilePath",
        "ipAddress",
        "url",
        "registryKey",
        "registryHive",
        "registryValueType",
        "registryValue",
        "accountName",
        "domainName",
        "userSid",
        "aadUserId",
        "userPrincipalName",
        "detectionStatus",
    ];
    let mut item: Map<String, Value> = NULL_FIELDS.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    item.insert("entityType".to_owned(), json!(entity_type));
    item.insert("evidenceCreationTime".to_owned(), json!(wire_time(sql_rounded(created))));
    item.extend(given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::Object(item)
}
