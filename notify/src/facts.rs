//! The facts of a record as rows for people, and the links into Microsoft's portal.

mod settings;

mod outcome;

use cordon_records::{ActionRecord, AlertStatus, AlertSummary, Approval, MachineSummary, OtherAction, Severity};
use jiff::Timestamp;
use serde::Serialize;

use crate::clean::{MAX_LINE, foreign, line};

pub use outcome::download;

/// Where alerts and machines are looked at. The page addresses are those that the portal itself shows.
const PORTAL: &str = "https://security.microsoft.com";
/// More names than this are counted instead of listed.
const MAX_NAMES: usize = 10;

/// A titled group of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// The group's title.
    pub title: &'static str,
    /// Name and value, in order.
    pub facts: Vec<(&'static str, String)>,
    /// Where to go from here: a page of the portal.
    pub link: Option<Link>,
}

/// A link: into the portal, built from an id only, or to what Defender offers for download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What people read. It names the host where that is not the portal.
    pub label: String,
    /// The whole address.
    pub address: String,
}

/// Alert, machine and action of a record.
#[must_use]
pub fn of_action(record: &ActionRecord) -> Vec<Section> {
    let mut sections: Vec<Section> = alert_of(record).map(alert).into_iter().collect();
    sections.extend(record.machine.as_ref().map(machine));
    sections.push(action(record));
    sections
}

/// The alert behind it. A person's release of a machine that Cordon did not isolate has none; the record's place for it
/// holds the command then.
pub fn alert_of(record: &ActionRecord) -> Option<&AlertSummary> {
    let AlertSummary { severity, status, created, last_update, .. } = &record.alert;
    let unknown = *severity == Severity::UnSpecified && *status == AlertStatus::Unknown;
    let stands_in = record.requested_by.is_some() && unknown && created.is_none() && last_update.is_none();
    (!stands_in).then_some(&record.alert)
}

/// An instant for people, to the second, in UTC.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn alert(alert: &AlertSummary) -> Section {
    let mut facts = vec![
        ("Title", if alert.title.is_empty() { "(none)".to_owned() } else { foreign(&alert.title, MAX_LINE) }),
        ("Severity", foreign(alert.severity.as_str(), 40)),
        ("Status", foreign(alert.status.as_str(), 40)),
    ];
    facts.extend(alert.classification.as_ref().map(|found| ("Classification", foreign(found.as_str(), 60))));
    facts.extend(alert.category.as_ref().map(|category| ("Category", foreign(category, 100))));
    if !alert.users.is_empty() {
        facts.push(("Users", names(&alert.people())));
    }
    facts.extend(alert.created.map(|at| ("Raised", instant(at))));
    // The newest moment is the last event's only where that is later: Defender makes an alert after what it tells of.
    let later = alert.newest_moment.filter(|at| alert.created.is_none_or(|made| *at > made));
    facts.extend(later.map(|at| ("Last event", instant(at))));
    facts.extend(alert.incident_id.map(|id| ("Incident", id.to_string())));
    facts.push(("Alert id", alert.id.to_string()));
    Section { title: "Alert", facts, link: portal("Open the alert", "alerts", alert.id.as_str()) }
}

fn machine(machine: &MachineSummary) -> Section {
    let mut facts = vec![("Name", line(machine.label(), 255))];
    facts.extend(machine.known_os().map(|os| ("Platform", foreign(os, 60))));
    facts.extend(machine.known_group().map(|group| ("Group", foreign(group, 100))));
    facts.extend(machine.known_value().map(|value| ("Value", foreign(value, 40))));
    if let Some(tags) = machine.tags.as_ref().filter(|tags| !tags.is_empty()) {
        facts.push(("Tags", names(tags)));
    }
    facts.push(("Machine id", machine.id.to_string()));
    Section { title: "Machine", facts, link: portal("Open the machine", "machines", machine.id.as_str()) }
}

/// Ids are path-safe by their type.
fn portal(label: &str, folder: &str, id: &str) -> Option<Link> {
    Some(Link { label: label.to_owned(), address: format!("{PORTAL}/{folder}/{id}") })
}

fn action(record: &ActionRecord) -> Section {
    let kind = record.action.as_ref().map(|action| ("Action", action.kind().as_str().replace('_', " ")));
    let mut facts: Vec<(&'static str, String)> = kind.into_iter().collect();
    facts.push(("State", record.state.as_str().replace('_', " ")));
    facts.push(("Mode", record.mode.as_str().to_owned()));
    match &record.other_action {
        // What was asked for is not what was done.
        Some(other) => facts.extend(by_others(other)),
        None => facts.extend(record.action.as_ref().map(settings::of).unwrap_or_default()),
    }
    facts.extend(record.requested_by.as_ref().map(|who| ("Asked for by", line(who, 100))));
    facts.extend(record.approvals.iter().take(MAX_NAMES).map(|yes| ("Approved by", approval(yes))));
    if record.attempt > 0 {
        facts.push(("Attempt", record.attempt.to_string()));
    }
    facts.extend(record.machine_action_id.as_ref().map(|id| ("Defender action id", id.to_string())));
    facts.extend(record.key.as_ref().map(|key| ("Action key", key.to_string())));
    facts.extend(record.expires_at.map(|at| ("Waits until", instant(at))));
    if record.link.is_some() && download(record).is_none() {
        facts.push(("Download", "Defender gave a link that is not shown: it is not a plain https address.".to_owned()));
    }
    Section { title: "Action", facts, link: None }
}

fn by_others(other: &OtherAction) -> [(&'static str, String); 3] {
    let scope = other.scope.as_ref().map_or_else(|| "Defender does not say".to_owned(), |scope| foreign(scope, 40));
    [("Requested by", line(&other.by, 100)), ("Scope", scope), ("Their action id", other.id.to_string())]
}

fn approval(yes: &Approval) -> String {
    format!("{}, {}: {}", line(&yes.by, 100), instant(yes.at), foreign(&yes.why, MAX_LINE))
}

fn names<T: AsRef<str>>(all: &[T]) -> String {
    let mut text = all.iter().take(MAX_NAMES).map(|name| line(name.as_ref(), 100)).collect::<Vec<_>>().join(", ");
    if let Some(more) = all.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
