//! An alert: the tolerant view of Microsoft's JSON, and what later records say of it.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::de::MapAccess;
use serde::{Deserialize, Serialize};

use crate::cut::{Cut, CutUnit, EVIDENCE};
use crate::ids::{AlertId, MachineId};
use crate::machine::MachineSummary;
use crate::spelling::{AlertStatus, Classification, Severity, read};
use crate::{known, lenient};

/// Microsoft's alert as this build understands it. Every field but the id may be absent; what has the wrong type
/// is absent too. The whole JSON stays in [`AlertRecord::raw`](crate::AlertRecord::raw).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// The alert's id.
    pub id: AlertId,
    /// The incident that Defender put it into.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub incident_id: Option<i64>,
    /// How bad it is.
    #[serde(default, deserialize_with = "read::severity")]
    pub severity: Option<Severity>,
    /// Where it stands.
    #[serde(default, deserialize_with = "read::status")]
    pub status: Option<AlertStatus>,
    /// What people found it to be.
    #[serde(default, deserialize_with = "read::classification")]
    pub classification: Option<Classification>,
    /// The finer finding under the classification.
    #[serde(default, deserialize_with = "read::determination")]
    pub determination: Option<String>,
    /// State of Defender's own automated investigation.
    #[serde(default, deserialize_with = "read::investigation_state")]
    pub investigation_state: Option<String>,
    /// Who has it: a user principal name, or `Automation`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub assigned_to: Option<String>,
    /// What raised it (`WindowsDefenderAtp`, `CustomDetection` …).
    #[serde(default, deserialize_with = "read::detection_source")]
    pub detection_source: Option<String>,
    /// The detector's GUID.
    #[serde(default, deserialize_with = "lenient::text")]
    pub detector_id: Option<String>,
    /// The kind of attack, MITRE-like.
    #[serde(default, deserialize_with = "lenient::text")]
    pub category: Option<String>,
    /// The malware family.
    #[serde(default, deserialize_with = "lenient::text")]
    pub threat_family_name: Option<String>,
    /// The threat's name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub threat_name: Option<String>,
    /// One line for people.
    #[serde(default, deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// Text for people, of any length.
    #[serde(default, deserialize_with = "lenient::text")]
    pub description: Option<String>,
    /// When Defender made the alert.
    #[serde(default, deserialize_with = "lenient::instant")]
    pub alert_creation_time: Option<Timestamp>,
    /// The first event behind it.
    #[serde(default, deserialize_with = "lenient::instant")]
    pub first_event_time: Option<Timestamp>,
    /// The last event behind it.
    #[serde(default, deserialize_with = "lenient::instant")]
    pub last_event_time: Option<Timestamp>,
    /// The last change of any field; several alerts may share one.
    #[serde(default, deserialize_with = "lenient::instant")]
    pub last_update_time: Option<Timestamp>,
    /// When it was closed.
    #[serde(default, deserialize_with = "lenient::instant")]
    pub resolved_time: Option<Timestamp>,
    /// The machine it is about.
    #[serde(default, deserialize_with = "lenient::or_absent")]
    pub machine_id: Option<MachineId>,
    /// That machine's name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub computer_dns_name: Option<String>,
    /// That machine's device group.
    #[serde(default, deserialize_with = "lenient::text")]
    pub rbac_group_name: Option<String>,
    /// The tenant that Defender names.
    #[serde(default, deserialize_with = "lenient::text")]
    pub aad_tenant_id: Option<String>,
    /// MITRE ATT&CK technique numbers.
    #[serde(default, deserialize_with = "lenient::list")]
    pub mitre_techniques: Vec<String>,
    /// The user that Defender relates to it.
    #[serde(default, deserialize_with = "lenient::or_absent")]
    pub related_user: Option<RelatedUser>,
    /// Who was logged on to the machine. Not in Microsoft's pages; Defender for Endpoint sends it all the same.
    #[serde(default, deserialize_with = "lenient::list")]
    pub logged_on_users: Vec<LoggedOnUser>,
    /// Users, files, addresses and so on that the alert rests on.
    #[serde(default, deserialize_with = "lenient::list")]
    pub evidence: Vec<Evidence>,
}

/// The user on an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RelatedUser {
    /// Account name without domain.
    #[serde(default, deserialize_with = "lenient::text")]
    pub user_name: Option<String>,
    /// The account's domain.
    #[serde(default, deserialize_with = "lenient::text")]
    pub domain_name: Option<String>,
}

/// A user who was logged on to the machine of an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedOnUser {
    /// Account name without domain.
    #[serde(default, deserialize_with = "lenient::text")]
    pub account_name: Option<String>,
}

/// One thing that an alert rests on. Microsoft gives it no id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// `User`, `Process`, `File`, `Ip`, `Url`, `Registry` …
    #[serde(default, deserialize_with = "lenient::text")]
    pub entity_type: Option<String>,
    /// SHA-1 of a file.
    #[serde(default, deserialize_with = "lenient::text")]
    pub sha1: Option<String>,
    /// SHA-256 of a file.
    #[serde(default, deserialize_with = "lenient::text")]
    pub sha256: Option<String>,
    /// A file's name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub file_name: Option<String>,
    /// A file's folder.
    #[serde(default, deserialize_with = "lenient::text")]
    pub file_path: Option<String>,
    /// A process's command line.
    #[serde(default, deserialize_with = "lenient::text")]
    pub process_command_line: Option<String>,
    /// An IP address.
    #[serde(default, deserialize_with = "lenient::text")]
    pub ip_address: Option<String>,
    /// A URL or a domain.
    #[serde(default, deserialize_with = "lenient::text")]
    pub url: Option<String>,
    /// An account's name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub account_name: Option<String>,
    /// An account's domain.
    #[serde(default, deserialize_with = "lenient::text")]
    pub domain_name: Option<String>,
    /// An account's user principal name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub user_principal_name: Option<String>,
    /// `Detected`, `Blocked`, `Prevented` …
    #[serde(default, deserialize_with = "lenient::text")]
    pub detection_status: Option<String>,
}

impl lenient::Item for Evidence {
    fn of_object<'de, A: MapAccess<'de>>(entries: A) -> Result<Option<Self>, A::Error> {
        lenient::object(entries)
    }
}

impl lenient::Item for LoggedOnUser {
    fn of_object<'de, A: MapAccess<'de>>(entries: A) -> Result<Option<Self>, A::Error> {
        lenient::object(entries)
    }
}

/// The longest title, category and name in a summary, in characters: decisions, reports and mails all repeat it.
const SUMMARY_TEXT: usize = 1_000;
/// The names in a summary take at most so many bytes.
const SUMMARY_NAMES: usize = 32 * 1024;
/// Where an alert names people, and what a summary calls the list of them.
const PEOPLE: [&str; 4] = [EVIDENCE, "relatedUser", "loggedOnUsers", USERS];
const USERS: &str = "users";

/// A text for a summary; a longer one ends in an ellipsis.
fn bounded(text: &str) -> String {
    match text.char_indices().nth(SUMMARY_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl Alert {
    /// Microsoft's names of the fields that this build reads.
    pub const FIELDS: &'static [&'static str] = &[
        "id",
        "incidentId",
        "severity",
        "status",
        "classification",
        "determination",
        "investigationState",
        "assignedTo",
        "detectionSource",
        "detectorId",
        "category",
        "threatFamilyName",
        "threatName",
        "title",
        "description",
        "alertCreationTime",
        "firstEventTime",
        "lastEventTime",
        "lastUpdateTime",
        "resolvedTime",
        "machineId",
        "computerDnsName",
        "rbacGroupName",
        "aadTenantId",
        "mitreTechniques",
        "relatedUser",
        "loggedOnUsers",
        "evidence",
    ];

    /// The newest moment at which the alert was news: the later of its making and its last event. The age guard
    /// counts from here.
    #[must_use]
    pub fn newest_moment(&self) -> Option<Timestamp> {
        self.alert_creation_time.max(self.last_event_time)
    }

    /// The user principal names on the alert, each once, in order of appearance.
    #[must_use]
    pub fn user_principal_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for name in self.evidence.iter().filter_map(|item| item.user_principal_name.as_ref()) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Every name of everybody whom the alert names, each once: a person may be known by a user principal name and by
    /// another account name, and a protection may be set on either. Of evidence (users and the accounts of processes), the
    /// related user and who was logged on. User principal names come first.
    #[must_use]
    pub fn user_names(&self) -> Vec<String> {
        let principals = self.evidence.iter().filter_map(|item| item.user_principal_name.as_deref());
        let accounts = self.evidence.iter().filter_map(|item| item.account_name.as_deref());
        let related = self.related_user.iter().filter_map(|user| user.user_name.as_deref());
        let logged_on = self.logged_on_users.iter().filter_map(|user| user.account_name.as_deref());
        let mut names = Vec::new();
        add_names(&mut names, principals.chain(accounts).chain(related).chain(logged_on));
        names
    }

    /// What the alert itself says of its machine, for people when the machine could not be had. Platform, worth and
    /// tags are unknown, so guards hold on it.
    #[must_use]
    pub fn machine_summary(&self) -> Option<MachineSummary> {
        Some(MachineSummary {
            name: self.computer_dns_name.as_deref().map(bounded),
            group: self.rbac_group_name.as_deref().map(bounded),
            ..MachineSummary::unknown(self.machine_id.clone()?)
        })
    }

    /// The names of [`Alert::user_names`] that a summary has room for, and how many it leaves out.
    fn named(&self) -> (Vec<String>, Vec<Cut>) {
        let mut names = self.user_names();
        let (of, mut room) = (names.len(), SUMMARY_NAMES);
        names.retain(|name| match room.checked_sub(name.len()) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        });
        let cut = Cut::new(USERS, (names.len(), of), CutUnit::Items);
        (names, if cut.kept == cut.of { Vec::new() } else { vec![cut] })
    }

    /// The few facts that decisions, reports and mails carry along. It is small, however large the alert is.
    #[must_use]
    pub fn summary(&self) -> AlertSummary {
        let (users, cut) = self.named();
        AlertSummary {
            id: self.id.clone(),
            title: self.title.as_deref().map(bounded).unwrap_or_default(),
            severity: self.severity.clone().unwrap_or(Severity::UnSpecified),
            status: self.status.clone().unwrap_or(AlertStatus::Unknown),
            classification: self.classification.clone(),
            category: self.category.as_deref().map(bounded),
            incident_id: self.incident_id,
            created: self.alert_creation_time,
            newest_moment: self.newest_moment(),
            last_update: self.last_update_time,
            users,
            cut,
        }
    }
}

/// Adds the names that are not blank and not there yet; case does not tell two names apart.
fn add_names<'a>(names: &mut Vec<String>, more: impl Iterator<Item = &'a str>) {
    let mut seen: HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    names.extend(more.filter_map(known).filter(|name| seen.insert(name.to_lowercase())).map(str::to_owned));
}

/// What later records say of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertSummary {
    /// The alert's id.
    pub id: AlertId,
    /// One line for people; `""` when Defender gave none.
    #[serde(default)]
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub status: AlertStatus,
    /// What people found it to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// The kind of attack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<i64>,
    /// When Defender made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The later of making and last event; age counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_moment: Option<Timestamp>,
    /// The vendor's last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update: Option<Timestamp>,
    /// Every name of everybody whom the alert names; see [`Alert::user_names`]. Once it was read afresh: by either reading.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// What of the alert, or of `users`, was left out because it would not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<Cut>,
}

impl AlertSummary {
    /// What was left out that may name people: then `users` may not be all of them.
    #[must_use]
    pub fn people_cut(&self) -> Option<&Cut> {
        self.cut.iter().find(|cut| PEOPLE.contains(&cut.field.as_str()))
    }

    /// This reading, which forgets nobody whom an earlier one of the same alert named.
    #[must_use]
    pub fn remembering(mut self, earlier: &Self) -> Self {
        add_names(&mut self.users, earlier.users.iter().map(String::as_str));
        // What a record left out of the earlier one may have named somebody whom this one does not.
        Cut::add(&mut self.cut, earlier.cut.clone());
        self
    }

    /// The users as people read them: an account's name is left out where a user principal name begins with it.
    #[must_use]
    pub fn people(&self) -> Vec<&str> {
        let account = |name: &str| name.split_once('@').map(|(account, _)| account.to_lowercase());
        let told: HashSet<String> = self.users.iter().filter_map(|name| account(name)).collect();
        self.users.iter().map(String::as_str).filter(|name| !told.contains(&name.to_lowercase())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_wrong_type_are_absent_and_the_alert_is_read_all_the_same() {
        let text = r#"{"id":"a1","severity":7,"status":null,"lastUpdateTime":"soon","machineId":"a/b","evidence":{"entityType":"User","userPrincipalName":"u@example.com"},"mitreTechniques":"T1","relatedUser":3}"#;
        let alert: Alert = serde_json::from_str(text).unwrap();
        assert_eq!(alert.severity, Some(Severity::Other("7".into())));
        assert_eq!((&alert.status, &alert.last_update_time, &alert.machine_id), (&None, &None, &None));
        assert_eq!(alert.user_principal_names(), ["u@example.com"]);
        assert_eq!(alert.mitre_techniques, ["T1"]);
    }

    #[test]
    fn everybody_is_named_by_every_name_and_each_name_once() {
        let alert = r#"{"id": "a", "relatedUser": {"userName": "bob", "domainName": "D"},
            "loggedOnUsers": [{"accountName": "ann", "domainName": "D"}, {"accountName": "BOB"}, {"accountName": ""}, 7],
            "evidence": [{"entityType": "User", "accountName": "boss", "userPrincipalName": "b.smith@example.com"},
                         {"entityType": "User", "accountName": "ceo", "userPrincipalName": "\t"},
                         {"entityType": "Process", "accountName": "svc", "userPrincipalName": "svc@example.com"}]}"#;
        let alert: Alert = serde_json::from_str(alert).unwrap();
        let names = ["b.smith@example.com", "svc@example.com", "boss", "ceo", "svc", "bob", "ann"];
        assert_eq!(alert.user_names(), names);
        assert_eq!(alert.summary().users, names);
        assert_eq!(alert.summary().people(), ["b.smith@example.com", "svc@example.com", "boss", "ceo", "bob", "ann"]);
    }

    #[test]
    fn a_fresh_reading_forgets_nobody_whom_an_earlier_one_named() {
        let read = |text: &str| serde_json::from_str::<Alert>(text).unwrap().summary();
        let polled = read(r#"{"id": "a", "evidence": [{"accountName": "ceo", "userPrincipalName": ""}]}"#);
        let fresh = read(r#"{"id": "a", "status": "InProgress", "evidence": [], "relatedUser": {"userName": "CEO"}}"#);
        let both = fresh.remembering(&polled);
        assert_eq!((both.users, both.status), (vec!["CEO".to_owned()], AlertStatus::InProgress));
        assert_eq!(read(r#"{"id": "a", "evidence":[]}"#).remembering(&polled).users, ["ceo"]);
    }

    #[test]
    fn the_spelling_of_another_api_is_the_same_value_and_an_unknown_one_is_kept() {
        let read = |text: &str| Severity::from(text);
        assert_eq!(read("high"), Severity::High);
        assert_eq!(read("Catastrophic").as_str(), "Catastrophic");
    }

    proptest::proptest! {
        #[test]
        fn whatever_json_is_in_the_fields_nothing_panics(id in "[a-z0-9_-]{1,20}", junk in proptest::prelude::any::<String>()) {
            let text = serde_json::json!({"id": id, "title": junk, "severity": junk, "machineId": junk, "lastEventTime": junk, "evidence": [junk]});
            let alert: Alert = serde_json::from_value(text).unwrap();
            let _ = alert.summary();
        }
    }
}
