//! The facts of a record as rows for people, its action's settings among them, and the links: into Microsoft's portal, and to
//! what an action has brought.

use std::time::Duration;

use cordon_records::text::exact_span;
use cordon_records::{
    Action, ActionRecord, AlertChanges, AlertStatus, AlertSummary, Approval, GuardVerdict, Indicator, LiveCommand,
    MachineSummary, OtherAction, ReleaseTerms, Ruling, Severity, TagChange,
};
use jiff::Timestamp;
use serde::Serialize;
use url::{Host, Url};

use crate::clean::{MAX_BLOCK, MAX_LINE, block, foreign, line};
use crate::wording;

/// Where alerts and machines are looked at. The page addresses are those that the portal itself shows.
const PORTAL: &str = "https://security.microsoft.com";
/// More names than this are counted instead of listed.
const MAX_NAMES: usize = 10;
/// More rules or guards than this are not shown.
const MAX_ITEMS: usize = 40;
/// More commands than this are counted instead of listed.
const MAX_COMMANDS: usize = 10;
/// Longer addresses and hosts than any that Defender gives are not shown, in characters. A host is always shown whole:
/// a shortened one could hide where the link leads.
const MAX_ADDRESS: usize = 2_000;
const MAX_HOST: usize = 100;

/// Name and value.
type Fact = (&'static str, String);

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
        None => facts.extend(record.action.as_ref().map(settings).unwrap_or_default()),
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

/// The action's own settings, then its author's comment.
fn settings(action: &Action) -> Vec<Fact> {
    let mut facts = match action {
        Action::Isolate { isolation, release, .. } => {
            let mut facts = vec![("Isolation", isolation.as_str().to_owned())];
            facts.extend(release.as_ref().map(|terms| ("Released by Cordon", terms_of(terms))));
            facts
        }
        Action::Scan { scan, .. } => vec![("Scan", scan.as_str().to_owned())],
        Action::StopFile { sha1, .. } => vec![("File (SHA-1)", sha1.to_string())],
        Action::LiveResponse { commands, .. } => live(commands),
        Action::Tag { tag, change } => {
            let label = match change {
                TagChange::Add => "Tag to put on",
                TagChange::Remove => "Tag to take off",
            };
            vec![(label, foreign(tag, 200))]
        }
        Action::SetDeviceValue { value } => vec![("Value to set", value.as_str().to_owned())],
        Action::UpdateAlert(changes) => changes_of(changes),
        Action::Indicator(indicator) => indicator_facts(indicator),
        Action::Cancel { what, .. } => vec![("Cancels", what.as_str().replace('_', " "))],
        Action::Release { .. }
        | Action::RestrictCode { .. }
        | Action::UnrestrictCode { .. }
        | Action::CollectPackage { .. }
        | Action::Investigate { .. }
        | Action::Offboard { .. } => Vec::new(),
    };
    let comment = foreign(action.comment(), MAX_LINE);
    if !comment.is_empty() {
        facts.push(("Comment", comment));
    }
    facts
}

fn terms_of(terms: &ReleaseTerms) -> String {
    let asked = if terms.ask { ", if a person agrees" } else { "" };
    format!("{} after it is confirmed{asked}", span(terms.after_s))
}

fn span(seconds: u64) -> String {
    exact_span(Duration::from_secs(seconds))
}

fn live(commands: &[LiveCommand]) -> Vec<Fact> {
    let mut facts: Vec<Fact> =
        commands.iter().take(MAX_COMMANDS).map(|command| ("Command", live_line(command))).collect();
    if let Some(more) = commands.len().checked_sub(MAX_COMMANDS).filter(|more| *more > 0) {
        facts.push(("Command", format!("and {more} more")));
    }
    facts
}

fn live_line(command: &LiveCommand) -> String {
    match command {
        LiveCommand::PutFile { file } => format!("put file {}", line(file, 200)),
        LiveCommand::RunScript { script, args } if args.is_empty() => format!("run script {}", line(script, 200)),
        LiveCommand::RunScript { script, args } => {
            format!("run script {} with {}", line(script, 200), foreign(args, MAX_LINE))
        }
        LiveCommand::GetFile { path } => format!("get file {}", foreign(path, MAX_LINE)),
    }
}

fn changes_of(changes: &AlertChanges) -> Vec<Fact> {
    let rows = [
        ("New status", changes.status.as_ref().map(|status| foreign(status.as_str(), 60))),
        ("New assignee", changes.assigned_to.as_ref().map(|who| line(who, 100))),
        ("New classification", changes.classification.as_ref().map(|found| foreign(found.as_str(), 60))),
        ("New determination", changes.determination.as_ref().map(|found| foreign(found, 60))),
    ];
    rows.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

fn indicator_facts(indicator: &Indicator) -> Vec<Fact> {
    let mut facts = vec![
        ("Indicator", foreign(&indicator.value, MAX_LINE)),
        ("Kind of indicator", indicator.kind.as_str().to_owned()),
        ("What it does", indicator.action.as_str().to_owned()),
        ("Indicator title", foreign(&indicator.title, 200)),
    ];
    facts.extend(indicator.severity.as_ref().map(|severity| ("Indicator severity", foreign(severity, 40))));
    let ends = indicator.expires_after_s.map_or_else(|| "never".to_owned(), |after| format!("after {}", span(after)));
    facts.push(("Indicator ends", ends));
    let whole = || "every machine of the tenant".to_owned();
    facts.push(("Counts for", if indicator.groups.is_empty() { whole() } else { names(&indicator.groups) }));
    facts
}

/// The link of the record: `https` to a named host, or `http` to this machine, which is the simulated tenant. Names and
/// passwords before the host are refused, because they can be made to look like one.
pub fn download(record: &ActionRecord) -> Option<Link> {
    let url = Url::parse(record.link.as_deref()?).ok()?;
    let host = url.host()?;
    let allowed = match (url.scheme(), &host) {
        ("https", Host::Domain(_)) => true,
        ("https" | "http", Host::Ipv4(address)) => address.is_loopback(),
        ("https" | "http", Host::Ipv6(address)) => address.is_loopback(),
        ("http", Host::Domain(name)) => *name == "localhost",
        _ => false,
    };
    let bare = url.username().is_empty() && url.password().is_none();
    let shown = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
    let short = url.as_str().len() <= MAX_ADDRESS && shown.len() <= MAX_HOST;
    (allowed && bare && short).then(|| Link { label: format!("Download from {shown}"), address: url.into() })
}

/// One rule and its condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleView {
    /// The rule's id.
    pub id: String,
    /// The condition as written; `""` when the record has none.
    pub condition: String,
}

/// The word of one guard that speaks against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardView {
    /// The guard's name.
    pub guard: String,
    /// `covered`, `hold` or `refuse`.
    pub word: &'static str,
    /// Why, in plain words.
    pub why: String,
}

/// What the guards say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Guards {
    /// Those that speak against it, the strictest first; not the one whose word the mail gives as the reason.
    pub against: Vec<GuardView>,
    /// The names of those that let it pass, in one line.
    pub passed: String,
}

/// The rules that asked for it, each with its condition.
pub fn rules(record: &ActionRecord) -> Vec<RuleView> {
    let conditions = record.conditions.iter().map(String::as_str).chain(std::iter::repeat(""));
    record
        .rules
        .iter()
        .zip(conditions)
        .take(MAX_ITEMS)
        .map(|(id, condition)| RuleView { id: id.to_string(), condition: block(condition, MAX_BLOCK) })
        .collect()
}

/// What every guard says: those against it one by one, those that let it pass in one line.
pub fn guards(record: &ActionRecord) -> Guards {
    let name = |verdict: &GuardVerdict| line(&verdict.guard, 60);
    let (passed, mut against): (Vec<_>, Vec<_>) =
        record.guards.iter().partition(|verdict| verdict.ruling == Ruling::Pass);
    against.retain(|verdict| !wording::decides(record, verdict));
    against.sort_by_key(|verdict| match verdict.ruling {
        Ruling::Refuse => 0,
        Ruling::Covered => 1,
        Ruling::Hold => 2,
        Ruling::Pass => 3,
    });
    let against = against
        .into_iter()
        .take(MAX_ITEMS)
        .map(|verdict| GuardView {
            guard: name(verdict),
            word: match verdict.ruling {
                Ruling::Pass => "pass",
                Ruling::Covered => "covered",
                Ruling::Hold => "hold",
                Ruling::Refuse => "refuse",
            },
            why: line(&wording::plain(verdict), MAX_LINE),
        })
        .collect();
    let passed: Vec<String> = passed.into_iter().take(MAX_ITEMS).map(name).collect();
    Guards { against, passed: passed.join(", ") }
}
